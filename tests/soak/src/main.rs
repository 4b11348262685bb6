//! A program with an outbox, which its tests start many times and end at a named point: `hookseal-soak STORE COMMAND …`.
//!
//! - `subscribe URL COUNT [PATTERN]` makes so many subscriptions
//! - `publish` accepts an event for each line of standard input, its id, and answers each with a line
//! - `fill COUNT` accepts so many, 64 at once
//! - `work CONCURRENCY [LEASE]` delivers until standard input ends; LEASE is in milliseconds
//! - `clean` forgets what is finished
//! - `status` counts

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{io::BufRead as _, time::Duration};

use hookseal::{
    Event, Result, SenderOptions,
    outbox::{Outbox, OutboxOptions, SubscriptionOptions},
};
use serde_json::json;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LEASE: u64 = 2_000;
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() -> std::result::Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (store, command) = words.split_at_checked(1).ok_or("usage: hookseal-soak STORE COMMAND …")?;
    let lease = match command {
        ["work", _, lease] => lease.parse()?,
        _ => LEASE,
    };
    let outbox = Outbox::open(store[0], options(lease, command)).await?;
    match command {
        ["subscribe", url, count, rest @ ..] => subscribe(&outbox, url, count.parse()?, rest).await?,
        ["publish"] => publish(&outbox).await?,
        ["fill", count] => fill(&outbox, count.parse()?).await?,
        ["work", concurrency, ..] => work(&outbox, concurrency.parse()?).await?,
        ["clean"] => outbox.clean_up().await?,
        ["status"] => println!("{}", json!(outbox.status().await?)),
        other => return Err(format!("there is no command {other:?}").into()),
    }
    Ok(())
}

fn options(lease: u64, command: &[&str]) -> OutboxOptions {
    let retention = if command == ["clean"] { Duration::ZERO } else { OutboxOptions::default().retention };
    OutboxOptions {
        encryption_key: Some(KEY.to_owned()),
        lease: Duration::from_millis(lease),
        poll: Duration::from_millis(50),
        retention,
        idempotency_ttl: retention,
        delivery: SenderOptions {
            allow_private: true,
            timeout: Duration::from_millis(lease * 3 / 4),
            ..SenderOptions::default()
        },
        ..OutboxOptions::default()
    }
}

async fn subscribe(outbox: &Outbox, url: &str, count: usize, patterns: &[&str]) -> Result<()> {
    for _ in 0..count {
        outbox
            .subscribe(SubscriptionOptions {
                url: url.to_owned(),
                secrets: vec![SECRET.to_owned()],
                events: patterns.iter().map(ToString::to_string).collect(),
                ..SubscriptionOptions::default()
            })
            .await?;
    }
    Ok(())
}

fn event(id: &str) -> Result<Event> {
    Event::json("order.paid", &json!({ "id": id }))?.id(id)
}

/// Each line is answered before the next is read, so that whoever writes them knows which are safe.
async fn publish(outbox: &Outbox) -> std::result::Result<(), Failure> {
    for line in std::io::stdin().lock().lines() {
        let answer = match outbox.publish(event(&line?)?).await {
            Ok(published) => json!(published),
            Err(error) => json!({ "error": error.code().as_str(), "retryable": error.is_retryable() }),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn fill(outbox: &Outbox, count: usize) -> std::result::Result<(), Failure> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        if tasks.len() == AT_ONCE {
            tasks.join_next().await.ok_or("no task")???;
        }
        let outbox = outbox.clone();
        tasks.spawn(async move { outbox.publish(event(&format!("evt_{number}"))?).await.map(drop) });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn work(outbox: &Outbox, concurrency: usize) -> std::result::Result<(), Failure> {
    let worker = outbox.worker(concurrency)?;
    let running = tokio::spawn(worker.run());
    tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().for_each(drop)).await?;
    worker.stop();
    running.await??;
    println!("{}", json!(worker.counts()));
    Ok(())
}
