//! Numbers for the `metrics` facade. No URL, id or tenant is ever a label.

use super::{delivery::End, queue::Queue};
use crate::engine::Attempt;

#[cfg(feature = "metrics")]
pub(super) fn attempt(attempt: &Attempt) {
    let outcome = if attempt.succeeded { "succeeded" } else { "failed" };
    let code = attempt.error.map_or("none", crate::retry::AttemptError::as_str);
    metrics::counter!("hookseal_attempts_total", "outcome" => outcome, "code" => code).increment(1);
    metrics::histogram!("hookseal_attempt_seconds").record(attempt.duration);
}

#[cfg(feature = "metrics")]
pub(super) fn delivery(end: End) {
    let outcome = match end {
        End::Delivered => "delivered",
        End::Dead(_) => "dead",
        End::Cancelled => "cancelled",
        End::Returned => "returned",
    };
    metrics::counter!("hookseal_deliveries_total", "outcome" => outcome).increment(1);
}

#[cfg(feature = "metrics")]
pub(super) fn levels(queue: &Queue) {
    let [waiting, in_flight, open] = [queue.unfinished - queue.in_flight(), queue.in_flight(), queue.open_circuits()]
        .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    metrics::gauge!("hookseal_queue_depth").set(waiting);
    metrics::gauge!("hookseal_in_flight").set(in_flight);
    metrics::gauge!("hookseal_circuits_open").set(open);
}

#[cfg(not(feature = "metrics"))]
mod silent {
    use super::{Attempt, End, Queue};

    pub(in crate::sender) fn attempt(_: &Attempt) {}
    pub(in crate::sender) fn delivery(_: End) {}
    pub(in crate::sender) fn levels(_: &Queue) {}
}

#[cfg(not(feature = "metrics"))]
pub(super) use silent::{attempt, delivery, levels};
