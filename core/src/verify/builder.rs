//! Choosing keys, scheme and limits of a verifier.

use std::time::Duration;

use super::Verifier;
use crate::{Error, ErrorCode, KeyRing, ReplayGuard, Result, Scheme, ring::Use, sign::ring_of};

const DEFAULT_TOLERANCE: u64 = 300;
const MAX_TOLERANCE: u64 = u32::MAX as u64;

/// Makes a [`Verifier`].
#[derive(Debug, Default)]
#[must_use]
pub struct VerifierBuilder {
    scheme: Option<Scheme>,
    keys: Option<KeyRing>,
    tolerance: Option<Duration>,
    future_tolerance: Option<Duration>,
    ignores_timestamp: bool,
    require: Option<String>,
    max_body: Option<usize>,
    replay: Option<ReplayGuard>,
}

impl VerifierBuilder {
    /// The scheme; `hookseal` when none is given.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = Some(scheme);
        self
    }

    /// Plain secrets, newest first.
    ///
    /// # Errors
    /// `empty_secret`, `malformed_secret`, `invalid_config`.
    pub fn secrets<S: Into<String>>(mut self, secrets: impl IntoIterator<Item = S>) -> Result<Self> {
        self.keys = Some(ring_of(secrets)?);
        Ok(self)
    }

    /// A typed secret, or a ring.
    pub fn keys(mut self, keys: impl Into<KeyRing>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// How far a timestamp may lie back, in whole seconds, the edge included; 300 s unless given.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// How far a timestamp may lie ahead; the same as the tolerance unless given.
    pub fn future_tolerance(mut self, tolerance: Duration) -> Self {
        self.future_tolerance = Some(tolerance);
        self
    }

    /// Accepts copies of any age: whoever has recorded a webhook can repeat it for ever.
    pub fn dangerously_ignore_timestamp(mut self) -> Self {
        self.ignores_timestamp = true;
        self
    }

    /// Refuses versions weaker than the one with this label.
    pub fn require(mut self, version: &str) -> Self {
        self.require = Some(version.to_owned());
        self
    }

    /// The longest body in bytes; no limit unless given.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    /// Refuses messages that the guard has seen.
    pub fn replay(mut self, guard: ReplayGuard) -> Self {
        self.replay = Some(guard);
        self
    }

    /// Checks that keys, scheme and options fit.
    ///
    /// # Errors
    /// `invalid_config` when no keys were given, a tolerance is not whole seconds up to 4,294,967,295, the scheme has no
    /// version of the required label, or a guard could not tell messages apart; `malformed_secret` when a key can not
    /// serve the scheme.
    pub fn build(self) -> Result<Verifier> {
        let invalid = |message: String| Error::new(ErrorCode::InvalidConfig, message);
        let ring = self.keys.ok_or_else(|| invalid("a verifier needs at least one secret".to_owned()))?;
        let scheme = self.scheme.unwrap_or_default();
        let back = seconds("tolerance", self.tolerance)?.unwrap_or(DEFAULT_TOLERANCE);
        let ahead = seconds("future_tolerance", self.future_tolerance)?.unwrap_or(back);
        let accepted = match self.require.as_deref() {
            None => scheme.versions().count(),
            Some(label) => {
                1 + scheme.versions().position(|version| version == label).ok_or_else(|| {
                    invalid(format!("the scheme {:?} has no version {label:?} to require", scheme.name()))
                })?
            }
        };
        if self.replay.is_some() {
            if self.ignores_timestamp {
                return Err(invalid("a replay guard forgets by the timestamp, which is ignored".to_owned()));
            }
            if !scheme.signs_timestamp() && !scheme.signs_id() {
                return Err(invalid(format!(
                    "the scheme {:?} signs neither timestamp nor id, so a replay guard can not tell two messages apart",
                    scheme.name()
                )));
            }
        }
        ring.bind(&scheme, Use::Verify)?;
        Ok(Verifier {
            scheme,
            ring,
            accepted,
            required: self.require.is_some(),
            window: (!self.ignores_timestamp).then_some((back, ahead)),
            max_body: self.max_body,
            replay: self.replay,
        })
    }
}

fn seconds(name: &str, duration: Option<Duration>) -> Result<Option<u64>> {
    match duration {
        Some(it) if it.subsec_nanos() != 0 || it.as_secs() > MAX_TOLERANCE => Err(Error::new(
            ErrorCode::InvalidConfig,
            format!("{name} must be whole seconds between 0 and {MAX_TOLERANCE}"),
        )),
        other => Ok(other.map(|it| it.as_secs())),
    }
}
