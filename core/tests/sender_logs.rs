//! What a sender logs, and what it never does.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod log;

use std::time::Duration;

use hookseal::{Endpoint, Event, RetryPolicy, Sender, SenderBuilder, Signer, Status};
use log::Log;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tracing::Level;

/// In the URL, where it may be, and nowhere else.
const CANARY: &str = "Zq7XwKj4VbYp9Qz";

async fn send(builder: SenderBuilder, origin: &str) -> Status {
    let sender =
        builder.allow_private(true).retry(RetryPolicy::none()).timeout(Duration::from_secs(30)).build().unwrap();
    let signer = Signer::builder().secrets([format!("whsec_{CANARY}")]).unwrap().build().unwrap();
    let url = format!("{origin}/{CANARY}?token={CANARY}");
    let endpoint = Endpoint::builder(url, signer).header("x-key", CANARY).bearer(CANARY).build().unwrap();
    sender.send(&endpoint, Event::bytes("a", CANARY).unwrap()).await.unwrap().status
}

/// A server that answers one request on each connection so, echoing a secret.
async fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(answer.replace("CANARY", CANARY).as_bytes()).await.unwrap();
        }
    });
    origin
}

#[tokio::test]
async fn no_url_header_payload_or_answer_is_logged_at_any_level() {
    let log = Log::new(Level::TRACE);
    let _logging = tracing::subscriber::set_default(log.clone());
    for answer in [
        "HTTP/1.1 500 CANARY\r\nx-secret: CANARY\r\ncontent-length: 15\r\n\r\nCANARY",
        "HTTP/1.1 302 Found\r\nlocation: http://a.example/CANARY\r\n\r\n",
        "CANARY\r\n\r\n",
        "",
    ] {
        let origin = serve(answer).await;
        assert_eq!(send(Sender::builder(), &origin).await, Status::Dead, "{answer:?}");
        assert_eq!(send(Sender::builder(), &origin.replace("http:", "https:")).await, Status::Dead, "{answer:?}");
    }
    assert_eq!(send(Sender::builder(), "http://no-such-name.invalid").await, Status::Dead);
    let text = log.text();
    assert!(text.contains("attempt failed") && text.contains("http_protocol"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn u_30_a_proxy_is_warned_of_once_and_without_its_credentials() {
    let log = Log::new(Level::WARN);
    let _logging = tracing::subscriber::set_default(log.clone());
    let proxy = serve("HTTP/1.1 204 No Content\r\n\r\n").await.replace("http://", &format!("http://user:{CANARY}@"));
    let sender = Sender::builder().proxy(proxy).build().unwrap();
    assert_eq!(log.text(), "", "nothing was sent yet");
    let endpoint = Endpoint::new("http://a.example/", ["whsec_demo"]).unwrap();
    for _ in 0..2 {
        sender.send(&endpoint, Event::bytes("a", "x").unwrap()).await.unwrap();
    }
    let text = log.text();
    assert_eq!(text.matches("proxy").count(), 2, "one warning, that names it: {text}");
    assert!(!text.contains(CANARY), "{text}");
}
