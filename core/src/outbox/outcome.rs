//! Writing down what became of an attempt, as long as the row is still this worker's.

use std::{sync::Arc, time::Duration};

use super::{Outbox, lane_is_due, matching::OWN, milliseconds, new_id, subscriptions};
use crate::{
    Attempt, Result,
    retry::{Decision, Reason},
    store::{Statement, sql},
};

/// Ends in `disabled` of a subscription.
const GONE: &str = "gone";
const FAILING: &str = "failing";

/// What became of an attempt.
pub(super) struct Outcome {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) claim: Arc<str>,
    pub(super) lane: String,
    pub(super) subscription: Option<String>,
    pub(super) event_type: String,
    /// Whether others wait for it.
    pub(super) is_ordered: bool,
    pub(super) tries: i64,
    pub(super) attempt: Attempt,
    pub(super) decision: Decision,
    /// For how long the whole endpoint is left alone.
    pub(super) pause: Option<Duration>,
}

impl Outbox {
    /// Writes an outcome; `false` when the row was another's by then, and nothing was written.
    pub(super) async fn record(&self, outcome: &Outcome) -> Result<bool> {
        let (status, reason, delay) = match outcome.decision {
            Decision::Delivered => ("delivered", None, Duration::ZERO),
            Decision::Retry { delay } => ("pending", None, delay),
            Decision::Dead { reason } => ("dead", Some(reason), Duration::ZERO),
        };
        let record = serde_json::to_string(&outcome.attempt).map_err(super::internal)?;
        let mut batch = vec![
            sql!(
                "INSERT INTO {p}attempts (delivery, number, record) \
                 SELECT seq, $3, $4 FROM {p}deliveries WHERE seq = $1 AND claim = $2",
                outcome.seq,
                &*outcome.claim,
                outcome.attempt.number,
                // PostgreSQL's text has no NUL.
                record.replace("\\u0000", "\\ufffd"),
            ),
            sql!(
                "UPDATE {p}deliveries SET status = $3, reason = $4, due_at = {now} + $5, attempts = $6, tries = $7, \
                 crashes = 0, claim = NULL, finished_at = CASE WHEN $3 = 'pending' THEN NULL ELSE {now} END \
                 WHERE seq = $1 AND claim = $2 RETURNING seq",
                outcome.seq,
                &*outcome.claim,
                status,
                reason.map(Reason::as_str),
                milliseconds(delay),
                outcome.attempt.number,
                outcome.tries,
            ),
        ];
        if outcome.attempt.succeeded {
            batch.push(recovered(&outcome.lane));
        } else {
            batch.push(lane_after(outcome));
        }
        // What is delivered makes nothing else due, but for those that wait for it.
        if outcome.is_ordered || !outcome.attempt.succeeded {
            batch.extend(lane_is_due(&outcome.lane));
        }
        batch.extend(self.disablement(outcome));
        batch.extend(notice(outcome, reason));
        Ok(!self.store.write(batch).await?[1].is_empty())
    }

    /// Disables a subscription that is gone, or has failed for too long.
    fn disablement(&self, outcome: &Outcome) -> Vec<Statement> {
        let Some(id) = &outcome.subscription else { return Vec::new() };
        if matches!(outcome.decision, Decision::Dead { reason: Reason::Gone }) {
            let mut batch = vec![disabled_notice(id, GONE, "status <> 'disabled'", Duration::ZERO)];
            batch.extend(subscriptions::disable(id, GONE));
            return batch;
        }
        let Some(limit) = self.options.disable_after.filter(|_| !outcome.attempt.succeeded) else { return Vec::new() };
        let failing = "status <> 'disabled' AND EXISTS (SELECT 1 FROM {p}lanes l WHERE l.id = $3 \
                       AND l.failing_since <= {now} - $5)";
        let when = "id = $1 AND status <> 'disabled' AND EXISTS (SELECT 1 FROM {p}lanes l WHERE l.id = $1 \
                    AND l.failing_since <= {now} - $3)";
        vec![
            disabled_notice(id, FAILING, failing, limit),
            sql!(
                format!(
                    "UPDATE {{p}}subscriptions SET disabled_after = (SELECT COALESCE(max(seq), 0) FROM {{p}}events), \
                     status = 'disabled', reason = $2 WHERE {when}"
                ),
                id,
                FAILING,
                milliseconds(limit),
            ),
            sql!(
                "UPDATE {p}lanes SET active = 0 WHERE id = $1 AND EXISTS \
                 (SELECT 1 FROM {p}subscriptions s WHERE s.id = $1 AND s.status = 'disabled')",
                id
            ),
        ]
    }
}

fn lane_after(outcome: &Outcome) -> Statement {
    sql!(
        "UPDATE {p}lanes SET failing_since = COALESCE(failing_since, {now}), \
         paused_until = CASE WHEN paused_until > {now} + $2 OR $2 = 0 THEN paused_until ELSE {now} + $2 END \
         WHERE id = $1",
        &outcome.lane,
        milliseconds(outcome.pause.unwrap_or_default()),
    )
}

fn recovered(lane: &str) -> Statement {
    sql!("UPDATE {p}lanes SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL", lane)
}

/// The event `hookseal.endpoint.disabled`, for whoever subscribes to it.
fn disabled_notice(id: &str, reason: &str, condition: &str, limit: Duration) -> Statement {
    let payload = serde_json::json!({ "subscription": id, "reason": reason }).to_string();
    sql!(
        format!(
            "INSERT INTO {{p}}events (id, type, payload, content_type, metadata, tenant, digest, accepted_at, due_at, \
         fanned, reached) SELECT $1, 'hookseal.endpoint.disabled', $2, 'application/json', $4, tenant, '', {{now}}, \
         {{now}} + 0 * $5, 0, 0 FROM {{p}}subscriptions WHERE id = $3 AND {condition}"
        ),
        new_id("evt"),
        payload.into_bytes(),
        id,
        "{}",
        milliseconds(limit),
    )
}

/// The event `hookseal.delivery.dead`; none about the outbox's own events, lest they breed.
fn notice(outcome: &Outcome, reason: Option<Reason>) -> Option<Statement> {
    let reason = reason.filter(|_| !outcome.event_type.starts_with(OWN))?;
    let payload = serde_json::json!({
        "delivery": outcome.id,
        "subscription": outcome.subscription,
        "event_type": outcome.event_type,
        "reason": reason,
    });
    Some(sql!(
        "INSERT INTO {p}events (id, type, payload, content_type, metadata, tenant, digest, accepted_at, due_at, \
     fanned, reached) SELECT $1, 'hookseal.delivery.dead', $2, 'application/json', $5, e.tenant, '', {now}, {now}, \
     0, 0 FROM {p}deliveries d JOIN {p}events e ON e.seq = d.event_seq \
     WHERE d.seq = $3 AND d.status = 'dead' AND d.claim IS NULL AND d.attempts = $4",
        new_id("evt"),
        payload.to_string().into_bytes(),
        outcome.seq,
        outcome.attempt.number,
        "{}",
    ))
}
