//! `hookseal vectors`: the conformance corpus, for any implementation in any language.
//!
//! A program that takes part reads one JSON object a line on standard input and answers each with one
//! JSON object a line on standard output:
//!
//! ```text
//! verify-1   {"ok": {"timestamp", "id", "event_type", "version", "key_index"}}   or   {"error": code}
//! sign-1     {"headers": [[name, value], …]}                                     or   {"error": code}
//! ```

mod answer;
mod corpus;
mod program;
mod run;

use clap::Subcommand;

use crate::{failure::Outcome, output::Output};

/// Compare an implementation with the conformance vectors
#[derive(Subcommand)]
pub(crate) enum VectorsCommand {
    Run(run::RunArgs),
    /// Answer vectors from standard input with this implementation, one JSON object a line
    Answer,
}

impl VectorsCommand {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        match self {
            Self::Run(args) => args.run(output),
            Self::Answer => answer::run(output),
        }
    }
}
