//! Receivers behind TLS, one for each way in which a certificate can be wrong.

use std::{error::Error, io, net::Ipv4Addr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a TLS port does with those who connect.
#[derive(Clone)]
pub(crate) enum Port {
    Speaks(TlsAcceptor),
    /// Answers with an alert: no version or cipher in common.
    Refuses,
    /// Says nothing.
    Stalls,
}

/// The ports by name, the root certificate behind most of them, and a certificate of it with its private key for tests.
pub(crate) struct Ports {
    pub(crate) all: Vec<(&'static str, Port)>,
    pub(crate) root: String,
    pub(crate) identity: String,
}

impl Ports {
    pub(crate) fn new() -> Outcome<Self> {
        let authority = Authority::new()?;
        let stranger = Authority::new()?;
        let local = || CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        let speaks = |config: ServerConfig| Port::Speaks(TlsAcceptor::from(Arc::new(config)));
        let mut expired = local()?;
        expired.not_after = date_time_ymd(2020, 1, 1);
        let mut early = local()?;
        early.not_before = date_time_ymd(3020, 1, 1);
        let elsewhere = CertificateParams::new(vec!["other.example.com".to_owned()])?;
        let all = vec![
            ("trusted", speaks(authority.server(&local()?, false)?)),
            ("expired", speaks(authority.server(&expired, false)?)),
            ("not_yet_valid", speaks(authority.server(&early, false)?)),
            ("untrusted", speaks(stranger.server(&local()?, false)?)),
            ("wrong_name", speaks(authority.server(&elsewhere, false)?)),
            ("client_certificate", speaks(authority.server(&local()?, true)?)),
            ("refuses", Port::Refuses),
            ("stalls", Port::Stalls),
        ];
        let (certificate, key) = authority.sign(&local()?)?;
        let identity = certificate.pem() + &key.serialize_pem();
        Ok(Self { all, root: authority.pem, identity })
    }
}

impl Port {
    pub(crate) async fn bind() -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
    }

    /// The connection, once the handshake is done; clients that refuse the certificate end it before.
    pub(crate) async fn accept(&self, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        match self {
            Self::Speaks(acceptor) => return acceptor.accept(stream).await,
            // RFC 8446, section 6: alert, fatal, handshake_failure.
            Self::Refuses => stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28").await?,
            Self::Stalls => {}
        }
        while stream.read(&mut [0; 4096]).await? > 0 {}
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Outcome<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { issuer: Issuer::new(params, key), pem: certificate.pem(), certificate })
    }

    fn sign(&self, params: &CertificateParams) -> Outcome<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }

    fn server(&self, params: &CertificateParams, asks_for_clients: bool) -> Outcome<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = if asks_for_clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.der().clone())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.sign(params)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(builder.with_single_cert(vec![certificate.der().clone()], key)?)
    }
}
