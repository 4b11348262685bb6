//! From an event to its deliveries: exactly one for each subscription that it is for, made in pages.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Outbox, from_json, lane_is_due,
    matching::{Metadata, matches, passes},
    milliseconds, new_id,
};
use crate::{
    Result,
    store::{Columns, Row, Statement, crash_point, sql},
};

/// How many events are fanned out in one go, and how many subscriptions are read at once.
const EVENTS: usize = 64;
const PAGE: i64 = 500;

struct Event {
    seq: i64,
    kind: String,
    metadata: Metadata,
    tenant: String,
    /// The last subscription that has its delivery.
    reached: i64,
}

struct Subscriber {
    seq: i64,
    id: String,
    patterns: Vec<String>,
    filters: Metadata,
    is_disabled: bool,
    enabled_after: i64,
    disabled_after: i64,
    max_age: i64,
}

impl Outbox {
    /// Makes the deliveries of events that are due; answers with whether there were any.
    pub(super) async fn fan_out(&self) -> Result<bool> {
        let claim: Arc<str> = new_id("fan").into();
        let sql = format!(
            "UPDATE {{p}}events SET claim = $1, due_at = {{now}} + $2 WHERE seq IN (\
             SELECT seq FROM {{p}}events WHERE fanned = 0 AND due_at <= {{now}} ORDER BY due_at, seq LIMIT {EVENTS} {{skip}})"
        );
        let batch = vec![
            sql!(sql, &*claim, milliseconds(self.options.lease)),
            sql!("SELECT seq, type, metadata, tenant, reached FROM {p}events WHERE claim = $1 ORDER BY seq", &*claim),
        ];
        let rows = self.store.write(batch).await?.pop().unwrap_or_default();
        crash_point!("fan_out.claimed");
        let events = rows.into_iter().map(event).collect::<Result<Vec<_>>>()?;
        let found = !events.is_empty();
        let mut by_place: BTreeMap<(String, i64), Vec<Event>> = BTreeMap::new();
        for event in events {
            by_place.entry((event.tenant.clone(), event.reached)).or_default().push(event);
        }
        for ((tenant, reached), events) in by_place {
            self.fan_out_from(&claim, &tenant, reached, &events).await?;
        }
        Ok(found)
    }

    async fn fan_out_from(&self, claim: &str, tenant: &str, reached: i64, events: &[Event]) -> Result<()> {
        let mut reached = reached;
        loop {
            let rows = self.store.read(sql!(
                "SELECT seq, id, patterns, filters, status, enabled_after, disabled_after, max_age \
                 FROM {p}subscriptions WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                tenant,
                reached,
                PAGE
            ));
            let rows = rows.await?;
            let is_last = rows.len() < usize::try_from(PAGE).unwrap_or_default();
            let subscribers = rows.into_iter().map(|row| self.subscriber(row)).collect::<Result<Vec<_>>>()?;
            reached = subscribers.last().map_or(reached, |last| last.seq);
            let mut batch = Vec::new();
            let mut lanes = std::collections::BTreeSet::new();
            for event in events {
                for subscriber in subscribers.iter().filter(|it| it.is_for(event)) {
                    batch.push(delivery(claim, event, subscriber));
                    lanes.insert(&subscriber.id);
                }
                batch.push(sql!(
                    "UPDATE {p}events SET reached = $3, fanned = $4, claim = CASE WHEN $4 = 1 THEN NULL ELSE claim END \
                     WHERE seq = $1 AND claim = $2",
                    event.seq,
                    claim,
                    reached,
                    is_last,
                ));
            }
            batch.extend(lanes.into_iter().flat_map(|lane| lane_is_due(lane)));
            self.store.write(batch).await?;
            crash_point!("fan_out.page");
            if is_last {
                return Ok(());
            }
        }
    }

    fn subscriber(&self, row: Row) -> Result<Subscriber> {
        let mut row = Columns::of(row);
        let seq = row.integer()?;
        let id = row.text()?;
        let patterns = from_json(&row.text()?)?;
        let filters = from_json(&row.text()?)?;
        let is_disabled = row.text()? == "disabled";
        let enabled_after = row.integer()?;
        let disabled_after = row.optional_integer()?.unwrap_or(i64::MAX);
        let max_age = row.optional_integer()?.unwrap_or_else(|| milliseconds(self.options.retry.age_limit()));
        Ok(Subscriber { seq, id, patterns, filters, is_disabled, enabled_after, disabled_after, max_age })
    }
}

impl Subscriber {
    /// Whether it was enabled when the event was accepted, and wants it.
    fn is_for(&self, event: &Event) -> bool {
        let was_there = self.enabled_after < event.seq && !(self.is_disabled && self.disabled_after < event.seq);
        was_there
            && self.patterns.iter().any(|pattern| matches(pattern, &event.kind))
            && passes(&self.filters, &event.metadata)
    }
}

/// Made only as long as this worker has the event, and only once.
fn delivery(claim: &str, event: &Event, subscriber: &Subscriber) -> Statement {
    sql!(
        "INSERT INTO {p}deliveries (id, event_seq, event_type, lane, subscription, ordering_key, status, attempts, tries, \
         crashes, due_at, accepted_at, aged_from, expires_at) \
         SELECT $1, seq, type, $2, $2, ordering_key, 'pending', 0, 0, 0, {now}, accepted_at, {now}, {now} + $3 \
         FROM {p}events WHERE seq = $4 AND claim = $5 ON CONFLICT (event_seq, lane) DO NOTHING",
        new_id("msg"),
        &subscriber.id,
        subscriber.max_age,
        event.seq,
        claim,
    )
}

fn event(row: Row) -> Result<Event> {
    let mut row = Columns::of(row);
    Ok(Event {
        seq: row.integer()?,
        kind: row.text()?,
        metadata: from_json(&row.text()?)?,
        tenant: row.text()?,
        reached: row.integer()?,
    })
}
