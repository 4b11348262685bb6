//! `hookseal verify`: is this webhook authentic?

use std::{ffi::OsString, time::Duration};

use clap::Args;
use hookseal::{
    Error, KeyRing, Secret, Timestamp, Verified, Verifier,
    diagnose::{Finding, Received, diagnose},
};
use serde_json::{Value, json};

use crate::{
    duration,
    failure::{Failure, Outcome, Verdict},
    input::{self, BodyArgs},
    output::{Output, Tone, error_json, note},
    secrets::SecretArgs,
};

/// Check a received webhook
///
/// Exits with 0 when it is authentic and with 1 when it is refused; the code on standard error says why.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// A header of the request, as `Name: value`; repeat it for more
    #[arg(long = "header", short = 'H', value_name = "HEADER", allow_hyphen_values = true)]
    headers: Vec<OsString>,
    /// The Unix seconds of the arrival, instead of the present
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    now: Option<i64>,
    /// Where it is refused, say which known accident explains that; a help for development, never an acceptance
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

/// What a verifier accepts.
#[derive(Args)]
pub(crate) struct Rules {
    /// The scheme: a name from `hookseal schemes`, or `@FILE` with a scheme document
    #[arg(long, default_value = "hookseal")]
    pub(crate) scheme: String,
    /// How far the timestamp may lie back: 300, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    tolerance: Option<Duration>,
    /// How far the timestamp may lie ahead; the same as --tolerance unless given
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    future_tolerance: Option<Duration>,
    /// Accept copies of any age
    #[arg(long)]
    dangerously_ignore_timestamp: bool,
    /// Refuse versions of the scheme that are weaker than this one
    #[arg(long, value_name = "VERSION")]
    require: Option<String>,
    /// The longest body to accept, in bytes
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body: Option<usize>,
    /// The receiver's public URL as registered with the provider, for schemes that sign it
    #[arg(long)]
    pub(crate) url: Option<String>,
}

impl VerifyArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let secrets = self.secrets.secrets()?;
        let verifier = self.rules.verifier(KeyRing::new(secrets.clone())?)?;
        let headers = input::headers(&self.headers)?;
        let now = self.now.map_or_else(Timestamp::now, |seconds| Ok(Timestamp::from_unix(seconds)))?;
        let body = self.body.read(&self.secrets, self.rules.max_body)?;
        let url = self.rules.url.as_deref();
        match verifier.verify_url_at(&body, &headers, url, now) {
            Ok(verified) if output.is_json() => output.json(&json!({ "ok": describe(&verified) }))?,
            Ok(verified) => print(output, &verified)?,
            Err(error) if self.explain => {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
                // EXPOSE: diagnose reads the texts in other ways
                let texts: Vec<_> = secrets.iter().map(Secret::expose).collect();
                let received = Received { body: &body, headers: &headers, url, now };
                explain(output, &error, &diagnose(&received, &texts, verifier.scheme()))?;
                return Ok(Verdict::Failed);
            }
            Err(error) => return Err(Failure::Refused(error)),
        }
        Ok(Verdict::Passed)
    }
}

fn explain(output: &mut Output, error: &Error, findings: &[Finding]) -> Result<(), Failure> {
    if output.is_json() {
        let mut answer = error_json(error);
        answer["findings"] =
            findings.iter().map(|finding| json!({ "cause": finding.cause, "message": finding.message })).collect();
        return output.json(&answer);
    }
    note(&format!("error: {error}"));
    for finding in findings {
        note(&format!("likely: {} ({})", finding.message, finding.cause));
    }
    if findings.is_empty() {
        note("No known accident explains it: the secret is another one, or the message is not what was signed.");
    }
    Ok(())
}

impl Rules {
    pub(crate) fn verifier(&self, keys: KeyRing) -> Result<Verifier, Failure> {
        let mut builder = Verifier::builder().scheme(input::scheme(&self.scheme)?).keys(keys);
        if let Some(tolerance) = self.tolerance {
            builder = builder.tolerance(tolerance);
        }
        if let Some(tolerance) = self.future_tolerance {
            builder = builder.future_tolerance(tolerance);
        }
        if self.dangerously_ignore_timestamp {
            builder = builder.dangerously_ignore_timestamp();
        }
        if let Some(version) = &self.require {
            builder = builder.require(version);
        }
        if let Some(bytes) = self.max_body {
            builder = builder.max_body(bytes);
        }
        Ok(builder.build()?)
    }
}

pub(crate) fn describe(verified: &Verified) -> Value {
    json!({
        "timestamp": verified.timestamp().map(Timestamp::as_unix),
        "id": verified.id(),
        "event_type": verified.event_type(),
        "version": verified.version(),
        "key_index": verified.key_index(),
    })
}

fn print(output: &mut Output, verified: &Verified) -> Result<(), Failure> {
    output.line(output.paint(Tone::Good, "verified"))?;
    let timestamp = verified.timestamp().map(|timestamp| timestamp.as_unix().to_string());
    let key = verified.key_index().to_string();
    let facts = [
        ("timestamp", timestamp.as_deref()),
        ("id", verified.id()),
        ("event type", verified.event_type()),
        ("version", Some(verified.version()).filter(|version| !version.is_empty())),
        ("key", Some(&*key)),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            output.line(format_args!("  {name:<10}  {value}"))?;
        }
    }
    Ok(())
}
