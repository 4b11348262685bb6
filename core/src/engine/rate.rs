//! A rate limit as the generic cell rate algorithm: one moment of state, no timer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Error, ErrorCode, Result};

/// How many attempts an endpoint takes per second. As data a number, or `{"per_second": 10, "burst": 20}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form")]
pub struct RateLimit {
    per_second: f64,
    burst: u32,
}

impl RateLimit {
    /// So many a second, evenly spaced.
    ///
    /// # Errors
    /// `invalid_config` for a rate outside 0.001 to 1,000,000.
    pub fn per_second(rate: f64) -> Result<Self> {
        Self::with_burst(rate, 1)
    }

    /// So many a second on the long run, and up to `burst` at once after a rest.
    ///
    /// # Errors
    /// `invalid_config` for a rate outside 0.001 to 1,000,000, or a burst outside 1 to 1,000,000.
    pub fn with_burst(rate: f64, burst: u32) -> Result<Self> {
        if !(0.001..=1_000_000.0).contains(&rate) {
            return Err(Error::new(
                ErrorCode::InvalidConfig,
                "rate_limit.per_second must be between 0.001 and 1000000",
            ));
        }
        if !(1..=1_000_000).contains(&burst) {
            return Err(Error::new(ErrorCode::InvalidConfig, "rate_limit.burst must be between 1 and 1000000"));
        }
        Ok(Self { per_second: rate, burst })
    }

    /// The microseconds between two attempts, and how many may come at once.
    #[cfg(feature = "outbox")]
    pub(crate) fn in_microseconds(&self) -> (i64, i64) {
        (i64::try_from(self.interval().as_micros()).unwrap_or(i64::MAX).max(1), self.burst.into())
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "rate_limit must be a number, or per_second with burst")]
enum Form {
    PerSecond(f64),
    Record(Record),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    per_second: f64,
    #[serde(default = "one")]
    burst: u32,
}

fn one() -> u32 {
    1
}

impl TryFrom<Form> for RateLimit {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self> {
        match form {
            Form::PerSecond(rate) => Self::per_second(rate),
            Form::Record(record) => Self::with_burst(record.per_second, record.burst),
        }
    }
}

/// The state of one endpoint's limit: when it would be at rest again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    limit: RateLimit,
    at_rest: Option<Instant>,
}

impl Pace {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, at_rest: None }
    }

    pub(super) fn set(&mut self, limit: RateLimit) {
        self.limit = limit;
    }

    /// The moment from which one more is within the limit.
    pub(super) fn not_before(&self) -> Option<Instant> {
        let tolerance = self.limit.interval() * (self.limit.burst - 1);
        self.at_rest?.checked_sub(tolerance)
    }

    /// Counts one.
    pub(super) fn take(&mut self, now: Instant) {
        self.at_rest = Some(self.at_rest.map_or(now, |rest| rest.max(now)) + self.limit.interval());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In no window are there more than the burst and what the rate allows in its length.
        #[test]
        fn no_window_holds_more_than_the_limit(
            rate in 0.1..1_000.0_f64,
            burst in 1..20_u32,
            rests in prop::collection::vec(0..2_000_u64, 1..200),
        ) {
            let mut pace = Pace::new(RateLimit::with_burst(rate, burst).unwrap());
            let mut now = Instant::now();
            let mut taken = Vec::new();
            for rest in rests {
                now += Duration::from_millis(rest);
                now = now.max(pace.not_before().unwrap_or(now));
                pace.take(now);
                taken.push(now);
            }
            for (first, start) in taken.iter().enumerate() {
                for (last, end) in taken.iter().enumerate().skip(first) {
                    let allowed = f64::from(burst) + end.duration_since(*start).as_secs_f64() * rate;
                    #[expect(clippy::cast_precision_loss, reason = "at most 200")]
                    let found = (last - first + 1) as f64;
                    prop_assert!(found <= allowed + 1e-3, "{found} of {allowed}");
                }
            }
        }
    }
}
