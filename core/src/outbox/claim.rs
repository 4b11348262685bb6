//! Taking work: the endpoints whose turn it is, and the first rows of each, in one transaction.
//!
//! It is not worth a disk's time: if the machine loses it, the rows are free as they were before.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;

use super::{NEVER, Outbox, lanes_are_due, milliseconds};
use crate::{
    Result,
    store::{Batch, Columns, Row, Statement, Value, rows, sql, unreadable},
};

/// When a lane is looked at again whose due rows are all waiting for others.
const LATER: i64 = 1_000;
/// How many lanes are looked at at once.
const LANES: usize = 64;
/// How many rows of lost workers are looked at at once.
const LOST: usize = 1_000;

/// How many rows may be taken.
pub(super) struct Room {
    pub(super) total: usize,
    /// Of each of these lanes.
    pub(super) lanes: Vec<(Arc<str>, usize)>,
    /// Of any other lane.
    pub(super) other: usize,
    /// Of no lane more than this.
    pub(super) most: usize,
}

impl Room {
    /// Whoever takes fewer rows has taken all that there were.
    pub(super) fn enough(&self) -> usize {
        self.total.min(LANES)
    }

    /// Whether there is some of every lane.
    pub(super) fn is_for_all(&self) -> bool {
        self.lanes.iter().all(|(_, room)| *room > 0)
    }

    /// Whether there is still some of every lane.
    pub(super) fn is_left_by(&self, taken: &[Taken]) -> bool {
        let mut left: HashMap<&str, usize> = self.lanes.iter().map(|(lane, room)| (&**lane, *room)).collect();
        for row in taken {
            let room = left.entry(&*row.lane).or_insert(self.other);
            *room = room.saturating_sub(1);
        }
        left.values().all(|room| *room > 0)
    }
}

/// A row that this worker has taken. What it shares with others is there once.
pub(super) struct Taken {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) lane: Arc<str>,
    pub(super) subscription: Option<String>,
    /// Of a delivery that has no subscription.
    pub(super) own_settings: Option<Bytes>,
    pub(super) attempts: i64,
    pub(super) tries: i64,
    pub(super) crashes: i64,
    /// How old it was when it was taken.
    pub(super) age: Duration,
    /// Whether others wait for it.
    pub(super) is_ordered: bool,
    pub(super) event: Arc<EventTaken>,
    pub(super) endpoint: Arc<Target>,
    pub(super) claim: Arc<str>,
}

/// What an event's deliveries share.
pub(super) struct EventTaken {
    pub(super) event_type: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) content_type: String,
    pub(super) traceparent: Option<String>,
}

/// What an endpoint's deliveries share.
pub(super) struct Target {
    /// Of its subscription.
    pub(super) settings: Option<Bytes>,
    pub(super) version: i64,
    /// Whether it was failing when they were taken.
    pub(super) is_failing: bool,
}

impl Outbox {
    /// Takes due rows as far as there is room: of every lane one before of any a second, those that have waited longest first.
    pub(super) async fn claim(&self, claim: &Arc<str>, room: &Room) -> Result<Vec<Taken>> {
        let lanes = rows(room.lanes.iter().map(|(lane, room)| json!([&**lane, room])));
        let mut batch =
            vec![hold_lanes(claim, room, lanes.clone()), self.take_rows(claim, room, lanes), give_lanes_back(claim)];
        batch.extend(what_was_taken(claim));
        read(self.store.write(Batch::brief(batch)).await?, claim)
    }

    fn take_rows(&self, claim: &str, room: &Room, lanes: Value) -> Statement {
        // An endpoint's rate limit is arithmetic on its lane (GCRA): how far ahead of the clock its attempts are.
        let columns = "h.id, h.interval_us, h.rest_at, h.burst";
        let sql = format!(
            "WITH chosen AS MATERIALIZED (SELECT x.value FROM \
             (SELECT {columns}, CAST(r.value ->> 1 AS BIGINT) AS room FROM {{items}}($2) r \
             CROSS JOIN {{p}}lanes h WHERE h.id = r.value ->> 0 AND h.holder = $1 \
             UNION ALL SELECT {columns}, {} FROM {{p}}lanes h WHERE h.holder = $1 \
             AND h.id NOT IN (SELECT value ->> 0 FROM {{items}}($2))) l \
             {{each}} SELECT d.seq AS value FROM {{p}}deliveries d WHERE d.lane = l.id AND d.status = 'pending' \
             AND d.claim IS NULL AND d.due_at <= {{now}} AND (d.ordering_key IS NULL OR (NOT EXISTS (SELECT 1 FROM {{p}}deliveries b \
             WHERE b.lane = d.lane AND b.ordering_key = d.ordering_key AND b.status = 'pending' AND b.event_seq < d.event_seq) \
             AND NOT EXISTS (SELECT 1 FROM {{p}}events v WHERE v.fanned = 0 \
             AND v.ordering_key = d.ordering_key AND v.seq < d.event_seq))) \
             ORDER BY d.due_at \
             LIMIT (SELECT CASE WHEN count(*) * {} < 2 * $3 THEN {} ELSE 2 * $3 / count(*) + 1 END \
             FROM {{p}}lanes h WHERE h.holder = $1) {{skip}} {{placed}} \
             WHERE {{place}} <= l.room AND (l.interval_us = 0 \
             OR {{place}} * l.interval_us + CASE WHEN l.rest_at > {{now}} * 1000 THEN l.rest_at - {{now}} * 1000 ELSE 0 END \
             <= l.burst * l.interval_us) ORDER BY {{place}}, x.value LIMIT $3) \
             UPDATE {{p}}deliveries SET claim = $1, due_at = {{now}} + $4 \
             WHERE status = 'pending' AND seq IN (SELECT value FROM chosen)",
            room.other, room.most, room.most,
        );
        sql!(sql, claim, lanes, room.total, milliseconds(self.options.lease))
    }

    /// Keeps what these claims have taken for another lease.
    pub(super) async fn extend(&self, claims: &[Arc<str>]) -> Result<()> {
        let extended = sql!(
            "UPDATE {p}deliveries SET due_at = {now} + $2 WHERE status = 'pending' \
             AND claim IN (SELECT value ->> 0 FROM {items}($1))",
            rows(claims.iter().map(|claim| json!([&**claim]))),
            milliseconds(self.options.lease),
        );
        self.store.write(Batch::brief(vec![extended])).await.map(|_| ())
    }

    /// Gives rows back that were not attempted; they are due again after so long.
    pub(super) async fn put_back(&self, given: &[&Taken], after: Duration) -> Result<()> {
        let lanes: BTreeSet<_> = given.iter().map(|row| &*row.lane).collect();
        let batch = vec![
            sql!(
                "UPDATE {p}deliveries AS d SET claim = NULL, due_at = {now} + $2 \
                 FROM (SELECT CAST(value ->> 0 AS BIGINT) AS taken, value ->> 1 AS taken_by FROM {items}($1)) r \
                 WHERE d.seq = r.taken AND d.claim = r.taken_by AND d.status = 'pending'",
                rows(given.iter().map(|row| json!([row.seq, &*row.claim]))),
                milliseconds(after),
            ),
            lanes_are_due(&lanes),
        ];
        self.store.write(Batch::from(batch).holding(lanes)).await.map(|_| ())
    }

    /// Frees rows whose lease has ended; answers with whether there were any. Whoever had them may have crashed because of
    /// one of them, so from now on it is noted when an attempt of theirs begins.
    pub(super) async fn release_lost(&self) -> Result<bool> {
        let lanes = self.store.read(sql!(format!(
            "SELECT DISTINCT lane FROM (SELECT lane FROM {{p}}deliveries WHERE status = 'pending' AND claim IS NOT NULL AND due_at <= {{now}} \
             ORDER BY due_at LIMIT {LOST}) d"
        )));
        let lanes = lanes.await?.into_iter().map(|row| Columns::of(row).text()).collect::<Result<BTreeSet<_>>>()?;
        if lanes.is_empty() {
            return Ok(false);
        }
        let batch = vec![
            sql!(
                "UPDATE {p}deliveries SET claim = NULL, due_at = {now}, crashes = CASE WHEN crashes = 0 THEN 1 ELSE crashes END \
                 WHERE status = 'pending' AND claim IS NOT NULL AND due_at <= {now} AND lane IN (SELECT value ->> 0 FROM {items}($1))",
                rows(lanes.iter().map(|lane| json!([lane]))),
            ),
            lanes_are_due(&lanes),
        ];
        self.store.write(Batch::brief(batch).holding(lanes)).await.map(|_| true)
    }

    /// Notes that an attempt begins which a worker may not survive.
    pub(super) async fn note_attempt(&self, row: &Taken) -> Result<()> {
        let noted =
            sql!("UPDATE {p}deliveries SET crashes = crashes + 1 WHERE seq = $1 AND claim = $2", row.seq, &*row.claim);
        self.store.write(Batch::brief(vec![noted])).await.map(|_| ())
    }
}

fn hold_lanes(claim: &str, room: &Room, lanes: Value) -> Statement {
    sql!(
        "WITH chosen AS MATERIALIZED (\
         SELECT id FROM {p}lanes WHERE active = 1 AND next_due <= {now} AND paused_until <= {now} \
         AND id NOT IN (SELECT value ->> 0 FROM {items}($2) WHERE CAST(value ->> 1 AS BIGINT) = 0) \
         ORDER BY next_due LIMIT $3 {skip}) \
         UPDATE {p}lanes SET holder = $1 WHERE id IN (SELECT id FROM chosen)",
        claim,
        lanes,
        room.enough(),
    )
}

/// Notes what was taken from the lanes, and when they are due again.
fn give_lanes_back(claim: &str) -> Statement {
    sql!(
        "WITH held AS MATERIALIZED (SELECT h.id, h.burst, h.interval_us, h.rest_at, \
         (SELECT count(*) FROM {p}deliveries c WHERE c.claim = $1 AND c.lane = h.id) AS took, \
         (SELECT COALESCE(min(d.due_at), $2) FROM {p}deliveries d WHERE d.lane = h.id AND d.status = 'pending' \
         AND d.claim IS NULL) AS due FROM {p}lanes h WHERE h.holder = $1) \
         UPDATE {p}lanes AS l SET holder = NULL, rest_at = t.rest, \
         next_due = CASE WHEN t.due > t.soon THEN t.due ELSE t.soon END, \
         paused_until = CASE WHEN l.interval_us > 0 AND l.paused_until < t.free THEN t.free ELSE l.paused_until END \
         FROM (SELECT id AS lane, due, rest, {now} + CASE WHEN took = 0 THEN $3 ELSE 0 END AS soon, \
         (rest - (burst - 1) * interval_us) / 1000 + 1 AS free \
         FROM (SELECT id, due, took, burst, interval_us, took * interval_us + \
         CASE WHEN rest_at < {now} * 1000 THEN {now} * 1000 ELSE rest_at END AS rest FROM held) taken) t WHERE l.id = t.lane",
        claim,
        NEVER,
        LATER,
    )
}

/// Reads what a claim has taken, each event and each endpoint once; for the end of its batch.
pub(super) fn what_was_taken(claim: &str) -> [Statement; 3] {
    [
        sql!(
            "SELECT e.seq, e.type, e.payload, e.content_type, e.traceparent FROM {p}events e \
             WHERE e.seq IN (SELECT d.event_seq FROM {p}deliveries d WHERE d.claim = $1)",
            claim
        ),
        sql!(
            "SELECT l.id, s.settings, COALESCE(s.version, 0), CASE WHEN l.failing_since IS NULL THEN 0 ELSE 1 END \
             FROM {p}lanes l LEFT JOIN {p}subscriptions s ON s.id = l.id \
             WHERE l.id IN (SELECT d.lane FROM {p}deliveries d WHERE d.claim = $1)",
            claim
        ),
        sql!(
            "SELECT d.event_seq, d.lane, d.seq, d.id, d.subscription, d.settings, d.attempts, d.tries, d.crashes, \
             {now} - d.aged_from, CASE WHEN d.ordering_key IS NULL THEN 0 ELSE 1 END \
             FROM {p}deliveries d WHERE d.claim = $1 ORDER BY d.seq",
            claim
        ),
    ]
}

/// Reads the last answers of a batch that ends with [`what_was_taken`].
pub(super) fn read(mut answers: Vec<Vec<Row>>, claim: &Arc<str>) -> Result<Vec<Taken>> {
    let mut next = || answers.pop().unwrap_or_default();
    let (taken, targets, events) = (next(), next(), next());
    let events = events.into_iter().map(event).collect::<Result<HashMap<_, _>>>()?;
    let targets = targets.into_iter().map(target).collect::<Result<HashMap<_, _>>>()?;
    let read = |row| {
        let mut row = Columns::of(row);
        let event = events.get(&row.integer()?).ok_or_else(unreadable)?;
        let (lane, endpoint) = targets.get_key_value(row.text()?.as_str()).ok_or_else(unreadable)?;
        Ok(Taken {
            seq: row.integer()?,
            id: row.text()?,
            lane: Arc::clone(lane),
            subscription: row.optional_text()?,
            own_settings: row.optional_blob()?,
            attempts: row.integer()?,
            tries: row.integer()?,
            crashes: row.integer()?,
            age: Duration::from_millis(row.integer()?.max(0).unsigned_abs()),
            is_ordered: row.integer()? != 0,
            event: Arc::clone(event),
            endpoint: Arc::clone(endpoint),
            claim: Arc::clone(claim),
        })
    };
    taken.into_iter().map(read).collect()
}

fn event(row: Row) -> Result<(i64, Arc<EventTaken>)> {
    let mut row = Columns::of(row);
    let seq = row.integer()?;
    let event = EventTaken {
        event_type: row.text()?.into(),
        payload: row.blob()?,
        content_type: row.text()?,
        traceparent: row.optional_text()?,
    };
    Ok((seq, Arc::new(event)))
}

fn target(row: Row) -> Result<(Arc<str>, Arc<Target>)> {
    let mut row = Columns::of(row);
    let lane = row.text()?.into();
    let target = Target { settings: row.optional_blob()?, version: row.integer()?, is_failing: row.integer()? != 0 };
    Ok((lane, Arc::new(target)))
}
