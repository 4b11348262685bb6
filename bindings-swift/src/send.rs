//! Sending.

use std::sync::Arc;

use hookseal::{Attempt, Delivery, Endpoint, Error, Event, Handle, Notice, Notices, Sender, sender::options_from_json};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{
    convert::{NativeHeader, seconds},
    error::NativeError,
    runtime::{NativeWait, handle},
    verify::NativeSigner,
};

/// An endpoint.
#[derive(Debug, uniffi::Object)]
pub struct NativeEndpoint(Endpoint);

#[uniffi::export]
impl NativeEndpoint {
    /// `Endpoint::from_options`; the options are JSON.
    #[uniffi::constructor]
    pub fn new(options: &str, signer: &NativeSigner) -> Result<Self, NativeError> {
        Ok(Self(Endpoint::from_options(options_from_json(options)?, Some(signer.0.clone()))?))
    }

    /// `Endpoint::url`.
    pub fn url(&self) -> String {
        self.0.url().to_owned()
    }

    /// `Endpoint::id`.
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }
}

/// An event.
#[derive(Debug, uniffi::Record)]
pub struct NativeEvent {
    /// Such as `order.paid`.
    pub event_type: String,
    /// What is signed and sent.
    pub payload: Vec<u8>,
    /// Of the payload.
    pub content_type: String,
    /// Of the delivery.
    pub id: Option<String>,
    /// As W3C Trace Context writes it.
    #[uniffi(default = None)]
    pub traceparent: Option<String>,
}

impl TryFrom<NativeEvent> for Event {
    type Error = Error;

    fn try_from(native: NativeEvent) -> Result<Self, Error> {
        let mut event = Self::bytes(&native.event_type, native.payload)?.content_type(&native.content_type)?;
        if let Some(id) = &native.id {
            event = event.id(id)?;
        }
        if let Some(traceparent) = &native.traceparent {
            event = event.traceparent(traceparent)?;
        }
        Ok(event)
    }
}

/// One delivery of many.
#[derive(Debug, uniffi::Record)]
pub struct NativeItem {
    /// Where to.
    pub endpoint: Arc<NativeEndpoint>,
    /// What.
    pub event: NativeEvent,
}

/// A sender.
#[derive(Debug, uniffi::Object)]
pub struct NativeSender(Sender);

#[uniffi::export]
impl NativeSender {
    /// `Sender::builder`; the options are JSON.
    #[uniffi::constructor]
    pub fn new(options: &str) -> Result<Self, NativeError> {
        Ok(Self(Sender::builder().options(options_from_json(options)?).runtime(handle()?).build()?))
    }

    /// `Sender::send`.
    pub async fn send(
        &self,
        endpoint: Arc<NativeEndpoint>,
        event: NativeEvent,
        wait: Arc<NativeWait>,
    ) -> Result<NativeDelivery, NativeError> {
        let (sender, event) = (self.0.clone(), event.try_into()?);
        let delivery = wait.until(async move { sender.send(&endpoint.0, event).await }).await?;
        Ok(delivery.into())
    }

    /// `Sender::send_many`.
    pub async fn send_many(
        &self,
        items: Vec<NativeItem>,
        wait: Arc<NativeWait>,
    ) -> Result<Vec<NativeDelivery>, NativeError> {
        let sender = self.0.clone();
        let items: Vec<_> = items
            .into_iter()
            .map(|item| Ok((item.endpoint.0.clone(), item.event.try_into()?)))
            .collect::<Result<_, Error>>()?;
        let deliveries = wait.until(async move { sender.send_many(items).await }).await?;
        Ok(deliveries.into_iter().map(NativeDelivery::from).collect())
    }

    /// `Sender::enqueue`.
    pub fn enqueue(&self, endpoint: &NativeEndpoint, event: NativeEvent) -> Result<NativeHandle, NativeError> {
        Ok(NativeHandle(self.0.enqueue(&endpoint.0, event.try_into()?)?))
    }

    /// `Sender::flush`; the timeout is in seconds.
    pub async fn flush(&self, timeout: Option<f64>, wait: Arc<NativeWait>) -> Result<bool, NativeError> {
        let (sender, timeout) = (self.0.clone(), timeout.map(seconds).transpose()?);
        wait.until(async move { Ok(sender.flush(timeout).await) }).await
    }

    /// `Sender::close`; the grace is in seconds.
    pub async fn close(&self, grace: f64, wait: Arc<NativeWait>) -> Result<Vec<NativeDelivery>, NativeError> {
        let (sender, grace) = (self.0.clone(), seconds(grace)?);
        let unfinished = wait.until(async move { Ok(sender.close(grace).await) }).await?;
        Ok(unfinished.into_iter().map(NativeDelivery::from).collect())
    }

    /// `Sender::unfinished`.
    pub fn unfinished(&self) -> u64 {
        self.0.unfinished() as u64
    }

    /// `Sender::subscribe`.
    pub fn subscribe(&self) -> NativeNotices {
        NativeNotices(Arc::new(Mutex::new(self.0.subscribe())))
    }
}

/// An accepted delivery.
#[derive(Debug, uniffi::Object)]
pub struct NativeHandle(Handle);

#[uniffi::export]
impl NativeHandle {
    /// `Handle::id`.
    pub fn id(&self) -> String {
        self.0.id().to_owned()
    }

    /// `Handle::delivery`.
    pub fn delivery(&self) -> NativeDelivery {
        self.0.delivery().into()
    }

    /// `Handle::cancel`.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// `Handle::wait`.
    pub async fn result(&self, wait: Arc<NativeWait>) -> Result<NativeDelivery, NativeError> {
        let handle = self.0.clone();
        let delivery = wait.until(async move { Ok(handle.wait().await) }).await?;
        Ok(delivery.into())
    }
}

/// A subscription.
#[derive(Debug, uniffi::Object)]
pub struct NativeNotices(Arc<Mutex<Notices>>);

#[uniffi::export]
impl NativeNotices {
    /// `Notices::next`.
    pub async fn next(&self, wait: Arc<NativeWait>) -> Result<Option<NativeNotice>, NativeError> {
        let notices = Arc::clone(&self.0);
        let notice = wait.until(async move { Ok(notices.lock().await.next().await) }).await?;
        Ok(notice.map(|notice| NativeNotice::from(&*notice)))
    }
}

/// What became of a delivery.
#[derive(Debug, uniffi::Record)]
pub struct NativeDelivery {
    /// Its id.
    pub id: String,
    /// Its event type.
    pub event_type: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// The status's name.
    pub status: String,
    /// The reason's name.
    pub reason: Option<String>,
    /// Oldest first.
    pub attempts: Vec<NativeAttempt>,
}

impl From<Delivery> for NativeDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.as_ref().to_owned(),
            event_type: delivery.event_type.as_ref().to_owned(),
            endpoint: delivery.endpoint.as_ref().to_owned(),
            status: delivery.status.as_str().to_owned(),
            reason: delivery.reason.map(|reason| reason.as_str().to_owned()),
            attempts: delivery.attempts.iter().map(|attempt| NativeAttempt::from(attempt.as_ref())).collect(),
        }
    }
}

/// One attempt.
#[derive(Debug, uniffi::Record)]
pub struct NativeAttempt {
    /// From 1.
    pub number: u32,
    /// Seconds.
    pub started_at: i64,
    /// Whether the receiver took it.
    pub succeeded: bool,
    /// The code.
    pub error: Option<String>,
    /// Of the answer.
    pub status_code: Option<u16>,
    /// The phase's name.
    pub phase: String,
    /// Seconds.
    pub duration: f64,
    /// Seconds.
    pub retry_after: Option<f64>,
    /// As they came.
    pub response_headers: Vec<NativeHeader>,
    /// Its beginning.
    pub response_body: Vec<u8>,
}

impl From<&Attempt> for NativeAttempt {
    fn from(attempt: &Attempt) -> Self {
        let headers = attempt.response_headers.iter().cloned();
        Self {
            number: attempt.number,
            started_at: attempt.started_at.as_unix(),
            succeeded: attempt.succeeded,
            error: attempt.error.map(|error| error.as_str().to_owned()),
            status_code: attempt.status_code,
            phase: attempt.phase.as_str().to_owned(),
            duration: attempt.duration.as_secs_f64(),
            retry_after: attempt.retry_after.map(|wait| wait.as_secs_f64()),
            response_headers: headers.map(|(name, value)| NativeHeader { name, value }).collect(),
            response_body: attempt.response_body.to_vec(),
        }
    }
}

/// Something that happened in a sender.
#[derive(Debug, uniffi::Record)]
pub struct NativeNotice {
    /// The kind's name.
    pub kind: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// The delivery's id.
    pub delivery: Option<String>,
    /// Its event type.
    pub event_type: Option<String>,
    /// The attempt.
    pub attempt: Option<NativeAttempt>,
    /// Seconds.
    pub retry_in: Option<f64>,
    /// The reason's name.
    pub reason: Option<String>,
}

impl From<&Notice> for NativeNotice {
    fn from(notice: &Notice) -> Self {
        Self {
            kind: name(&notice.kind),
            endpoint: notice.endpoint.as_ref().to_owned(),
            delivery: notice.delivery.as_deref().map(str::to_owned),
            event_type: notice.event_type.as_deref().map(str::to_owned),
            attempt: notice.attempt.as_deref().map(NativeAttempt::from),
            retry_in: notice.retry_in,
            reason: notice.reason.map(|reason| reason.as_str().to_owned()),
        }
    }
}

/// The stable name of an enumeration's case.
fn name(case: &impl Serialize) -> String {
    serde_json::to_value(case).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
