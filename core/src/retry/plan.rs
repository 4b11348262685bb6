//! A policy, acted out.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Decision, Outcome, Reason, RetryPolicy, decide};
use crate::Result;

/// What a policy does through an outage; made by [`plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The moments of the attempts, counted from the acceptance; seconds as data.
    #[serde(serialize_with = "as_seconds")]
    pub attempts: Vec<Duration>,
    /// Why the delivery died, or `None` when the last attempt delivered it.
    pub reason: Option<Reason>,
}

/// Acts out the policy against an endpoint that answers 503 until `outage` has passed and 200 from
/// then on, in attempts that take no time.
///
/// # Errors
/// `invalid_config` for a policy that does not [`validate`](RetryPolicy::validate).
pub fn plan(policy: &RetryPolicy, outage: Duration, seed: u64) -> Result<Plan> {
    policy.validate()?;
    let mut at = Duration::ZERO;
    let mut attempts = Vec::new();
    let reason = loop {
        attempts.push(at);
        let outcome = Outcome::answer(if at < outage { 503 } else { 200 });
        let number = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        match decide(policy, number, &outcome, at, seed) {
            Decision::Retry { delay } => at = at.saturating_add(delay),
            Decision::Delivered => break None,
            Decision::Dead { reason } => break Some(reason),
        }
    };
    Ok(Plan { attempts, reason })
}

fn as_seconds<S: Serializer>(moments: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(moments.iter().map(Duration::as_secs_f64))
}
