//! How fast the outbox is: durable publishes, deliveries from end to end, and latency, beside the rate at which the
//! database alone inserts and then updates such rows with the same durability.
//!
//! `hookseal-bench-outbox STORE` prints the rows of a Markdown table; STORE is `sqlite` or the URL of a PostgreSQL server.

#![expect(clippy::print_stdout, reason = "what it is for")]

mod bare;
mod sink;

use std::{
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use hookseal::{
    Event, SenderOptions,
    outbox::{Outbox, OutboxOptions, SubscriptionOptions},
};
use sink::Sink;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const PAYLOAD: usize = 1024;
const ROUNDS: usize = 15;
const ONE_BY_ONE: usize = 100;
const AT_ONCE: usize = 64;
const MANY: usize = 3_200;
const ENDPOINTS: usize = 64;
const DELIVERIES: usize = 3_200;
const LATENCIES: usize = 200;
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let store = std::env::args().nth(1).ok_or("usage: hookseal-bench-outbox sqlite|URL")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("outbox.db");
    let (name, uri) = if store == "sqlite" {
        ("SQLite", format!("sqlite:{}", file.display()))
    } else {
        ("PostgreSQL", postgres(&store, &format!("bench{}", std::process::id())))
    };
    let sink = Sink::start().await?;
    let outbox = Outbox::open(&uri, options()).await?;
    for host in 0..ENDPOINTS {
        let url = sink.url(host);
        outbox
            .subscribe(SubscriptionOptions { url, events: vec!["second.*".into()], ..SubscriptionOptions::default() })
            .await?;
    }

    let (mut one_by_one, mut many, mut deliveries, mut own_rows) =
        (Ratio::default(), Ratio::default(), Ratio::default(), Ratio::default());
    let (mut bare_events, mut bare_deliveries) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (alone, own) = alone(&store, folder.path(), round).await?;
        bare_events.push(alone);
        bare_deliveries.push(own);

        let started = Instant::now();
        for number in 0..ONE_BY_ONE {
            outbox.publish(event("first.one", number)?).await?;
        }
        one_by_one.add(ONE_BY_ONE, started.elapsed(), alone);

        let started = Instant::now();
        at_once(MANY, |number| {
            let outbox = outbox.clone();
            async move { outbox.publish(event("first.many", number)?).await.map(drop) }
        })
        .await?;
        many.add(MANY, started.elapsed(), alone);
        outbox.worker(AT_ONCE)?.run_until_idle().await?;

        for number in 0..DELIVERIES / ENDPOINTS {
            outbox.publish(event("second.one", number)?).await?;
        }
        let started = Instant::now();
        let counts = outbox.worker(AT_ONCE)?.run_until_idle().await?;
        if counts.delivered != DELIVERIES as u64 {
            return Err(format!("{} of {DELIVERIES} were delivered", counts.delivered).into());
        }
        let elapsed = started.elapsed();
        deliveries.add(DELIVERIES, elapsed, alone);
        own_rows.add(DELIVERIES, elapsed, own);
    }
    let batch = bare::BATCH;
    for (rows, rates) in [("rows of 1 KiB (A)", bare_events), ("a delivery's rows (B)", bare_deliveries)] {
        println!(
            "| {name} alone: {rows}, inserted, then updated, {batch} a transaction | {:.0}/s | 1 | |",
            median(rates)
        );
    }
    one_by_one.row(&format!("{name}: publish, one by one, beside A"), "");
    many.row(&format!("{name}: publish, {AT_ONCE} at once, beside A"), "");
    let delivering = format!("{name}: fan out and deliver to {ENDPOINTS} endpoints");
    deliveries.row(&format!("{delivering}, beside A"), "at least 0.50");
    own_rows.row(&format!("{delivering}, beside B"), "");
    latency(name, &outbox, &sink).await
}

/// What the database alone does with rows like an event's, and with those of a delivery.
async fn alone(store: &str, folder: &Path, round: usize) -> Result<(f64, f64), Failure> {
    if store == "sqlite" {
        let (events, deliveries) =
            (folder.join(format!("events{round}.db")), folder.join(format!("deliveries{round}.db")));
        drop(Outbox::open(&format!("sqlite:{}", deliveries.display()), options()).await?);
        return tokio::task::spawn_blocking(move || {
            Ok((bare::sqlite_events(&events)?, bare::sqlite_deliveries(&deliveries)?))
        })
        .await?;
    }
    let prefix = format!("bare{}_{round}", std::process::id());
    drop(Outbox::open(&postgres(store, &prefix), options()).await?);
    Ok((bare::postgres_events(store).await?, bare::postgres_deliveries(store, &format!("{prefix}_")).await?))
}

fn postgres(url: &str, prefix: &str) -> String {
    let between = if url.contains('?') { '&' } else { '?' };
    format!("{url}{between}prefix={prefix}")
}

/// Rates, and beside each what the database alone did just before.
#[derive(Default)]
struct Ratio {
    rates: Vec<f64>,
    ratios: Vec<f64>,
}

impl Ratio {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn add(&mut self, count: usize, elapsed: Duration, alone: f64) {
        let rate = count as f64 / elapsed.as_secs_f64();
        self.rates.push(rate);
        self.ratios.push(rate / alone);
    }

    fn row(self, name: &str, target: &str) {
        println!("| {name} | {:.0}/s | {:.2} | {target} |", median(self.rates), median(self.ratios));
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn options() -> OutboxOptions {
    OutboxOptions {
        encryption_key: Some(KEY.to_owned()),
        delivery: SenderOptions { allow_private: true, ..SenderOptions::default() },
        ..OutboxOptions::default()
    }
}

fn event(kind: &str, number: usize) -> hookseal::Result<Event> {
    let start = format!(r#"{{"number":{number},"filling":""#);
    let filling = "x".repeat(PAYLOAD - start.len() - 2);
    Event::bytes(kind, format!("{start}{filling}\"}}"))
}

/// Runs so many, `AT_ONCE` at a time.
async fn at_once<F: Future<Output = hookseal::Result<()>> + Send + 'static>(
    count: usize,
    work: impl Fn(usize) -> F,
) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        if tasks.len() == AT_ONCE {
            tasks.join_next().await.ok_or("no task")???;
        }
        tasks.spawn(work(number));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// From the call of `publish` to the arrival at the receiver, with nothing else to do.
async fn latency(name: &str, outbox: &Outbox, sink: &Sink) -> Result<(), Failure> {
    let url = sink.url(ENDPOINTS);
    outbox
        .subscribe(SubscriptionOptions { url, events: vec!["third.*".into()], ..SubscriptionOptions::default() })
        .await?;
    let worker = outbox.worker(AT_ONCE)?;
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let mut took = Vec::with_capacity(LATENCIES);
    for number in 0..LATENCIES {
        let arrived = sink.next_arrival();
        let started = Instant::now();
        outbox.publish(event("third.one", number)?).await?;
        took.push(tokio::time::timeout(Duration::from_secs(30), arrived).await?.duration_since(started));
        while worker.counts().delivered <= number as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await; // the outcome is still being written
        }
    }
    worker.stop();
    running.await??;
    took.sort();
    let milliseconds = |at: usize| took[at].as_secs_f64() * 1000.0;
    println!(
        "| {name}: publish to arrival, idle | p50 {:.1} ms, p99 {:.1} ms | | p50 under 10 ms |",
        milliseconds(LATENCIES / 2),
        milliseconds(LATENCIES * 99 / 100)
    );
    Ok(())
}
