//! Deliveries per second, beside a bare loop over reqwest with the same concurrency.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use hookseal::{Breaker, Endpoint, Event, Sender, Status};
use tokio::runtime::Runtime;

use crate::{
    Failure,
    measure::{Cost, cost, processor_time, quartiles},
    sink::Sink,
};

const IN_FLIGHT: usize = 64;
const DELIVERIES: usize = 4_000;
const TURNS: usize = 41;
const PAYLOAD: usize = 1024;

pub(crate) fn run() -> Result<(), Failure> {
    println!(
        "| {IN_FLIGHT} in flight, 1 KiB | hookseal/s | reqwest/s | ratio | middle half | target | processor | sink's share |"
    );
    println!("|---|--:|--:|--:|---|--:|--:|--:|");
    race("one endpoint", 1, "0.80")?;
    race("1,000 endpoints", 1_000, "0.75")
}

fn race(name: &str, hosts: usize, target: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sink = Sink::start()?;
    let courier = Courier::new(&sink, hosts)?;
    let bare = Bare::new(&sink, hosts)?;
    let (ours, theirs) = (|| cost(|| courier.deliver(&runtime)), || cost(|| bare.deliver(&runtime)));
    // Connections are made before anything is measured.
    ours()?;
    theirs()?;
    let everyone = || Ok::<_, Failure>((processor_time(sink.pid())?, processor_time(std::process::id())?));
    let (sink_before, self_before) = everyone()?;
    let mut turns = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        turns.push(if turn % 2 == 0 {
            let our_cost = ours()?;
            (our_cost, theirs()?)
        } else {
            let their_cost = theirs()?;
            (ours()?, their_cost)
        });
    }
    let (sink_after, self_after) = everyone()?;
    let sinks = sink_after.saturating_sub(sink_before).as_secs_f64();
    let share = sinks / (sinks + self_after.saturating_sub(self_before).as_secs_f64());

    let of = |pick: fn(&(Cost, Cost)) -> f64| quartiles(turns.iter().map(pick).collect());
    let [ratio, low, high] = of(|(ours, theirs)| theirs.wall.as_secs_f64() / ours.wall.as_secs_f64());
    let [processor, ..] = of(|(ours, theirs)| theirs.processor.as_secs_f64() / ours.processor.as_secs_f64());
    let [our_rate, ..] = of(|(ours, _)| rate(ours));
    let [their_rate, ..] = of(|(_, theirs)| rate(theirs));
    println!(
        "| {name} | {our_rate:.0} | {their_rate:.0} | {ratio:.2} | {low:.2} - {high:.2} | {target} | {processor:.2} | {:.0} % |",
        share * 100.0
    );
    Ok(())
}

fn rate(cost: &Cost) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let deliveries = DELIVERIES as f64;
    deliveries / cost.wall.as_secs_f64()
}

/// Hookseal, bounds lifted, with a subscriber that reads every event.
struct Courier {
    sender: Sender,
    endpoints: Vec<Endpoint>,
    event: Event,
    told: Arc<AtomicUsize>,
}

impl Courier {
    fn new(sink: &Sink, hosts: usize) -> Result<Self, Failure> {
        let endpoints = (0..hosts).map(|host| Endpoint::new(&sink.url(host, "/"), ["whsec_bench"]));
        Ok(Self {
            sender: Sender::builder()
                .allow_private(true)
                .max_queued(8 * DELIVERIES)
                .max_in_flight(IN_FLIGHT)
                .max_in_flight_per_endpoint(IN_FLIGHT)
                .breaker(Some(Breaker::default()))
                .build()?,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            event: Event::bytes("order.paid", payload())?,
            told: Arc::default(),
        })
    }

    fn deliver(&self, runtime: &Runtime) -> Result<(), Failure> {
        let mut notices = self.sender.subscribe();
        let told = Arc::clone(&self.told);
        let listener = runtime.spawn(async move {
            while notices.next().await.is_some() {
                told.fetch_add(1, Relaxed);
            }
        });
        let items = self.endpoints.iter().cycle().take(DELIVERIES).map(|it| (it.clone(), self.event.clone()));
        let deliveries = runtime.block_on(self.sender.send_many(items))?;
        listener.abort();
        let delivered = deliveries.iter().filter(|it| it.status == Status::Delivered && it.attempts.len() == 1);
        if delivered.count() == DELIVERIES && self.told.load(Relaxed) > 0 {
            Ok(())
        } else {
            Err("not all were delivered at once".into())
        }
    }
}

/// The same number of tasks over one client.
struct Bare {
    client: reqwest::Client,
    urls: Arc<[reqwest::Url]>,
    payload: Bytes,
}

impl Bare {
    fn new(sink: &Sink, hosts: usize) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let urls: Vec<reqwest::Url> = (0..hosts).map(|host| sink.url(host, "/").parse()).collect::<Result<_, _>>()?;
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
        let names = urls.iter().filter_map(reqwest::Url::host_str);
        Ok(Self {
            client: names.fold(client, |client, name| client.resolve(name, sink.address())).build()?,
            urls: urls.into(),
            payload: payload(),
        })
    }

    fn deliver(&self, runtime: &Runtime) -> Result<(), Failure> {
        let next = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let (client, urls, payload) = (self.client.clone(), Arc::clone(&self.urls), self.payload.clone());
                let next = Arc::clone(&next);
                runtime.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= DELIVERIES {
                            return Ok::<_, Failure>(());
                        }
                        let request = client.post(urls[number % urls.len()].clone());
                        let request = request.header("content-type", "application/json").body(payload.clone());
                        let response = request.send().await?.error_for_status()?;
                        response.bytes().await?;
                    }
                })
            })
            .collect();
        tasks.into_iter().try_for_each(|task| runtime.block_on(task)?)
    }
}

fn payload() -> Bytes {
    let text = br#"{"id":42,"event":"order.paid","note":"all of it is text"}"#;
    text.iter().copied().cycle().take(PAYLOAD).collect()
}
