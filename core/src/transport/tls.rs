//! TLS: rustls with the ring provider given explicitly, so that nothing global is installed or needed.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
    sign::SingleCertAndKey,
};

use super::Identity;
use crate::{Error, ErrorCode, Result};

/// Takes extra root certificates, each a PEM text of one or more.
pub(super) fn extra_roots(texts: &[String]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for pem in texts {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| invalid_roots(&error))?;
            roots.add(certificate).map_err(|error| invalid_roots(&error))?;
        }
        if roots.len() == before {
            return Err(invalid_roots(&"a text holds no PEM certificate"));
        }
    }
    Ok(roots)
}

/// The client's side of TLS.
pub(super) fn config(
    roots: Arc<RootCertStore>,
    identity: Option<&Identity>,
    http2: bool,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key()))),
    };
    if http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(config)
}

/// What a client of another service of ours needs: a server that the system's roots vouch for.
#[cfg(feature = "postgres")]
pub(crate) fn plain_config() -> Result<ClientConfig> {
    config(Arc::new(with_system(RootCertStore::empty())), None, false)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("TLS: {error}")))
}

/// The system's root certificates, read now, beside the given ones.
pub(super) fn with_system(mut roots: RootCertStore) -> RootCertStore {
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        tracing::warn!("no root certificates found on this system; using the bundled Mozilla set");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn invalid_roots(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("extra_roots: {error}"))
}
