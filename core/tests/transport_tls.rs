//! TLS as the transport meets it: certificates that are fine, and all the ways in which they are not.

#![cfg(feature = "send")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use hookseal::{
    ErrorCode,
    guard::{Guard, GuardOptions},
    retry::{AttemptError, Phase},
    transport::{Exchange, HttpOptions, HttpTransport, Request, Target, Transport},
};
use http::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    server::{WantsServerCert, WebPkiClientVerifier},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

const OK: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// An authority of the tests.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn server(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        self.finish(server_config().with_no_client_auth(), names, change)
    }

    fn finish(
        &self,
        builder: ConfigBuilder<ServerConfig, WantsServerCert>,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

fn server_config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

async fn serve(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Clients that refuse the certificate end the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n{}") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                stream.write_all(OK).await.unwrap();
            });
        }
    });
    address
}

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
    let target = Target::parse(&format!("https://{host}:{}/", address.port())).unwrap();
    let request = Request {
        target: &target,
        identity: None,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(30),
    };
    HttpTransport::new(options).unwrap().send(request).await
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
async fn a_client_certificate_is_asked_for() {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authority.pem.as_bytes()).map(Result::unwrap));
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let config = authority.finish(server_config().with_client_cert_verifier(verifier), &["localhost"], |_| {});
    let exchange = post(options(&[&authority]), "localhost", serve(config).await).await;
    // In TLS 1.3 the server refuses after the client has finished its handshake.
    assert_failed(&exchange, AttemptError::TlsHandshake, Phase::Exchange);
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
