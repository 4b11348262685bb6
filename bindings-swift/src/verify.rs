//! Signing and verifying.

use std::{sync::Arc, time::Duration};

use hookseal::{Message, ReplayGuard, Signer, Timestamp, Verified, Verifier};
use uniffi::Handle;

use crate::{
    convert::{latin1, size, timestamp, timestamp_or_now},
    error::NativeError,
    keys::{NativeKeyRing, NativeScheme},
    packed::{Packer, Unpacker},
};

/// A signer.
#[derive(Debug, uniffi::Object)]
pub struct NativeSigner(pub(crate) Signer);

#[uniffi::export]
impl NativeSigner {
    /// `Signer::builder`.
    #[uniffi::constructor]
    pub fn new(
        ring: &NativeKeyRing,
        scheme: &NativeScheme,
        until: Option<i64>,
        also: Vec<Arc<NativeSigner>>,
    ) -> Result<Self, NativeError> {
        let mut builder = Signer::builder().keys(ring.0.clone()).scheme(scheme.0.clone());
        if let Some(last) = until {
            builder = builder.until(timestamp(last));
        }
        for other in also {
            builder = builder.also(other.0.clone());
        }
        Ok(Self(builder.build()?))
    }

    /// `Signer::sign_at`, packed: given the timestamp, the id, the event type and the URL, answers with each header's name
    /// and value.
    pub fn sign_packed(&self, body: &[u8], message: &[u8]) -> Result<Vec<u8>, NativeError> {
        let mut given = Unpacker(message);
        let timestamp = given.number()?;
        let mut message = Message::new(body);
        if let Some(id) = given.text()? {
            message = message.id(id);
        }
        if let Some(event_type) = given.text()? {
            message = message.event_type(event_type);
        }
        if let Some(url) = given.text()? {
            message = message.url(url);
        }
        let mut answer = Packer::new();
        for (name, value) in self.0.sign_at(&message, timestamp_or_now(timestamp)?)?.iter() {
            answer.text(Some(name));
            answer.text(Some(value));
        }
        Ok(answer.finish())
    }
}

/// A verifier.
#[derive(Debug, uniffi::Object)]
pub struct NativeVerifier {
    verifier: Verifier,
    is_guarded: bool,
}

/// The options of a verifier.
#[derive(Debug, uniffi::Record)]
pub struct NativeVerifierOptions {
    /// The scheme.
    pub scheme: Arc<NativeScheme>,
    /// Seconds.
    pub tolerance: u64,
    /// Seconds.
    pub future_tolerance: Option<u64>,
    /// The label of a version.
    pub require: Option<String>,
    /// The guard.
    pub replay: Option<Arc<NativeReplayGuard>>,
    /// Bytes.
    pub max_body: Option<u64>,
    /// Accepts any age.
    pub dangerously_ignore_timestamp: bool,
}

#[uniffi::export]
impl NativeVerifier {
    /// `Verifier::builder`.
    #[uniffi::constructor]
    pub fn new(ring: &NativeKeyRing, options: NativeVerifierOptions) -> Result<Self, NativeError> {
        let is_guarded = options.replay.is_some();
        let mut builder = Verifier::builder()
            .keys(ring.0.clone())
            .scheme(options.scheme.0.clone())
            .tolerance(Duration::from_secs(options.tolerance));
        if let Some(tolerance) = options.future_tolerance {
            builder = builder.future_tolerance(Duration::from_secs(tolerance));
        }
        if let Some(version) = &options.require {
            builder = builder.require(version);
        }
        if let Some(guard) = options.replay {
            builder = builder.replay(guard.0.clone());
        }
        if let Some(bytes) = options.max_body {
            builder = builder.max_body(size(bytes));
        }
        if options.dangerously_ignore_timestamp {
            builder = builder.dangerously_ignore_timestamp();
        }
        Ok(Self { verifier: builder.build()?, is_guarded })
    }

    /// `Verifier::verify_url_at`, packed: given the present moment, the URL, and each header's name and value; a header
    /// without a name is the bare signature header. Answers with the timestamp, the key's index, the version, the id, the
    /// event type and the key's id, and where there is a guard with the handle of a `NativeClaim`.
    pub fn verify_packed(&self, body: &[u8], request: &[u8]) -> Result<Vec<u8>, NativeError> {
        let mut given = Unpacker(request);
        let (now, url) = (timestamp_or_now(given.number()?)?, given.text()?);
        let (mut headers, mut signature) = (Vec::with_capacity(4), None);
        while !given.is_empty() {
            match (given.text()?, given.text()?.unwrap_or_default()) {
                (Some(name), value) => headers.push((name, latin1(value))),
                (None, value) => signature = Some(value),
            }
        }
        let verified = match signature {
            Some(value) => self.verifier.verify_url_at(body, value, url, now),
            None => self.verifier.verify_url_at(body, &headers, url, now),
        }?;
        let mut answer = Packer::new();
        answer.number(verified.timestamp().map(Timestamp::as_unix));
        answer.number(i64::try_from(verified.key_index()).ok());
        for text in [Some(verified.version()), verified.id(), verified.event_type(), verified.key_id()] {
            answer.text(text);
        }
        if self.is_guarded {
            answer.number(Some(Handle::from_arc(Arc::new(NativeClaim(verified))).as_raw().cast_signed()));
        }
        Ok(answer.finish())
    }
}

/// What a guard was asked to remember.
#[derive(Debug, uniffi::Object)]
pub struct NativeClaim(Verified);

/// A replay guard.
#[derive(Debug, uniffi::Object)]
pub struct NativeReplayGuard(ReplayGuard);

#[uniffi::export]
impl NativeReplayGuard {
    /// `ReplayGuard::new`.
    #[uniffi::constructor]
    pub fn new(capacity: u64) -> Result<Self, NativeError> {
        Ok(Self(ReplayGuard::new(size(capacity))?))
    }

    /// `ReplayGuard::release`.
    pub fn release(&self, claim: &NativeClaim) {
        // The memory of the process never fails to forget.
        drop(self.0.release(&claim.0));
    }
}
