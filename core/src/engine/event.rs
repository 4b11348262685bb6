//! What is sent: an event type and its payload.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;

use crate::{Error, ErrorCode, MessageId, Result, message::check_event_type};

const LARGEST_PAYLOAD: usize = 1024 * 1024;

/// An event to deliver: a type such as `order.paid`, and a payload of at most 1 MiB.
///
/// Clones share the payload, so that one event can go to any number of endpoints.
///
/// ```
/// use hookseal::Event;
///
/// let event = Event::json("order.paid", &serde_json::json!({"id": 42}))?.id("evt_1")?;
/// assert_eq!(event.payload(), br#"{"id":42}"#);
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) kind: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) content_type: HeaderValue,
    pub(crate) id: Option<Arc<str>>,
    pub(crate) traceparent: Option<Box<str>>,
}

impl Event {
    /// Serialises the payload to JSON, once: the bytes that are signed are the bytes that are sent.
    ///
    /// # Errors
    /// `invalid_event` for a type that breaks the character rule or a value that is no JSON,
    /// `payload_too_large`.
    pub fn json<T: Serialize + ?Sized>(event_type: &str, payload: &T) -> Result<Self> {
        let payload = serde_json::to_vec(payload).map_err(|error| {
            Error::new(ErrorCode::InvalidEvent, format!("the payload can not be written as JSON: {error}"))
        })?;
        Self::bytes(event_type, payload)
    }

    /// Takes the payload as it is.
    ///
    /// # Errors
    /// `invalid_event` for a type that breaks the character rule, `payload_too_large`.
    pub fn bytes(event_type: &str, payload: impl Into<Bytes>) -> Result<Self> {
        check_event_type(event_type)?;
        let payload = payload.into();
        if payload.len() > LARGEST_PAYLOAD {
            return Err(Error::new(
                ErrorCode::PayloadTooLarge,
                format!("the payload holds {} bytes; at most {LARGEST_PAYLOAD} are sent", payload.len()),
            ));
        }
        let content_type = HeaderValue::from_static("application/json");
        Ok(Self { kind: event_type.into(), payload, content_type, id: None, traceparent: None })
    }

    /// Gives the delivery an id; without one the sender makes `msg_` and a UUID of version 7.
    ///
    /// # Errors
    /// `invalid_event` for an id that breaks the character rule.
    pub fn id(mut self, id: &str) -> Result<Self> {
        self.id = Some(MessageId::new(id)?.as_str().into());
        Ok(self)
    }

    /// Sets the `Content-Type`; `application/json` when none is given.
    ///
    /// # Errors
    /// `invalid_header` for text that no header can carry.
    pub fn content_type(mut self, content_type: &str) -> Result<Self> {
        self.content_type = HeaderValue::from_str(content_type).map_err(|_| {
            Error::new(ErrorCode::InvalidHeader, "the content type holds a character that no header can carry")
        })?;
        Ok(self)
    }

    /// Passes a trace on, as W3C Trace Context writes it: `00-<32 hex digits>-<16>-<2>`.
    ///
    /// # Errors
    /// `invalid_event` for anything else.
    pub fn traceparent(mut self, traceparent: &str) -> Result<Self> {
        if !is_traceparent(traceparent) {
            return Err(Error::new(
                ErrorCode::InvalidEvent,
                "traceparent must be 00-<32 hex digits>-<16>-<2>, in lower case, with ids that are not zero",
            ));
        }
        self.traceparent = Some(traceparent.into());
        Ok(self)
    }

    /// The event type.
    pub fn event_type(&self) -> &str {
        &self.kind
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Version 00 of W3C Trace Context, section 3.2.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else { return false };
    let is_hex =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    version == "00" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)
}
