//! The sender over real sockets.

#![cfg(feature = "send")]

use std::time::Duration;

use hookseal::{Endpoint, Event, Sender, Status, Verifier};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
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
