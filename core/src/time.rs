//! Points in time, to the second; the clock is an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, ErrorCode, Result};

/// The largest timestamp that a canonical header can carry: twelve digits of seconds.
const MAX_SIGNED: i64 = 999_999_999_999;

/// Whole seconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use hookseal::Timestamp;
///
/// let sent = Timestamp::from_unix(1_700_000_000);
/// assert_eq!(sent.as_unix(), 1_700_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A point in time from its Unix seconds.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The Unix seconds.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// Reads the system clock: the one place in this crate that does, called by the convenience
    /// forms of `sign` and `verify`.
    ///
    /// # Errors
    /// `invalid_config` when the clock stands before 1970 or beyond any date.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn now() -> Result<Self> {
        SystemTime::now().try_into()
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub(crate) fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }

    /// Refuses what no signature header can carry.
    pub(crate) fn check_signable(self) -> Result<Self> {
        if (0..=MAX_SIGNED).contains(&self.0) {
            return Ok(self);
        }
        Err(Error::new(
            ErrorCode::InvalidConfig,
            format!("the timestamp {} is outside 0..={MAX_SIGNED} seconds", self.0),
        ))
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self> {
        time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).map(Self).ok_or_else(
            || Error::new(ErrorCode::InvalidConfig, "the clock does not stand between 1970 and the end of time"),
        )
    }
}
