//! `hookseal send`: delivers one event, and shows each attempt as it happens.

use std::{collections::BTreeSet, ffi::OsString, io, time::Duration};

use clap::Args;
use hookseal::{Attempt, Delivery, Endpoint, Error, ErrorCode, Event, Notice, NoticeKind, Sender, Signer, Status};
use serde_json::json;

use crate::{
    duration,
    failure::{Failure, Outcome, Verdict},
    input::{self, BodyArgs},
    output::{Output, Tone},
    secrets::SecretArgs,
};

/// Deliver an event to a URL, with retries
///
/// Exits with 1 when it was not delivered.
#[derive(Args)]
pub(crate) struct SendArgs {
    /// Where to POST
    url: String,
    /// The event type, such as order.paid
    #[arg(long = "type", alias = "event-type", value_name = "TYPE")]
    event_type: String,
    /// The delivery's id; one is made when none is given
    #[arg(long)]
    id: Option<String>,
    /// The scheme: a name from `hookseal schemes`, or `@FILE` with a scheme document
    #[arg(long, default_value = "hookseal")]
    scheme: String,
    /// A header to send as well, as `Name: value`; repeat it for more
    #[arg(long = "header", short = 'H', value_name = "HEADER", allow_hyphen_values = true)]
    headers: Vec<OsString>,
    /// The Content-Type; application/json unless given
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Send to private and loopback addresses too, for development
    #[arg(long)]
    allow_private: bool,
    /// When to try again: `default`, `standard`, or the delays after each failure, such as 5s,5m
    #[arg(long, default_value = "default")]
    schedule: String,
    /// How often to try at most
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// The deadline of one attempt, at most 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    secrets: SecretArgs,
}

impl SendArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        let endpoint = self.endpoint()?;
        let sender = self.sender()?;
        let event = self.event()?;
        let runtime = super::runtime()?;
        let outcome = runtime.block_on(deliver(&sender, &endpoint, event, output));
        runtime.shutdown_background();
        outcome
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let signer = Signer::builder().scheme(input::scheme(&self.scheme)?).keys(self.secrets.ring()?).build()?;
        let mut endpoint = Endpoint::builder(&self.url, signer);
        let mut names = BTreeSet::new();
        for (name, value) in input::headers(&self.headers)? {
            let invalid = |why: &str| Error::new(ErrorCode::InvalidHeader, format!("the header {name:?} {why}"));
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(invalid("is given twice").into());
            }
            let value = String::from_utf8(value).map_err(|_| invalid("is not UTF-8"))?;
            endpoint = endpoint.header(name, value);
        }
        Ok(endpoint.build()?)
    }

    fn sender(&self) -> Result<Sender, Failure> {
        let mut policy = input::retry_policy(&self.schedule)?;
        if let Some(attempts) = self.max_attempts {
            policy = policy.max_attempts(attempts);
        }
        let mut sender = Sender::builder().retry(policy).allow_private(self.allow_private);
        if let Some(timeout) = self.timeout {
            sender = sender.timeout(timeout);
        }
        Ok(sender.build()?)
    }

    fn event(&self) -> Result<Event, Failure> {
        let mut event = Event::bytes(&self.event_type, self.body.read(&self.secrets, None)?)?;
        if let Some(id) = &self.id {
            event = event.id(id)?;
        }
        if let Some(content_type) = &self.content_type {
            event = event.content_type(content_type)?;
        }
        Ok(event)
    }
}

async fn deliver(sender: &Sender, endpoint: &Endpoint, event: Event, output: &mut Output) -> Outcome {
    let mut notices = sender.subscribe();
    let handle = sender.enqueue(endpoint, event)?;
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let delivery = loop {
        tokio::select! {
            biased;
            Some(notice) = notices.next() => show(output, &notice)?,
            delivery = handle.wait() => break delivery,
            signal = &mut interrupted => {
                signal.map_err(|error| no_signals(&error))?;
                sender.close(Duration::ZERO).await;
                break handle.delivery();
            }
        }
    };
    conclude(output, &delivery)
}

fn show(output: &mut Output, notice: &Notice) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(());
    }
    match (notice.kind, &notice.attempt, notice.retry_in) {
        (NoticeKind::Attempt, Some(attempt), _) => {
            let tone = if attempt.succeeded { Tone::Good } else { Tone::Bad };
            output.line(output.paint(tone, &describe(attempt)))
        }
        (NoticeKind::Retrying, _, Some(seconds)) => {
            let delay = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            output.line(output.paint(Tone::Quiet, &format!("  next attempt in {}", duration::words(delay))))
        }
        (NoticeKind::CircuitOpened, ..) => output.line("  the receiver keeps failing and is left alone for a while"),
        _ => Ok(()),
    }
}

fn describe(attempt: &Attempt) -> String {
    let number = attempt.number;
    let took = duration::words(attempt.duration);
    match (attempt.status_code, attempt.error) {
        (Some(status), None) => format!("attempt {number}: {status} in {took}"),
        (Some(status), Some(error)) => format!("attempt {number}: {status}, {error}, in {took}"),
        (None, Some(error)) => format!("attempt {number}: {error} ({}) after {took}", attempt.phase),
        (None, None) => format!("attempt {number}: no answer after {took}"),
    }
}

fn conclude(output: &mut Output, delivery: &Delivery) -> Outcome {
    let delivered = delivery.status == Status::Delivered;
    if output.is_json() {
        output.json(&json!(delivery))?;
    } else if delivered {
        output.line(output.paint(Tone::Good, &format!("delivered {}", delivery.id)))?;
    } else {
        let why = match (delivery.reason, delivery.status) {
            (Some(reason), _) => reason.as_str(),
            (None, Status::Pending) => "interrupted",
            (None, status) => status.as_str(),
        };
        let attempts = match delivery.attempts.len() {
            1 => "1 attempt".to_owned(),
            count => format!("{count} attempts"),
        };
        output.line(output.paint(Tone::Bad, &format!("not delivered: {} ({why}, {attempts})", delivery.id)))?;
    }
    Ok(Verdict::passed_if(delivered))
}

fn no_signals(error: &io::Error) -> Failure {
    Failure::Refused(Error::new(ErrorCode::Internal, format!("Ctrl-C can not be awaited: {error}")))
}
