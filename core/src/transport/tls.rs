//! TLS: rustls with the ring provider given explicitly, so that nothing global is installed or needed.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{Error, ErrorCode, Result};

/// The client's side of TLS: the system's roots, and extra ones, each a PEM text of one or more.
pub(super) fn config(extra_roots: &[String]) -> Result<ClientConfig> {
    let mut roots = system_roots();
    for pem in extra_roots {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| invalid_roots(&error))?;
            roots.add(certificate).map_err(|error| invalid_roots(&error))?;
        }
        if roots.len() == before {
            return Err(invalid_roots(&"a text holds no PEM certificate"));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorCode::InvalidConfig, error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!("no root certificates found on this system; using the bundled Mozilla set");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn invalid_roots(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("extra_roots: {error}"))
}
