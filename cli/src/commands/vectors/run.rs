//! `hookseal vectors run`: where does a program disagree with the corpus?

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    corpus::{self, Case, agrees},
    program::Program,
};
use crate::{
    commands::runtime,
    duration,
    failure::{Failure, Outcome, Verdict},
    output::{Output, Tone, printable},
};

/// Ask a program every vector and print where its verdict differs
///
/// The program reads one JSON object a line on standard input and answers each with one JSON object a line on standard
/// output: `{"ok": {"timestamp", "id", "event_type", "version", "key_index"}}`, or `{"headers": [[name, value], …]}` for
/// signing, or `{"error": code}`. Exits with 1 when any answer differs.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The folder of the vectors
    #[arg(long, value_name = "DIR", default_value = "spec/vectors")]
    vectors: PathBuf,
    /// Which vectors to ask
    #[arg(long, default_value = "verify")]
    kind: Kind,
    /// How long to wait for one answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Verify,
    Sign,
}

impl RunArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let schema = match self.kind {
            Kind::Verify => "verify-1",
            Kind::Sign => "sign-1",
        };
        let cases = corpus::load(&self.vectors, schema)?;
        let report = runtime()?.block_on(async {
            let mut program = Program::start(self.command, self.timeout)?;
            let report = ask_all(&mut program, &cases, output).await?;
            if let Err(why) = program.finish().await {
                return report.end_badly(&why, output);
            }
            Ok(report)
        })?;
        report.print(schema, output)?;
        Ok(Verdict::passed_if(report.differences.is_empty()))
    }
}

async fn ask_all(program: &mut Program, cases: &[Case], output: &mut Output) -> Result<Report, Failure> {
    let mut report = Report { count: cases.len(), agreed: 0, differences: Vec::new() };
    for case in cases {
        let answer = if program.is_given_up() {
            Err("not asked: the program was lost too often".to_owned())
        } else {
            program.ask(&case.question).await
        };
        match answer {
            Ok(answer) if agrees(&case.expect, &answer) => report.agreed += 1,
            Ok(answer) => report.differ(case, &answer, output)?,
            Err(why) => report.differ(case, &json!({ "no_answer": why }), output)?,
        }
    }
    Ok(report)
}

struct Report {
    count: usize,
    agreed: usize,
    differences: Vec<Value>,
}

impl Report {
    fn differ(&mut self, case: &Case, answer: &Value, output: &mut Output) -> Result<(), Failure> {
        if !output.is_json() {
            output.line(format_args!("{}: {}", output.paint(Tone::Bad, &case.id), case.comment))?;
            output.line(format_args!("  expected {}", case.expect))?;
            output.line(format_args!("  answered {}", shown(answer)))?;
        }
        self.differences.push(json!({
            "id": case.id, "comment": case.comment, "expected": case.expect, "answered": answer,
        }));
        Ok(())
    }

    fn end_badly(mut self, why: &str, output: &mut Output) -> Result<Self, Failure> {
        if !output.is_json() {
            output.line(format_args!("{}: {why}", output.paint(Tone::Bad, "at the end")))?;
        }
        self.differences.push(json!({ "id": null, "answered": { "no_answer": why } }));
        Ok(self)
    }

    fn print(&self, schema: &str, output: &mut Output) -> Result<(), Failure> {
        let Self { count, agreed, differences } = self;
        if output.is_json() {
            return output.json(&json!({
                "schema": schema, "count": count, "agreed": agreed, "differences": differences,
            }));
        }
        let tone = if differences.is_empty() { Tone::Good } else { Tone::Bad };
        let line = format!("{count} {schema} vectors: {agreed} agree, {} differ", count - agreed);
        output.line(output.paint(tone, &line))
    }
}

fn shown(answer: &Value) -> String {
    match answer["no_answer"].as_str() {
        Some(why) => format!("nothing: {why}"),
        None => printable(&answer.to_string()).chars().take(1000).collect(),
    }
}
