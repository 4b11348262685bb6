//! One attempt: sign now, judge, send, record.

use std::{
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, InvalidHeaderValue},
};
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::{
    endpoint::Endpoint,
    names::{OwnHeaders, TRACEPARENT},
    seconds,
};
use crate::{
    Error, ErrorCode, Message, Result, Timestamp,
    retry::{AttemptError, Outcome, Phase, parse_retry_after},
    transport::{Answer, Request, Transport},
};

/// Where the time that is signed comes from.
pub(crate) type Clock = Arc<dyn Fn() -> Result<Timestamp> + Send + Sync>;

/// The record of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it was signed.
    pub started_at: Timestamp,
    /// Whether the receiver took the delivery.
    #[serde(rename = "outcome", serialize_with = "outcome_name")]
    pub succeeded: bool,
    /// What went wrong, if anything did.
    pub error: Option<AttemptError>,
    /// The status of the answer, if its head came.
    pub status_code: Option<u16>,
    /// How far it came.
    pub phase: Phase,
    /// How long it took; seconds as data.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long the receiver asked to wait, if it did in a way that counts.
    #[serde(with = "seconds::option")]
    pub retry_after: Option<Duration>,
    /// The answer's headers, as they came.
    pub response_headers: Vec<(String, String)>,
    /// The first 16 KiB of the answer's body, not decompressed; as data with the bytes that are no
    /// UTF-8 replaced.
    #[serde(serialize_with = "lossy_text")]
    pub response_body: Bytes,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn outcome_name<S: Serializer>(succeeded: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *succeeded { "succeeded" } else { "failed" })
}

fn lossy_text<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// What is delivered.
#[derive(Debug)]
pub(crate) struct Shipment {
    pub(crate) id: Arc<str>,
    pub(crate) event_type: Arc<str>,
    pub(crate) content_type: HeaderValue,
    pub(crate) payload: Bytes,
    pub(crate) traceparent: Option<Box<str>>,
    pub(crate) endpoint: Endpoint,
}

/// Makes attempts.
pub(crate) struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Clock,
    pub(crate) user_agent: HeaderValue,
    pub(crate) names: OwnHeaders,
    pub(crate) timeout: Duration,
}

impl Engine {
    /// Makes one attempt; it ends within the endpoint's deadline, whatever the receiver does, and a panic ends it too.
    pub(crate) async fn attempt(&self, shipment: &Shipment, number: u32) -> (Attempt, Outcome) {
        let started = Instant::now();
        let mut made = pin!(self.make(shipment, number, started));
        let made =
            std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| made.as_mut().poll(context))) {
                Ok(polled) => polled.map(Some),
                Err(_) => Poll::Ready(None),
            });
        made.await.unwrap_or_else(|| Self::defect(number, Timestamp::default(), started, &"a panic was caught"))
    }

    async fn make(&self, shipment: &Shipment, number: u32, started: Instant) -> (Attempt, Outcome) {
        let now = match (self.clock)() {
            Ok(now) => now,
            Err(error) => return Self::defect(number, Timestamp::default(), started, &error),
        };
        let headers = match self.headers(shipment, number, now) {
            Ok(headers) => headers,
            Err(error) => return Self::unsigned(number, now, started, &error),
        };
        let exchange = self
            .transport
            .send(Request {
                target: shipment.endpoint.target(),
                identity: shipment.endpoint.identity(),
                headers,
                body: shipment.payload.clone(),
                timeout: shipment.endpoint.timeout().unwrap_or(self.timeout),
            })
            .await;
        let (outcome, answer) = match exchange.result {
            Ok(answer) => (outcome_of(&answer, now.plus_seconds(started.elapsed().as_secs())), Some(answer)),
            Err(failure) => {
                tracing::debug!(id = %shipment.id, number, phase = exchange.phase.as_str(), %failure, "attempt failed");
                (Outcome::Failed(failure.error), None)
            }
        };
        (record(number, now, started, exchange.phase, &outcome, answer), outcome)
    }

    /// The record of an attempt without headers: a key that has become live by the next one makes that good.
    fn unsigned(number: u32, now: Timestamp, started: Instant, why: &BadHeaders) -> (Attempt, Outcome) {
        match why.downcast_ref::<Error>() {
            Some(error) if error.code() == ErrorCode::InvalidConfig => {
                tracing::warn!(number, why = error.message(), "attempt not signed");
                let outcome = Outcome::Failed(AttemptError::InvalidConfig);
                (record(number, now, started, Phase::Resolve, &outcome, None), outcome)
            }
            _ => Self::defect(number, now, started, why),
        }
    }

    /// The record of an attempt that this library could not make.
    pub(crate) fn defect(number: u32, now: Timestamp, started: Instant, why: &dyn fmt::Display) -> (Attempt, Outcome) {
        tracing::error!(number, %why, "attempt not made");
        let outcome = Outcome::Failed(AttemptError::Internal);
        (record(number, now, started, Phase::Resolve, &outcome, None), outcome)
    }

    fn headers(&self, shipment: &Shipment, number: u32, now: Timestamp) -> Result<HeaderMap, BadHeaders> {
        let endpoint = &shipment.endpoint;
        let message =
            Message::new(&shipment.payload).id(&shipment.id).event_type(&shipment.event_type).url(endpoint.url());
        let mut values = Values { text: String::with_capacity(512), ends: Vec::with_capacity(8) };
        endpoint.signer().write(&message, now, &mut |name, value| values.push(name.lower_name(), &value))?;
        values.push(&self.names.id, &shipment.id);
        values.push(&self.names.event, &shipment.event_type);
        values.push(&self.names.timestamp, &now.as_unix());
        values.push(&self.names.attempt, &number);

        let mut headers = HeaderMap::with_capacity(10 + endpoint.headers().len());
        headers.insert(header::CONTENT_TYPE, shipment.content_type.clone());
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        values.insert_into(&mut headers)?;
        headers.extend(endpoint.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(traceparent) = &shipment.traceparent {
            headers.insert(TRACEPARENT, HeaderValue::from_str(traceparent)?);
        }
        Ok(headers)
    }
}

/// Header values in one piece of memory, which they share: the client clones them all, more than once.
struct Values {
    text: String,
    /// The names, and where the values end.
    ends: Vec<(HeaderName, usize)>,
}

impl Values {
    fn push(&mut self, name: &HeaderName, value: &dyn fmt::Display) {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{value}");
        self.ends.push((name.clone(), self.text.len()));
    }

    /// What has a value keeps it: what the scheme writes stays as it was signed.
    fn insert_into(self, headers: &mut HeaderMap) -> Result<(), InvalidHeaderValue> {
        let text = Bytes::from(self.text);
        let mut start = 0;
        for (name, end) in self.ends {
            headers.entry(name).or_insert(HeaderValue::from_maybe_shared(text.slice(start..end))?);
            start = end;
        }
        Ok(())
    }
}

/// Signing failed, or wrote what no header can carry.
type BadHeaders = Box<dyn std::error::Error + Send + Sync>;

fn outcome_of(answer: &Answer, now: Timestamp) -> Outcome {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let values: Vec<_> = answer.headers.get_all(header::RETRY_AFTER).iter().map(text).collect();
    let retry_after = if values.is_empty() {
        None
    } else {
        let date = answer.headers.get(header::DATE).map(text);
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        parse_retry_after(&values, now, date.as_deref())
    };
    Outcome::Answer { status: answer.status, retry_after }
}

fn record(
    number: u32,
    started_at: Timestamp,
    started: Instant,
    phase: Phase,
    outcome: &Outcome,
    answer: Option<Answer>,
) -> Attempt {
    let status_code = answer.as_ref().map(|answer| answer.status);
    let (headers, response_body) = answer.map(|answer| (answer.headers, answer.body)).unwrap_or_default();
    Attempt {
        number,
        started_at,
        succeeded: outcome.is_success(),
        error: outcome.error(),
        status_code,
        phase,
        duration: started.elapsed(),
        retry_after: if let Outcome::Answer { retry_after, .. } = *outcome { retry_after } else { None },
        response_headers: headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        response_body,
    }
}
