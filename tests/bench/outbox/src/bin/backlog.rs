//! How long a claim takes while 1,000, 100,000 and 1,000,000 deliveries are due.
//!
//! `hookseal-bench-outbox` has the rest; `backlog STORE` prints rows of the same table.

#![expect(clippy::print_stdout, reason = "what it is for")]

#[path = "../sink.rs"]
#[expect(dead_code, reason = "the other program uses the rest")]
mod sink;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hookseal::{
    SenderOptions,
    outbox::{Outbox, OutboxOptions, SubscriptionOptions},
};
use sink::Sink;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];
const ENDPOINTS: u32 = 50;
const PAYLOAD: u32 = 1024;
/// How many claims are timed at each size, if there are so many; none is counted that found nothing.
const CLAIMS: usize = 200;
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The seconds that each claim took, as the outbox logs them.
#[derive(Clone, Default)]
struct Claims(Arc<Mutex<Vec<f64>>>);

impl Claims {
    fn take(&self) -> Vec<f64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Visit for Claims {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "claim_seconds" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Claims {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hookseal::outbox") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Another connection to the store, which fills it faster than publishing would.
enum Filler {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client, String),
}

impl Filler {
    async fn run(&self, sql: &str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(other) => other.execute_batch(&sql.replace("{p}", "hookseal"))?,
            Self::Postgres(other, prefix) => other.batch_execute(&sql.replace("{p}", prefix)).await?,
        }
        Ok(())
    }

    /// Adds events that every endpoint still has to get.
    async fn add(&self, deliveries: u32) -> Result<(), Failure> {
        let (events, now, payload, series, settle) = match self {
            Self::Sqlite(_) => (
                deliveries / ENDPOINTS,
                "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
                format!("zeroblob({PAYLOAD})"),
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {events})",
                "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)",
            ),
            Self::Postgres(..) => (
                deliveries / ENDPOINTS,
                "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
                format!("decode(repeat('00', {PAYLOAD}), 'hex')"),
                "WITH numbers(n) AS (SELECT generate_series(1, {events}))",
                // What autovacuum does in its own time.
                "VACUUM ANALYZE {p}_events; VACUUM ANALYZE {p}_deliveries; VACUUM ANALYZE {p}_lanes",
            ),
        };
        let series = series.replace("{events}", &events.to_string());
        self.run(&format!(
            "INSERT INTO {{p}}_events (id, type, payload, content_type, metadata, tenant, digest, accepted_at, due_at, fanned, \
             reached) {series} SELECT 'fill_' || {deliveries} || '_' || n, 'order.paid', {payload}, 'application/json', '{{}}', \
             '', '', {now}, {now}, 1, -1 FROM numbers"
        ))
        .await?;
        self.run(&format!(
            "INSERT INTO {{p}}_deliveries (id, event_seq, event_type, lane, subscription, status, attempts, tries, crashes, \
             due_at, accepted_at, aged_from, expires_at) SELECT 'fill_' || e.seq || '_' || s.seq, e.seq, e.type, s.id, s.id, \
             'pending', 0, 0, 0, {now}, {now}, {now}, {now} + 86400000 FROM {{p}}_events e CROSS JOIN {{p}}_subscriptions s \
             WHERE e.reached = -1"
        ))
        .await?;
        self.run("UPDATE {p}_events SET reached = 0 WHERE reached = -1").await?;
        self.run("UPDATE {p}_lanes SET next_due = 0").await?;
        for statement in settle.split("; ") {
            self.run(statement).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let store = std::env::args().nth(1).ok_or("usage: backlog sqlite|URL [DELIVERIES …]")?;
    let sizes: Vec<u32> = std::env::args().skip(2).map(|size| size.parse()).collect::<Result<_, _>>()?;
    let claims = Claims::default();
    tracing::subscriber::set_global_default(claims.clone())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("outbox.db");
    let prefix = format!("backlog{}", std::process::id());
    let between = if store.contains('?') { '&' } else { '?' };
    let (name, uri) = match store.as_str() {
        "sqlite" => ("SQLite", format!("sqlite:{}", file.display())),
        url => ("PostgreSQL", format!("{url}{between}prefix={prefix}")),
    };
    let sink = Sink::start().await?;
    let options = OutboxOptions {
        encryption_key: Some(KEY.to_owned()),
        delivery: SenderOptions { allow_private: true, ..SenderOptions::default() },
        ..OutboxOptions::default()
    };
    let outbox = Outbox::open(&uri, options).await?;
    for host in 0..ENDPOINTS {
        let url = sink.url(usize::try_from(host)?);
        outbox.subscribe(SubscriptionOptions { url, ..SubscriptionOptions::default() }).await?;
    }
    let filler = match store.as_str() {
        "sqlite" => {
            let other = rusqlite::Connection::open(&file)?;
            other.busy_timeout(Duration::from_secs(60))?;
            Filler::Sqlite(other)
        }
        url => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Filler::Postgres(client, prefix)
        }
    };
    for size in if sizes.is_empty() { SIZES.to_vec() } else { sizes } {
        let pending = u32::try_from(outbox.status().await?.pending)?;
        filler.add(size.saturating_sub(pending)).await?;
        let pending = outbox.status().await?.pending;
        claims.take();
        let worker = outbox.worker(64)?;
        let running = tokio::spawn(worker.run());
        while claims.count() < CLAIMS && worker.counts().delivered + 500 < u64::from(size) {
            tokio::time::sleep(Duration::from_millis(10)).await; // the worker works; it must not be kept from it
        }
        worker.stop();
        running.await??;
        let mut took = claims.take();
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took.get(took.len() * part / 100).map_or(f64::NAN, |seconds| seconds * 1000.0);
        println!(
            "| {name}: claim while {pending} are due, {} claims | p50 {:.1} ms, p99 {:.1} ms | | p99 under 20 ms |",
            took.len(),
            at(50),
            at(99)
        );
    }
    Ok(())
}
