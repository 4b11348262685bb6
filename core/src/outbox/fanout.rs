//! From an event to its deliveries: exactly one for each subscription that it is for, made in pages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Outbox, from_json,
    matching::{Metadata, matches, passes},
    milliseconds, new_id,
};
use crate::{
    Result,
    store::{Batch, Columns, Row, crash_point, rows, sql, unreadable},
};

/// How many events are fanned out in one go, and how many subscriptions are read at once.
const EVENTS: usize = 64;
const PAGE: i64 = 500;
/// About how many deliveries are made in one transaction.
const AT_ONCE: usize = 1000;

struct Event {
    seq: i64,
    id: String,
    kind: String,
    metadata: Metadata,
    tenant: String,
    accepted_at: i64,
    /// The last subscription that has its delivery.
    reached: i64,
}

struct Subscriber {
    seq: i64,
    id: String,
    patterns: Vec<String>,
    filters: Metadata,
    enabled_after: i64,
    /// After which event it was disabled, and after which it was not any more.
    absences: Vec<(i64, i64)>,
    max_age: i64,
}

impl Outbox {
    /// Makes the deliveries of events that are due; answers with whether there were any that nobody else had taken up.
    ///
    /// No event is taken first: a page is made only where the event is as it was read.
    pub(super) async fn fan_out(&self) -> Result<bool> {
        let read = self.store.read(sql!(format!(
            "SELECT seq, id, type, metadata, tenant, accepted_at, reached FROM {{p}}events \
             WHERE fanned = 0 AND due_at <= {{now}} ORDER BY due_at, seq LIMIT {EVENTS}"
        )));
        let mut by_place: BTreeMap<(String, i64), Vec<Event>> = BTreeMap::new();
        for row in read.await? {
            let event = event(row)?;
            by_place.entry((event.tenant.clone(), event.reached)).or_default().push(event);
        }
        let mut made = false;
        for ((tenant, reached), events) in by_place {
            made |= self.fan_out_from(&tenant, reached, &events).await?;
        }
        Ok(made)
    }

    async fn fan_out_from(&self, tenant: &str, mut reached: i64, events: &[Event]) -> Result<bool> {
        let mut made = false;
        loop {
            let rows = self.store.read(sql!(
                "SELECT seq, id, patterns, filters, enabled_after, absences, max_age \
                 FROM {p}subscriptions WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                tenant,
                reached,
                PAGE
            ));
            let rows = rows.await?;
            let is_last = rows.len() < usize::try_from(PAGE).unwrap_or_default();
            let subscribers = rows.into_iter().map(|row| self.subscriber(row)).collect::<Result<Vec<_>>>()?;
            let next = subscribers.last().map_or(reached, |last| last.seq);
            for events in events.chunks((AT_ONCE / subscribers.len().max(1)).max(1)) {
                let page = page(events, &subscribers, reached, next, is_last);
                let has_deliveries = !page.lanes.is_empty();
                let written = self.store.write(page);
                if has_deliveries {
                    // Whoever takes rows now does so after this was written.
                    self.due.notify_waiters();
                }
                let answers = written.await?;
                crash_point!("fan_out.page");
                made |= !answers[0].is_empty();
            }
            reached = next;
            if is_last {
                return Ok(made);
            }
        }
    }

    fn subscriber(&self, row: Row) -> Result<Subscriber> {
        let mut row = Columns::of(row);
        let seq = row.integer()?;
        let id = row.text()?;
        let patterns = from_json(&row.text()?)?;
        let filters = from_json(&row.text()?)?;
        let enabled_after = row.integer()?;
        let absences = row.text()?.split_terminator(',').map(absence).collect::<Option<_>>().ok_or_else(unreadable)?;
        let max_age = row.optional_integer()?.unwrap_or_else(|| milliseconds(self.options.retry.age_limit()));
        Ok(Subscriber { seq, id, patterns, filters, enabled_after, absences, max_age })
    }
}

impl Subscriber {
    /// Whether it was enabled when the event was accepted, and wants it.
    fn is_for(&self, event: &Event) -> bool {
        self.enabled_after < event.seq
            && !self.absences.iter().any(|(from, to)| (from + 1..=*to).contains(&event.seq))
            && self.patterns.iter().any(|pattern| matches(pattern, &event.kind))
            && passes(&self.filters, &event.metadata)
    }
}

/// Reads `FROM-TO`, or `FROM-` for one that goes on.
fn absence(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once('-')?;
    Some((from.parse().ok()?, if to.is_empty() { i64::MAX } else { to.parse().ok()? }))
}

/// Makes the deliveries of these events to these subscribers. It may be lost with the machine: then it is made again, with
/// the same ids.
fn page(events: &[Event], subscribers: &[Subscriber], from: i64, to: i64, is_last: bool) -> Batch {
    let claim = new_id("fan");
    let mut deliveries = Vec::new();
    let mut lanes = BTreeSet::new();
    for event in events {
        for subscriber in subscribers.iter().filter(|it| it.is_for(event)) {
            deliveries.push(json!([event.seq, delivery_id(event, &subscriber.id), subscriber.id, subscriber.max_age]));
            lanes.insert(&subscriber.id);
        }
    }
    // Not `fanned = 0`: PostgreSQL would look through all that are not, instead of for these.
    let mut batch = vec![sql!(
        "WITH chosen AS MATERIALIZED (SELECT seq FROM {p}events WHERE fanned <> 1 AND reached = $3 \
         AND seq IN (SELECT CAST(value ->> 0 AS BIGINT) FROM {items}($2)) {skip}) \
         UPDATE {p}events SET claim = $1, reached = $4, fanned = $5 \
         WHERE seq IN (SELECT seq FROM chosen) RETURNING seq",
        &claim,
        rows(events.iter().map(|event| json!([event.seq]))),
        from,
        to,
        is_last,
    )];
    if !deliveries.is_empty() {
        batch.push(sql!(
            "INSERT INTO {p}deliveries (id, event_seq, event_type, lane, subscription, ordering_key, status, attempts, tries, \
             crashes, due_at, accepted_at, aged_from, expires_at) \
             SELECT r.value ->> 1, e.seq, e.type, r.value ->> 2, r.value ->> 2, e.ordering_key, 'pending', 0, 0, 0, \
             {now}, e.accepted_at, {now}, {now} + CAST(r.value ->> 3 AS BIGINT) \
             FROM {items}($2) r JOIN {p}events e ON e.seq = CAST(r.value ->> 0 AS BIGINT) \
             JOIN {p}lanes l ON l.id = r.value ->> 2 WHERE e.claim = $1 \
             ON CONFLICT (event_seq, lane) DO NOTHING",
            &claim,
            rows(deliveries),
        ));
        batch.push(sql!(
            "UPDATE {p}lanes SET next_due = {now} WHERE next_due > {now} AND id IN (SELECT value ->> 0 FROM {items}($1))",
            rows(lanes.iter().map(|lane| json!([lane]))),
        ));
    }
    Batch::brief(batch).holding(lanes)
}

/// The same whenever the event's deliveries are made, and growing with time as other ids do.
fn delivery_id(event: &Event, subscription: &str) -> String {
    let mut hash = Sha256::new();
    for part in [&event.id, subscription] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let accepted = event.accepted_at.max(0).unsigned_abs();
    let mut random = [0; 10];
    random.copy_from_slice(&hash.finalize()[..10]);
    format!("msg_{}", uuid::Builder::from_unix_timestamp_millis(accepted, &random).into_uuid().simple())
}

fn event(row: Row) -> Result<Event> {
    let mut row = Columns::of(row);
    Ok(Event {
        seq: row.integer()?,
        id: row.text()?,
        kind: row.text()?,
        metadata: from_json(&row.text()?)?,
        tenant: row.text()?,
        accepted_at: row.integer()?,
        reached: row.integer()?,
    })
}
