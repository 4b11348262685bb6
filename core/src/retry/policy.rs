//! What a retry policy may say.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de};

use crate::{Error, ErrorCode, Result};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const LONGEST: Duration = Duration::from_secs(365 * DAY);
const MOST_ATTEMPTS: u32 = 1_000;
const LARGEST_FACTOR: f64 = 1_000.0;

/// The delays of [`RetryPolicy::standard`] after its first attempt, in seconds.
const STANDARD: [u64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// How often, how long and after which failures a delivery is attempted again.
///
/// As data: `{"initial": 1, "factor": 2, "max": 60, "max_attempts": 5, "max_age": 600, "jitter": 0.2,
/// "retry_on": "transient"}`, or `"schedule"` (a list of delays) in place of the first three. Times are
/// seconds; every field is optional.
///
/// ```
/// use std::time::Duration;
/// use hookseal::retry::{Jitter, RetryPolicy};
///
/// let policy = RetryPolicy::default().max_attempts(4).jitter(Jitter::None);
/// let delays: Vec<_> = policy.delays(0).map(|delay| delay.as_secs()).collect();
/// assert_eq!(delays, [1, 2, 4]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct RetryPolicy {
    pub(super) backoff: Backoff,
    pub(super) max_attempts: u32,
    pub(super) max_age: Duration,
    pub(super) jitter: Jitter,
    pub(super) retry_on: RetryOn,
}

/// The delay after each failure, before jitter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Backoff {
    Exponential { initial: Duration, factor: f64, max: Duration },
    Schedule(Arc<[Duration]>),
}

/// How far a delay is moved at random, so that deliveries that failed together do not return together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// Not at all.
    None,
    /// By up to this share of the delay, either way.
    Spread(f64),
    /// To anywhere between zero and the delay.
    Full,
}

/// Which failures are worth another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// Those that pass by themselves: transport errors, 408, 425, 429 and 5xx.
    Transient,
    /// All but 410 and 413: a schedule of days leaves people time to mend a deploy.
    AnyFailure,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            max_attempts: 5,
            max_age: Duration::from_secs(10 * MINUTE),
            jitter: Jitter::Spread(0.2),
            retry_on: RetryOn::Transient,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::Exponential { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(MINUTE) }
    }
}

impl RetryPolicy {
    /// Waits these delays, each counted from the failure before it; one attempt more than delays.
    /// `max_age` becomes twice their sum, and at least 10 minutes.
    pub fn schedule(delays: impl IntoIterator<Item = Duration>) -> Self {
        let delays: Arc<[Duration]> = delays.into_iter().collect();
        let total = delays.iter().fold(Duration::ZERO, |total, &delay| total.saturating_add(delay));
        let default = Self::default();
        Self {
            max_attempts: u32::try_from(delays.len()).unwrap_or(u32::MAX).saturating_add(1),
            max_age: total.saturating_mul(2).clamp(default.max_age, LONGEST),
            backoff: Backoff::Schedule(delays),
            ..default
        }
    }

    /// The outbox's policy: at once, then after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, for any
    /// failure, within 4 days.
    pub fn standard() -> Self {
        Self::schedule(STANDARD.map(Duration::from_secs))
            .max_age(Duration::from_secs(4 * DAY))
            .retry_on(RetryOn::AnyFailure)
    }

    /// One attempt.
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets the delay after the first failure; ends a schedule.
    #[must_use]
    pub fn initial(mut self, delay: Duration) -> Self {
        *self.exponential().0 = delay;
        self
    }

    /// Sets by how much each delay exceeds the one before; ends a schedule.
    #[must_use]
    pub fn factor(mut self, by: f64) -> Self {
        *self.exponential().1 = by;
        self
    }

    /// Sets the longest delay, before jitter; ends a schedule.
    #[must_use]
    pub fn max(mut self, delay: Duration) -> Self {
        *self.exponential().2 = delay;
        self
    }

    /// Sets the number of attempts, the first one included.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how long after its acceptance a delivery may still be attempted.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets the jitter.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets which failures are attempted again.
    #[must_use]
    pub fn retry_on(mut self, failures: RetryOn) -> Self {
        self.retry_on = failures;
        self
    }

    /// Refuses numbers that no schedule can be made of.
    ///
    /// # Errors
    /// `invalid_config`, naming the field.
    pub fn validate(&self) -> Result<()> {
        match &self.backoff {
            Backoff::Exponential { initial, factor, max } => {
                check_length("initial", *initial)?;
                check_length("max", *max)?;
                require((1.0..=LARGEST_FACTOR).contains(factor), "retry.factor must be between 1 and 1000")?;
                require(initial <= max, "retry.initial must not exceed retry.max")?;
            }
            Backoff::Schedule(delays) => {
                delays.iter().try_for_each(|&delay| check_length("schedule", delay))?;
                require(
                    u64::from(self.max_attempts) <= delays.len() as u64 + 1,
                    "retry.max_attempts must not exceed the delays of retry.schedule by more than one",
                )?;
            }
        }
        check_length("max_age", self.max_age)?;
        require((1..=MOST_ATTEMPTS).contains(&self.max_attempts), "retry.max_attempts must be between 1 and 1000")?;
        let spread = if let Jitter::Spread(share) = self.jitter { share } else { 0.0 };
        require((0.0..=1.0).contains(&spread), "retry.jitter must be between 0 and 1")
    }

    /// How long after its acceptance a delivery may still be attempted.
    pub(crate) fn age_limit(&self) -> Duration {
        self.max_age
    }

    fn exponential(&mut self) -> (&mut Duration, &mut f64, &mut Duration) {
        if matches!(self.backoff, Backoff::Schedule(_)) {
            self.backoff = Backoff::default();
        }
        match &mut self.backoff {
            Backoff::Exponential { initial, factor, max } => (initial, factor, max),
            Backoff::Schedule(_) => unreachable!("replaced above"),
        }
    }
}

fn check_length(field: &str, length: Duration) -> Result<()> {
    if length <= LONGEST {
        return Ok(());
    }
    Err(out_of_range(field))
}

fn out_of_range(field: &str) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("retry.{field} must be between 0 seconds and 365 days"))
}

fn require(holds: bool, message: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorCode::InvalidConfig, message)) }
}

/// The policy as it crosses a language boundary.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    max_attempts: Option<i64>,
    max_age: Option<f64>,
    jitter: Option<Jitter>,
    retry_on: Option<RetryOn>,
}

impl TryFrom<Record> for RetryPolicy {
    /// Only the message: serde puts it into an error of its own.
    type Error = String;

    fn try_from(record: Record) -> Result<Self, String> {
        record.into_policy().map_err(|error| error.message().to_owned())
    }
}

impl Record {
    fn into_policy(self) -> Result<RetryPolicy> {
        let mut policy = match self.schedule {
            Some(delays) => {
                require(
                    self.initial.is_none() && self.factor.is_none() && self.max.is_none(),
                    "retry.schedule stands in place of retry.initial, retry.factor and retry.max",
                )?;
                let delays: Result<Vec<_>> = delays.into_iter().map(|delay| seconds("schedule", delay)).collect();
                RetryPolicy::schedule(delays?)
            }
            None => RetryPolicy::default(),
        };
        if let Some(initial) = self.initial {
            policy = policy.initial(seconds("initial", initial)?);
        }
        if let Some(factor) = self.factor {
            policy = policy.factor(factor);
        }
        if let Some(max) = self.max {
            policy = policy.max(seconds("max", max)?);
        }
        if let Some(max_age) = self.max_age {
            policy.max_age = seconds("max_age", max_age)?;
        }
        if let Some(attempts) = self.max_attempts {
            policy.max_attempts = u32::try_from(attempts).unwrap_or_default();
        }
        policy.jitter = self.jitter.unwrap_or(policy.jitter);
        policy.retry_on = self.retry_on.unwrap_or(policy.retry_on);
        policy.validate()?;
        Ok(policy)
    }
}

impl From<RetryPolicy> for Record {
    fn from(policy: RetryPolicy) -> Self {
        let mut record = Self {
            max_attempts: Some(policy.max_attempts.into()),
            max_age: Some(policy.max_age.as_secs_f64()),
            jitter: Some(policy.jitter),
            retry_on: Some(policy.retry_on),
            ..Self::default()
        };
        match policy.backoff {
            Backoff::Schedule(delays) => record.schedule = Some(delays.iter().map(Duration::as_secs_f64).collect()),
            Backoff::Exponential { initial, factor, max } => {
                record.initial = Some(initial.as_secs_f64());
                record.factor = Some(factor);
                record.max = Some(max.as_secs_f64());
            }
        }
        record
    }
}

fn seconds(field: &str, value: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(value).ok().filter(|length| *length <= LONGEST).ok_or_else(|| out_of_range(field))
}

impl Serialize for Jitter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Full => serializer.serialize_str("full"),
            Self::Spread(share) => serializer.serialize_f64(*share),
        }
    }
}

impl<'de> Deserialize<'de> for Jitter {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "retry.jitter must be a number, \"full\" or \"none\"")]
        enum Form {
            Share(f64),
            Name(Name),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Name {
            Full,
            None,
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Share(share) => Self::Spread(share),
            Form::Name(Name::Full) => Self::Full,
            Form::Name(Name::None) => Self::None,
        })
    }
}
