//! Stores that former versions made.

use hookseal::outbox::{Outbox, Publication, SubscriptionOptions};
use tokio::task::JoinSet;

use crate::kit::{Receiver, change, event, on_every_store, options};

on_every_store! { a_store_of_schema_1_is_brought_up_to_date }

/// What schema 1 was made with.
const SCHEMA_1: [&str; 17] = [
    "CREATE TABLE IF NOT EXISTS {p}meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
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
    "CREATE TABLE IF NOT EXISTS {p}lanes (
        id TEXT PRIMARY KEY, active BIGINT NOT NULL, next_due BIGINT NOT NULL, paused_until BIGINT NOT NULL,
        holder TEXT, rest_at BIGINT NOT NULL, interval_us BIGINT NOT NULL, burst BIGINT NOT NULL, failing_since BIGINT)",
    "CREATE INDEX IF NOT EXISTS {p}lanes_due ON {p}lanes (next_due) WHERE active = 1",
    "CREATE INDEX IF NOT EXISTS {p}lanes_holder ON {p}lanes (holder) WHERE holder IS NOT NULL",
];
const TABLES: [&str; 4] = ["subscriptions", "events", "deliveries", "lanes"];

/// Where a second store is beside this one.
fn beside(uri: &str) -> String {
    match uri.strip_prefix("sqlite:") {
        Some(_) => format!("{uri}?prefix=made"),
        None => format!("{uri}_made"),
    }
}

/// Gives the store what the one beside it has, in the tables of schema 1.
async fn make_old(uri: &str) {
    let is_sqlite = uri.starts_with("sqlite:");
    let [key, blob, as_given] = if is_sqlite {
        ["INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB", ""]
    } else {
        ["BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA", "OVERRIDING SYSTEM VALUE"]
    };
    let mut sql: Vec<_> = SCHEMA_1.iter().map(|text| text.replace("{key}", key).replace("{blob}", blob)).collect();
    let made = if is_sqlite { "made_" } else { "{p}made_" };
    for table in TABLES {
        sql.push(format!("INSERT INTO {{p}}{table} {as_given} SELECT * FROM {made}{table}"));
        if !is_sqlite && table != "lanes" {
            sql.push(format!(
                "SELECT setval(pg_get_serial_sequence('{{p}}{table}', 'seq'), (SELECT max(seq) FROM {{p}}{table}))"
            ));
        }
    }
    sql.push("INSERT INTO {p}meta (key, value) VALUES ('schema', '1')".to_owned());
    assert!(change(uri, &sql.join(";\n")).await);
}

mod tests {
    use super::*;

    pub(super) async fn a_store_of_schema_1_is_brought_up_to_date(uri: &str) {
        if uri == "memory:" {
            return;
        }
        let receiver = Receiver::start().await;
        let made = Outbox::open(&beside(uri), options()).await.unwrap();
        let paused = made.subscribe(receiver.subscription()).await.unwrap().id;
        let second = SubscriptionOptions { events: vec!["order.late".into()], ..receiver.subscription() };
        made.subscribe(second).await.unwrap();
        made.pause(&paused).await.unwrap();
        for number in 0..5 {
            let event = event("order.paid", &format!("evt_{number}"));
            made.publish(Publication::new(event).ordering_key("one")).await.unwrap();
        }
        made.worker(4).unwrap().run_until_idle().await.unwrap();
        made.publish(event("order.late", "evt_5")).await.unwrap();
        drop(made);

        make_old(uri).await;
        // One is in the hands of a worker of that version which was lost.
        let taken = "UPDATE {p}deliveries SET claim = 'claim_old', crashes = 1, due_at = 1 \
                     WHERE event_seq = (SELECT min(event_seq) FROM {p}deliveries)";
        change(uri, taken).await;
        let opened: JoinSet<_> = (0..4)
            .map(|_| {
                let uri = uri.to_owned();
                async move { Outbox::open(&uri, options()).await.map(drop) }
            })
            .collect();
        opened.join_all().await.into_iter().for_each(|opened| opened.unwrap());
        let outbox = Outbox::open(uri, options()).await.unwrap();
        let status = outbox.status().await.unwrap();
        assert_eq!((status.events_waiting, status.pending, status.in_flight, status.subscriptions), (1, 5, 1, 2));
        outbox.resume(&paused).await.unwrap();
        let counts = outbox.worker(4).unwrap().run_until_idle().await.unwrap();
        assert_eq!((counts.delivered, counts.stale, counts.dead), (7, 0, 0));
        let bodies: Vec<_> = receiver.seen().await.into_iter().map(|seen| seen.body).collect();
        let ordered: Vec<_> = bodies.iter().filter(|body| !body.ends_with(b"5\"}")).cloned().collect();
        let wanted: Vec<_> = (0..5).map(|number| format!(r#"{{"id":"evt_{number}"}}"#).into_bytes()).collect();
        assert_eq!((bodies.len(), ordered), (7, wanted));
    }
}
