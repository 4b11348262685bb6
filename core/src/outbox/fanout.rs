//! From an event to its deliveries: exactly one for each subscription that it is for, made in pages.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Outbox,
    claim::{Room, Taken, read, what_was_taken},
    from_json,
    matching::{Metadata, matches, passes},
    milliseconds,
};
use crate::{
    Result,
    store::{Batch, Columns, Row, Value, rows, sql, unreadable},
};

/// How many events are fanned out in one go, and how many subscriptions are read at once.
const EVENTS: usize = 64;
const PAGE: usize = 500;
/// About how many deliveries are made in one transaction.
const AT_ONCE: usize = 1000;

pub(super) struct Event {
    seq: i64,
    id: String,
    kind: String,
    metadata: Metadata,
    tenant: String,
    accepted_at: i64,
    is_ordered: bool,
    /// The last subscription that has its delivery.
    reached: i64,
}

pub(super) struct Subscriber {
    seq: i64,
    id: String,
    patterns: Vec<String>,
    filters: Metadata,
    enabled_after: i64,
    /// After which event it was disabled, and after which it was not any more.
    absences: Vec<(i64, i64)>,
    max_age: i64,
}

/// Events of one tenant that have come equally far, and subscriptions that they may be for.
pub(super) struct Sheet {
    pub(super) events: Vec<Event>,
    tenant: String,
    reached: i64,
    subscribers: Vec<Subscriber>,
    next: i64,
    is_last: bool,
}

/// What became of the events of a page.
pub(super) struct Made {
    /// Nobody else had made it.
    pub(super) was_new: bool,
    /// Whether there are deliveries that anyone may take.
    pub(super) has_free: bool,
    pub(super) taken: Vec<Taken>,
}

impl Outbox {
    /// Events whose deliveries are to be made, with the first subscriptions that they may be for.
    ///
    /// No event is taken first: a page is made only where the event is as it was read.
    pub(super) async fn sheets(&self) -> Result<Vec<Sheet>> {
        let read = self.store.read(sql!(format!(
            "SELECT seq, id, type, metadata, tenant, accepted_at, CASE WHEN ordering_key IS NULL THEN 0 ELSE 1 END, reached \
             FROM {{p}}events WHERE fanned = 0 AND due_at <= {{now}} ORDER BY due_at, seq LIMIT {EVENTS}"
        )));
        let mut by_place: BTreeMap<(String, i64), Vec<Event>> = BTreeMap::new();
        for row in read.await? {
            let event = event(row)?;
            by_place.entry((event.tenant.clone(), event.reached)).or_default().push(event);
        }
        let mut sheets = Vec::with_capacity(by_place.len());
        for ((tenant, reached), events) in by_place {
            sheets.push(self.sheet(tenant, reached, events).await?);
        }
        Ok(sheets)
    }

    /// The next subscriptions for the same events; nothing when these were the last.
    pub(super) async fn next_sheet(&self, sheet: Sheet) -> Result<Option<Sheet>> {
        if sheet.is_last {
            return Ok(None);
        }
        self.sheet(sheet.tenant, sheet.next, sheet.events).await.map(Some)
    }

    async fn sheet(&self, tenant: String, reached: i64, events: Vec<Event>) -> Result<Sheet> {
        let rows = self.store.read(sql!(
            "SELECT seq, id, patterns, filters, enabled_after, absences, max_age \
             FROM {p}subscriptions WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            &tenant,
            reached,
            PAGE
        ));
        let rows = rows.await?;
        let is_last = rows.len() < PAGE;
        let subscribers = rows.into_iter().map(|row| self.subscriber(row)).collect::<Result<Vec<_>>>()?;
        let next = subscribers.last().map_or(reached, |last| last.seq);
        Ok(Sheet { events, tenant, reached, subscribers, next, is_last })
    }

    /// Makes the deliveries of these events of a sheet. Those that there is room for are this worker's from the start, where
    /// nothing stands in their way: no order, pause or rate limit, and none that waits for the same endpoint already.
    ///
    /// It may be lost with the machine: then it is made again, with the same ids.
    pub(super) async fn make(
        &self,
        sheet: &Sheet,
        events: &[Event],
        claim: &Arc<str>,
        room: Option<&Room>,
    ) -> Result<Made> {
        let mut left = Left::new(room);
        let mut deliveries = Vec::new();
        let mut lanes = BTreeSet::new();
        for event in events {
            for subscriber in sheet.subscribers.iter().filter(|it| it.is_for(event)) {
                let is_taken = !event.is_ordered && left.take(&subscriber.id);
                let delivery: [Value; 5] = [
                    event.seq.into(),
                    delivery_id(event, &subscriber.id).into(),
                    (&subscriber.id).into(),
                    subscriber.max_age.into(),
                    is_taken.into(),
                ];
                deliveries.push(delivery.into());
                lanes.insert(&subscriber.id);
            }
        }
        // Not `fanned = 0`: PostgreSQL would look through all that are not, instead of for these.
        let mut batch = vec![sql!(
            "WITH chosen AS MATERIALIZED (SELECT seq FROM {p}events WHERE fanned <> 1 AND reached = $3 \
             AND seq IN (SELECT CAST(value ->> 0 AS BIGINT) FROM {items}($2)) {skip}) \
             UPDATE {p}events SET claim = $1, reached = $4, fanned = $5 \
             WHERE seq IN (SELECT seq FROM chosen) RETURNING seq",
            &**claim,
            rows(events.iter().map(|event| json!([event.seq]))),
            sheet.reached,
            sheet.next,
            sheet.is_last,
        )];
        let count = deliveries.len();
        if count > 0 {
            let may_be_taken =
                "{4i} = 1 AND l.active = 1 AND l.paused_until <= {now} AND l.interval_us = 0 AND l.next_due > {now}";
            batch.push(
                sql!(
                    format!(
                        "INSERT INTO {{p}}deliveries (id, event_seq, event_type, lane, subscription, ordering_key, status, \
                         attempts, tries, crashes, claim, due_at, accepted_at, aged_from, expires_at) \
                         SELECT {{1}}, e.seq, e.type, {{2}}, {{2}}, e.ordering_key, 'pending', 0, 0, 0, \
                         CASE WHEN {may_be_taken} THEN $1 END, {{now}} + CASE WHEN {may_be_taken} THEN $2 ELSE 0 END, \
                         e.accepted_at, {{now}}, {{now}} + {{3i}} {{rows,}} {{p}}events e, {{p}}lanes l \
                         WHERE e.seq = {{0i}} AND e.claim = $1 AND l.id = {{2}} ON CONFLICT (event_seq, lane) DO NOTHING"
                    ),
                    &**claim,
                    milliseconds(self.options.lease),
                )
                .for_each(deliveries),
            );
            batch.push(sql!(
                "UPDATE {p}lanes AS l SET next_due = {now} WHERE l.next_due > {now} \
                 AND l.id IN (SELECT value ->> 0 FROM {items}($1)) AND EXISTS (SELECT 1 FROM {p}deliveries d \
                 WHERE d.lane = l.id AND d.status = 'pending' AND d.claim IS NULL AND d.due_at <= {now})",
                rows(lanes.iter().map(|lane| json!([lane]))),
            ));
            batch.extend(what_was_taken(claim));
        }
        let mut answers = self.store.write(Batch::brief(batch).holding(lanes)).await?;
        let was_new = !answers[0].is_empty();
        let taken = if count > 0 { read(answers.split_off(3), claim)? } else { Vec::new() };
        Ok(Made { was_new, has_free: was_new && taken.len() < count, taken })
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

impl Sheet {
    /// For how many of these events, which come first in line, there is room for three in four deliveries of each: a slow
    /// endpoint holds up no other. Where it is this worker that has no room left, an event waits for its turn.
    pub(super) fn portion(&self, events: &[Event], room: &Room) -> usize {
        let mut left = Left::new(Some(room));
        let mut total = 0;
        for (at, event) in events.iter().enumerate() {
            let (mut made, mut taken) = (0, 0);
            for subscriber in self.subscribers.iter().filter(|it| it.is_for(event)) {
                made += 1;
                // What has an order is not taken here, and needs no room.
                taken += usize::from(event.is_ordered || left.take(&subscriber.id));
            }
            total += made;
            let has_no_room = at > 0 && left.total == 0 && taken < made;
            if has_no_room || taken * 4 < made * 3 || total > AT_ONCE {
                return at;
            }
        }
        events.len()
    }

    /// For how many events the deliveries are made at once where there is no room for any.
    pub(super) fn most(&self) -> usize {
        (AT_ONCE / self.subscribers.len().max(1)).max(1)
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

/// How many rows of which lane this worker may still take.
struct Left<'a> {
    total: usize,
    lanes: HashMap<&'a str, usize>,
    other: usize,
}

impl<'a> Left<'a> {
    fn new(room: Option<&'a Room>) -> Self {
        let lanes = room.iter().flat_map(|room| room.lanes.iter().map(|(lane, room)| (&**lane, *room))).collect();
        Self { total: room.map_or(0, |room| room.total), lanes, other: room.map_or(0, |room| room.other) }
    }

    fn take(&mut self, lane: &'a str) -> bool {
        let left = self.lanes.entry(lane).or_insert(self.other);
        let is_left = self.total > 0 && *left > 0;
        if is_left {
            self.total -= 1;
            *left -= 1;
        }
        is_left
    }
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
        is_ordered: row.integer()? != 0,
        reached: row.integer()?,
    })
}
