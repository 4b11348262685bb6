//! What a sender tells the `metrics` facade.

#![cfg(all(feature = "send", feature = "metrics"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use hookseal::{
    Endpoint, Event, Message, Secret, Sender, Signer, Timestamp, Verifier,
    retry::RetryPolicy,
    transport::{Request, Scripted, Step},
};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// The sum or the last value of everything that was told, by name and labels.
#[derive(Clone, Default)]
struct Board(Arc<Mutex<BTreeMap<String, f64>>>);

struct Cell {
    board: Board,
    name: String,
}

impl Cell {
    fn update(&self, change: impl FnOnce(f64) -> f64) {
        let mut board = self.board.0.lock().unwrap();
        let value = board.entry(self.name.clone()).or_default();
        *value = change(*value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
impl CounterFn for Cell {
    fn increment(&self, by: u64) {
        self.update(|value| value + by as f64);
    }
    fn absolute(&self, to: u64) {
        self.update(|_| to as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, by: f64) {
        self.update(|value| value + by);
    }
    fn decrement(&self, by: f64) {
        self.update(|value| value - by);
    }
    fn set(&self, to: f64) {
        self.update(|_| to);
    }
}

impl HistogramFn for Cell {
    fn record(&self, _: f64) {
        self.update(|count| count + 1.0);
    }
}

impl Board {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Cell { board: self.clone(), name: format!("{} {}", key.name(), labels.join(" ")) })
    }
}

impl Recorder for Board {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_deliveries_and_levels_are_counted_without_telling_where() {
    let board = Board::default();
    let _recording = metrics::set_default_local_recorder(&board);
    let transport = Scripted(|request: &Request<'_>| {
        let is_down = request.target.url().host_str() == Some("down.example.com");
        Step::answer(if is_down { 503 } else { 200 })
    });
    let sender = Sender::builder().transport(transport).retry(RetryPolicy::none()).build().unwrap();
    for host in ["up", "down", "down", "down", "down", "down", "up"] {
        let endpoint = Endpoint::new(&format!("https://{host}.example.com/"), ["whsec_demo"]).unwrap();
        sender.send(&endpoint, Event::bytes("a", "x").unwrap()).await.unwrap();
    }
    let told = board.0.lock().unwrap().clone();
    let expected = [
        ("hookseal_attempt_seconds ", 7.0),
        ("hookseal_attempts_total outcome=failed code=http_status", 5.0),
        ("hookseal_attempts_total outcome=succeeded code=none", 2.0),
        ("hookseal_circuits_open ", 1.0),
        ("hookseal_deliveries_total outcome=dead", 5.0),
        ("hookseal_deliveries_total outcome=delivered", 2.0),
        ("hookseal_in_flight ", 0.0),
        ("hookseal_queue_depth ", 0.0),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[test]
fn verdicts_are_counted_by_their_code() {
    let board = Board::default();
    let _recording = metrics::set_default_local_recorder(&board);
    let verifier = Verifier::new(Secret::parse("whsec_demo").unwrap()).unwrap();
    let signer = Signer::new(Secret::parse("whsec_demo").unwrap()).unwrap();
    let headers = signer.sign_at(&Message::new("{}"), Timestamp::from_unix(1_700_000_000)).unwrap();
    for (body, now) in [("{}", 1_700_000_000), ("{}", 1_700_000_300), ("{}", 1_700_000_301), ("[]", 1_700_000_000)] {
        let _ = verifier.verify_at(body, &headers, Timestamp::from_unix(now));
    }
    let expected = [
        ("hookseal_verify_total result=no_matching_signature", 1.0),
        ("hookseal_verify_total result=ok", 2.0),
        ("hookseal_verify_total result=timestamp_too_old", 1.0),
    ];
    assert_eq!(*board.0.lock().unwrap(), expected.map(|(name, value)| (name.to_owned(), value)).into());
}
