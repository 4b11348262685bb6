//! O-5: waits that are dropped and deliveries that are cancelled leave nothing behind, in a process of its own.

#![cfg(all(feature = "send", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookseal::{
    Endpoint, Event, Sender,
    transport::{Request, Scripted, Step},
};

const ROUND: usize = 20_000;
const SLACK: usize = 4 << 20;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_cancels_leave_nothing_behind() {
    let transport = Scripted(|request: &Request<'_>| {
        let hangs = request.target.url().host_str() == Some("hangs.example.com");
        Step::answer(200).after(if hangs { Duration::from_secs(14) } else { Duration::ZERO })
    });
    let sender = Sender::builder().transport(transport).max_in_flight(4).build().unwrap();
    let [hangs, answers] = ["hangs", "answers"]
        .map(|host| Endpoint::new(&format!("https://{host}.example.com/"), ["whsec_demo"]).unwrap());
    let event = Event::bytes("order.paid", vec![b'x'; 1024]).unwrap();
    let mut used = Vec::new();
    for _ in 0..6 {
        for _ in 0..ROUND {
            let handle = sender.enqueue(&hangs, event.clone()).unwrap();
            assert!(handle.cancel());
            // Some are in flight, and end by themselves.
            let wait = tokio::time::timeout(Duration::ZERO, sender.send(&answers, event.clone())).await;
            drop(wait);
        }
        assert!(sender.flush(None).await);
        assert_eq!(sender.unfinished(), 0);
        used.push(resident());
    }
    assert!(used[5] < used[0] + SLACK, "bytes in use after each round: {used:?}");
}
