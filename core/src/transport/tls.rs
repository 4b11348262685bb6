//! TLS: rustls with the ring provider given explicitly, so that nothing global is installed or needed.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use super::Failure;
use crate::{Error, ErrorCode, Result, retry::AttemptError};

/// The client's side of TLS. The system's roots are read at the first connection that needs them.
#[derive(Clone)]
pub(super) struct Tls {
    extra_roots: Arc<[CertificateDer<'static>]>,
    connector: Arc<OnceLock<TlsConnector>>,
}

impl Tls {
    /// Takes extra root certificates, each a PEM text of one or more.
    pub(super) fn new(extra_roots: &[String]) -> Result<Self> {
        let mut certificates = Vec::new();
        for pem in extra_roots {
            let before = certificates.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                certificates.push(certificate.map_err(|error| invalid_roots(&error))?);
            }
            if certificates.len() == before {
                return Err(invalid_roots(&"a text holds no PEM certificate"));
            }
        }
        let mut probe = RootCertStore::empty();
        certificates
            .iter()
            .try_for_each(|certificate| probe.add(certificate.clone()))
            .map_err(|error| invalid_roots(&error))?;
        Ok(Self { extra_roots: certificates.into(), connector: Arc::default() })
    }

    pub(super) fn connector(&self) -> Result<&TlsConnector, Failure> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(AttemptError::TlsHandshake, error.to_string()))?
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        Ok(self.connector.get_or_init(|| Arc::new(config).into()))
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            tracing::warn!("no root certificates found on this system; using the bundled Mozilla set");
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(self.extra_roots.iter().cloned());
        roots
    }
}

fn invalid_roots(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("extra_roots: {error}"))
}
