//! The HTTP transport against servers that misbehave, one row of the fault catalogue each.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use hookseal::{
    guard::{Guard, GuardOptions},
    retry::{AttemptError, Outcome, Phase},
    transport::{Exchange, HttpOptions, HttpTransport, Request, Target, Transport},
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// Long enough never to pass by accident, short enough to wait for where a fault is a silence.
const LIMIT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(30);
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn transport() -> HttpTransport {
    HttpTransport::new(HttpOptions { guard: development(), ..HttpOptions::default() }).unwrap()
}

fn development() -> Guard {
    Guard::new(&GuardOptions { allow_private: true, ..GuardOptions::default() }).unwrap()
}

async fn post(transport: &HttpTransport, url: &str, timeout: Duration, body: impl Into<Bytes>) -> Exchange {
    let target = Target::parse(url).unwrap();
    transport
        .send(Request { target: &target, identity: None, headers: HeaderMap::new(), body: body.into(), timeout })
        .await
}

/// A server that treats each connection by a function of its number, and counts them.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start<F>(treat: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(treat(counter.fetch_add(1, SeqCst), stream));
            }
        });
        Self { address, connections, task }
    }

    /// Reads one request, writes these bytes and closes.
    async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::start(move |_, mut stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                read_request(&mut stream).await;
                // The client may hang up first.
                let _ = stream.write_all(&bytes).await;
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    async fn post(&self) -> Exchange {
        post(&transport(), &self.url(), LONG, "{}").await
    }

    fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request with the body `{}`; `false` when the client is gone.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n{}") {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

/// Closes with a reset instead of an orderly end.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[track_caller]
fn assert_failed(exchange: &Exchange, error: AttemptError, phase: Phase) {
    let failure = exchange.result.as_ref().expect_err("the exchange should fail");
    assert_eq!((failure.error, exchange.phase), (error, phase), "{failure}");
    assert!(!failure.message.contains("://"), "a URL may hold a secret: {failure}");
    assert!(!exchange.resent);
}

#[track_caller]
fn status(exchange: &Exchange) -> u16 {
    exchange.result.as_ref().expect("an answer").status
}

#[tokio::test]
async fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let exchange = post(&transport(), &url, LONG, "{}").await;
    assert_failed(&exchange, AttemptError::ConnectionRefused, Phase::Connect);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_are_not_taken() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // A full backlog drops whoever knocks.
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(LIMIT, TcpStream::connect(address)).await {
        held.push(stream.unwrap());
    }
    let url = format!("http://{address}/");
    let options = HttpOptions { guard: development(), connect_timeout: LIMIT, ..HttpOptions::default() };
    let exchange = post(&HttpTransport::new(options).unwrap(), &url, LONG, "{}").await;
    assert_failed(&exchange, AttemptError::ConnectTimeout, Phase::Connect);
    let exchange = post(&transport(), &url, LIMIT, "{}").await;
    assert_failed(&exchange, AttemptError::ConnectTimeout, Phase::Connect);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_route_leads_there() {
    // TCP has no way to a broadcast address.
    let guard =
        Guard::new(&GuardOptions { allow_subnets: vec!["255.255.255.255".to_owned()], ..GuardOptions::default() });
    let transport = HttpTransport::new(HttpOptions { guard: guard.unwrap(), ..HttpOptions::default() }).unwrap();
    let exchange = post(&transport, "http://255.255.255.255/", LONG, "{}").await;
    assert_failed(&exchange, AttemptError::NetworkUnreachable, Phase::Connect);
}

#[tokio::test]
async fn a_new_connection_is_reset_or_closed_without_an_answer() {
    let resetting = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        reset(&stream);
    })
    .await;
    assert_failed(&resetting.post().await, AttemptError::ConnectionReset, Phase::Exchange);
    assert_eq!(resetting.connections(), 1, "a fresh connection is no keep-alive race");

    let closing = Server::answering("").await;
    assert_failed(&closing.post().await, AttemptError::ConnectionReset, Phase::Exchange);
}

#[tokio::test]
async fn the_head_breaks_off() {
    for head in ["HTTP/1.", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = Server::answering(head).await;
        assert_failed(&server.post().await, AttemptError::ConnectionReset, Phase::Exchange);
    }
}

#[tokio::test]
async fn no_answer_comes() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        read_request(&mut stream).await;
    })
    .await;
    let exchange = post(&transport(), &server.url(), LIMIT, "{}").await;
    assert_failed(&exchange, AttemptError::ResponseTimeout, Phase::Exchange);
}

#[tokio::test]
async fn the_head_comes_byte_by_byte() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        let mut beat = tokio::time::interval(LIMIT / 8);
        for byte in OK {
            beat.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    let exchange = post(&transport(), &server.url(), LIMIT, "{}").await;
    assert_failed(&exchange, AttemptError::ResponseTimeout, Phase::Exchange);
}

#[tokio::test]
async fn the_request_is_not_read() {
    let server = Server::start(|_, mut stream| async move {
        let mut first = [0; 1];
        stream.read_exact(&mut first).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    // More than the buffers of both sides hold.
    let exchange = post(&transport(), &server.url(), LIMIT, vec![b'x'; 64 * 1024 * 1024]).await;
    assert_failed(&exchange, AttemptError::WriteTimeout, Phase::Exchange);
}

#[tokio::test]
async fn the_status_stands_whatever_the_body_does() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    let closing = Server::answering(head).await;
    let exchange = closing.post().await;
    assert_eq!((status(&exchange), exchange.phase), (200, Phase::Body));
    assert_eq!(&exchange.result.unwrap().body[..], b"half");

    let stalling = Server::start(move |_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    let exchange = post(&transport(), &stalling.url(), LIMIT, "{}").await;
    assert_eq!((status(&exchange), exchange.phase), (200, Phase::Body));
    assert_eq!(&exchange.result.unwrap().body[..], b"half");

    let resetting = Server::start(move |_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        reset(&stream);
    })
    .await;
    assert_eq!(status(&resetting.post().await), 200);

    let broken = Server::answering("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
    assert_eq!(status(&broken.post().await), 503);
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let exchange = server.post().await;
    assert_eq!(exchange.result.unwrap().body.len(), 16 * 1024);
}

#[tokio::test]
async fn a_chunk_extension_without_end_is_cut() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let exchange = server.post().await;
    assert_eq!((status(&exchange), exchange.phase), (200, Phase::Body));
    assert!(exchange.result.unwrap().body.is_empty());
}

#[tokio::test]
async fn the_body_is_kept_as_it_came() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n";
    let server = Server::answering([head.as_bytes(), &[0x1f, 0x8b, 0, 0xff]].concat()).await;
    assert_eq!(&server.post().await.result.unwrap().body[..], [0x1f, 0x8b, 0, 0xff]);
}

#[tokio::test]
async fn no_http_comes_back() {
    let answers = [
        "220 mail.example.com ESMTP\r\n",
        "hello\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 000 None\r\n\r\n",
        "HTTP/1.1 099 None\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}",
    ];
    for answer in answers {
        let server = Server::answering(answer).await;
        let exchange = server.post().await;
        let failure = exchange.result.as_ref().expect_err(answer);
        assert_eq!((failure.error, exchange.phase), (AttemptError::HttpProtocol, Phase::Exchange), "{answer:?}");
    }
}

#[tokio::test]
async fn odd_statuses_are_answers_but_no_successes() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    for (head, code) in [(upgrade, 101), ("HTTP/1.1 600 None\r\n\r\n", 600), ("HTTP/1.1 999 None\r\n\r\n", 999)] {
        let server = Server::answering(head).await;
        let status = status(&server.post().await);
        assert_eq!(status, code);
        assert_eq!(Outcome::answer(status).error(), Some(AttemptError::HttpProtocol));
    }
}

#[tokio::test]
async fn the_head_is_too_large() {
    let many = (0..101).map(|index| format!("h{index}: x\r\n")).collect::<Vec<_>>().concat();
    let long = format!("h: {}\r\n", "x".repeat(17 * 1024));
    let huge = format!("h: {}\r\n", "x".repeat(1024 * 1024));
    for headers in [many, long, huge] {
        let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
        assert_failed(&server.post().await, AttemptError::ResponseHeadTooLarge, Phase::Exchange);
    }
}

#[tokio::test]
async fn a_head_within_the_limits_is_taken() {
    let many = (0..99).map(|index| format!("h{index}: {}\r\n", "x".repeat(150))).collect::<Vec<_>>().concat();
    let server = Server::answering(format!("HTTP/1.1 204 No Content\r\n{many}\r\n")).await;
    let exchange = server.post().await;
    assert_eq!(status(&exchange), 204);
    assert_eq!(exchange.result.unwrap().headers.len(), 99);
}

#[tokio::test]
async fn informational_answers_are_skipped() {
    let many = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(500);
    let server = Server::answering(format!("{many}HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(status(&server.post().await), 202);
}

#[tokio::test]
async fn successes_of_every_kind() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.0 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nbytes that should not be",
        "HTTP/1.1 299 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = Server::answering(answer).await;
        assert!((200..300).contains(&status(&server.post().await)), "{answer:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for code in [301, 302, 303, 304, 307, 308] {
        let server = Server::start(move |_, mut stream| async move {
            read_request(&mut stream).await;
            let head = format!("HTTP/1.1 {code} Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            assert!(!read_request(&mut stream).await, "a second request came");
        })
        .await;
        let exchange = server.post().await;
        assert_eq!(status(&exchange), code);
        assert_eq!(exchange.result.unwrap().headers["location"], "/other");
        assert_eq!(server.connections(), 1);
    }
}

/// Answers as many requests on the first connection as told, then reads one more and goes silent in the
/// way given; later connections answer.
async fn stale_after(answered: usize, last_words: &'static [u8]) -> Server {
    Server::start(move |number, mut stream| async move {
        let answered = if number == 0 { answered } else { usize::MAX };
        for _ in 0..answered {
            if !read_request(&mut stream).await {
                return;
            }
            stream.write_all(OK).await.unwrap();
        }
        read_request(&mut stream).await;
        stream.write_all(last_words).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let server = stale_after(usize::MAX, b"").await;
    let transport = transport();
    for _ in 0..5 {
        assert_eq!(status(&post(&transport, &server.url(), LONG, "{}").await), 200);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_will_close_is_not_kept() {
    let server = Server::start(|_, mut stream| async move {
        let closing = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        while read_request(&mut stream).await {
            stream.write_all(closing).await.unwrap();
        }
    })
    .await;
    let transport = transport();
    for _ in 0..3 {
        let exchange = post(&transport, &server.url(), LONG, "{}").await;
        assert_eq!((status(&exchange), exchange.resent), (204, false));
    }
    assert_eq!(server.connections(), 3);
}

/// Servers close idle connections after 5 s and more; this side is to be first.
#[tokio::test]
async fn an_idle_connection_is_closed_by_this_side() {
    let (told, mut end) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let told = told.clone();
        async move {
            assert!(read_request(&mut stream).await);
            stream.write_all(OK).await.unwrap();
            told.send(read_request(&mut stream).await).unwrap();
        }
    })
    .await;
    let transport = transport();
    assert_eq!(status(&post(&transport, &server.url(), LONG, "{}").await), 200);
    let another_request = tokio::time::timeout(LONG, end.recv()).await.expect("the connection should end");
    assert_eq!(another_request, Some(false));
}

#[tokio::test]
async fn where_a_server_says_that_it_is_too_is_not_heeded() {
    let server = Server::start(|_, mut stream| async move {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: <https://127.0.0.1:1/>; rel=preconnect\r\n\r\n";
        let answer = "HTTP/1.1 200 OK\r\nAlt-Svc: h2=\"127.0.0.1:1\"; ma=3600\r\nContent-Length: 0\r\n\r\n";
        while read_request(&mut stream).await {
            stream.write_all(format!("{hints}{answer}").as_bytes()).await.unwrap();
        }
    })
    .await;
    let transport = transport();
    for _ in 0..2 {
        assert_eq!(status(&post(&transport, &server.url(), LONG, "{}").await), 200);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_went_stale_is_replaced_once() {
    let server = stale_after(2, b"").await;
    let transport = transport();
    for expected in [false, false, true, false] {
        let exchange = post(&transport, &server.url(), LONG, "{}").await;
        assert_eq!((status(&exchange), exchange.resent), (200, expected));
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_that_began_on_a_new_connection_is_not_asked_for_again() {
    let server = stale_after(0, b"HTTP/1.1 2").await;
    assert_failed(&server.post().await, AttemptError::ConnectionReset, Phase::Exchange);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_began_on_a_kept_connection_is_not_asked_for_again() {
    let server = stale_after(1, b"HTTP/1.1 2").await;
    let transport = transport();
    assert_eq!(status(&post(&transport, &server.url(), LONG, "{}").await), 200);
    assert_failed(&post(&transport, &server.url(), LONG, "{}").await, AttemptError::ConnectionReset, Phase::Exchange);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_is_resent_once_only() {
    for host in ["127.0.0.1", "hooks.localhost"] {
        let server = Server::start(|number, mut stream| async move {
            if read_request(&mut stream).await && number == 0 {
                stream.write_all(OK).await.unwrap();
                read_request(&mut stream).await;
            }
        })
        .await;
        let transport = transport();
        let url = format!("http://{host}:{}/", server.address.port());
        assert_eq!(status(&post(&transport, &url, LONG, "{}").await), 200);
        let exchange = post(&transport, &url, LONG, "{}").await;
        assert_eq!(exchange.result.unwrap_err().error, AttemptError::ConnectionReset);
        assert!(exchange.resent, "{host}");
        assert_eq!(server.connections(), 2);
        // It is on a new connection that nothing comes back now.
        assert!(!post(&transport, &url, LONG, "{}").await.resent, "{host}");
    }
}

#[tokio::test]
async fn an_empty_payload_is_sent() {
    let server = Server::start(|_, mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        assert!(String::from_utf8(request).unwrap().contains("content-length: 0\r\n"));
        stream.write_all(OK).await.unwrap();
    })
    .await;
    assert_eq!(status(&post(&transport(), &server.url(), LONG, "").await), 200);
}

#[tokio::test]
async fn inward_addresses_are_not_dialled() {
    let server = Server::answering(OK).await;
    let transport = HttpTransport::new(HttpOptions::default()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
        let url = format!("http://{host}:{}/", server.address.port());
        let exchange = post(&transport, &url, LONG, "{}").await;
        assert_failed(&exchange, AttemptError::BlockedAddress, Phase::Resolve);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn names_of_the_hosts_file_are_found() {
    let server = Server::answering(OK).await;
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(status(&post(&transport(), &url, LONG, "{}").await), 200);
}
