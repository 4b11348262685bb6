//! What a sender leaves behind, in a process of its own.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod log;

use std::time::Duration;

use hookseal::{
    Endpoint, Event, Sender,
    transport::{Request, Scripted, Step},
};
use log::Log;
use tracing::Level;

fn idle_sender() -> Sender {
    let transport = Scripted(|_: &Request<'_>| Step::answer(200).after(Duration::from_secs(10)));
    Sender::builder().transport(transport).max_in_flight(1).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn dropping_a_sender_with_work_left_is_logged() {
    let endpoint = Endpoint::new("https://a.example.com/", ["whsec_demo"]).unwrap();
    let event = Event::bytes("a", "x").unwrap();
    let log = Log::new(Level::WARN);
    let logging = tracing::subscriber::set_default(log.clone());

    let finished = idle_sender();
    finished.send(&endpoint, event.clone()).await.unwrap();
    drop(finished);
    assert_eq!(log.text(), "");

    let unfinished = idle_sender();
    let handles: Vec<_> = (0..3).map(|_| unfinished.enqueue(&endpoint, event.clone()).unwrap()).collect();
    drop(unfinished);
    assert_eq!(log.text(), "", "handles keep their sender");
    drop(handles);
    let lines = log.text();
    assert!(lines.contains("unfinished=3 "), "{lines}");
    drop(logging);
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_deliveries_of_one_payload_are_light() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    let endpoints: Vec<_> = (0..1_000)
        .map(|index| Endpoint::new(&format!("https://h{index}.example.com/"), ["whsec_demo"]).unwrap())
        .collect();
    let event = Event::bytes("order.paid", vec![b'x'; 1024]).unwrap();
    let sender = idle_sender();
    let before = resident();
    let handles: Vec<_> =
        (0..100_000).map(|index| sender.enqueue(&endpoints[index % 1_000], event.clone()).unwrap()).collect();
    let used = resident() - before;
    assert_eq!(sender.unfinished(), handles.len());
    assert!(used < 100 * 1024 * 1024, "{} MiB", used >> 20);
    assert_eq!(sender.close(Duration::ZERO).await.len(), handles.len());
}
