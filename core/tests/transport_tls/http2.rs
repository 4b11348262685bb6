//! HTTP/2, where it was asked for and the server speaks it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use hookseal::{
    retry::{AttemptError, Phase},
    transport::{HttpOptions, HttpTransport, Target, Transport},
};
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::{
    assert_failed,
    authority::{Authority, answer, serve, serve_each},
    options, post, post_as,
};

type Responder = h2::server::SendResponse<Bytes>;

/// A server that offers both protocols and treats each HTTP/2 request so, on as many connections as it says.
async fn serve_both(
    authority: &Authority,
    treat: impl Fn(usize, Request<()>, Responder) + Clone + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&connections);
    let mut config = authority.server(&["localhost", "127.0.0.1"], |_| {});
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let address = serve_each(config, move |mut stream| {
        let number = counter.fetch_add(1, SeqCst);
        let treat = treat.clone();
        async move {
            match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => serve_http2(stream, move |request, respond| treat(number, request, respond)).await,
                _ => while answer(&mut stream).await {},
            }
        }
    })
    .await;
    (address, connections)
}

async fn serve_http2(stream: TlsStream<TcpStream>, treat: impl Fn(Request<()>, Responder)) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        treat(request.map(|_| ()), respond);
    }
}

fn answer_with(status: u16, mut respond: Responder) {
    respond.send_response(Response::builder().status(status).body(()).unwrap(), true).unwrap();
}

fn http2(authority: &Authority) -> HttpOptions {
    HttpOptions { http2: true, ..options(&[authority]) }
}

#[tokio::test]
async fn http2_is_spoken_when_asked_for_only() {
    let authority = Authority::new();
    // Over HTTP/1.1 the answer is 204.
    let (address, connections) = serve_both(&authority, |_, request, respond| {
        assert_eq!((request.method().as_str(), request.version()), ("POST", http::Version::HTTP_2));
        answer_with(202, respond);
    })
    .await;
    assert_eq!(post(options(&[&authority]), "localhost", address).await.result.unwrap().status, 204);
    let transport = HttpTransport::new(http2(&authority)).unwrap();
    for _ in 0..3 {
        assert_eq!(post_as(&transport, None, "localhost", address).await.result.unwrap().status, 202);
    }
    assert_eq!(connections.load(SeqCst), 2, "the second transport keeps its connection");
}

#[tokio::test]
async fn two_names_of_one_server_have_connections_of_their_own() {
    let authority = Authority::new();
    let (address, connections) = serve_both(&authority, |_, _, respond| answer_with(202, respond)).await;
    let transport = HttpTransport::new(http2(&authority)).unwrap();
    for host in ["localhost", "127.0.0.1", "localhost", "127.0.0.1"] {
        assert_eq!(post_as(&transport, None, host, address).await.result.unwrap().status, 202, "{host}");
    }
    assert_eq!(connections.load(SeqCst), 2);
}

#[tokio::test]
async fn a_server_without_http2_is_spoken_to_as_ever() {
    let authority = Authority::new();
    let address = serve(authority.server(&["localhost"], |_| {})).await;
    assert_eq!(post(http2(&authority), "localhost", address).await.result.unwrap().status, 204);
}

#[tokio::test]
async fn d_42_a_refused_stream_is_resent_once() {
    let authority = Authority::new();
    let served = Arc::<AtomicUsize>::default();
    let (address, _) = serve_both(&authority, {
        let served = Arc::clone(&served);
        move |_, _, mut respond| match served.fetch_add(1, SeqCst) {
            1 => respond.send_reset(h2::Reason::REFUSED_STREAM),
            _ => answer_with(202, respond),
        }
    })
    .await;
    let transport = HttpTransport::new(http2(&authority)).unwrap();
    for resent in [false, true] {
        let exchange = post_as(&transport, None, "localhost", address).await;
        assert_eq!((exchange.result.unwrap().status, exchange.resent), (202, resent));
    }
    assert_eq!(served.load(SeqCst), 3);
}

#[tokio::test]
async fn d_42_another_reset_is_a_failure() {
    let authority = Authority::new();
    let (address, _) = serve_both(&authority, |_, _, mut respond| {
        respond.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let exchange = post(http2(&authority), "localhost", address).await;
    assert_failed(&exchange, AttemptError::HttpProtocol, Phase::Exchange);
}

#[tokio::test]
async fn d_44_a_server_that_agrees_to_http2_and_speaks_another_is_no_http() {
    let authority = Authority::new();
    let mut config = authority.server(&["localhost"], |_| {});
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = serve_each(config, async |mut stream| {
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let exchange = post(http2(&authority), "localhost", address).await;
    assert_failed(&exchange, AttemptError::HttpProtocol, Phase::Exchange);
}

/// A frame after RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn setting(id: u8, value: u32) -> Vec<u8> {
    frame(4, 0, 0, &[&[0, id][..], &value.to_be_bytes()].concat())
}

/// A server that reads and says what it is told to, once, and then the rest again and again.
async fn serve_frames(authority: &Authority, once: Vec<u8>, again: Vec<u8>) -> SocketAddr {
    let mut config = authority.server(&["localhost"], |_| {});
    config.alpn_protocols = vec![b"h2".to_vec()];
    serve_each(config, move |stream| {
        let (once, again) = (once.clone(), again.clone());
        async move {
            let (mut reading, mut writing) = tokio::io::split(stream);
            let read = async { while reading.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {} };
            let write = async {
                let _ = writing.write_all(&once).await;
                while !again.is_empty() && writing.write_all(&again).await.is_ok() {}
            };
            tokio::join!(read, write);
        }
    })
    .await
}

#[tokio::test]
async fn d_43_floods_and_closed_windows_end_in_time() {
    const LIMIT: Duration = Duration::from_millis(500);
    let authority = Authority::new();
    let (settings, ping) = (frame(4, 0, 0, &[]), frame(6, 0, 0, &[7; 8]));
    // `:status: 200` by its index, without END_HEADERS; then one header that never ends.
    let headers = frame(1, 0, 1, &[0x88]);
    let rows = [
        ("no stream is allowed", setting(3, 0), Vec::new(), AttemptError::ResponseTimeout),
        ("no byte is allowed", setting(4, 0), Vec::new(), AttemptError::ResponseTimeout),
        ("pings", settings.clone(), ping.repeat(100), AttemptError::ResponseTimeout),
        ("settings", settings.clone(), settings.repeat(100), AttemptError::ResponseTimeout),
        (
            "continuations",
            [settings.clone(), headers].concat(),
            frame(9, 0, 1, &[0x88; 1024]),
            AttemptError::HttpProtocol,
        ),
    ];
    for (what, once, again, error) in rows {
        let address = serve_frames(&authority, once, again).await;
        let transport = HttpTransport::new(http2(&authority)).unwrap();
        let target = Target::parse(&format!("https://localhost:{}/", address.port())).unwrap();
        let (headers, body) = (http::HeaderMap::new(), Bytes::from_static(b"{}"));
        let request = hookseal::transport::Request { target: &target, identity: None, headers, body, timeout: LIMIT };
        let exchange = transport.send(request).await;
        let failure = exchange.result.unwrap_err();
        assert_eq!((failure.error, exchange.phase), (error, Phase::Exchange), "{what}: {failure}");
    }
}

#[tokio::test]
async fn a_large_head_is_refused_over_http2_too() {
    let authority = Authority::new();
    let too_large = AttemptError::ResponseHeadTooLarge;
    // hyper refuses the last one before it is read.
    for (count, size, error) in
        [(1, 17 * 1024, too_large), (101, 1, too_large), (1, 200 * 1024, AttemptError::HttpProtocol)]
    {
        let (address, _) = serve_both(&authority, move |_, _, mut respond| {
            let mut answer = Response::builder().status(200);
            for index in 0..count {
                answer = answer.header(format!("x-{index}"), "x".repeat(size));
            }
            respond.send_response(answer.body(()).unwrap(), true).unwrap();
        })
        .await;
        let exchange = post(http2(&authority), "localhost", address).await;
        assert_failed(&exchange, error, Phase::Exchange);
    }
}

/// A server whose first connection answers one request, then says on the next that it goes away, having taken the
/// streams up to the one given. Later connections answer.
async fn serve_until_it_goes(authority: &Authority, last: u32) -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&connections);
    let mut config = authority.server(&["localhost"], |_| {});
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = serve_each(config, move |mut stream| {
        let goes = counter.fetch_add(1, SeqCst) == 0;
        async move {
            stream.read_exact(&mut [0; 24]).await.unwrap();
            stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
            while let Ok((kind, number)) = read_frame(&mut stream).await {
                if kind == 1 && goes && number > 1 {
                    let payload = [last.to_be_bytes(), [0; 4]].concat();
                    stream.write_all(&frame(7, 0, 0, &payload)).await.unwrap();
                    return;
                }
                if kind == 1 {
                    // `:status: 204` by its index; the end of head and stream.
                    stream.write_all(&frame(1, 5, number, &[0x89])).await.unwrap();
                }
            }
        }
    })
    .await;
    (address, connections)
}

/// The kind and the stream of the next frame.
async fn read_frame(stream: &mut TlsStream<TcpStream>) -> std::io::Result<(u8, u32)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    stream.read_exact(&mut vec![0; length as usize]).await?;
    Ok((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
}

/// Whether it took the second request (3) or not (1): as when any kept connection closes, the answer did not begin.
#[tokio::test]
async fn d_40_d_41_a_server_that_goes_away_is_asked_once_more() {
    let authority = Authority::new();
    for last in [1, 3] {
        let (address, connections) = serve_until_it_goes(&authority, last).await;
        let transport = HttpTransport::new(http2(&authority)).unwrap();
        for resent in [false, true] {
            let exchange = post_as(&transport, None, "localhost", address).await;
            assert_eq!((exchange.result.unwrap().status, exchange.resent), (204, resent), "{last}");
        }
        assert_eq!(connections.load(SeqCst), 2);
    }
}
