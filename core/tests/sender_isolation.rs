//! The yardstick of isolation: endpoints that answer do not notice those that do not.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookseal::{
    Endpoint, Event, Sender, Status,
    retry::{AttemptError, Reason},
    transport::{Request, Scripted, Step},
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

const ENDPOINTS: usize = 1_000;
const PER_SECOND: usize = 200;
const WARM_UP: usize = 60 * PER_SECOND;
const MEASURED: usize = 120 * PER_SECOND;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fast,
    Late,
    BlackHole,
}

/// Of ten endpoints three are black holes and one answers just under the deadline.
fn kind(endpoint: usize) -> Kind {
    match endpoint % 10 {
        0..3 => Kind::BlackHole,
        3 => Kind::Late,
        _ => Kind::Fast,
    }
}

struct Outcome {
    p99: Duration,
    delivered_in_time: usize,
}

/// Sends at a steady rate, and looks at how the fast endpoints fare after the warm-up.
async fn run(with_neighbours: bool) -> Outcome {
    let transport = Scripted(|request: &Request<'_>| {
        let host = request.target.url().host_str().unwrap();
        match kind(host[1..host.find('.').unwrap()].parse().unwrap()) {
            Kind::Fast => Step::answer(200).after(Duration::from_millis(20)),
            Kind::Late => Step::answer(200).after(Duration::from_secs(14)),
            Kind::BlackHole => Step::fail(AttemptError::ConnectTimeout).after(Duration::from_secs(5)),
        }
    });
    let sender = Sender::builder().transport(transport).build().unwrap();
    let endpoints: Vec<_> = (0..ENDPOINTS)
        .map(|index| Endpoint::new(&format!("https://e{index}.example.com/"), ["whsec_demo"]).unwrap())
        .collect();
    let event = Event::bytes("order.paid", "{}").unwrap();
    let mut waits = JoinSet::new();
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(PER_SECOND).unwrap());
    for index in 0..WARM_UP + MEASURED {
        pace.tick().await;
        // Seven is prime to the number of endpoints, so all get their share.
        let endpoint = index * 7 % ENDPOINTS;
        let is_fast = kind(endpoint) == Kind::Fast;
        if !is_fast && !with_neighbours {
            continue;
        }
        let accepted = Instant::now();
        let handle = sender.enqueue(&endpoints[endpoint], event.clone()).unwrap();
        if is_fast && index >= WARM_UP {
            waits.spawn(async move {
                let delivery = handle.wait().await;
                assert_eq!((delivery.status, delivery.reason), (Status::Delivered, None::<Reason>));
                accepted.elapsed()
            });
        }
    }
    // Those that are still on their way count as not in time.
    let mut times = Vec::new();
    while let Some(time) = waits.try_join_next() {
        times.push(time.unwrap());
    }
    sender.close(Duration::ZERO).await;
    times.sort();
    Outcome { p99: times[times.len() * 99 / 100], delivered_in_time: times.len() }
}

#[tokio::test(start_paused = true)]
async fn fast_endpoints_do_not_notice_black_holes() {
    let alone = run(false).await;
    let crowded = run(true).await;
    assert!(alone.delivered_in_time > MEASURED / 2);
    assert!(crowded.p99 <= alone.p99 * 2, "p99 {:?}, alone {:?}", crowded.p99, alone.p99);
    assert!(
        crowded.delivered_in_time * 100 >= alone.delivered_in_time * 95,
        "{} delivered, alone {}",
        crowded.delivered_in_time,
        alone.delivered_in_time
    );
}
