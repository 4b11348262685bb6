//! `hookseal sign`: the headers that a message travels with.

use clap::Args;
use hookseal::{ErrorCode, Message, Signer, Timestamp};
use serde_json::json;

use crate::{
    failure::{Failure, Outcome, Verdict},
    input::{self, BodyArgs},
    output::Output,
    secrets::SecretArgs,
};

/// Sign a body and print the headers to send it with
#[derive(Args)]
pub(crate) struct SignArgs {
    /// The scheme: a name from `hookseal schemes`, or `@FILE` with a scheme document
    #[arg(long, default_value = "hookseal")]
    scheme: String,
    /// The message's id
    #[arg(long)]
    id: Option<String>,
    /// The event type, such as order.paid
    #[arg(long, alias = "type")]
    event_type: Option<String>,
    /// Unix seconds to sign instead of the present
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    timestamp: Option<i64>,
    /// The receiver's public URL, for schemes that sign it
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

impl SignArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let signer = Signer::builder().scheme(input::scheme(&self.scheme)?).keys(self.secrets.ring()?).build()?;
        let body = self.body.read(&self.secrets, None)?;
        let mut message = Message::new(&body);
        if let Some(id) = &self.id {
            message = message.id(id);
        }
        if let Some(event_type) = &self.event_type {
            message = message.event_type(event_type);
        }
        if let Some(url) = &self.url {
            message = message.url(url);
        }
        let timestamp = self.timestamp.map_or_else(Timestamp::now, |seconds| Ok(Timestamp::from_unix(seconds)))?;
        let headers = signer.sign_at(&message, timestamp).map_err(|error| match error.code() {
            ErrorCode::MissingUrl => Failure::Misuse(error),
            _ => error.into(),
        })?;
        if output.is_json() {
            output
                .json(&json!({ "headers": headers.iter().map(|(name, value)| [name, value]).collect::<Vec<_>>() }))?;
        } else {
            headers.iter().try_for_each(|(name, value)| output.line(format_args!("{name}: {value}")))?;
        }
        Ok(Verdict::Passed)
    }
}
