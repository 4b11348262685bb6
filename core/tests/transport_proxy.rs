//! U-29 and U-30: an explicit proxy, and none that the environment names.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hookseal::{
    ErrorCode, Sender, SenderOptions,
    guard::{Guard, GuardOptions},
    retry::{AttemptError, Phase},
    transport::{Exchange, HttpOptions, HttpTransport, Proxy, Request, Target, Transport},
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A proxy that tells the head of each request, and answers the same to all.
async fn proxy(answer: &'static [u8]) -> (SocketAddr, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heads) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                if let Some(head) = read_head(&mut stream).await {
                    told.send(head).unwrap();
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (address, heads)
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        let end = head.windows(4).position(|window| window == b"\r\n\r\n");
        head.truncate(end.map_or(head.len(), |end| end + 4));
    }
    Some(String::from_utf8(head).unwrap())
}

/// The default guard: nothing private is open.
fn through(proxy: &str) -> HttpTransport {
    HttpTransport::new(HttpOptions { proxy: Some(Proxy::parse(proxy).unwrap()), ..HttpOptions::default() }).unwrap()
}

async fn post(transport: &HttpTransport, url: &str) -> Exchange {
    let target = Target::parse(url).unwrap();
    let body = Bytes::from_static(b"{}");
    let timeout = Duration::from_secs(30);
    transport.send(Request { target: &target, identity: None, headers: HeaderMap::new(), body, timeout }).await
}

#[tokio::test]
async fn u_30_http_goes_through_the_proxy_in_absolute_form() {
    let (address, mut heads) = proxy(NO_CONTENT).await;
    // The name has no address anywhere; the proxy's own is private.
    let exchange = post(&through(&format!("http://user:p%40ss@{address}")), "http://hooks.invalid:8080/in?x=1").await;
    assert_eq!(exchange.result.unwrap().status, 204);
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("POST http://hooks.invalid:8080/in?x=1 HTTP/1.1\r\n"), "{head}");
    // `user:p@ss`
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn u_30_https_goes_through_a_tunnel() {
    let (address, mut heads) = proxy(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    let exchange = post(&through(&format!("http://user:CANARY@{address}")), "https://hooks.invalid/in").await;
    let failure = exchange.result.unwrap_err();
    assert_eq!((failure.error, exchange.phase), (AttemptError::NetworkUnreachable, Phase::Connect), "{failure}");
    assert!(!failure.message.contains("CANARY"), "{failure}");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT hooks.invalid:443 HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("x-webhook"), "{head}");
}

#[tokio::test]
async fn u_30_a_proxy_that_wants_other_credentials_leads_nowhere() {
    let (address, _heads) = proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    let exchange = post(&through(&format!("http://{address}")), "https://hooks.invalid/in").await;
    assert_eq!(exchange.result.unwrap_err().error, AttemptError::NetworkUnreachable);
}

#[tokio::test]
async fn u_30_a_proxy_that_is_not_there_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let exchange = post(&through(&format!("http://{address}")), &format!("{scheme}://hooks.invalid/in")).await;
        let failure = exchange.result.unwrap_err();
        assert_eq!((failure.error, exchange.phase), (AttemptError::ConnectionRefused, Phase::Connect), "{failure}");
    }
}

#[tokio::test]
async fn u_30_what_a_url_says_by_itself_is_judged_as_ever() {
    let (address, mut heads) = proxy(NO_CONTENT).await;
    let transport = through(&format!("http://{address}"));
    for url in [
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "http://localhost/",
        "http://a.internal/",
        "http://a.example:22/",
    ] {
        let failure = post(&transport, url).await.result.unwrap_err();
        assert_eq!(failure.error, AttemptError::BlockedAddress, "{url}");
    }
    assert!(heads.try_recv().is_err(), "no byte");
}

#[tokio::test]
async fn u_29_the_environment_names_no_proxy() {
    let name = "u_29_in_a_child";
    let (address, mut heads) = proxy(NO_CONTENT).await;
    let told = format!("http://{address}");
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--test-threads=1"])
        .envs(
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
                .map(|key| (key, &told)),
        )
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .await
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    assert!(heads.try_recv().is_err(), "the proxy was used");
}

#[tokio::test]
#[ignore = "run by u_29_the_environment_names_no_proxy in a process with proxies in its environment"]
async fn u_29_in_a_child() {
    assert!(std::env::var("HTTP_PROXY").is_ok());
    let (address, mut heads) = proxy(NO_CONTENT).await;
    let guard = Guard::new(&GuardOptions { allow_private: true, ..GuardOptions::default() }).unwrap();
    let transport = HttpTransport::new(HttpOptions { guard, ..HttpOptions::default() }).unwrap();
    assert_eq!(post(&transport, &format!("http://{address}/in")).await.result.unwrap().status, 204);
    // The server tells before it answers.
    assert!(heads.try_recv().unwrap().starts_with("POST /in HTTP/1.1\r\n"));
}

#[test]
fn what_is_no_proxy_is_refused_and_credentials_are_not_shown() {
    for text in [
        "",
        "CANARY",
        "proxy.example:3128",
        "https://user:CANARY@proxy.example",
        "socks5://user:CANARY@proxy.example",
        "http://user:CANARY@",
        "http://user:CANARY@proxy.example:0",
        "http://user:CANARY@proxy.example:65536",
        "http://user:CANARY@proxy.example/path",
        "http://user:CANARY@proxy.example?x",
        "http://user:CANARY@proxy.example#x",
    ] {
        let error =
            Sender::new(SenderOptions { proxy: Some(text.into()), ..SenderOptions::default() }).expect_err(text);
        assert_eq!(error.code(), ErrorCode::InvalidConfig, "{text}");
        assert!(error.message().starts_with("proxy: ") && !error.message().contains("CANARY"), "{error}");
    }
    let text = "http://CANARY:CANARY@proxy.example:3128";
    let options = SenderOptions { proxy: Some(text.into()), ..SenderOptions::default() };
    let proxy = Proxy::parse(text).unwrap();
    let transport = through(text);
    let printed = format!("{options:?} {proxy:?} {transport:?} {:?}", Sender::builder().proxy(text));
    assert!(!printed.contains("CANARY"), "{printed}");
    assert!(printed.contains("http://proxy.example:3128"), "{printed}");
}
