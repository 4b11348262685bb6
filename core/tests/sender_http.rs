//! The sender over real sockets.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use hookseal::{Endpoint, Event, NoticeKind, RetryPolicy, Sender, Status, Verifier};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

#[tokio::test]
async fn a_delivery_arrives_signed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in?x=1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(br#"{"id":42}"#) {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8(request).unwrap()
    });

    let sender = Sender::builder().allow_private(true).build().unwrap();
    let endpoint = Endpoint::new(&url, ["whsec_demo"]).unwrap();
    let event = Event::json("order.paid", &serde_json::json!({"id": 42})).unwrap();
    let delivery = sender.send(&endpoint, event).await.unwrap();

    assert_eq!(delivery.status, Status::Delivered);
    assert_eq!(delivery.attempts.len(), 1);
    let attempt = &delivery.attempts[0];
    assert_eq!((attempt.number, attempt.status_code, attempt.error), (1, Some(200), None));
    assert_eq!(&attempt.response_body[..], b"ok");

    let request = server.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /in?x=1 HTTP/1.1"));
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let find = |name| headers.iter().find(|(key, _)| key == &name).map(|(_, value)| *value);
    assert_eq!(find("content-type"), Some("application/json"));
    assert_eq!(find("content-length"), Some("9"));
    assert_eq!(find("x-webhook-event"), Some("order.paid"));
    assert_eq!(find("x-webhook-attempt"), Some("1"));
    assert_eq!(find("x-webhook-id"), Some(&*delivery.id));
    assert!(delivery.id.starts_with("msg_") && delivery.id.len() == 36);
    assert_eq!(find("user-agent"), Some(concat!("hookseal/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(find("accept-encoding"), None);
    let verifier = Verifier::builder().secrets(["whsec_demo"]).unwrap().build().unwrap();
    verifier.verify(body.as_bytes(), headers.as_slice()).unwrap();
    assert!(sender.close(Duration::ZERO).await.is_empty());
}

/// A receiver that takes so many deliveries, then dies with all its connections.
async fn receive(listener: TcpListener, most: usize, taken: Arc<Mutex<BTreeSet<String>>>) {
    let mut connections = JoinSet::new();
    let (enough, mut full) = tokio::sync::mpsc::channel(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (taken, enough) = (Arc::clone(&taken), enough.clone());
                connections.spawn(async move {
                    let mut stream = accepted.unwrap().0;
                    while let Some(id) = read_id(&mut stream).await {
                        let count = {
                            let mut taken = taken.lock().unwrap();
                            taken.insert(id);
                            taken.len()
                        };
                        if count >= most {
                            let _ = enough.try_send(());
                            return;
                        }
                        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                    }
                });
            }
            _ = full.recv() => return,
        }
    }
}

async fn read_id(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n{}") {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(request).unwrap();
    Some(head.split("x-webhook-id: ").nth(1).unwrap().lines().next().unwrap().to_owned())
}

#[tokio::test]
async fn a_receiver_that_dies_under_load_loses_nothing() {
    const ALL: usize = 2_000;
    const TAKEN: usize = 500;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new(&format!("http://{}/in", listener.local_addr().unwrap()), ["whsec_demo"]).unwrap();
    let taken = Arc::<Mutex<BTreeSet<String>>>::default();
    let receiver = tokio::spawn(receive(listener, TAKEN, Arc::clone(&taken)));

    let policy = RetryPolicy::schedule([Duration::from_millis(10)]);
    let sender = Sender::builder().allow_private(true).retry(policy).breaker(None).build().unwrap();
    let mut notices = sender.subscribe();
    let handles: Vec<_> =
        (0..ALL).map(|_| sender.enqueue(&endpoint, Event::bytes("a", "{}").unwrap()).unwrap()).collect();
    receiver.await.unwrap();
    while notices.next().await.unwrap().kind != NoticeKind::Dead {}
    let returned = sender.close(Duration::from_secs(30)).await;

    let ids = |status| {
        let deliveries = handles.iter().map(hookseal::Handle::delivery);
        deliveries.filter(|it| it.status == status).map(|it| it.id.to_string()).collect::<BTreeSet<_>>()
    };
    let (delivered, dead) = (ids(Status::Delivered), ids(Status::Dead));
    let returned: BTreeSet<_> = returned.iter().map(|delivery| delivery.id.to_string()).collect();
    assert_eq!(returned, ids(Status::Pending));
    assert_eq!(delivered.len() + dead.len() + returned.len(), ALL, "each in one of them");
    assert!(delivered.is_subset(&taken.lock().unwrap()), "what counts as delivered was received");
    assert!(delivered.len() >= TAKEN - 8 && !dead.is_empty() && !returned.is_empty());
}
