//! HTTP/2, where it was asked for and the server speaks it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use hookseal::{
    retry::{AttemptError, Phase},
    transport::{HttpOptions, HttpTransport},
};
use http::{Request, Response};
use tokio::net::TcpStream;
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
        use tokio::io::AsyncWriteExt;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let exchange = post(http2(&authority), "localhost", address).await;
    assert_failed(&exchange, AttemptError::HttpProtocol, Phase::Exchange);
}
