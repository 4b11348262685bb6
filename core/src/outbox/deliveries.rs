//! Looking at deliveries, and changing their fate: lists, attempts, retries, cancellation, dead letters.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Outbox, lanes_are_due, matching::check_pattern, milliseconds, not_found, placeholders, seconds, with};
use crate::{
    Result, Status,
    retry::Reason,
    store::{Batch, Columns, Row, Statement, Value, crash_point, invalid, sql, unreadable},
};

const COLUMNS: &str = "d.seq, d.id, e.id, d.event_type, d.subscription, d.status, d.reason, d.attempts, d.due_at, \
                       d.accepted_at, d.finished_at";
/// How many rows one statement changes or deletes.
pub(super) const PORTION: i64 = 1000;
const MAX_PAGE: u32 = 1000;

/// A delivery as the store has it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StoredDelivery {
    /// Its id: the same at every attempt, and in the header `X-Webhook-Id`.
    pub id: String,
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The subscription, if it has one.
    pub subscription: Option<String>,
    /// How it stands.
    pub status: Status,
    /// Why it is dead, if it is.
    pub reason: Option<Reason>,
    /// How many attempts are on record.
    pub attempts: i64,
    /// When it is attempted next; for one that a worker has taken, when its lease ends.
    pub due_at: f64,
    /// When the event was accepted.
    pub accepted_at: f64,
    /// When it was finished, if it is.
    pub finished_at: Option<f64>,
}

/// An attempt as the store has it: the fields of [`Attempt`](crate::Attempt).
pub type StoredAttempt = serde_json::Value;

/// Which deliveries are meant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryFilter {
    /// How they stand.
    pub status: Option<Status>,
    /// A pattern of their event types.
    pub event_type: Option<String>,
    /// Their subscription's id.
    pub subscription: Option<String>,
    /// Their event's id.
    pub event_id: Option<String>,
    /// Their event's tenant.
    pub tenant: Option<String>,
    /// Accepted at this Unix second or later.
    pub since: Option<i64>,
    /// Accepted before this Unix second.
    pub until: Option<i64>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// What to ask for the next part with; none at the end.
    pub cursor: Option<String>,
}

impl Outbox {
    /// Deliveries, newest first, at most `limit` (1 to 1,000) of them.
    ///
    /// # Errors
    /// `invalid_config` for a limit out of bounds, a filter that can not be, and a cursor that this filter did not make;
    /// every code of kind `store`.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StoredDelivery>> {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid("limit must be between 1 and 1000"));
        }
        let before = cursor.map_or(Ok(i64::MAX), |cursor| filter.read_cursor(cursor))?;
        let (conditions, mut params) = filter.conditions()?;
        params.push(before.into());
        let sql = format!(
            "SELECT {COLUMNS} FROM {{p}}deliveries d JOIN {{p}}events e ON e.seq = d.event_seq \
             WHERE {conditions} AND d.seq < ${} ORDER BY d.seq DESC LIMIT {}",
            params.len(),
            limit + 1,
        );
        let mut rows = self.store.read(Statement::new(sql, params)).await?;
        let is_last = rows.len() <= limit as usize;
        rows.truncate(limit as usize);
        let items = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        let cursor = if is_last { None } else { items.last().map(|(seq, _)| filter.cursor(*seq)) };
        Ok(Page { items: items.into_iter().map(|(_, item)| item).collect(), cursor })
    }

    /// A delivery.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn delivery(&self, id: &str) -> Result<StoredDelivery> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {{p}}deliveries d JOIN {{p}}events e ON e.seq = d.event_seq WHERE d.id = $1"
        );
        let row = self.store.read(sql!(sql, id)).await?.pop().ok_or_else(|| not_found("delivery", id))?;
        Ok(read(row)?.1)
    }

    /// The records of a delivery's attempts, oldest first.
    ///
    /// # Errors
    /// `not_found`; every code of kind `store`.
    pub async fn attempts(&self, id: &str) -> Result<Vec<StoredAttempt>> {
        self.delivery(id).await?;
        let rows = self.store.read(sql!(
            "SELECT a.record FROM {p}attempts a JOIN {p}deliveries d ON d.seq = a.delivery WHERE d.id = $1 ORDER BY a.seq",
            id
        ));
        rows.await?.into_iter().map(|row| super::from_json(&Columns::of(row).text()?)).collect()
    }

    /// Attempts a finished delivery again, now and with a fresh retry schedule.
    ///
    /// # Errors
    /// `not_found` when no finished delivery has the id, or its subscription is gone; every code of kind `store`.
    pub async fn retry(&self, id: &str) -> Result<StoredDelivery> {
        let revived = revive("d.id = $1 AND d.status <> 'pending'");
        let answers = self
            .store
            .write(vec![
                sql!(revived, id),
                sql!("UPDATE {p}lanes SET next_due = 0 WHERE id = (SELECT lane FROM {p}deliveries WHERE id = $1)", id),
            ])
            .await?;
        if answers[0].is_empty() {
            return Err(not_found("finished delivery with an endpoint", id));
        }
        self.tell(&self.due);
        self.delivery(id).await
    }

    /// Gives an unfinished delivery up. An attempt that is under way ends, and may still arrive.
    ///
    /// # Errors
    /// `not_found` when no unfinished delivery has the id; every code of kind `store`.
    pub async fn cancel(&self, id: &str) -> Result<StoredDelivery> {
        let cancelled = self.store.change(sql!(
            "UPDATE {p}deliveries SET status = 'cancelled', claim = NULL, finished_at = {now} \
             WHERE id = $1 AND status = 'pending' RETURNING id",
            id
        ));
        if cancelled.await?.is_empty() {
            return Err(not_found("unfinished delivery", id));
        }
        self.delivery(id).await
    }

    /// Attempts the dead letters that the filter means again; answers with how many. A dry run only counts.
    ///
    /// # Errors
    /// `invalid_config` for a filter that can not be; every code of kind `store`.
    pub async fn retry_dead(&self, filter: &DeliveryFilter, dry_run: bool) -> Result<u64> {
        let filter = DeliveryFilter { status: Some(Status::Dead), ..filter.clone() };
        let (conditions, params) = filter.conditions()?;
        let from = "{p}deliveries d JOIN {p}events e ON e.seq = d.event_seq";
        if dry_run {
            let sql = format!(
                "SELECT count(*) FROM {from} WHERE {conditions} AND EXISTS (SELECT 1 FROM {{p}}lanes l WHERE l.id = d.lane)"
            );
            let row = self.store.read(Statement::new(sql, params)).await?.pop().ok_or_else(unreadable)?;
            return Ok(Columns::of(row).integer()?.unsigned_abs());
        }
        let start = self.store.read(sql!("SELECT {now}")).await?.pop().ok_or_else(unreadable)?;
        let mut params = params;
        params.push(Value::Integer(Columns::of(start).integer()?));
        let chosen = format!(
            "d.seq IN (SELECT d.seq FROM {from} WHERE {conditions} AND d.finished_at <= ${} ORDER BY d.seq LIMIT {PORTION})",
            params.len()
        );
        let sql = revive(&chosen);
        let mut count = 0;
        loop {
            let revived = self.store.change(Statement::new(sql.clone(), params.clone())).await?;
            let lanes = revived.iter().map(|row| Columns::of(row.clone()).text()).collect::<Result<BTreeSet<_>>>()?;
            if lanes.is_empty() {
                return Ok(count);
            }
            count += revived.len() as u64;
            self.store.write(Batch::from(vec![lanes_are_due(&lanes)]).holding(&lanes)).await?;
            self.tell(&self.due);
        }
    }

    /// Deletes dead letters that were given up so long ago; answers with how many.
    ///
    /// # Errors
    /// Every code of kind `store`.
    pub async fn purge_dead(&self, older_than: Duration) -> Result<u64> {
        self.forget("status = 'dead'", older_than).await
    }

    /// Deletes finished deliveries with their attempts, a portion at a time.
    pub(super) async fn forget(&self, condition: &str, older_than: Duration) -> Result<u64> {
        let chosen = format!(
            "SELECT seq FROM {{p}}deliveries WHERE {condition} AND finished_at <= {{now}} - $1 ORDER BY finished_at, seq \
             LIMIT {PORTION}"
        );
        let mut count = 0;
        loop {
            let rows = self.store.read(sql!(chosen.clone(), milliseconds(older_than))).await?;
            let seqs = rows.into_iter().map(|row| Columns::of(row).integer()).collect::<Result<Vec<_>>>()?;
            if seqs.is_empty() {
                return Ok(count);
            }
            let list = placeholders(1, seqs.len());
            // One that was revived meanwhile is pending, and stays.
            let delete = |text: String| Statement::new(text, with(Vec::new(), seqs.iter().copied()));
            let answers = self
                .store
                .write(vec![
                    delete(format!(
                        "DELETE FROM {{p}}attempts WHERE delivery IN \
                         (SELECT seq FROM {{p}}deliveries WHERE seq IN ({list}) AND {condition})"
                    )),
                    delete(format!("DELETE FROM {{p}}deliveries WHERE seq IN ({list}) AND {condition} RETURNING seq")),
                ])
                .await?;
            crash_point!("clean_up.portion");
            count += answers[1].len() as u64;
            if answers[1].is_empty() {
                return Ok(count);
            }
        }
    }
}

/// The statement that makes finished deliveries pending again, for endpoints that are still there.
fn revive(condition: &str) -> String {
    format!(
        "UPDATE {{p}}deliveries AS d SET status = 'pending', reason = NULL, claim = NULL, tries = 0, crashes = 0, \
         due_at = {{now}}, expires_at = {{now}} + (expires_at - aged_from), aged_from = {{now}}, finished_at = NULL \
         WHERE {condition} AND EXISTS (SELECT 1 FROM {{p}}lanes l WHERE l.id = d.lane) RETURNING lane"
    )
}

impl DeliveryFilter {
    /// The SQL condition, with its parameters from `$1` on.
    fn conditions(&self) -> Result<(String, Vec<Value>)> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut params: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            params.push(value);
            conditions.push(condition.replace('#', &format!("${}", params.len())));
        };
        if let Some(status) = self.status {
            add("d.status = #", status.as_str().into());
        }
        if let Some(pattern) = &self.event_type {
            check_pattern(pattern)?;
            match pattern.strip_suffix('*') {
                Some("") => {}
                Some(start) => {
                    let condition = format!("substr(d.event_type, 1, {}) = #", start.len());
                    add(&condition, start.into());
                }
                None => add("d.event_type = #", pattern.into()),
            }
        }
        if let Some(subscription) = &self.subscription {
            add("d.subscription = #", subscription.into());
        }
        if let Some(id) = &self.event_id {
            add("e.id = #", id.into());
        }
        if let Some(tenant) = &self.tenant {
            add("e.tenant = #", tenant.into());
        }
        if let Some(since) = self.since {
            add("d.accepted_at >= #", since.saturating_mul(1000).into());
        }
        if let Some(until) = self.until {
            add("d.accepted_at < #", until.saturating_mul(1000).into());
        }
        Ok((conditions.join(" AND "), params))
    }

    fn cursor(&self, seq: i64) -> String {
        let mut hash = Sha256::new();
        hash.update(seq.to_be_bytes());
        hash.update(serde_json::to_vec(self).unwrap_or_default());
        format!("{seq:x}.{}", &const_hex::encode(hash.finalize())[..16])
    }

    fn read_cursor(&self, cursor: &str) -> Result<i64> {
        let seq = cursor.split_once('.').and_then(|(seq, _)| i64::from_str_radix(seq, 16).ok());
        seq.filter(|seq| self.cursor(*seq) == cursor)
            .ok_or_else(|| invalid("cursor: it is not one that a list with this filter answered with"))
    }
}

fn read(row: Row) -> Result<(i64, StoredDelivery)> {
    let mut row = Columns::of(row);
    let seq = row.integer()?;
    let delivery = StoredDelivery {
        id: row.text()?,
        event_id: row.text()?,
        event_type: row.text()?,
        subscription: row.optional_text()?,
        status: super::from_json(&format!("{:?}", row.text()?))?,
        reason: row.optional_text()?.map(|text| super::from_json(&format!("{text:?}"))).transpose()?,
        attempts: row.integer()?,
        due_at: seconds(row.integer()?),
        accepted_at: seconds(row.integer()?),
        finished_at: row.optional_integer()?.map(seconds),
    };
    Ok((seq, delivery))
}
