//! Verification: one algorithm for every scheme, whose first failing step decides.

use std::{borrow::Cow, sync::Arc, time::Duration};

use crate::{
    Error, ErrorCode, KeyRing, ReplayGuard, Result, Scheme, Timestamp,
    headers::{Found, HeaderName, HeaderSource},
    message::{is_event_type, is_id},
    public_url,
    replay::{Claim, claim_of},
    ring::{Keys, Use, key::Candidate},
    scheme::{
        Algorithm, Parts, Place, TimestampRule,
        template::{BodyForm, Content, Field},
    },
    sign::ring_of,
};

const MAX_HEADER: usize = 8192;
const MAX_ELEMENTS: usize = 64;
const MAX_VALUES: usize = 32;
const MAX_ED25519_VALUES: usize = 4;
const DEFAULT_TOLERANCE: u64 = 300;
const MAX_TOLERANCE: u64 = u32::MAX as u64;

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
        let body = body.as_ref();
        self.check_size(body)?;
        let keys = self.ring.keys();
        let header = self.signature_header(headers)?;
        let received = self.read(header, &keys, now)?;
        let (timestamp_text, timestamp) = self.timestamp(&received, headers)?;
        let covered = self.covered_headers(headers)?;
        let index = self.choose(&received, &covered)?;
        let version = &self.scheme.parts().versions[index];
        let content = Content {
            timestamp: timestamp_text,
            id: covered.id.checked(version.content.covers(Field::Id), is_id, self.scheme.parts().id.as_ref())?,
            event_type: covered.event_type.checked(
                version.content.covers(Field::Type),
                is_event_type,
                self.scheme.parts().event_type.as_ref(),
            )?,
            url: url.unwrap_or_default().as_bytes(),
            body,
        };
        let (first, others) = received.candidates(self.scheme.parts(), index)?;
        if version.content.covers(Field::Url) && url.is_none() {
            return Err(Error::new(ErrorCode::MissingUrl, "the scheme signs the receiver's URL; pass it as url"));
        }
        let matched = readings(version.content.body_form(), content).into_iter().flatten().find_map(|content| {
            keys.live(now).find(|(_, entry)| {
                entry.prepared(index).is_some_and(|key| {
                    let candidates = std::iter::once(first).chain(others.clone());
                    key.matches(version, &content.borrowed(), candidates)
                })
            })
        });
        let Some((key_index, entry)) = matched else {
            return Err(Error::new(
                ErrorCode::NoMatchingSignature,
                "no key made any of the signatures over these bytes",
            ));
        };
        if let Some(timestamp) = timestamp {
            self.check_window(timestamp, now)?;
        }
        let claim = self.claim(index, &content, timestamp, now)?;
        entry.count_match(now);
        Ok(Verified {
            timestamp,
            id: text_of(content.id),
            event_type: text_of(content.event_type),
            version: version.label.clone(),
            key_index,
            key_id: entry.id(),
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

    fn check_size(&self, body: &[u8]) -> Result<()> {
        match self.max_body {
            Some(limit) if body.len() > limit => Err(Error::new(
                ErrorCode::BodyTooLarge,
                format!("the body has {} bytes; the limit is {limit}", body.len()),
            )),
            _ => Ok(()),
        }
    }

    fn signature_header<'h, H: HeaderSource + ?Sized>(&self, headers: &'h H) -> Result<&'h [u8]> {
        let name = &self.scheme.parts().signature;
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
        let strange = header.iter().fold(false, |any, byte| any | !matches!(byte, b' '..=b'~' | b'\t'));
        if strange {
            return Err(malformed(name, "has a byte outside printable ASCII"));
        }
        Ok(header)
    }

    /// Sorts the header's elements into timestamps and values of accepted versions.
    fn read<'h>(&self, header: &'h [u8], keys: &Keys, now: Timestamp) -> Result<Received<'h>> {
        let scheme = self.scheme.parts();
        let element = match &scheme.timestamp {
            Some(TimestampRule { place: Place::Element(element), .. }) => Some(element.as_bytes()),
            _ => None,
        };
        let mut received = Received::default();
        let mut elements = 0;
        let mut well_formed = false;
        for found in scheme.grammar.elements(header) {
            elements += 1;
            if elements > MAX_ELEMENTS {
                return Err(too_many());
            }
            let Some((label, value)) = found else { continue };
            well_formed = true;
            if Some(label) == element {
                received.timestamps += 1;
                received.timestamp = value;
            } else if let Some(index) = scheme.versions.iter().position(|version| version.label.as_bytes() == label) {
                let has_key = || keys.live(now).any(|(_, entry)| entry.prepared(index).is_some());
                if index < self.accepted && has_key() {
                    received.push(index, value, scheme.versions[index].algorithm == Algorithm::Ed25519)?;
                }
            }
        }
        if !well_formed {
            return Err(malformed(&scheme.signature, "has no element that can be read"));
        }
        Ok(received)
    }

    /// The timestamp's bytes as received, and its seconds.
    fn timestamp<'h, H: HeaderSource + ?Sized>(
        &self,
        received: &Received<'h>,
        headers: &'h H,
    ) -> Result<(&'h [u8], Option<Timestamp>)> {
        let Some(rule) = &self.scheme.parts().timestamp else { return Ok((b"", None)) };
        let found = match &rule.place {
            Place::Element(_) if received.timestamps > 1 => Found::Doubled,
            Place::Element(_) if received.timestamps == 0 => Found::Absent,
            Place::Element(_) => Found::One(received.timestamp),
            Place::Header(name) => headers.header(name),
        };
        let text = match found {
            Found::One(text) => text,
            Found::Absent => {
                return Err(Error::new(
                    ErrorCode::MissingTimestamp,
                    "the scheme has a timestamp and the request has none",
                ));
            }
            Found::Doubled => return Err(Error::new(ErrorCode::DuplicateTimestamp, "the request has two timestamps")),
        };
        match rule.unit.parse(text) {
            Some(seconds) => Ok((text, Some(Timestamp::from_unix(seconds)))),
            None => Err(Error::new(
                ErrorCode::MalformedTimestamp,
                format!("the timestamp is not in its canonical form{}", rule.unit.hint(text)),
            )),
        }
    }

    /// Looks up the headers that some version covers; the ones that every version covers have to be good.
    fn covered_headers<'h, H: HeaderSource + ?Sized>(&self, headers: &'h H) -> Result<Covered<'h>> {
        let scheme = self.scheme.parts();
        let find = |field, name: &Option<HeaderName>, is_good: fn(&[u8]) -> bool| {
            let Some(name) = name.as_ref().filter(|_| scheme.versions.iter().any(|it| it.content.covers(field))) else {
                return Ok(Header(Found::Absent));
            };
            let found = Header(headers.header(name));
            if self.scheme.signs(field) {
                found.checked(true, is_good, Some(name))?;
            }
            Ok(found)
        };
        Ok(Covered {
            id: find(Field::Id, &scheme.id, is_id)?,
            event_type: find(Field::Type, &scheme.event_type, is_event_type)?,
        })
    }

    /// The strongest version that is present together with the headers that it covers.
    fn choose(&self, received: &Received<'_>, covered: &Covered<'_>) -> Result<usize> {
        let scheme = self.scheme.parts();
        let mut lacking = None;
        for (index, version) in scheme.versions.iter().enumerate().filter(|(index, _)| received.has(*index)) {
            let lacks = |field, header: &Header<'_>| version.content.covers(field) && header.0 == Found::Absent;
            if lacks(Field::Id, &covered.id) {
                lacking = lacking.or(scheme.id.as_ref());
            } else if lacks(Field::Type, &covered.event_type) {
                lacking = lacking.or(scheme.event_type.as_ref());
            } else {
                return Ok(index);
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
        index: usize,
        content: &Content<'_>,
        timestamp: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Claim>> {
        let Some(guard) = &self.replay else { return Ok(None) };
        let expires = match (timestamp, self.window) {
            (Some(timestamp), Some((back, _))) => timestamp.plus_seconds(back),
            _ => Timestamp::from_unix(i64::MAX),
        };
        let claim = claim_of(&self.scheme, index, content, expires);
        guard.claim(&claim, now)?;
        Ok(Some(claim))
    }
}

/// What the signature header says, sorted.
struct Received<'h> {
    timestamp: &'h [u8],
    timestamps: usize,
    values: [(usize, &'h [u8]); MAX_VALUES + MAX_ED25519_VALUES],
    count: usize,
    ed25519_count: usize,
}

impl Default for Received<'_> {
    fn default() -> Self {
        Self {
            timestamp: b"",
            timestamps: 0,
            values: [(0, b""); MAX_VALUES + MAX_ED25519_VALUES],
            count: 0,
            ed25519_count: 0,
        }
    }
}

impl<'h> Received<'h> {
    fn push(&mut self, index: usize, value: &'h [u8], is_ed25519: bool) -> Result<()> {
        let others = self.count - self.ed25519_count;
        if (is_ed25519 && self.ed25519_count == MAX_ED25519_VALUES) || (!is_ed25519 && others == MAX_VALUES) {
            return Err(too_many());
        }
        self.values[self.count] = (index, value);
        self.count += 1;
        self.ed25519_count += usize::from(is_ed25519);
        Ok(())
    }

    fn has(&self, index: usize) -> bool {
        self.values[..self.count].iter().any(|(of, _)| *of == index)
    }

    /// The well-formed signatures of a version: the first, and the others.
    fn candidates<'s>(
        &'s self,
        scheme: &'s Parts,
        index: usize,
    ) -> Result<(Candidate<'h>, impl Iterator<Item = Candidate<'h>> + Clone + use<'s, 'h>)> {
        let version = &scheme.versions[index];
        let mut candidates = self.values[..self.count]
            .iter()
            .filter(move |(of, _)| *of == index)
            .filter_map(move |(_, value)| Candidate::read(version, value));
        match candidates.next() {
            Some(first) => Ok((first, candidates)),
            None => Err(Error::new(
                ErrorCode::MalformedSignature,
                "no signature has the length and the alphabet of its version",
            )),
        }
    }
}

struct Covered<'h> {
    id: Header<'h>,
    event_type: Header<'h>,
}

struct Header<'h>(Found<'h>);

impl<'h> Header<'h> {
    /// The header's bytes where the version covers it and they follow the character rule.
    fn checked(&self, is_covered: bool, is_good: fn(&[u8]) -> bool, name: Option<&HeaderName>) -> Result<&'h [u8]> {
        let Some(name) = name.filter(|_| is_covered) else { return Ok(b"") };
        match self.0 {
            Found::Absent => Err(missing(name)),
            Found::Doubled => Err(doubled(name)),
            Found::One(text) if is_good(text) => Ok(text),
            Found::One(_) => Err(malformed(name, "breaks the character rule for ids and event types")),
        }
    }
}

/// A content, perhaps with another spelling of the URL.
struct Reading<'a> {
    content: Content<'a>,
    url: Cow<'a, [u8]>,
}

impl Reading<'_> {
    fn borrowed(&self) -> Content<'_> {
        Content { url: &self.url, ..self.content }
    }
}

/// The ways in which a provider may have read the request. Only form schemes have more than one: their URL may or may
/// not carry the default port, and a digest in its query stands for the body.
fn readings(form: BodyForm, content: Content<'_>) -> [Option<Reading<'_>>; 2] {
    if form != BodyForm::SortedForm {
        return [Some(Reading { content, url: Cow::Borrowed(content.url) }), None];
    }
    let Some(content) = public_url::with_body_digest(content) else { return [None, None] };
    let other = public_url::with_other_port(content.url).map(|url| Reading { content, url: Cow::Owned(url) });
    [Some(Reading { content, url: Cow::Borrowed(content.url) }), other]
}

/// The text of a covered header; the character rule has made it ASCII.
fn text_of(bytes: &[u8]) -> Option<Box<str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into())
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

fn too_many() -> Error {
    Error::new(ErrorCode::TooManySignatures, "the signature header has more elements than any honest sender writes")
}

/// Makes a [`Verifier`].
#[derive(Debug, Default)]
#[must_use]
pub struct VerifierBuilder {
    scheme: Option<Scheme>,
    keys: Option<KeyRing>,
    tolerance: Option<Duration>,
    future_tolerance: Option<Duration>,
    ignores_timestamp: bool,
    require: Option<String>,
    max_body: Option<usize>,
    replay: Option<ReplayGuard>,
}

impl VerifierBuilder {
    /// The scheme; `hookseal` when none is given.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = Some(scheme);
        self
    }

    /// Plain secrets, newest first.
    ///
    /// # Errors
    /// `empty_secret`, `malformed_secret`, `invalid_config`.
    pub fn secrets<S: Into<String>>(mut self, secrets: impl IntoIterator<Item = S>) -> Result<Self> {
        self.keys = Some(ring_of(secrets)?);
        Ok(self)
    }

    /// A typed secret, or a ring.
    pub fn keys(mut self, keys: impl Into<KeyRing>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// How far a timestamp may lie back, in whole seconds, the edge included; 300 s unless given.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// How far a timestamp may lie ahead; the same as the tolerance unless given.
    pub fn future_tolerance(mut self, tolerance: Duration) -> Self {
        self.future_tolerance = Some(tolerance);
        self
    }

    /// Accepts copies of any age: whoever has recorded a webhook can repeat it for ever.
    pub fn dangerously_ignore_timestamp(mut self) -> Self {
        self.ignores_timestamp = true;
        self
    }

    /// Refuses versions weaker than the one with this label.
    pub fn require(mut self, version: &str) -> Self {
        self.require = Some(version.to_owned());
        self
    }

    /// The longest body in bytes; no limit unless given.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = Some(bytes);
        self
    }

    /// Refuses messages that the guard has seen.
    pub fn replay(mut self, guard: ReplayGuard) -> Self {
        self.replay = Some(guard);
        self
    }

    /// Checks that keys, scheme and options fit.
    ///
    /// # Errors
    /// `invalid_config` when no keys were given, a tolerance is not whole seconds up to 4,294,967,295, the scheme has no
    /// version of the required label, or a guard could not tell messages apart; `malformed_secret` when a key can not
    /// serve the scheme.
    pub fn build(self) -> Result<Verifier> {
        let invalid = |message: String| Error::new(ErrorCode::InvalidConfig, message);
        let ring = self.keys.ok_or_else(|| invalid("a verifier needs at least one secret".to_owned()))?;
        let scheme = self.scheme.unwrap_or_default();
        let back = seconds("tolerance", self.tolerance)?.unwrap_or(DEFAULT_TOLERANCE);
        let ahead = seconds("future_tolerance", self.future_tolerance)?.unwrap_or(back);
        let accepted = match self.require.as_deref() {
            None => scheme.versions().count(),
            Some(label) => {
                1 + scheme.versions().position(|version| version == label).ok_or_else(|| {
                    invalid(format!("the scheme {:?} has no version {label:?} to require", scheme.name()))
                })?
            }
        };
        if self.replay.is_some() {
            if self.ignores_timestamp {
                return Err(invalid("a replay guard forgets by the timestamp, which is ignored".to_owned()));
            }
            if !scheme.signs_timestamp() && !scheme.signs_id() {
                return Err(invalid(format!(
                    "the scheme {:?} signs neither timestamp nor id, so a replay guard can not tell two messages apart",
                    scheme.name()
                )));
            }
        }
        ring.bind(&scheme, Use::Verify)?;
        Ok(Verifier {
            scheme,
            ring,
            accepted,
            required: self.require.is_some(),
            window: (!self.ignores_timestamp).then_some((back, ahead)),
            max_body: self.max_body,
            replay: self.replay,
        })
    }
}

fn seconds(name: &str, duration: Option<Duration>) -> Result<Option<u64>> {
    match duration {
        Some(it) if it.subsec_nanos() != 0 || it.as_secs() > MAX_TOLERANCE => Err(Error::new(
            ErrorCode::InvalidConfig,
            format!("{name} must be whole seconds between 0 and {MAX_TOLERANCE}"),
        )),
        other => Ok(other.map(|it| it.as_secs())),
    }
}

/// What an accepted webhook is known to be.
///
/// `id` and `event_type` are there only where the signature covers them: a header beside a signature that does not
/// cover it is whatever the last proxy wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    timestamp: Option<Timestamp>,
    id: Option<Box<str>>,
    event_type: Option<Box<str>>,
    version: Arc<str>,
    key_index: usize,
    key_id: Option<Arc<str>>,
    claim: Option<Claim>,
}

impl Verified {
    /// When it was signed, in whole seconds; `None` for schemes without a timestamp.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The signed message id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The signed event type.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }

    /// The label of the version that matched; empty for schemes whose header has none.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The place in the ring of the key that matched; 0 is the newest.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// The id of the key that matched, where it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }
}
