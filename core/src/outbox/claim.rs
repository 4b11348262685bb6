//! Taking work: first the endpoints whose turn it is, each for a moment held by one worker, then their rows.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{NEVER, Outbox, milliseconds, placeholders, with};
use crate::{
    Result,
    store::{Columns, Row, Statement, sql},
};

/// For how long a lane is held between its two transactions; a worker that is slower takes nothing.
const HOLD: i64 = 5_000;
/// When a lane is looked at again whose due rows are all waiting for others.
const LATER: i64 = 1_000;
/// How many lanes are held at once.
const LANES: usize = 64;

/// An endpoint that this worker holds.
pub(super) struct HeldLane {
    pub(super) id: String,
    /// How many attempts its rate limit lets start now.
    pub(super) allowance: i64,
    interval: i64,
}

/// A row that this worker has taken.
pub(super) struct Taken {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) lane: String,
    pub(super) subscription: Option<String>,
    /// Of a delivery that has no subscription.
    pub(super) own_settings: Option<Bytes>,
    pub(super) attempts: i64,
    pub(super) tries: i64,
    pub(super) crashes: i64,
    /// How old it was when it was taken.
    pub(super) age: Duration,
    pub(super) payload: Bytes,
    pub(super) content_type: String,
    pub(super) traceparent: Option<String>,
    /// Whether others wait for it.
    pub(super) is_ordered: bool,
    /// Of its subscription.
    pub(super) settings: Option<Bytes>,
    pub(super) version: i64,
    pub(super) claim: Arc<str>,
}

impl Outbox {
    /// Holds so many lanes that are due and not among the given ones.
    pub(super) async fn hold_lanes(&self, claim: &str, most: usize, not: &[String]) -> Result<Vec<HeldLane>> {
        let others =
            if not.is_empty() { String::new() } else { format!("AND id NOT IN ({})", placeholders(2, not.len())) };
        let sql = format!(
            "UPDATE {{p}}lanes SET holder = $1, held_until = {{now}} + {HOLD} WHERE id IN (\
             SELECT id FROM {{p}}lanes WHERE active = 1 AND next_due <= {{now}} AND paused_until <= {{now}} \
             AND held_until <= {{now}} {others} ORDER BY next_due LIMIT {} {{skip}}) \
             RETURNING id, rest_at, interval_us, burst, {{now}}",
            most.min(LANES)
        );
        let params = with(vec![claim.into()], not.iter());
        let rows = self.store.change(Statement { sql: sql.into(), params }).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = Columns::of(row);
                let id = row.text()?;
                let (rest_at, interval, burst) = (row.integer()?, row.integer()?, row.integer()?);
                let now = row.integer()?.saturating_mul(1000);
                Ok(HeldLane { id, allowance: allowance(rest_at, interval, burst, now), interval })
            })
            .collect::<Result<Vec<_>>>()
            .map(|mut lanes: Vec<HeldLane>| {
                // In one order everywhere, so that no two transactions wait for each other.
                lanes.sort_unstable_by(|one, other| one.id.cmp(&other.id));
                lanes
            })
    }

    /// Takes at most so many due rows of each lane and gives the lanes back.
    pub(super) async fn take(&self, claim: &Arc<str>, lanes: &[(HeldLane, usize)]) -> Result<Vec<Taken>> {
        let mut batch = Vec::with_capacity(4 * lanes.len() + 1);
        for (lane, most) in lanes {
            batch.push(super::hold_lane(&lane.id));
            batch.push(sql!(
                "UPDATE {p}deliveries SET claim = $1, due_at = {now} + $4, crashes = crashes + 1 WHERE seq IN (\
                 SELECT d.seq FROM {p}deliveries d WHERE d.lane = $2 AND d.status = 'pending' AND d.due_at <= {now} \
                 AND EXISTS (SELECT 1 FROM {p}lanes l WHERE l.id = $2 AND l.holder = $1) \
                 AND (d.ordering_key IS NULL OR (NOT EXISTS (SELECT 1 FROM {p}deliveries b WHERE b.lane = d.lane \
                 AND b.ordering_key = d.ordering_key AND b.status = 'pending' AND b.event_seq < d.event_seq) \
                 AND NOT EXISTS (SELECT 1 FROM {p}events v WHERE v.fanned = 0 \
                 AND v.ordering_key = d.ordering_key AND v.seq < d.event_seq))) \
                 ORDER BY d.due_at LIMIT $3 {skip})",
                &**claim,
                &lane.id,
                i64::try_from(*most).unwrap_or(1),
                milliseconds(self.options.lease),
            ));
            batch.push(sql!(
                "UPDATE {p}lanes SET held_until = 0, holder = NULL, \
                 rest_at = CASE WHEN $4 = 0 THEN rest_at ELSE \
                 (CASE WHEN rest_at < {now} * 1000 THEN {now} * 1000 ELSE rest_at END) + $4 * \
                 (SELECT count(*) FROM {p}deliveries WHERE claim = $1 AND lane = $2) END, \
                 next_due = (SELECT CASE WHEN m.due > m.soon THEN m.due ELSE m.soon END FROM (SELECT \
                 COALESCE((SELECT min(due_at) FROM {p}deliveries WHERE lane = $2 AND status = 'pending'), $3) AS due, \
                 {now} + CASE WHEN EXISTS (SELECT 1 FROM {p}deliveries WHERE claim = $1 AND lane = $2) THEN 0 \
                 ELSE $5 END AS soon) m) \
                 WHERE id = $2 AND holder = $1",
                &**claim,
                &lane.id,
                NEVER,
                lane.interval,
                // A lane that there was no room for is no less due.
                if *most == 0 { 0 } else { LATER },
            ));
            if lane.interval > 0 {
                batch.push(sql!(
                    "UPDATE {p}lanes SET paused_until = (rest_at - (burst - 1) * interval_us) / 1000 + 1 WHERE id = $1 \
                     AND paused_until < (rest_at - (burst - 1) * interval_us) / 1000 + 1",
                    &lane.id
                ));
            }
        }
        batch.push(sql!(
            "SELECT d.seq, d.id, d.event_type, d.lane, d.subscription, d.settings, d.attempts, d.tries, d.crashes, \
             {now} - d.aged_from, e.payload, e.content_type, e.traceparent, \
             CASE WHEN d.ordering_key IS NULL THEN 0 ELSE 1 END, s.settings, COALESCE(s.version, 0) \
             FROM {p}deliveries d JOIN {p}events e ON e.seq = d.event_seq \
             LEFT JOIN {p}subscriptions s ON s.id = d.subscription WHERE d.claim = $1 ORDER BY d.event_seq",
            &**claim
        ));
        let rows = self.store.write(batch).await?.pop().unwrap_or_default();
        rows.into_iter().map(|row| read(row, claim)).collect()
    }

    /// Keeps what these claims have taken for another lease.
    pub(super) async fn extend(&self, claims: &[Arc<str>]) -> Result<()> {
        let sql = format!(
            "UPDATE {{p}}deliveries SET due_at = {{now}} + $1 WHERE status = 'pending' AND claim IN ({})",
            placeholders(2, claims.len())
        );
        let params = with(vec![milliseconds(self.options.lease).into()], claims.iter().map(|claim| &**claim));
        self.store.change(Statement { sql: sql.into(), params }).await.map(|_| ())
    }

    /// Gives rows back that were not attempted; they are due again after so long.
    pub(super) async fn put_back(&self, rows: impl Iterator<Item = &Taken>, after: Duration) -> Result<()> {
        let mut batch = Vec::new();
        let mut lanes = BTreeSet::new();
        for row in rows {
            batch.push(sql!(
                "UPDATE {p}deliveries SET claim = NULL, due_at = {now} + $3, crashes = crashes - 1 \
                 WHERE seq = $1 AND claim = $2 AND status = 'pending'",
                row.seq,
                &*row.claim,
                milliseconds(after),
            ));
            lanes.insert(&row.lane);
        }
        batch.extend(lanes.into_iter().flat_map(|lane| super::lane_is_due(lane)));
        self.store.write(batch).await.map(|_| ())
    }
}

fn read(row: Row, claim: &Arc<str>) -> Result<Taken> {
    let mut row = Columns::of(row);
    Ok(Taken {
        seq: row.integer()?,
        id: row.text()?,
        event_type: row.text()?,
        lane: row.text()?,
        subscription: row.optional_text()?,
        own_settings: row.optional_blob()?,
        attempts: row.integer()?,
        tries: row.integer()?,
        crashes: row.integer()?,
        age: Duration::from_millis(row.integer()?.max(0).unsigned_abs()),
        payload: row.blob()?,
        content_type: row.text()?,
        traceparent: row.optional_text()?,
        is_ordered: row.integer()? != 0,
        settings: row.optional_blob()?,
        version: row.integer()?,
        claim: Arc::clone(claim),
    })
}

/// How many more are within the limit, by the same arithmetic as in the process (GCRA); times in microseconds.
fn allowance(rest_at: i64, interval: i64, burst: i64, now: i64) -> i64 {
    if interval == 0 {
        return i64::MAX;
    }
    let ahead = rest_at.max(now) - now;
    ((burst * interval - ahead) / interval).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_what_the_burst_leaves() {
        assert_eq!(allowance(0, 0, 1, 5), i64::MAX);
        assert_eq!(allowance(0, 100, 1, 1_000), 1);
        assert_eq!(allowance(1_001, 100, 1, 1_000), 0);
        assert_eq!(allowance(1_100, 100, 3, 1_000), 2);
        assert_eq!(allowance(9_999, 100, 3, 1_000), 0);
    }
}
