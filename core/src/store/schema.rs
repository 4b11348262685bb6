//! The tables, and how they come to be.

use super::{Columns, Statement, Store, sql};
use crate::{Error, ErrorCode, Result};

/// The newest schema that this version knows.
const VERSION: i64 = 2;

/// Times are milliseconds of the database's clock. `due_at` of a row that a worker has taken is the end of its lease:
/// whatever becomes of the worker, the row is free again then. `enabled_after` and the ends of `absences` (`5-9,12-`:
/// when it was disabled) are the last event's number at that moment.
const FIRST: [&str; 13] = [
    "CREATE TABLE IF NOT EXISTS {p}subscriptions (
        seq {key}, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, url TEXT NOT NULL, patterns TEXT NOT NULL,
        filters TEXT NOT NULL, description TEXT, settings {blob} NOT NULL, max_age BIGINT, status TEXT NOT NULL, reason TEXT,
        enabled_after BIGINT NOT NULL, absences TEXT NOT NULL, created_at BIGINT NOT NULL, version BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {p}subscriptions_tenant ON {p}subscriptions (tenant, seq)",
    "CREATE TABLE IF NOT EXISTS {p}events (
        seq {key}, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, payload {blob} NOT NULL, content_type TEXT NOT NULL,
        metadata TEXT NOT NULL, tenant TEXT NOT NULL, idempotency_key TEXT, ordering_key TEXT, traceparent TEXT,
        digest TEXT NOT NULL, accepted_at BIGINT NOT NULL, due_at BIGINT NOT NULL, fanned BIGINT NOT NULL,
        reached BIGINT NOT NULL, claim TEXT, UNIQUE (tenant, idempotency_key))",
    "CREATE INDEX IF NOT EXISTS {p}events_due ON {p}events (due_at) WHERE fanned = 0",
    "CREATE INDEX IF NOT EXISTS {p}events_order ON {p}events (ordering_key, seq) WHERE fanned = 0",
    "CREATE TABLE IF NOT EXISTS {p}deliveries (
        seq {key}, id TEXT NOT NULL UNIQUE, event_seq BIGINT NOT NULL, event_type TEXT NOT NULL, lane TEXT NOT NULL,
        subscription TEXT, settings {blob}, ordering_key TEXT, status TEXT NOT NULL, reason TEXT,
        attempts BIGINT NOT NULL, tries BIGINT NOT NULL, crashes BIGINT NOT NULL, claim TEXT, due_at BIGINT NOT NULL,
        accepted_at BIGINT NOT NULL, aged_from BIGINT NOT NULL, expires_at BIGINT NOT NULL, finished_at BIGINT,
        UNIQUE (event_seq, lane))",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_due ON {p}deliveries (lane, due_at) WHERE status = 'pending'",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_order ON {p}deliveries (lane, ordering_key, event_seq)
        WHERE status = 'pending' AND ordering_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_claim ON {p}deliveries (claim, lane) WHERE claim IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_done ON {p}deliveries (status, finished_at)
        WHERE finished_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_expiry ON {p}deliveries (expires_at) WHERE status = 'pending'",
    "CREATE TABLE IF NOT EXISTS {p}attempts (
        seq {key}, delivery BIGINT NOT NULL, claim TEXT NOT NULL, number BIGINT NOT NULL, record TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {p}attempts_delivery ON {p}attempts (delivery, seq)",
];

/// Whose turn it is: a row for each endpoint that has or had work. A holder is there within a claim's transaction only.
const LANES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS {p}lanes (
        id TEXT PRIMARY KEY, active BIGINT NOT NULL, next_due BIGINT NOT NULL, paused_until BIGINT NOT NULL,
        holder TEXT, rest_at BIGINT NOT NULL, interval_us BIGINT NOT NULL, burst BIGINT NOT NULL, failing_since BIGINT)",
    "CREATE INDEX IF NOT EXISTS {p}lanes_due ON {p}lanes (next_due) WHERE active = 1",
    "CREATE INDEX IF NOT EXISTS {p}lanes_holder ON {p}lanes (holder) WHERE holder IS NOT NULL",
];

/// A row that is in hand leaves the queue of its lane, and is found by its lease alone. Lanes come first, as in the
/// transactions of those who are at work meanwhile.
const SECOND: [&str; 6] = [
    "CREATE INDEX IF NOT EXISTS {p}lanes_failing ON {p}lanes (id) WHERE failing_since IS NOT NULL",
    "DROP INDEX IF EXISTS {p}deliveries_due",
    "DROP INDEX IF EXISTS {p}deliveries_expiry",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_free ON {p}deliveries (lane, due_at)
        WHERE status = 'pending' AND claim IS NULL",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_age ON {p}deliveries (expires_at)
        WHERE status = 'pending' AND claim IS NULL",
    "CREATE INDEX IF NOT EXISTS {p}deliveries_lease ON {p}deliveries (due_at)
        WHERE status = 'pending' AND claim IS NOT NULL",
];

/// Makes the tables where they are missing, and brings older ones up to date.
pub(super) async fn prepare(store: &Store) -> Result<()> {
    let meta = sql!("CREATE TABLE IF NOT EXISTS {p}meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
    let version = sql!("SELECT value FROM {p}meta WHERE key = 'schema'");
    let found = store.write(vec![lock(), meta, version]).await?.pop().unwrap_or_default();
    let found = match found.into_iter().next() {
        Some(row) => Columns::of(row).text()?.parse().unwrap_or(i64::MAX),
        None => 0,
    };
    if found > VERSION {
        return Err(Error::new(
            ErrorCode::UnsupportedSchema,
            format!("the store has schema {found}, and this version of hookseal knows {VERSION}: upgrade hookseal"),
        ));
    }
    if found == VERSION {
        return Ok(());
    }
    let steps: [Vec<&'static str>; 2] = [[&FIRST[..], &LANES].concat(), SECOND.into()];
    let missing = steps.into_iter().skip(usize::try_from(found).unwrap_or_default()).flatten();
    let mut batch = vec![lock()];
    batch.extend(missing.map(|text| sql!(text)));
    // Another process may have been faster.
    batch.push(sql!(
        "INSERT INTO {p}meta (key, value) VALUES ('schema', $1) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE {p}meta.value = $2",
        VERSION.to_string(),
        found.to_string()
    ));
    store.write(batch).await.map(|_| ())
}

/// Lets one process at a time make tables; on SQLite the transaction does that.
fn lock() -> Statement {
    sql!("{lock}")
}
