//! A policy's delays, as an iterator; sleeping is someone else's job.

use std::time::Duration;

use super::policy::{Backoff, Jitter, RetryPolicy};

/// The delays after each failure, in order; made by [`RetryPolicy::delays`].
#[derive(Debug, Clone)]
pub struct Delays<'a> {
    policy: &'a RetryPolicy,
    seed: u64,
    failures: u32,
}

impl Iterator for Delays<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failures += 1;
        self.policy.delay_after(self.failures, self.seed)
    }
}

impl RetryPolicy {
    /// The delays after the first, second, … failure: one fewer than attempts. The same seed gives the
    /// same delays.
    pub fn delays(&self, seed: u64) -> Delays<'_> {
        Delays { policy: self, seed, failures: 0 }
    }

    /// The delay after the n-th failure, or `None` when that was the last attempt.
    pub(super) fn delay_after(&self, failures: u32, seed: u64) -> Option<Duration> {
        self.base_delay(failures).map(|base| self.jitter.apply(base, draw(seed, failures)))
    }

    /// As [`delay_after`](Self::delay_after), but not before `floor`; what jitter adds to the floor is
    /// a share of the policy's own delay.
    pub(super) fn delay_from(&self, floor: Duration, failures: u32, seed: u64) -> Option<Duration> {
        let base = self.base_delay(failures)?;
        let unit = draw(seed, failures);
        Some(self.jitter.apply(base, unit).max(floor.saturating_add(scale(self.jitter.width(base), unit))))
    }

    fn base_delay(&self, failures: u32) -> Option<Duration> {
        if failures == 0 || failures >= self.max_attempts {
            return None;
        }
        match &self.backoff {
            Backoff::Schedule(delays) => delays.get(failures as usize - 1).copied(),
            Backoff::Exponential { initial, .. } if initial.is_zero() => Some(Duration::ZERO),
            Backoff::Exponential { initial, factor, max } => {
                let exponent = i32::try_from(failures - 1).unwrap_or(i32::MAX);
                let grown = initial.as_secs_f64() * factor.powi(exponent);
                Some(Duration::try_from_secs_f64(grown).map_or(*max, |grown| grown.min(*max)))
            }
        }
    }
}

impl Jitter {
    /// Moves `delay` by a draw from 0 to 1.
    fn apply(self, delay: Duration, unit: f64) -> Duration {
        match self {
            Self::None => delay,
            Self::Full => scale(delay, unit),
            Self::Spread(share) => scale(delay, 1.0 - share + 2.0 * share * unit),
        }
    }

    /// How far it may move a delay in one direction.
    fn width(self, delay: Duration) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Full => delay,
            Self::Spread(share) => scale(delay, share),
        }
    }
}

/// `delay` times `factor`, and `delay` itself where the product is no duration.
fn scale(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(delay)
}

/// A number from 0 (included) to 1 (excluded) out of a seed and a counter.
///
/// The mixer is `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn draw(seed: u64, counter: u32) -> f64 {
    let mut mixed = seed.wrapping_add(u64::from(counter).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds 53 bits exactly")]
    let numerator = (mixed >> 11) as f64;
    numerator * 2f64.powi(-53)
}
