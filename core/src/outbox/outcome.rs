//! Writing down what became of an attempt, as long as the row is still this worker's.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{Outbox, lane_is_due, matching::OWN, milliseconds, new_id, subscriptions, with};
use crate::{
    Attempt, Result,
    retry::{Decision, Reason},
    store::{Statement, Value, sql},
};

/// Why a subscription was disabled by the outbox.
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

/// Holds only in the batch that has written the outcome, whose row and claim are `$1` and `$2`: what comes after it there
/// must not happen for an outcome that was refused.
const WRITTEN: &str = "EXISTS (SELECT 1 FROM {p}attempts a WHERE a.delivery = $1 AND a.claim = $2)";

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
                "INSERT INTO {p}attempts (delivery, claim, number, record) \
                 SELECT seq, claim, $3, $4 FROM {p}deliveries WHERE seq = $1 AND claim = $2",
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
        batch.push(if outcome.attempt.succeeded { outcome.recovered() } else { outcome.failed() });
        // What is delivered makes nothing else due, but for those that wait for it.
        if outcome.is_ordered || !outcome.attempt.succeeded {
            batch.extend(lane_is_due(&outcome.lane));
        }
        batch.extend(self.disablement(outcome));
        batch.extend(reason.and_then(|reason| outcome.dead_notice(reason)));
        Ok(!self.store.write(batch).await?[1].is_empty())
    }

    /// Disables a subscription that is gone, or has failed for too long, and says so.
    fn disablement(&self, outcome: &Outcome) -> Vec<Statement> {
        let Some(id) = &outcome.subscription else { return Vec::new() };
        let is_gone = matches!(outcome.decision, Decision::Dead { reason: Reason::Gone });
        let limit = self.options.disable_after.filter(|_| !outcome.attempt.succeeded);
        let (reason, since) = match (is_gone, limit) {
            (true, _) => (GONE, 0),
            (false, Some(limit)) => (FAILING, milliseconds(limit)),
            (false, None) => return Vec::new(),
        };
        // The lane was noted as failing in this batch at the latest.
        let condition = |row: u8, claim: u8, since: u8| {
            let written = WRITTEN.replace("$1", &format!("${row}")).replace("$2", &format!("${claim}"));
            format!(
                "status <> 'disabled' AND {written} AND EXISTS (SELECT 1 FROM {{p}}lanes l \
                 WHERE l.id = {{p}}subscriptions.id AND l.failing_since <= {{now}} - ${since})"
            )
        };
        let payload = json!({ "subscription": id, "reason": reason });
        let notice = own_event(
            "hookseal.endpoint.disabled",
            &payload,
            &format!(
                "tenant, '', {{now}}, {{now}}, 0, 0 FROM {{p}}subscriptions WHERE id = $8 AND {}",
                condition(5, 6, 7)
            ),
            outcome.key().into_iter().chain([since.into(), id.into()]),
        );
        let params = outcome.key().into_iter().chain([since.into()]).collect();
        let mut batch = vec![notice];
        batch.extend(subscriptions::disable_where(id, reason, &condition(3, 4, 5), params));
        batch
    }
}

impl Outcome {
    /// What [`WRITTEN`] asks for.
    fn key(&self) -> [Value; 2] {
        [self.seq.into(), Value::from(&*self.claim)]
    }

    fn failed(&self) -> Statement {
        let sql = format!(
            "UPDATE {{p}}lanes SET failing_since = COALESCE(failing_since, {{now}}), \
             paused_until = CASE WHEN paused_until > {{now}} + $4 OR $4 = 0 THEN paused_until ELSE {{now}} + $4 END \
             WHERE id = $3 AND {WRITTEN}"
        );
        let pause = milliseconds(self.pause.unwrap_or_default());
        Statement { sql: sql.into(), params: with(self.key().into(), [Value::from(&self.lane), pause.into()]) }
    }

    fn recovered(&self) -> Statement {
        let sql = format!(
            "UPDATE {{p}}lanes SET failing_since = NULL WHERE id = $3 AND failing_since IS NOT NULL AND {WRITTEN}"
        );
        Statement { sql: sql.into(), params: with(self.key().into(), [&self.lane]) }
    }

    /// The event `hookseal.delivery.dead`; none about the outbox's own events, lest they breed.
    fn dead_notice(&self, reason: Reason) -> Option<Statement> {
        if self.event_type.starts_with(OWN) {
            return None;
        }
        let payload = json!({
            "delivery": self.id,
            "subscription": self.subscription,
            "event_type": self.event_type,
            "reason": reason,
        });
        let written = WRITTEN.replace("$1", "$5").replace("$2", "$6");
        let source = format!(
            "e.tenant, '', {{now}}, {{now}}, 0, 0 FROM {{p}}deliveries d JOIN {{p}}events e ON e.seq = d.event_seq \
             WHERE d.seq = $5 AND {written}"
        );
        Some(own_event("hookseal.delivery.dead", &payload, &source, self.key()))
    }
}

/// An event of the outbox itself. `source` gives its columns from the tenant on, and has its parameters from `$5` on.
fn own_event(
    kind: &str,
    payload: &serde_json::Value,
    source: &str,
    params: impl IntoIterator<Item = Value>,
) -> Statement {
    let sql = format!(
        "INSERT INTO {{p}}events (id, type, payload, content_type, metadata, tenant, digest, accepted_at, due_at, fanned, \
         reached) SELECT $1, $2, $3, 'application/json', $4, {source}"
    );
    let own = vec![new_id("evt").into(), kind.into(), payload.to_string().into_bytes().into(), "{}".into()];
    Statement { sql: sql.into(), params: with(own, params) }
}
