//! When is a failed delivery tried again?
//!
//! [`decide`] answers from the policy, the attempt's [`Outcome`], the delivery's age and a seed. It
//! reads no clock and draws no randomness, so an answer can be printed ([`plan`]) and tested as data.

mod backoff;
mod classify;
mod plan;
mod policy;
mod retry_after;

pub use self::{
    backoff::Delays,
    classify::{AttemptError, Decision, Outcome, Phase, Reason, decide},
    plan::{Plan, plan},
    policy::{Jitter, RetryOn, RetryPolicy},
    retry_after::parse_retry_after,
};
