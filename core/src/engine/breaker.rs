//! A circuit breaker: an endpoint that keeps failing is left alone for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::seconds;
use crate::{Error, ErrorCode, Result};

/// When an endpoint's circuit opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// So many failures in a row (of transport, 408, 429, 5xx) open it.
    pub failures: u32,
    /// For so long nothing is attempted.
    #[serde(with = "seconds")]
    pub open_for: Duration,
    /// Then one attempt at a time goes through, and so many successes close it.
    pub successes: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(60), successes: 3 }
    }
}

impl Breaker {
    pub(crate) fn validate(&self) -> Result<()> {
        if self.failures == 0 || self.successes == 0 {
            return Err(Error::new(
                ErrorCode::InvalidConfig,
                "breaker.failures and breaker.successes must be at least 1",
            ));
        }
        seconds::parse("breaker.open_for", self.open_for.as_secs_f64()).map(|_| ())
    }
}

/// A circuit that changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CircuitChange {
    Opened,
    HalfOpen,
    Closed,
}

/// The circuit of one endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) enum Circuit {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { successes: u32 },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// The moment before which nothing may be attempted.
    pub(super) fn not_before(&self) -> Option<Instant> {
        if let Self::Open { until } = self { Some(*until) } else { None }
    }

    /// Whether only one attempt at a time may go through.
    pub(super) fn admits_one(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// An attempt starts, which `not_before` allowed.
    pub(super) fn start(&mut self) -> Option<CircuitChange> {
        self.not_before()?;
        *self = Self::HalfOpen { successes: 0 };
        Some(CircuitChange::HalfOpen)
    }

    pub(super) fn succeed(&mut self, rules: &Breaker) -> Option<CircuitChange> {
        match self {
            Self::Closed { failures } => *failures = 0,
            Self::HalfOpen { successes } if *successes + 1 < rules.successes => *successes += 1,
            Self::HalfOpen { .. } => {
                *self = Self::default();
                return Some(CircuitChange::Closed);
            }
            // An attempt from before it opened.
            Self::Open { .. } => {}
        }
        None
    }

    pub(super) fn fail(&mut self, rules: &Breaker, now: Instant) -> Option<CircuitChange> {
        match self {
            Self::Closed { failures } if *failures + 1 < rules.failures => {
                *failures += 1;
                None
            }
            Self::Closed { .. } | Self::HalfOpen { .. } => {
                *self = Self::Open { until: now + rules.open_for };
                Some(CircuitChange::Opened)
            }
            Self::Open { .. } => None,
        }
    }
}
