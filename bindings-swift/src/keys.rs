//! Secrets, schemes and key rings.

use std::sync::Arc;

use hookseal::{Key, KeyRing, KeyStats, Scheme, Secret, outbox::text_for_store};

use crate::{
    convert::{timestamp, timestamp_or_now},
    error::NativeError,
};

/// A secret.
#[derive(Debug, uniffi::Object)]
pub struct NativeSecret(Secret);

#[uniffi::export]
impl NativeSecret {
    /// `Secret::parse`.
    #[uniffi::constructor]
    pub fn parse(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::parse(text)?))
    }

    /// `Secret::utf8`.
    #[uniffi::constructor]
    pub fn utf8(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::utf8(text)?))
    }

    /// `Secret::base64`.
    #[uniffi::constructor]
    pub fn base64(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::base64(text)?))
    }

    /// `Secret::hex`.
    #[uniffi::constructor]
    pub fn hex(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::hex(text)?))
    }

    /// `Secret::bytes`.
    #[uniffi::constructor]
    pub fn bytes(key: &[u8]) -> Result<Self, NativeError> {
        Ok(Self(Secret::bytes(key)?))
    }

    /// `Secret::ed25519_private`.
    #[uniffi::constructor]
    pub fn ed25519_private(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::ed25519_private(text)?))
    }

    /// `Secret::ed25519_public`.
    #[uniffi::constructor]
    pub fn ed25519_public(text: String) -> Result<Self, NativeError> {
        Ok(Self(Secret::ed25519_public(text)?))
    }

    /// `Secret::generate`.
    #[uniffi::constructor]
    pub fn generate() -> Result<Self, NativeError> {
        Ok(Self(Secret::generate()?))
    }

    /// `Secret::expose`.
    pub fn expose(&self) -> String {
        self.0.expose().to_owned() // EXPOSE: the caller asked for it by this name
    }

    /// `outbox::text_for_store`.
    pub fn text_for_store(&self) -> Result<String, NativeError> {
        Ok(text_for_store(&self.0)?.to_owned())
    }
}

/// A scheme.
#[derive(Debug, uniffi::Object)]
pub struct NativeScheme(pub(crate) Scheme);

#[uniffi::export]
impl NativeScheme {
    /// `Scheme::named`.
    #[uniffi::constructor]
    pub fn named(name: &str) -> Result<Self, NativeError> {
        Ok(Self(Scheme::named(name)?))
    }

    /// `Scheme::from_json`.
    #[uniffi::constructor]
    pub fn from_json(document: &str) -> Result<Self, NativeError> {
        Ok(Self(Scheme::from_json(document)?))
    }

    /// `Scheme::name`.
    pub fn name(&self) -> String {
        self.0.name().to_owned()
    }

    /// `Scheme::summary`.
    pub fn summary(&self) -> String {
        self.0.summary().to_owned()
    }

    /// `Scheme::source`.
    pub fn source(&self) -> String {
        self.0.source().to_owned()
    }

    /// `Scheme::to_json`.
    pub fn document(&self) -> String {
        self.0.to_json().to_owned()
    }

    /// `Scheme::signs_url`.
    pub fn signs_url(&self) -> bool {
        self.0.signs_url()
    }

    /// `Scheme::header_names`.
    pub fn header_names(&self) -> Vec<String> {
        self.0.header_names().map(|name| name.as_str().to_owned()).collect()
    }
}

/// `Scheme::names`.
#[uniffi::export]
pub fn scheme_names() -> Vec<String> {
    Scheme::names().map(str::to_owned).collect()
}

/// A key of a ring.
#[derive(Debug, uniffi::Record)]
pub struct NativeKey {
    /// What it is made of.
    pub secret: Arc<NativeSecret>,
    /// Its name.
    pub id: Option<String>,
    /// Its first second.
    pub not_before: Option<i64>,
    /// Its last second.
    pub not_after: Option<i64>,
}

impl From<NativeKey> for Key {
    fn from(native: NativeKey) -> Self {
        let mut key = Self::new(native.secret.0.clone());
        if let Some(id) = &native.id {
            key = key.id(id);
        }
        if let Some(first) = native.not_before {
            key = key.not_before(timestamp(first));
        }
        if let Some(last) = native.not_after {
            key = key.not_after(timestamp(last));
        }
        key
    }
}

/// A key ring.
#[derive(Debug, uniffi::Object)]
pub struct NativeKeyRing(pub(crate) KeyRing);

#[uniffi::export]
impl NativeKeyRing {
    /// `KeyRing::new`.
    #[uniffi::constructor]
    pub fn new(keys: Vec<NativeKey>) -> Result<Self, NativeError> {
        Ok(Self(KeyRing::new(keys)?))
    }

    /// `KeyRing::rotate_at`.
    pub fn rotate(&self, key: NativeKey, overlap: u64, now: Option<i64>) -> Result<(), NativeError> {
        Ok(self.0.rotate_at(key, overlap, timestamp_or_now(now)?)?)
    }

    /// `KeyRing::revoke`.
    pub fn revoke(&self, id: &str) -> Result<(), NativeError> {
        Ok(self.0.revoke(id)?)
    }

    /// `KeyRing::stats`.
    pub fn stats(&self) -> Vec<NativeKeyStats> {
        self.0.stats().into_iter().map(NativeKeyStats::from).collect()
    }
}

/// How often a key has matched.
#[derive(Debug, uniffi::Record)]
pub struct NativeKeyStats {
    /// Its name.
    pub id: Option<String>,
    /// Its first second.
    pub not_before: Option<i64>,
    /// Its last second.
    pub not_after: Option<i64>,
    /// How many deliveries it has verified.
    pub matches: u64,
    /// When it last verified one.
    pub last_match: Option<i64>,
}

impl From<KeyStats> for NativeKeyStats {
    fn from(stats: KeyStats) -> Self {
        Self {
            id: stats.id,
            not_before: stats.not_before.map(hookseal::Timestamp::as_unix),
            not_after: stats.not_after.map(hookseal::Timestamp::as_unix),
            matches: stats.matches,
            last_match: stats.last_match.map(hookseal::Timestamp::as_unix),
        }
    }
}
