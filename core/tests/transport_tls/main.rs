//! TLS as the transport meets it: certificates that are fine, and all the ways in which they are not.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod http2;
mod identity;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hookseal::{
    ErrorCode,
    guard::{Guard, GuardOptions},
    retry::{AttemptError, Phase},
    transport::{Exchange, HttpOptions, HttpTransport, Identity, Proxy, Request, Target, Transport},
};
use http::HeaderMap;
use rcgen::date_time_ymd;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::authority::{Authority, answer, serve, serve_each};

/// A server that writes these bytes to whoever connects, and never closes.
async fn babble(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(bytes).await.unwrap();
            held.push(stream);
        }
    });
    address
}

fn options(roots: &[&Authority]) -> HttpOptions {
    HttpOptions {
        guard: Guard::new(&GuardOptions { allow_private: true, ..GuardOptions::default() }).unwrap(),
        extra_roots: roots.iter().map(|authority| authority.pem.clone()).collect(),
        ..HttpOptions::default()
    }
}

async fn post(options: HttpOptions, host: &str, address: SocketAddr) -> Exchange {
    post_as(&HttpTransport::new(options).unwrap(), None, host, address).await
}

async fn post_as(transport: &HttpTransport, identity: Option<&Identity>, host: &str, address: SocketAddr) -> Exchange {
    let target = Target::parse(&format!("https://{host}:{}/", address.port())).unwrap();
    let request = Request {
        target: &target,
        identity,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(30),
    };
    transport.send(request).await
}

#[track_caller]
fn assert_failed(exchange: &Exchange, error: AttemptError, phase: Phase) {
    let failure = exchange.result.as_ref().expect_err("the exchange should fail");
    assert_eq!((failure.error, exchange.phase), (error, phase), "{failure}");
}

#[tokio::test]
async fn an_extra_root_is_trusted_for_names_and_addresses() {
    let authority = Authority::new();
    let address = serve(authority.server(&["localhost", "127.0.0.1"], |_| {})).await;
    for host in ["localhost", "127.0.0.1"] {
        let exchange = post(options(&[&authority]), host, address).await;
        assert_eq!(exchange.result.unwrap().status, 204);
    }
}

#[tokio::test]
async fn the_server_is_asked_for_by_the_urls_name() {
    let authority = Authority::new();
    let (told, mut names) = tokio::sync::mpsc::unbounded_channel();
    let address = serve_each(authority.server(&["localhost", "127.0.0.1"], |_| {}), move |mut stream| {
        told.send(stream.get_ref().1.server_name().map(str::to_owned)).unwrap();
        async move { while answer(&mut stream).await {} }
    })
    .await;
    for host in ["LOCALHOST.", "127.0.0.1"] {
        assert_eq!(post(options(&[&authority]), host, address).await.result.unwrap().status, 204);
    }
    // RFC 6066, section 3: addresses are not sent.
    assert_eq!([names.recv().await, names.recv().await], [Some(Some("localhost".to_owned())), Some(None)]);
}

#[tokio::test]
async fn an_unknown_issuer_is_not_trusted() {
    let authority = Authority::new();
    let address = serve(authority.server(&["localhost"], |_| {})).await;
    for roots in [&[][..], &[&Authority::new()][..]] {
        let exchange = post(options(roots), "localhost", address).await;
        assert_failed(&exchange, AttemptError::TlsCertificateUntrusted, Phase::Connect);
    }
}

#[tokio::test]
async fn a_certificate_outside_its_validity_says_so() {
    let authority = Authority::new();
    let expired = authority.server(&["localhost"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.server(&["localhost"], |params| params.not_before = date_time_ymd(3020, 1, 1));
    for config in [expired, early] {
        let address = serve(config).await;
        let exchange = post(options(&[&authority]), "localhost", address).await;
        assert_failed(&exchange, AttemptError::TlsCertificateExpired, Phase::Connect);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_says_so() {
    let authority = Authority::new();
    let address = serve(authority.server(&["other.example.com"], |_| {})).await;
    for host in ["localhost", "127.0.0.1"] {
        let exchange = post(options(&[&authority]), host, address).await;
        assert_failed(&exchange, AttemptError::TlsNameMismatch, Phase::Connect);
    }
}

#[tokio::test]
async fn no_tls_is_spoken() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &b"\x15\x03\x03\x00\x02\x02\x28"[..]] {
        let exchange = post(options(&[]), "localhost", babble(bytes).await).await;
        assert_failed(&exchange, AttemptError::TlsHandshake, Phase::Connect);
    }
}

#[tokio::test]
async fn the_handshake_stalls() {
    let options = HttpOptions { connect_timeout: Duration::from_millis(300), ..options(&[]) };
    let exchange = post(options, "localhost", babble(b"").await).await;
    assert_failed(&exchange, AttemptError::ConnectTimeout, Phase::Connect);
}

/// The proxy passes bytes on and sees none of what is in them.
#[tokio::test]
async fn u_30_tls_is_spoken_with_the_receiver_through_a_proxy() {
    let authority = Authority::new();
    let server = serve(authority.server(&["hooks.example.com"], |_| {})).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(client.read_buf(&mut head).await.unwrap(), 0);
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut server).await.unwrap();
    });
    let options = HttpOptions { proxy: Some(proxy), ..options(&[&authority]) };
    let exchange = post(options, "hooks.example.com", server).await;
    assert_eq!(exchange.result.unwrap().status, 204);
}

#[test]
fn roots_that_are_none_are_refused() {
    let authority = Authority::new();
    for pem in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let options = HttpOptions { extra_roots: vec![authority.pem.clone(), pem.to_owned()], ..options(&[]) };
        let error = HttpTransport::new(options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig, "{pem:?}");
        assert!(error.message().contains("extra_roots"), "{error}");
    }
}
