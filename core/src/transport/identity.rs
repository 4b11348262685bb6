//! Who the client is in mutual TLS.

use std::{fmt, sync::Arc};

use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorCode, Result};

/// A client certificate and its private key, which is never shown. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    digest: [u8; 32],
}

impl Identity {
    /// Reads a PEM text: a certificate, those of its issuers if there are any, and its private key.
    ///
    /// # Errors
    /// `invalid_config`.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| invalid(&error))?;
        if certificates.is_empty() {
            return Err(invalid(&"the text holds no PEM certificate"));
        }
        // What it says of a broken key may quote it.
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| invalid(&"the text holds no PEM private key that can be read"))?;
        let key =
            CertifiedKey::from_der(certificates, key, &ring::default_provider()).map_err(|error| invalid(&error))?;
        Ok(Self { key: Arc::new(key), digest: Sha256::digest(pem).into() })
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// Tells identities apart.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity([REDACTED])")
    }
}

fn invalid(error: &dyn fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("identity: {error}"))
}
