//! Writing down what became of an attempt, as long as the row is still this worker's.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use super::{Outbox, lanes_are_due, matching::OWN, milliseconds, new_id, subscriptions, with};
use crate::{
    Attempt, Result,
    retry::{Decision, Reason},
    store::{Batch, Columns, Row, Statement, Value, rows, sql},
};

/// Why a subscription was disabled by the outbox.
const GONE: &str = "gone";
const FAILING: &str = "failing";

/// What became of an attempt.
pub(super) struct Outcome {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) claim: Arc<str>,
    pub(super) lane: Arc<str>,
    pub(super) subscription: Option<String>,
    pub(super) event_type: Arc<str>,
    /// Whether others wait for it.
    pub(super) is_ordered: bool,
    /// Whether its endpoint was failing before.
    pub(super) is_failing: bool,
    pub(super) tries: i64,
    pub(super) attempt: Attempt,
    pub(super) decision: Decision,
    /// For how long the whole endpoint is left alone.
    pub(super) pause: Option<Duration>,
    /// When it is no longer tried to write it.
    pub(super) give_up: Instant,
}

/// Holds only in the batch that has written the outcome, whose row and claim are `$1` and `$2`: what comes after it there
/// must not happen for an outcome that was refused.
const WRITTEN: &str = "EXISTS (SELECT 1 FROM {p}attempts a WHERE a.delivery = $1 AND a.claim = $2)";

impl Outbox {
    /// Writes outcomes, each as far as the row is still its worker's; answers with the rows of which one was written.
    pub(super) async fn record(&self, outcomes: &[Outcome]) -> Result<HashSet<i64>> {
        let (attempts, changes) = (outcomes.iter().map(Outcome::record), outcomes.iter().map(Outcome::change));
        let delivered = outcomes.iter().filter(|outcome| matches!(outcome.decision, Decision::Delivered));
        // COALESCE: a database that believes that few rows have claims would look for them by those.
        let mut batch = vec![
            sql!(
                "INSERT INTO {p}attempts (delivery, claim, number, record) \
                 SELECT d.seq, d.claim, {2i}, {3} {rows,} {p}deliveries d WHERE d.seq = {0i} AND COALESCE(d.claim, '') = {1}"
            )
            .for_each(attempts.collect::<Result<_>>()?),
            sql!(
                "UPDATE {p}deliveries AS d SET status = {2}, reason = {3}, due_at = {now} + {4i}, attempts = {5i}, tries = {6i}, \
                 crashes = 0, claim = NULL, finished_at = CASE WHEN {2} = 'pending' THEN NULL ELSE {now} END {rows} \
                 WHERE d.seq = {0i} AND COALESCE(d.claim, '') = {1} RETURNING seq"
            )
            .for_each(changes.collect()),
            // Their lanes have recovered, whoever delivered them. Hardly ever is one failing, and only those are looked at (`||`).
            sql!(
                "UPDATE {p}lanes SET failing_since = NULL WHERE failing_since IS NOT NULL AND id || '' IN (\
                 SELECT d.lane FROM {items}($1) r JOIN {p}deliveries d ON d.seq = CAST(r.value ->> 0 AS BIGINT) \
                 WHERE d.status = 'delivered')",
                rows(delivered.map(|outcome| json!([outcome.seq]))),
            ),
        ];
        for outcome in outcomes.iter().filter(|outcome| !outcome.attempt.succeeded) {
            batch.push(outcome.failed());
            batch.extend(self.disablement(outcome));
            batch.extend(outcome.dead_notice());
        }
        // What is delivered makes nothing else due, but for those that wait for it.
        let lanes = |chosen: fn(&Outcome) -> bool| {
            outcomes
                .iter()
                .filter(move |outcome| chosen(outcome))
                .map(|outcome| &*outcome.lane)
                .collect::<BTreeSet<_>>()
        };
        let due = lanes(|outcome| outcome.is_ordered || !outcome.attempt.succeeded);
        if !due.is_empty() {
            batch.push(lanes_are_due(due));
        }
        let changed = lanes(|outcome| outcome.is_ordered || outcome.is_failing || !outcome.attempt.succeeded);
        let mut answers = self.store.write(Batch::from(batch).holding(changed)).await?;
        answers.swap_remove(1).into_iter().map(|row| Columns::of(row).integer()).collect()
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
    /// The record of its attempt.
    fn record(&self) -> Result<Row> {
        let record = serde_json::to_string(&self.attempt).map_err(super::internal)?;
        // PostgreSQL's text has no NUL.
        let record = if record.contains("\\u0000") { record.replace("\\u0000", "\\ufffd") } else { record };
        Ok(with(self.key().into(), [Value::from(self.attempt.number), record.into()]))
    }

    /// What its row becomes.
    fn change(&self) -> Row {
        let (status, reason, delay) = match self.decision {
            Decision::Delivered => ("delivered", None, Duration::ZERO),
            Decision::Retry { delay } => ("pending", None, delay),
            Decision::Dead { reason } => ("dead", Some(reason.as_str()), Duration::ZERO),
        };
        let changed: [Value; 5] =
            [status.into(), reason.into(), milliseconds(delay).into(), self.attempt.number.into(), self.tries.into()];
        with(self.key().into(), changed)
    }

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
        Statement::new(sql, with(self.key().into(), [Value::from(&*self.lane), pause.into()]))
    }

    /// The event `hookseal.delivery.dead`; none about the outbox's own events, lest they breed.
    fn dead_notice(&self) -> Option<Statement> {
        let Decision::Dead { reason } = self.decision else { return None };
        if self.event_type.starts_with(OWN) {
            return None;
        }
        let payload = json!({
            "delivery": self.id,
            "subscription": self.subscription,
            "event_type": &*self.event_type,
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
    Statement::new(sql, with(own, params))
}
