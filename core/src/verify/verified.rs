//! The answer to an authentic message.

use std::sync::Arc;

use crate::{Timestamp, replay::Claim};

/// What an accepted webhook is known to be.
///
/// `id` and `event_type` are there only where the signature covers them: a header beside a signature that does not
/// cover it is whatever the last proxy wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub(super) timestamp: Option<Timestamp>,
    pub(super) id: Option<Box<str>>,
    pub(super) event_type: Option<Box<str>>,
    pub(super) version: Arc<str>,
    pub(super) key_index: usize,
    pub(super) key_id: Option<Arc<str>>,
    pub(super) claim: Option<Claim>,
}

impl Verified {
    /// When it was signed, in whole seconds; `None` for schemes without a timestamp.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The signed message id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The signed event type.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }

    /// The label of the version that matched; empty for schemes whose header has none.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The place in the ring of the key that matched; 0 is the newest.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// The id of the key that matched, where it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }
}
