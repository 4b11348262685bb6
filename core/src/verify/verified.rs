//! The answer to an authentic message.

use std::{fmt, sync::Arc};

use crate::{Timestamp, replay::Claim, ring::Keys};

/// What an accepted webhook is known to be.
///
/// `id` and `event_type` are there only where the signature covers them: a header beside a signature that does not
/// cover it is whatever the last proxy wrote.
#[derive(Clone)]
pub struct Verified {
    pub(super) timestamp: Option<Timestamp>,
    pub(super) id: Option<Box<str>>,
    pub(super) event_type: Option<Box<str>>,
    /// The ring as it was, for the names of version and key.
    pub(super) keys: Arc<Keys>,
    pub(super) version: usize,
    pub(super) key: usize,
    pub(super) claim: Option<Box<Claim>>,
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
        self.keys.version_label(self.version)
    }

    /// The place in the ring of the key that matched; 0 is the newest.
    pub fn key_index(&self) -> usize {
        self.key
    }

    /// The id of the key that matched, where it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.keys.key_id(self.key)
    }

    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_deref()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("timestamp", &self.timestamp)
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("version", &self.version())
            .field("key_index", &self.key)
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
