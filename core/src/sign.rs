//! Signing: the headers that a message travels with.

use std::{borrow::Cow, fmt, mem, sync::Arc};

use crate::{
    Error, ErrorCode, KeyRing, Message, Result, Scheme, Secret, Timestamp,
    headers::{Found, HeaderName, HeaderSource},
    message::{check_event_type, check_id},
    public_url,
    ring::{Key, Keys, MAX_ED25519_SIGNATURES, MAX_SIGNATURES, Use},
    scheme::{
        Place, TimestampRule, Unit, Version,
        template::{BodyForm, Content, Field},
    },
};

/// The last second that a four-digit year can say.
const MAX_RFC3339: i64 = 253_402_300_799;

/// Signs messages under one scheme, or under several at once while receivers move from one to the next.
///
/// Every live key of the ring signs, newest first, so that receivers accept the message on both sides of a
/// rotation. Cheap to clone; clones share the keys.
///
/// ```
/// use hookseal::{Message, Secret, Signer, Timestamp};
///
/// let signer = Signer::new(Secret::parse("whsec_demo")?)?;
/// let headers = signer.sign_at(&Message::new("{}"), Timestamp::from_unix(1_700_000_000))?;
/// assert!(headers.get("X-Webhook-Signature").unwrap().starts_with("t=1700000000,v1="));
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signer {
    parts: Vec<Part>,
}

/// Takes a header.
pub(crate) type Write<'w> = dyn FnMut(&HeaderName, Cow<'_, str>) + 'w;

#[derive(Clone, Debug)]
struct Part {
    scheme: Scheme,
    ring: KeyRing,
    until: Option<Timestamp>,
}

impl Signer {
    /// Signs under the scheme `hookseal` with a secret, or with a ring.
    ///
    /// # Errors
    /// `malformed_secret` when the key can not serve the scheme; `invalid_config` when the ring serves another one.
    pub fn new(keys: impl Into<KeyRing>) -> Result<Self> {
        Self::builder().keys(keys).build()
    }

    /// Chooses scheme and keys.
    pub fn builder() -> SignerBuilder {
        SignerBuilder::default()
    }

    /// The headers for `message` at the present moment.
    ///
    /// # Errors
    /// As [`sign_at`](Self::sign_at).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn sign(&self, message: &Message<'_>) -> Result<SignedHeaders> {
        self.sign_at(message, Timestamp::now()?)
    }

    /// The headers for `message`, signed at `timestamp`.
    ///
    /// # Errors
    /// `invalid_event` for an id or event type that breaks the character rule, or that the scheme signs and the message
    /// lacks; `missing_url` where the scheme signs the URL; `invalid_config` when no key is live or the timestamp is
    /// outside 0..=999,999,999,999.
    pub fn sign_at(&self, message: &Message<'_>, timestamp: Timestamp) -> Result<SignedHeaders> {
        let mut headers = SignedHeaders(Vec::with_capacity(4));
        self.write(message, timestamp, &mut |name, value| {
            headers.0.push((Arc::clone(name.shared()), value.into_owned()));
        })?;
        Ok(headers)
    }

    /// Hands each header of [`sign_at`](Self::sign_at) on as it is made.
    pub(crate) fn write(&self, message: &Message<'_>, timestamp: Timestamp, write: &mut Write<'_>) -> Result<()> {
        if let Some(id) = message.id {
            check_id(id)?;
        }
        if let Some(event_type) = message.event_type {
            check_event_type(event_type)?;
        }
        let timestamp = timestamp.check_signable()?;
        let mut parts = self.parts.iter().filter(|part| part.until.is_none_or(|last| timestamp <= last)).peekable();
        if parts.peek().is_none() {
            return Err(Error::new(ErrorCode::InvalidConfig, "the end date of every scheme of this signer has passed"));
        }
        parts.try_for_each(|part| part.sign(message, timestamp, write))
    }

    /// The names of all headers that this signer can write.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(Part::header_names)
    }
}

/// Makes a [`Signer`].
#[derive(Debug, Default)]
#[must_use]
pub struct SignerBuilder {
    scheme: Option<Scheme>,
    keys: Option<KeyRing>,
    until: Option<Timestamp>,
    also: Vec<Signer>,
}

impl SignerBuilder {
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

    /// The last second in which this scheme is signed under; for migrations, together with [`also`](Self::also).
    pub fn until(mut self, last: Timestamp) -> Self {
        self.until = Some(last);
        self
    }

    /// Signs under another signer's schemes too.
    pub fn also(mut self, other: Signer) -> Self {
        self.also.push(other);
        self
    }

    /// Checks that keys and schemes fit.
    ///
    /// # Errors
    /// `invalid_config` when no keys were given, or when two schemes write the same header; `malformed_secret` when a
    /// key can not serve its scheme.
    pub fn build(self) -> Result<Signer> {
        let ring =
            self.keys.ok_or_else(|| Error::new(ErrorCode::InvalidConfig, "a signer needs at least one secret"))?;
        let scheme = self.scheme.unwrap_or_default();
        ring.bind(&scheme, Use::Sign)?;
        let mut parts = vec![Part { scheme, ring, until: self.until }];
        parts.extend(self.also.into_iter().flat_map(|signer| signer.parts));
        let signer = Signer { parts };
        let mut names: Vec<_> = signer.header_names().map(str::to_ascii_lowercase).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::new(ErrorCode::InvalidConfig, format!("two schemes write the header {name}")));
        }
        Ok(signer)
    }
}

impl Part {
    fn sign(&self, message: &Message<'_>, timestamp: Timestamp, write: &mut Write<'_>) -> Result<()> {
        let scheme = self.scheme.parts();
        let mut timestamp_text = match &scheme.timestamp {
            Some(rule) if rule.unit == Unit::Rfc3339 && timestamp.as_unix() > MAX_RFC3339 => {
                return Err(Error::new(ErrorCode::InvalidConfig, "RFC 3339 ends with the year 9999"));
            }
            Some(rule) => rule.unit.format(timestamp.as_unix()),
            None => String::new(),
        };
        let content = Content {
            timestamp: timestamp_text.as_bytes(),
            id: message.id.unwrap_or_default().as_bytes(),
            event_type: message.event_type.unwrap_or_default().as_bytes(),
            url: message.url.unwrap_or_default().as_bytes(),
            body: message.body,
        };
        let mut signature = String::with_capacity(160);
        if let Some(TimestampRule { place: Place::Element(element), .. }) = &scheme.timestamp {
            scheme.grammar.begin(&mut signature, element);
            signature.push_str(&timestamp_text);
        }
        self.write_signatures(message, &content, &self.ring.keys(), timestamp, &mut signature)?;

        write(&scheme.signature, signature.into());
        if let Some(TimestampRule { place: Place::Header(name), .. }) = &scheme.timestamp {
            write(name, mem::take(&mut timestamp_text).into()); // such a scheme writes it nowhere else
        }
        for (name, value) in [(&scheme.id, message.id), (&scheme.event_type, message.event_type)] {
            if let (Some(name), Some(value)) = (name, value) {
                write(name, value.into());
            }
        }
        for name in &scheme.also_writes {
            write(name, timestamp_text.as_str().into());
        }
        Ok(())
    }

    /// Writes one signature for each version that `message` can fill and each live key that serves it.
    fn write_signatures(
        &self,
        message: &Message<'_>,
        content: &Content<'_>,
        keys: &Keys,
        now: Timestamp,
        header: &mut String,
    ) -> Result<()> {
        let scheme = self.scheme.parts();
        if keys.live(now).next().is_none() {
            return Err(Error::new(ErrorCode::InvalidConfig, "no key of the ring is live"));
        }
        let mut lacking = None;
        let mut count = 0;
        let mut ed25519_count = 0;
        for (index, version) in scheme.versions.iter().enumerate() {
            if count > 0 && scheme.grammar.shares_label() {
                break;
            }
            if let Some(field) = lacking_field(version, message) {
                lacking = lacking.or(Some(field));
                continue;
            }
            let content = match version.content.body_form() {
                BodyForm::SortedForm => public_url::with_body_digest(*content).ok_or_else(|| {
                    Error::new(ErrorCode::InvalidEvent, "the URL's bodySHA256 is not the digest of this body")
                })?,
                _ => *content,
            };
            for (_, entry) in keys.live(now) {
                let Some(key) = entry.prepared(index) else { continue };
                if count == 1 && !scheme.grammar.carries_many() {
                    return Ok(());
                }
                scheme.grammar.begin(header, &version.label);
                key.sign(version, &content, header)?;
                count += 1;
                ed25519_count += usize::from(key.is_ed25519());
                if ed25519_count > MAX_ED25519_SIGNATURES || count - ed25519_count > MAX_SIGNATURES {
                    let message =
                        "these keys and versions make more signatures than a verifier takes: 32, or 4 of Ed25519";
                    return Err(Error::new(ErrorCode::InvalidConfig, message));
                }
            }
        }
        match (count, lacking) {
            (0, Some(Field::Url)) => {
                Err(Error::new(ErrorCode::MissingUrl, "the scheme signs the receiver's URL; pass it as url"))
            }
            (0, Some(Field::Type)) => {
                Err(Error::new(ErrorCode::InvalidEvent, "the scheme signs the event type; give one"))
            }
            (0, Some(_)) => Err(Error::new(ErrorCode::InvalidEvent, "the scheme signs the message id; give one")),
            (0, None) => Err(Error::new(ErrorCode::InvalidConfig, "no live key of the ring serves the scheme")),
            _ => Ok(()),
        }
    }

    fn header_names(&self) -> impl Iterator<Item = &str> {
        let scheme = self.scheme.parts();
        let timestamp = match &scheme.timestamp {
            Some(TimestampRule { place: Place::Header(name), .. }) => Some(name),
            _ => None,
        };
        [Some(&scheme.signature), timestamp, scheme.id.as_ref(), scheme.event_type.as_ref()]
            .into_iter()
            .flatten()
            .map(HeaderName::as_str)
            .chain(scheme.also_writes.iter().map(HeaderName::as_str))
    }
}

fn lacking_field(version: &Version, message: &Message<'_>) -> Option<Field> {
    version.content.fields().find(|field| match field {
        Field::Timestamp => false,
        Field::Id => message.id.is_none(),
        Field::Type => message.event_type.is_none(),
        Field::Url => message.url.is_none(),
    })
}

/// A ring of plain secrets that nobody else holds.
pub(crate) fn ring_of<S: Into<String>>(secrets: impl IntoIterator<Item = S>) -> Result<KeyRing> {
    let secrets = secrets.into_iter().map(Secret::parse).collect::<Result<Vec<_>>>()?;
    KeyRing::new(secrets)
}

#[expect(clippy::expect_used, reason = "a ring of one key is valid")]
impl From<Secret> for KeyRing {
    fn from(secret: Secret) -> Self {
        Self::new([Key::new(secret)]).expect("one key")
    }
}

/// The headers of a signed message, in the scheme's spelling.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SignedHeaders(Vec<(Arc<str>, String)>);

impl SignedHeaders {
    /// The value of a header, ignoring case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names and values in the order of writing.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_str()))
    }
}

impl IntoIterator for SignedHeaders {
    type Item = (String, String);
    type IntoIter = std::iter::Map<std::vec::IntoIter<(Arc<str>, String)>, fn((Arc<str>, String)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(name, value)| (String::from(&*name), value))
    }
}

impl HeaderSource for SignedHeaders {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        self.0.header(name)
    }
}

/// Header values of the scheme `gitlab` are the secret itself, so only names are shown.
impl fmt::Debug for SignedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
