//! The sender over a scripted transport, under a clock that jumps to the next timer.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use hookseal::{
    Breaker, Delivery, Endpoint, Error, ErrorCode, Event, Key, KeyRing, Notice, NoticeKind, Notices, RateLimit, Secret,
    Sender, SenderBuilder, Signer, Status, Timestamp, Verifier,
    retry::{AttemptError, Jitter, Phase, Reason, RetryOn, RetryPolicy},
    transport::{Request, Scripted, Step},
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// One attempt that the transport saw: which endpoint, which delivery, and when.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    host: String,
    id: String,
    number: String,
    at: Duration,
}

/// A sender whose transport keeps a journal and answers by a function of the attempt's place in it.
struct Stage {
    sender: Sender,
    seen: Arc<Mutex<Vec<Seen>>>,
    start: Instant,
}

impl Stage {
    fn new(script: impl Fn(&Seen, usize) -> Step + Send + Sync + 'static) -> Self {
        Self::with(|builder| builder, script)
    }

    fn with(
        configure: impl FnOnce(SenderBuilder) -> SenderBuilder,
        script: impl Fn(&Seen, usize) -> Step + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let journal = Arc::clone(&seen);
        let start = Instant::now();
        let transport = Scripted(move |request: &Request<'_>| {
            let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
            let entry = Seen {
                host: request.target.url().host_str().unwrap().to_owned(),
                id: header("x-webhook-id"),
                number: header("x-webhook-attempt"),
                at: start.elapsed(),
            };
            let index = {
                let mut journal = journal.lock().unwrap();
                journal.push(entry.clone());
                journal.len() - 1
            };
            script(&entry, index)
        });
        let policy = RetryPolicy::default().jitter(Jitter::None);
        let sender = configure(Sender::builder().retry(policy).transport(transport)).build().unwrap();
        Self { sender, seen, start }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn times(&self) -> Vec<f64> {
        self.seen().iter().map(|seen| seen.at.as_secs_f64()).collect()
    }

    async fn send(&self, host: &str) -> Delivery {
        self.sender.send(&endpoint(host), event()).await.unwrap()
    }
}

fn endpoint(host: &str) -> Endpoint {
    Endpoint::new(&format!("https://{host}.example.com/"), ["whsec_demo"]).unwrap()
}

fn event() -> Event {
    Event::json("order.paid", &serde_json::json!({"id": 42})).unwrap()
}

fn assert_close(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{actual:?}");
    // Timers tick in milliseconds.
    assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{actual:?} is not {expected:?}");
}

async fn collect(mut notices: Notices, count: usize) -> Vec<Arc<Notice>> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(notices.next().await.unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_after_growing_delays_under_one_id() {
    let stage = Stage::new(|_, index| if index < 3 { Step::answer(503) } else { Step::answer(204) });
    let delivery = stage.send("a").await;

    assert_eq!((delivery.status, delivery.reason), (Status::Delivered, None));
    assert_close(&stage.times(), &[0.0, 1.0, 3.0, 7.0]);
    let numbers: Vec<_> = delivery.attempts.iter().map(|attempt| (attempt.number, attempt.status_code)).collect();
    assert_eq!(numbers, [(1, Some(503)), (2, Some(503)), (3, Some(503)), (4, Some(204))]);
    assert_eq!(delivery.attempts[0].error, Some(AttemptError::HttpStatus));
    assert!(stage.seen().iter().all(|seen| seen.id == *delivery.id));
    assert_eq!(stage.seen().iter().map(|seen| &*seen.number).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_delivery_says_why() {
    let cases = [
        (Step::answer(500), Reason::AttemptsExhausted, 5),
        (Step::fail(AttemptError::ConnectionRefused), Reason::AttemptsExhausted, 5),
        (Step::answer(410), Reason::Gone, 1),
        (Step::answer(413), Reason::PayloadRejected, 1),
        (Step::answer(404), Reason::Rejected, 1),
        (Step::answer(302), Reason::Rejected, 1),
        (Step::fail(AttemptError::BlockedAddress), Reason::BlockedAddress, 1),
        (Step::answer(503).header("retry-after", "3600"), Reason::MaxAge, 1),
    ];
    for (step, reason, attempts) in cases {
        let told = format!("{step:?}");
        let stage = Stage::new(move |_, _| step.clone());
        let delivery = stage.send("a").await;
        assert_eq!((delivery.status, delivery.reason), (Status::Dead, Some(reason)), "{told}");
        assert_eq!(delivery.attempts.len(), attempts, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_own_policy_and_deadline_rule() {
    let stage = Stage::new(|_, _| Step::answer(404).after(3 * SECOND));
    let signer = Signer::new(Secret::parse("whsec_demo").unwrap()).unwrap();
    let patient = RetryPolicy::schedule([SECOND, SECOND]).jitter(Jitter::None).retry_on(RetryOn::AnyFailure);
    let own = Endpoint::builder("https://a.example.com/", signer).retry(patient).timeout(2 * SECOND).build().unwrap();
    let delivery = stage.sender.send(&own, event()).await.unwrap();
    assert_close(&stage.times(), &[0.0, 3.0, 6.0]);
    assert_eq!(delivery.attempts[0].error, Some(AttemptError::ResponseTimeout));
    assert_eq!(delivery.reason, Some(Reason::AttemptsExhausted));
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_delivery_and_frees_its_slot() {
    let stage = Stage::with(
        |builder| builder.max_in_flight(1),
        |seen, _| if seen.host.starts_with("bad") { panic!("scripted") } else { Step::answer(200) },
    );
    let delivery = stage.send("bad").await;
    assert_eq!((delivery.status, delivery.reason), (Status::Dead, Some(Reason::Internal)));
    assert_eq!(delivery.attempts[0].error, Some(AttemptError::Internal));
    assert_eq!(stage.send("good").await.status, Status::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_or_fails_ends_a_delivery_and_frees_its_slot() {
    let moments = Arc::new(AtomicUsize::new(0));
    let clock = move || match moments.fetch_add(1, SeqCst) {
        0 => panic!("scripted"),
        1 => Err(Error::new(ErrorCode::Internal, "scripted")),
        _ => Ok(Timestamp::from_unix(1_700_000_000)),
    };
    let stage = Stage::with(|builder| builder.max_in_flight(1).clock(clock), |_, _| Step::answer(200));
    for _ in 0..2 {
        assert_eq!(stage.send("a").await.reason, Some(Reason::Internal));
    }
    assert_eq!(stage.send("a").await.status, Status::Delivered);
}

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_the_whole_endpoint_and_no_other() {
    let stage = Stage::new(|seen, index| match index {
        0 => Step::answer(429).header("retry-after", "120"),
        _ if seen.host.starts_with('b') => Step::answer(200),
        _ => Step::answer(200),
    });
    let first = stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    while first.delivery().attempts.is_empty() {
        tokio::task::yield_now().await;
    }
    let second = stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    let other = stage.sender.enqueue(&endpoint("b"), event()).unwrap();
    for handle in [&first, &second, &other] {
        assert_eq!(handle.wait().await.status, Status::Delivered);
    }
    assert_eq!(first.delivery().attempts[0].retry_after, Some(120 * SECOND));
    let hosts: Vec<_> = stage.seen().iter().map(|seen| seen.host.clone()).collect();
    assert_eq!(hosts, ["a.example.com", "b.example.com", "a.example.com", "a.example.com"]);
    assert_close(&stage.times(), &[0.0, 0.0, 120.0, 120.0]);
}

#[tokio::test(start_paused = true)]
async fn what_would_expire_during_a_pause_is_dead_at_once() {
    let stage = Stage::with(|builder| builder.max_in_flight(1), |_, _| Step::answer(503).header("retry-after", "601"));
    let waiting: Vec<_> = (0..3).map(|_| stage.sender.enqueue(&endpoint("a"), event()).unwrap()).collect();
    let mut ends = Vec::new();
    for handle in &waiting {
        let delivery = handle.wait().await;
        ends.push((delivery.status, delivery.reason, delivery.attempts.len()));
    }
    let dead = |attempts| (Status::Dead, Some(Reason::MaxAge), attempts);
    assert_eq!(ends, [dead(1), dead(0), dead(0)]);
    // One more finds the endpoint paused.
    let late = stage.send("a").await;
    assert_eq!((late.reason, late.attempts.len()), (Some(Reason::MaxAge), 0));
    assert_eq!(stage.start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_probes_one_by_one_and_closes() {
    let stage = Stage::with(
        |builder| builder.retry(RetryPolicy::none().max_age(Duration::from_secs(3600))).max_in_flight(4),
        |seen, index| {
            let down = (0..6).contains(&index) && seen.host.starts_with('a');
            if down { Step::answer(500) } else { Step::answer(200).after(SECOND) }
        },
    );
    let notices = stage.sender.subscribe();
    for _ in 0..5 {
        stage.send("a").await;
    }
    // It is open now: nothing goes out for a minute, then one that fails, then another minute.
    let rest: Vec<_> = (0..6).map(|_| stage.sender.enqueue(&endpoint("a"), event()).unwrap()).collect();
    let mut attempts = Vec::new();
    for handle in &rest {
        attempts.push(handle.wait().await.attempts.len());
    }
    assert_eq!(attempts, [1; 6], "waiting behind an open circuit is no attempt");
    assert_close(&stage.times(), &[0.0, 0.0, 0.0, 0.0, 0.0, 60.0, 120.0, 121.0, 122.0, 123.0, 123.0]);
    let circuits: Vec<_> = collect(notices, 11 * 3 + 5)
        .await
        .iter()
        .map(|notice| notice.kind)
        .filter(|kind| {
            matches!(kind, NoticeKind::CircuitOpened | NoticeKind::CircuitHalfOpen | NoticeKind::CircuitClosed)
        })
        .collect();
    let (opened, half_open, closed) =
        (NoticeKind::CircuitOpened, NoticeKind::CircuitHalfOpen, NoticeKind::CircuitClosed);
    assert_eq!(circuits, [opened, half_open, opened, half_open, closed]);
}

#[tokio::test(start_paused = true)]
async fn other_failures_do_not_open_a_circuit() {
    let stage = Stage::with(
        |builder| builder.breaker(Some(Breaker { failures: 1, ..Breaker::default() })),
        |_, _| Step::answer(404),
    );
    for _ in 0..3 {
        stage.send("a").await;
    }
    assert_close(&stage.times(), &[0.0; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_spaces_attempts_and_allows_its_burst() {
    let limit = RateLimit::with_burst(10.0, 3).unwrap();
    let stage = Stage::with(|builder| builder.rate_limit(limit), |_, _| Step::answer(200));
    let items = (0..6).map(|_| (endpoint("a"), event()));
    let deliveries = stage.sender.send_many(items).await.unwrap();
    assert!(deliveries.iter().all(|delivery| delivery.status == Status::Delivered));
    assert_close(&stage.times(), &[0.0, 0.0, 0.0, 0.1, 0.2, 0.3]);
}

#[tokio::test(start_paused = true)]
async fn lanes_take_turns() {
    let stage = Stage::with(|builder| builder.max_in_flight(1), |_, _| Step::answer(200).after(SECOND));
    for _ in 0..10 {
        stage.sender.enqueue(&endpoint("busy"), event()).unwrap();
    }
    stage.send("rare").await;
    stage.sender.flush(None).await;
    let hosts: Vec<_> = stage.seen().iter().map(|seen| seen.host[..4].to_owned()).collect();
    // The busy lane had at most one more turn.
    assert!(hosts[..3].contains(&"rare".to_owned()), "{hosts:?}");
    assert_close(&stage.times(), &(0..11_u8).map(f64::from).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_has_only_so_many_attempts_in_flight() {
    let stage = Stage::new(|_, _| Step::answer(200).after(SECOND));
    stage.sender.send_many((0..20).map(|_| (endpoint("a"), event()))).await.unwrap();
    let per_second = |second: u64| stage.seen().iter().filter(|seen| seen.at.as_secs() == second).count();
    assert_eq!([0, 1, 2].map(per_second), [8, 8, 4]);
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_hang_leave_half_of_the_slots_to_those_that_answer() {
    let stage = Stage::with(
        |builder| builder.max_in_flight(8).max_in_flight_per_endpoint(8).timeout(60 * SECOND),
        |seen, _| Step::answer(200).after(if seen.host.starts_with("hang") { 50 * SECOND } else { SECOND / 10 }),
    );
    // Its first answer makes it fast.
    stage.send("quick").await;
    for host in ["hang-1", "hang-2", "hang-3", "hang-4", "hang-5", "hang-6"] {
        for _ in 0..8 {
            stage.sender.enqueue(&endpoint(host), event()).unwrap();
        }
    }
    let before = Instant::now();
    for _ in 0..20 {
        stage.send("quick").await;
    }
    assert!(before.elapsed() < 3 * SECOND, "{:?}", before.elapsed());
    let hanging = stage.seen().iter().filter(|seen| seen.host.starts_with("hang")).count();
    assert_eq!(hanging, 4);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_or_lets_wait() {
    let stage =
        Stage::with(|builder| builder.max_queued(8).max_queued_bytes(100), |_, _| Step::answer(200).after(SECOND));
    let small = || Event::bytes("a", "x").unwrap();
    let handles: Vec<_> = (0..2).map(|_| stage.sender.enqueue(&endpoint("a"), small()).unwrap()).collect();
    let error = stage.sender.enqueue(&endpoint("a"), small()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.is_retryable());
    assert!(error.message().contains("endpoint's") && error.message().contains("2 of 2"), "{error}");

    // `send` waits for the first to be done.
    let third = stage.sender.send(&endpoint("a"), small()).await.unwrap();
    assert_eq!(third.status, Status::Delivered);
    assert_eq!(stage.start.elapsed(), 2 * SECOND);
    assert_eq!(handles[0].wait().await.status, Status::Delivered);

    for host in ["b", "c", "d", "e"] {
        for _ in 0..2 {
            stage.sender.enqueue(&endpoint(host), small()).unwrap();
        }
    }
    let error = stage.sender.enqueue(&endpoint("f"), small()).unwrap_err();
    assert!(error.message().contains("sender's deliveries") && error.message().contains("8 of 8"), "{error}");
    assert!(stage.sender.flush(None).await);

    // A payload that is shared counts once; one that can never fit is refused for good.
    let shared = Event::bytes("a", vec![b'x'; 60]).unwrap();
    for host in ["a", "b", "c"] {
        stage.sender.enqueue(&endpoint(host), shared.clone()).unwrap();
    }
    let error = stage.sender.enqueue(&endpoint("d"), Event::bytes("a", vec![b'y'; 60]).unwrap()).unwrap_err();
    assert!(error.message().contains("payload bytes") && error.message().contains("60 of 100"), "{error}");
    let error = stage.sender.enqueue(&endpoint("d"), Event::bytes("a", vec![b'y'; 101]).unwrap()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PayloadTooLarge);
    assert!(stage.sender.flush(None).await);
    stage.sender.enqueue(&endpoint("d"), Event::bytes("a", vec![b'y'; 60]).unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_ends_with_the_sender() {
    let stage = Stage::with(|builder| builder.max_queued(1), |_, _| Step::answer(200).after(SECOND));
    stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    let waiting = tokio::spawn({
        let sender = stage.sender.clone();
        async move { sender.send(&endpoint("b"), event()).await }
    });
    tokio::task::yield_now().await;
    stage.sender.close(SECOND * 2).await;
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), ErrorCode::Closed);
    assert_eq!(stage.sender.enqueue(&endpoint("a"), event()).unwrap_err().code(), ErrorCode::Closed);
}

#[tokio::test(start_paused = true)]
async fn every_accepted_delivery_ends_in_exactly_one_way() {
    let stage = Stage::with(
        |builder| builder.max_in_flight(6),
        |seen, index| match seen.host.as_bytes()[0] {
            b'a' => Step::answer(200).after(SECOND / 20),
            b'b' => Step::answer(404),
            b'c' => Step::answer(503),
            b'd' => Step::answer(200).after(14 * SECOND),
            _ if index % 2 == 0 => Step::fail(AttemptError::ConnectionReset),
            _ => Step::answer(200),
        },
    );
    let mut handles = Vec::new();
    for _ in 0..40 {
        for host in ["a", "b", "c", "d", "e"] {
            handles.push(stage.sender.enqueue(&endpoint(host), event()).unwrap());
        }
    }
    tokio::time::sleep(3 * SECOND).await;
    let cancelled = handles.iter().step_by(7).filter(|handle| handle.cancel()).count();
    assert!(cancelled > 0);
    tokio::time::sleep(SECOND).await;
    let returned = stage.sender.close(SECOND).await;
    assert!(!returned.is_empty());

    let mut ends = std::collections::HashMap::new();
    for handle in &handles {
        // Settled: the wait ends at once.
        let delivery = handle.wait().await;
        *ends.entry(delivery.status).or_insert(0) += 1;
        let is_returned = returned.iter().any(|other| other.id == delivery.id);
        assert_eq!(delivery.status == Status::Pending, is_returned, "{delivery:?}");
    }
    assert_eq!(ends.values().sum::<usize>(), handles.len());
    assert_eq!(ends[&Status::Pending], returned.len());
    assert!(ends[&Status::Delivered] > 0 && ends[&Status::Dead] > 0 && ends[&Status::Cancelled] > 0, "{ends:?}");
    assert_eq!(stage.sender.unfinished(), 0);
    // Nothing more is attempted.
    let attempts = stage.seen().len();
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(stage.seen().len(), attempts);
    assert!(stage.sender.close(SECOND).await.is_empty(), "handed back once");
}

#[tokio::test(start_paused = true)]
async fn close_lets_attempts_in_flight_end_within_its_grace() {
    let stage =
        Stage::new(|seen, _| Step::answer(200).after(if seen.host.starts_with('a') { SECOND } else { 9 * SECOND }));
    let quick = stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    let slow = stage.sender.enqueue(&endpoint("b"), event()).unwrap();
    let returned = stage.sender.close(5 * SECOND).await;
    assert_eq!(stage.start.elapsed(), 5 * SECOND);
    assert_eq!(returned.iter().map(|delivery| &*delivery.id).collect::<Vec<_>>(), [slow.id()]);
    assert_eq!(quick.delivery().status, Status::Delivered);
    assert_eq!(slow.wait().await.status, Status::Pending);
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_all_or_says_that_it_did_not() {
    let stage = Stage::new(|_, index| if index == 0 { Step::answer(500) } else { Step::answer(200).after(SECOND) });
    let handle = stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    assert!(!stage.sender.flush(Some(SECOND / 2)).await);
    assert_eq!(stage.sender.unfinished(), 1);
    assert!(stage.sender.flush(None).await);
    assert_eq!(handle.delivery().status, Status::Delivered);
    assert_eq!(stage.start.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn cancelling_spares_later_attempts_but_not_the_truth() {
    let stage = Stage::with(
        |builder| builder.max_in_flight_per_endpoint(1),
        |seen, _| if seen.host.starts_with('a') { Step::answer(503) } else { Step::answer(200).after(SECOND) },
    );
    let retrying = stage.sender.enqueue(&endpoint("a"), event()).unwrap();
    let flying = stage.sender.enqueue(&endpoint("b"), event()).unwrap();
    let waiting = stage.sender.enqueue(&endpoint("b"), event()).unwrap();
    tokio::time::sleep(SECOND / 2).await;
    for handle in [&retrying, &flying, &waiting] {
        assert!(handle.cancel());
    }
    assert_eq!(retrying.wait().await.status, Status::Cancelled);
    assert_eq!(retrying.delivery().attempts.len(), 1);
    assert_eq!((waiting.wait().await.status, waiting.delivery().attempts.len()), (Status::Cancelled, 0));
    assert_eq!(flying.wait().await.status, Status::Delivered, "the receiver has it");
    assert!(!flying.cancel());
    assert!(stage.sender.flush(None).await);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_does_not_drop_the_delivery() {
    let stage = Stage::new(|_, _| Step::answer(200).after(SECOND));
    let wait = tokio::time::timeout(SECOND / 2, stage.send("a")).await;
    assert!(wait.is_err());
    assert!(stage.sender.flush(None).await);
    assert_eq!(stage.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn notices_tell_the_story_in_order() {
    let stage = Stage::new(|_, index| if index == 0 { Step::answer(500) } else { Step::answer(410) });
    let notices = stage.sender.subscribe();
    let delivery = stage.send("a").await;
    let story = collect(notices, 6).await;
    let kinds: Vec<_> = story.iter().map(|notice| serde_json::to_value(notice).unwrap()["type"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "delivery.queued",
            "delivery.attempt",
            "delivery.retrying",
            "delivery.attempt",
            "endpoint.disabled",
            "delivery.dead"
        ]
    );
    assert!(story.iter().all(|notice| notice.delivery.as_deref() == Some(&*delivery.id)));
    assert_eq!(story[1].attempt.as_ref(), Some(&delivery.attempts[0]));
    assert_eq!(story[2].retry_in, Some(1.0));
    assert_eq!(story[5].reason, Some(Reason::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_loses_notices_and_nothing_else() {
    let stage = Stage::new(|_, _| Step::answer(200));
    let mut notices = stage.sender.subscribe();
    let items = (0..1_000).map(|_| (endpoint("a"), event()));
    stage.sender.send_many(items).await.unwrap();
    assert!(notices.next().await.is_some());
    assert_eq!(notices.dropped(), 3_000 - 1_024);
}

#[tokio::test(start_paused = true)]
async fn send_many_answers_in_order_and_checks_first() {
    let stage =
        Stage::new(|seen, _| Step::answer(200).after(if seen.host.starts_with('a') { 2 * SECOND } else { SECOND }));
    let item = |host: &str, id: &str| (endpoint(host), event().id(id).unwrap());
    let deliveries = stage.sender.send_many([item("a", "one"), item("b", "two"), item("a", "three")]).await.unwrap();
    assert_eq!(deliveries.iter().map(|delivery| &*delivery.id).collect::<Vec<_>>(), ["one", "two", "three"]);

    let inward = Endpoint::new("http://169.254.169.254/", ["whsec_demo"]).unwrap();
    let error = stage.sender.send_many([item("a", "four"), (inward, event())]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::BlockedAddress);
    assert!(error.message().starts_with("item 1: "), "{error}");
    assert_eq!(stage.seen().len(), 3, "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_signed_with_the_keys_of_its_time() {
    let ring = KeyRing::new([Key::new(Secret::parse("whsec_old").unwrap()).id("old")]).unwrap();
    let signatures = Arc::<Mutex<Vec<bool>>>::default();
    let (seen, rotating) = (Arc::clone(&signatures), ring.clone());
    let transport = Scripted(move |request: &Request<'_>| {
        let verifier = Verifier::builder().secrets(["whsec_new"]).unwrap().build().unwrap();
        seen.lock().unwrap().push(verifier.verify(&request.body, &request.headers).is_ok());
        rotating.rotate(Key::new(Secret::parse("whsec_new").unwrap()).id("new"), 60).ok();
        if seen.lock().unwrap().len() == 1 { Step::answer(500) } else { Step::answer(200) }
    });
    let sender = Sender::builder().transport(transport).build().unwrap();
    let endpoint = Endpoint::builder("https://a.example.com/", Signer::new(ring).unwrap()).build().unwrap();
    sender.send(&endpoint, event()).await.unwrap();
    assert_eq!(*signatures.lock().unwrap(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_a_live_key_waits_for_one() {
    let past = Timestamp::from_unix(1_000_000_000);
    let ring = KeyRing::new([Key::new(Secret::parse("whsec_old").unwrap()).id("old").not_after(past)]).unwrap();
    let stage = Stage::with(|builder| builder.breaker(Some(Breaker { failures: 1, ..Breaker::default() })), {
        |_, _| Step::answer(200)
    });
    let signer = Signer::new(ring.clone()).unwrap();
    let own = Endpoint::builder("https://a.example.com/", signer).build().unwrap();
    let dead = stage.sender.send(&own, event()).await.unwrap();
    assert_eq!((dead.status, dead.reason), (Status::Dead, Some(Reason::AttemptsExhausted)));
    let errors: Vec<_> = dead.attempts.iter().map(|attempt| (attempt.error, attempt.phase)).collect();
    assert_eq!(errors, [(Some(AttemptError::InvalidConfig), Phase::Resolve); 5]);
    assert!(stage.seen().is_empty(), "nothing is sent unsigned");

    let handle = stage.sender.enqueue(&own, event()).unwrap();
    while handle.delivery().attempts.is_empty() {
        tokio::task::yield_now().await;
    }
    ring.rotate(Key::new(Secret::parse("whsec_new").unwrap()).id("new"), 0).unwrap();
    assert_eq!(handle.wait().await.status, Status::Delivered);
    assert_eq!(stage.seen().len(), 1);
}

#[test]
fn a_sender_needs_a_runtime_only_to_send() {
    let build = || Sender::builder().transport(Scripted(|_: &Request<'_>| Step::answer(200)));
    let error = build().build().unwrap().enqueue(&endpoint("a"), event()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidConfig);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sender = build().runtime(runtime.handle().clone()).build().unwrap();
    let handle = sender.enqueue(&endpoint("a"), event()).unwrap();
    assert_eq!(runtime.block_on(handle.wait()).status, Status::Delivered);
}

#[test]
fn a_runtime_that_ends_leaves_its_deliveries_unfinished() {
    let build = |runtime: &tokio::runtime::Runtime| {
        Sender::builder()
            .transport(Scripted(|_: &Request<'_>| Step::answer(200).after(SECOND)))
            .runtime(runtime.handle().clone())
            .build()
            .unwrap()
    };
    let first = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sender = build(&first);
    let handle = sender.enqueue(&endpoint("a"), event()).unwrap();
    drop(first);
    sender.enqueue(&endpoint("a"), event()).unwrap();
    let second = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let returned = second.block_on(sender.close(Duration::ZERO));
    assert_eq!(returned.len(), 2);
    assert_eq!(returned[0].id.as_ref(), handle.id());
}
