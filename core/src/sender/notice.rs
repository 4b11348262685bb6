//! What a sender tells of itself.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{engine::Attempt, retry::Reason};

/// Something that happened in a sender.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// What.
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// To which endpoint: its id.
    pub endpoint: Arc<str>,
    /// To which delivery, if to one.
    pub delivery: Option<Arc<str>>,
    /// That delivery's event type.
    pub event_type: Option<Arc<str>>,
    /// The attempt that was made (`delivery.attempt`).
    pub attempt: Option<Arc<Attempt>>,
    /// Seconds until the next attempt (`delivery.retrying`).
    pub retry_in: Option<f64>,
    /// Why it is dead (`delivery.dead`).
    pub reason: Option<Reason>,
}

impl Notice {
    pub(super) fn new(kind: NoticeKind, endpoint: Arc<str>) -> Self {
        Self { kind, endpoint, delivery: None, event_type: None, attempt: None, retry_in: None, reason: None }
    }
}

/// What can happen in a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A delivery was accepted.
    #[serde(rename = "delivery.queued")]
    Queued,
    /// An attempt was made.
    #[serde(rename = "delivery.attempt")]
    Attempt,
    /// The receiver took the delivery.
    #[serde(rename = "delivery.succeeded")]
    Succeeded,
    /// The delivery will be attempted again.
    #[serde(rename = "delivery.retrying")]
    Retrying,
    /// The delivery was given up.
    #[serde(rename = "delivery.dead")]
    Dead,
    /// The endpoint answered 410: nothing more should be sent to it.
    #[serde(rename = "endpoint.disabled")]
    Disabled,
    /// The endpoint keeps failing and is left alone for a while.
    #[serde(rename = "circuit.opened")]
    CircuitOpened,
    /// The endpoint is tried with one attempt at a time.
    #[serde(rename = "circuit.half_open")]
    CircuitHalfOpen,
    /// The endpoint is well again.
    #[serde(rename = "circuit.closed")]
    CircuitClosed,
}

/// A subscription to a sender's [`Notice`]s. It holds the last 1,024; a slow reader loses the older ones
/// and is told [how many](Notices::dropped), and never slows the sender.
#[derive(Debug)]
pub struct Notices {
    pub(super) receiver: Receiver<Arc<Notice>>,
    pub(super) dropped: u64,
}

impl Notices {
    /// Waits for the next one; `None` once the sender is gone.
    pub async fn next(&mut self) -> Option<Arc<Notice>> {
        loop {
            match self.receiver.recv().await {
                Ok(notice) => return Some(notice),
                Err(RecvError::Lagged(count)) => self.dropped += count,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many were lost so far because this reader was slow.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
