//! Mutual TLS.

use hookseal::{
    Endpoint, ErrorCode, Event, Sender, SenderOptions, Signer, Status,
    retry::{AttemptError, Phase},
    transport::{HttpOptions, HttpTransport, Identity},
};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    assert_failed,
    authority::{Authority, answer, serve, serve_each},
    options, post, post_as,
};

/// A server that takes only clients with a certificate, and tells for each connection which it was.
async fn serve_known(authority: &Authority) -> (std::net::SocketAddr, UnboundedReceiver<CertificateDer<'static>>) {
    let (shown, seen) = unbounded_channel();
    let address = serve_each(authority.server_that_asks(&["localhost"]), move |mut stream| {
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        shown.send(certificate).unwrap();
        async move { while answer(&mut stream).await {} }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_and_there_is_none() {
    let authority = Authority::new();
    let address = serve(authority.server_that_asks(&["localhost"])).await;
    let exchange = post(options(&[&authority]), "localhost", address).await;
    // In TLS 1.3 the server refuses after the client has finished its handshake.
    assert_failed(&exchange, AttemptError::TlsHandshake, Phase::Exchange);
}

#[tokio::test]
async fn an_identity_of_another_authority_is_refused() {
    let authority = Authority::new();
    let address = serve(authority.server_that_asks(&["localhost"])).await;
    let stranger = Identity::from_pem(&Authority::new().client("stranger").0).unwrap();
    let exchange = post(HttpOptions { identity: Some(stranger), ..options(&[&authority]) }, "localhost", address).await;
    assert_failed(&exchange, AttemptError::TlsHandshake, Phase::Exchange);
}

#[tokio::test]
async fn each_identity_has_connections_of_its_own() {
    let authority = Authority::new();
    let (address, mut seen) = serve_known(&authority).await;
    let [(one_pem, one), (other_pem, other), (common_pem, common)] =
        ["one", "other", "common"].map(|name| authority.client(name));
    let identity = |pem: &str| Identity::from_pem(pem).unwrap();
    let common_identity = Some(identity(&common_pem));
    let transport = HttpTransport::new(HttpOptions { identity: common_identity, ..options(&[&authority]) }).unwrap();
    for pem in [None, Some(&one_pem), Some(&other_pem), None, Some(&one_pem), Some(&other_pem)] {
        // Made anew each time: what counts is what it holds.
        let own = pem.map(|pem| identity(pem));
        let exchange = post_as(&transport, own.as_ref(), "localhost", address).await;
        assert_eq!(exchange.result.unwrap().status, 204);
    }
    let connections: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
    assert_eq!(connections, [common, one, other], "one connection for each identity");
}

#[tokio::test]
async fn an_endpoints_identity_wins_over_the_senders() {
    let authority = Authority::new();
    let (address, mut seen) = serve_known(&authority).await;
    let [(own_pem, own), (common_pem, common)] = ["own", "common"].map(|name| authority.client(name));
    let sender = Sender::builder().allow_private(true).extra_root(&authority.pem).identity(common_pem).build().unwrap();
    let url = format!("https://localhost:{}/in", address.port());
    let signer = || Signer::builder().secrets(["whsec_demo"]).unwrap().build().unwrap();
    let plain = Endpoint::builder(&url, signer()).build().unwrap();
    let known = Endpoint::builder(&url, signer()).identity(own_pem).build().unwrap();
    for endpoint in [&plain, &known] {
        let delivery = sender.send(endpoint, Event::bytes("a", "{}").unwrap()).await.unwrap();
        assert_eq!(delivery.status, Status::Delivered, "{delivery:?}");
    }
    assert_eq!([seen.recv().await, seen.recv().await], [Some(common), Some(own)]);
}

#[test]
fn what_is_no_identity_is_refused_without_being_shown() {
    let (pem, _) = Authority::new().client("one");
    let (other, _) = Authority::new().client("other");
    let split = |pem: &str| {
        let at = pem.find("-----BEGIN PRIVATE KEY").unwrap();
        (pem[..at].to_owned(), pem[at..].to_owned())
    };
    let ((certificate, key), (_, others_key)) = (split(&pem), split(&other));
    let broken = "-----BEGIN PRIVATE KEY-----\nCANARY==\n-----END PRIVATE KEY-----\n";
    let texts = [
        String::new(),
        "CANARY".to_owned(),
        certificate.clone(),
        key,
        certificate.clone() + &others_key,
        certificate + broken,
    ];
    for text in texts {
        let error = Identity::from_pem(&text).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig);
        assert!(error.message().starts_with("identity: ") && !error.message().contains("CANARY"), "{error}");
        let options = SenderOptions { identity: Some(text.clone().into()), ..SenderOptions::default() };
        assert_eq!(Sender::new(options).unwrap_err(), error);
        let signer = Signer::builder().secrets(["whsec_demo"]).unwrap().build().unwrap();
        assert_eq!(Endpoint::builder("https://a.example.com/", signer).identity(text).build().unwrap_err(), error);
    }
    let identity = Identity::from_pem(&pem).unwrap();
    let options = SenderOptions { identity: Some(pem.into()), ..SenderOptions::default() };
    let printed = format!("{identity:?} {options:?} {:?}", Sender::builder().options(options.clone()));
    assert!(!printed.contains("BEGIN") && printed.contains("REDACTED"), "{printed}");
}
