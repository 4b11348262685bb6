//! What endpoints that hang cost those that answer, over real sockets, with every time a fifth of what it is by default and so
//! five times the load.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hookseal::{Breaker, Endpoint, Event, RetryPolicy, Sender, Status};
use tokio::{task::JoinSet, time::interval};

use crate::{Failure, sink::Sink};

const ENDPOINTS: usize = 1_000;
const PER_SECOND: usize = 1_000;
const WARM_UP: usize = 12 * PER_SECOND;
const MEASURED: usize = 16 * PER_SECOND;
const TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) fn run() -> Result<(), Failure> {
    let alone = measure(false)?;
    let crowded = measure(true)?;
    println!("| {ENDPOINTS} endpoints, {PER_SECOND} events/s | p50 | p99 | deliveries/s | dead |");
    println!("|---|--:|--:|--:|--:|");
    for (name, it) in [("the 600 healthy ones alone", &alone), ("beside 300 black holes and 100 late ones", &crowded)] {
        println!("| {name} | {:.1} ms | {:.1} ms | {:.1} | {} |", it.p50 * 1e3, it.p99 * 1e3, it.rate, it.dead);
    }
    println!(
        "| ratio (target) | {:.2} | {:.2} (<= 2) | {:.3} (>= 0.95) | (0) |",
        crowded.p50 / alone.p50,
        crowded.p99 / alone.p99,
        crowded.rate / alone.rate
    );
    Ok(())
}

/// How the healthy endpoints fared after the warm-up.
struct Outcome {
    p50: f64,
    p99: f64,
    rate: f64,
    dead: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Healthy,
    /// Answers just under the deadline.
    Late,
    BlackHole,
}

/// Of ten endpoints three are black holes and one is late.
fn kind(endpoint: usize) -> Kind {
    match endpoint % 10 {
        0..3 => Kind::BlackHole,
        3 => Kind::Late,
        _ => Kind::Healthy,
    }
}

#[tokio::main]
async fn measure(with_neighbours: bool) -> Result<Outcome, Failure> {
    let sink = Sink::start()?;
    let sender = Sender::builder()
        .allow_private(true)
        .timeout(TIMEOUT)
        .breaker(Some(Breaker { open_for: Duration::from_secs(12), ..Breaker::default() }))
        .retry(RetryPolicy::default().initial(TIMEOUT / 15).max(TIMEOUT * 4).max_age(TIMEOUT * 40))
        .build()?;
    let endpoints = (0..ENDPOINTS).map(|index| {
        let path = match kind(index) {
            Kind::Healthy => "/after/20",
            Kind::Late => "/after/2800",
            Kind::BlackHole => "/never",
        };
        Endpoint::new(&sink.url(index, path), ["whsec_bench"])
    });
    let endpoints: Vec<_> = endpoints.collect::<Result<_, _>>()?;
    let event = Event::bytes("order.paid", vec![b'x'; 1024])?;
    let mut waits = JoinSet::new();
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(PER_SECOND)?);
    for index in 0..WARM_UP + MEASURED {
        pace.tick().await;
        // Seven is prime to the number of endpoints, so all get their share.
        let endpoint = index * 7 % ENDPOINTS;
        let is_healthy = kind(endpoint) == Kind::Healthy;
        if !is_healthy && !with_neighbours {
            continue;
        }
        let accepted = Instant::now();
        let handle = sender.enqueue(&endpoints[endpoint], event.clone())?;
        if is_healthy && index >= WARM_UP {
            waits.spawn(async move { (handle.wait().await.status, accepted.elapsed().as_secs_f64()) });
        }
    }
    // What is still on its way was not delivered in time.
    let ended: VecDeque<_> = std::iter::from_fn(|| waits.try_join_next()).collect::<Result<_, _>>()?;
    sender.close(Duration::ZERO).await;
    let (delivered, dead): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(status, _)| *status == Status::Delivered);
    let mut times: Vec<_> = delivered.into_iter().map(|(_, time)| time).collect();
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let rate = times.len() as f64 * PER_SECOND as f64 / MEASURED as f64;
    Ok(Outcome { p50: times[times.len() / 2], p99: times[times.len() * 99 / 100], rate, dead: dead.len() })
}
