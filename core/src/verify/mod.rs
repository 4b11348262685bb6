//! Verification: one algorithm for every scheme, whose first failing step decides.

mod builder;
mod received;
mod verified;

use crate::{
    Error, ErrorCode, KeyRing, ReplayGuard, Result, Scheme, Timestamp,
    headers::{Found, HeaderName, HeaderSource},
    public_url,
    replay::{Claim, claim_of},
    ring::key::{Candidates, Fixed},
    scheme::{
        Parts,
        template::{BodyForm, Content, Field},
    },
};
pub use builder::VerifierBuilder;
use received::{Covered, Received};
pub use verified::Verified;

const MAX_HEADER: usize = 8192;

/// Verifies received webhooks under one scheme.
///
/// Any input has one of two outcomes: [`Verified`], or an [`Error`] whose code is the same in every language.
/// Cheap to clone; clones share keys and guard.
///
/// ```
/// use hookseal::{ErrorCode, Message, Secret, Signer, Timestamp, Verifier};
///
/// let now = Timestamp::from_unix(1_700_000_000);
/// let body = br#"{"id":42}"#;
/// let headers = Signer::new(Secret::parse("whsec_demo")?)?
///     .sign_at(&Message::new(body).id("evt_1").event_type("order.paid"), now)?;
///
/// let verifier = Verifier::new(Secret::parse("whsec_demo")?)?;
/// let verified = verifier.verify_at(body, &headers, now)?;
/// assert_eq!((verified.id(), verified.event_type()), (Some("evt_1"), Some("order.paid")));
///
/// let tampered = verifier.verify_at(br#"{"id":43}"#, &headers, now).unwrap_err();
/// assert_eq!(tampered.code(), ErrorCode::NoMatchingSignature);
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    scheme: Scheme,
    ring: KeyRing,
    /// How many of the scheme's versions are accepted, from the strongest on.
    accepted: usize,
    required: bool,
    /// How far a timestamp may lie back and ahead, in seconds.
    window: Option<(u64, u64)>,
    max_body: Option<usize>,
    replay: Option<ReplayGuard>,
}

impl Verifier {
    /// Verifies under the scheme `hookseal` with a secret, or with a ring.
    ///
    /// # Errors
    /// `malformed_secret` when the key can not serve the scheme; `invalid_config` when the ring serves another one.
    pub fn new(keys: impl Into<KeyRing>) -> Result<Self> {
        Self::builder().keys(keys).build()
    }

    /// Chooses scheme, keys and limits.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::default()
    }

    /// Verifies a webhook received at the present moment.
    ///
    /// # Errors
    /// Every code of kind `verification`; `storage_full` from a replay guard.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn verify<H: HeaderSource + ?Sized>(&self, body: impl AsRef<[u8]>, headers: &H) -> Result<Verified> {
        self.verify_at(body, headers, Timestamp::now()?)
    }

    /// Verifies a webhook received at `now`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_at<H: HeaderSource + ?Sized>(
        &self,
        body: impl AsRef<[u8]>,
        headers: &H,
        now: Timestamp,
    ) -> Result<Verified> {
        self.verify_url_at(body, headers, None, now)
    }

    /// Verifies a webhook received at `now` on `url`, the public URL as it is registered with the provider.
    ///
    /// # Errors
    /// As [`verify`](Self::verify); `missing_url` when the scheme signs the URL and it is `None`.
    pub fn verify_url_at<H: HeaderSource + ?Sized>(
        &self,
        body: impl AsRef<[u8]>,
        headers: &H,
        url: Option<&str>,
        now: Timestamp,
    ) -> Result<Verified> {
        let verdict = self.judge(body.as_ref(), headers, url, now);
        count(&verdict);
        verdict
    }

    #[inline]
    fn judge<H: HeaderSource + ?Sized>(
        &self,
        body: &[u8],
        headers: &H,
        url: Option<&str>,
        now: Timestamp,
    ) -> Result<Verified> {
        self.check_size(body)?;
        let scheme = self.scheme.parts();
        let keys = self.ring.keys();
        let header = signature_header(headers, &scheme.signature)?;
        let mut received = Received::new();
        received.read(header, scheme, self.accepted, &keys, now)?;
        let mut content = Content { body, ..Content::default() };
        let timestamp = received.timestamp(scheme.timestamp.as_ref(), headers, &mut content)?;
        let covered = Covered::read(scheme, headers);
        covered.check(&self.scheme)?;
        let index = self.choose(scheme, &received, &covered)?;
        let version = &scheme.versions[index];
        covered.fill(&mut content, scheme, version)?;
        let mut first = Fixed::default();
        let mut others = received.signatures(index);
        if !others.any(|text| first.read(version, text)) {
            let message = "no signature has the length and the alphabet of its version";
            return Err(Error::new(ErrorCode::MalformedSignature, message));
        }
        let candidates = Candidates { first: &first, others };
        if version.content.covers(Field::Url) {
            content.url = url.ok_or_else(missing_url)?.as_bytes();
        }
        let find = |content: &Content<'_>| {
            keys.live(now).find(|(_, entry)| {
                entry.prepared(index).is_some_and(|key| key.matches(version, content, candidates.clone()))
            })
        };
        let matched = match version.content.body_form() {
            BodyForm::SortedForm => public_url::readings(&content).find_map(|it| find(&it.content())),
            _ => find(&content),
        };
        let Some((key_index, entry)) = matched else {
            let message = "no key made any of the signatures over these bytes";
            return Err(Error::new(ErrorCode::NoMatchingSignature, message));
        };
        if let Some(timestamp) = timestamp {
            self.check_window(timestamp, now)?;
        }
        let claim = match &self.replay {
            Some(guard) => Some(self.claim(guard, index, &content, timestamp, now)?),
            None => None,
        };
        entry.count_match(now);
        Ok(Verified {
            timestamp,
            id: text_of(content.id),
            event_type: text_of(content.event_type),
            version: index,
            key: key_index,
            keys,
            claim,
        })
    }

    /// The headers that verification reads, at most three: all that a program has to hand over.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.scheme.header_names()
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    #[inline]
    fn check_size(&self, body: &[u8]) -> Result<()> {
        match self.max_body {
            Some(limit) if body.len() > limit => Err(Error::new(
                ErrorCode::BodyTooLarge,
                format!("the body has {} bytes; the limit is {limit}", body.len()),
            )),
            _ => Ok(()),
        }
    }

    /// The strongest version that is present together with the headers that it covers.
    #[inline]
    fn choose(&self, scheme: &Parts, received: &Received<'_>, covered: &Covered<'_>) -> Result<usize> {
        let mut lacking = None;
        for (index, version) in scheme.versions.iter().enumerate().filter(|(index, _)| received.has(*index)) {
            match covered.lacking(scheme, version) {
                None => return Ok(index),
                Some(name) => lacking = lacking.or(Some(name)),
            }
        }
        match lacking {
            Some(name) if self.required => Err(missing(name)),
            _ => Err(Error::new(
                ErrorCode::UnsupportedVersion,
                "the header has no signature of a version that is accepted",
            )),
        }
    }

    #[inline]
    fn check_window(&self, timestamp: Timestamp, now: Timestamp) -> Result<()> {
        let Some((back, ahead)) = self.window else { return Ok(()) };
        let age = now.seconds_since(timestamp);
        let over = |code, limit: u64, word: &str| {
            Err(Error::new(
                code,
                format!("the timestamp is {} s {word}; the tolerance is {limit} s", age.unsigned_abs()),
            ))
        };
        if age > 0 && age.unsigned_abs() > back {
            return over(ErrorCode::TimestampTooOld, back, "old");
        }
        if age < 0 && age.unsigned_abs() > ahead {
            return over(ErrorCode::TimestampInFuture, ahead, "in the future");
        }
        Ok(())
    }

    fn claim(
        &self,
        guard: &ReplayGuard,
        index: usize,
        content: &Content<'_>,
        timestamp: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Box<Claim>> {
        let expires = match (timestamp, self.window) {
            (Some(timestamp), Some((back, _))) => timestamp.plus_seconds(back),
            _ => Timestamp::from_unix(i64::MAX),
        };
        let claim = claim_of(&self.scheme, index, content, expires);
        guard.claim(&claim, now)?;
        Ok(Box::new(claim))
    }
}

/// Counts a verdict by its code, where the feature `metrics` is on.
#[cfg(feature = "metrics")]
fn count(verdict: &Result<Verified>) {
    // With text that is there when it is compiled, an accepted webhook still allocates nothing.
    match verdict {
        Ok(_) => metrics::counter!("hookseal_verify_total", "result" => "ok").increment(1),
        Err(error) => metrics::counter!("hookseal_verify_total", "result" => error.code().as_str()).increment(1),
    }
}

#[cfg(not(feature = "metrics"))]
#[inline]
fn count(_: &Result<Verified>) {}

#[inline]
fn signature_header<'h, H: HeaderSource + ?Sized>(headers: &'h H, name: &HeaderName) -> Result<&'h [u8]> {
    let header = match headers.header(name) {
        Found::One(header) => header,
        Found::Absent => return Err(missing(name)),
        Found::Doubled => return Err(doubled(name)),
    };
    if header.len() > MAX_HEADER {
        return Err(Error::new(
            ErrorCode::HeaderTooLarge,
            format!("the header {} has {} bytes; the limit is {MAX_HEADER}", name.as_str(), header.len()),
        ));
    }
    // Without an early end, so that it runs over many bytes at once.
    let is_strange = header.iter().fold(false, |any, byte| any | !matches!(byte, b' '..=b'~' | b'\t'));
    if is_strange {
        return Err(malformed(name, "has a byte outside printable ASCII"));
    }
    Ok(header)
}

/// The text of a covered header; the character rule has made it ASCII.
fn text_of(bytes: &[u8]) -> Option<Box<str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into())
}

fn missing_url() -> Error {
    Error::new(ErrorCode::MissingUrl, "the scheme signs the receiver's URL; pass it as url")
}

fn missing(name: &HeaderName) -> Error {
    Error::new(ErrorCode::MissingHeader, format!("the header {} is missing", name.as_str()))
}

fn doubled(name: &HeaderName) -> Error {
    malformed(name, "is there more than once")
}

fn malformed(name: &HeaderName, what: &str) -> Error {
    Error::new(ErrorCode::MalformedHeader, format!("the header {} {what}", name.as_str()))
}
