//! Secrets: text or bytes that become a key by a scheme's rule, never by guessing.
//!
//! The same `whsec_…` text is the whole key for Stripe and base64 for Standard Webhooks. So a plain
//! string stays a string until a scheme says how to read it; the typed constructors say it at once.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::{Error, ErrorCode, Result};

/// Decoded symmetric keys shorter than this are taken for accidents.
const MIN_DECODED: usize = 16;

/// A secret, which is wiped when dropped and never printed.
///
/// ```
/// use hookseal::Secret;
///
/// let plain = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?; // the scheme decides what it means
/// let typed = Secret::base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?; // always these 24 bytes
/// assert_eq!(format!("{plain:?}"), "Secret([REDACTED])");
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    form: Form,
}

/// What a secret is known to be.
#[derive(Clone)]
pub(crate) enum Form {
    /// Text, to be read by a scheme's rule.
    Plain,
    Symmetric(Zeroizing<Vec<u8>>),
    Private(Box<SigningKey>),
    Public(Box<VerifyingKey>),
}

impl Secret {
    /// Takes a plain string, which the scheme will turn into a key.
    ///
    /// # Errors
    /// `empty_secret` when it is empty or blank; `malformed_secret` when it looks like an accident of copying: white
    /// space at an end, quotes around it, or a `v1,whsec_` prefix.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        check_accidents(&text)?;
        Ok(Self { text, form: Form::Plain })
    }

    /// The text's UTF-8 bytes are the key, whatever they look like.
    ///
    /// # Errors
    /// `empty_secret`.
    pub fn utf8(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        let key = not_empty(text.as_bytes().to_vec())?;
        Ok(Self { text, form: Form::Symmetric(key) })
    }

    /// Base64 of the key, with or without `whsec_`.
    ///
    /// # Errors
    /// `empty_secret`; `malformed_secret` when it does not decode, or to fewer than 16 bytes.
    pub fn base64(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        check_accidents(&text)?;
        let key = decode_base64_key(&text)?;
        Ok(Self { text, form: Form::Symmetric(key) })
    }

    /// Hexadecimal digits of the key.
    ///
    /// # Errors
    /// `empty_secret`; `malformed_secret` when it does not decode, or to fewer than 16 bytes.
    pub fn hex(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        check_accidents(&text)?;
        let key = decode_hex_key(&text)?;
        Ok(Self { text, form: Form::Symmetric(key) })
    }

    /// These bytes are the key.
    ///
    /// # Errors
    /// `empty_secret`.
    pub fn bytes(key: impl AsRef<[u8]>) -> Result<Self> {
        let key = not_empty(key.as_ref().to_vec())?;
        Ok(Self { text: Zeroizing::new(STANDARD.encode(&*key)), form: Form::Symmetric(key) })
    }

    /// An Ed25519 private key: base64 of the 32-byte seed, or of seed and public key, with or without `whsk_`.
    ///
    /// # Errors
    /// `empty_secret`; `malformed_secret` when it is anything else, or when the two halves do not belong together.
    pub fn ed25519_private(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        check_accidents(&text)?;
        let key = decode_private(&text)?;
        Ok(Self { text, form: Form::Private(Box::new(key)) })
    }

    /// An Ed25519 public key: base64 with or without `whpk_`, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// `empty_secret`; `malformed_secret` when it is anything else, or a weak key.
    pub fn ed25519_public(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        check_accidents(&text)?;
        let key = decode_public(&text)?;
        Ok(Self { text, form: Form::Public(Box::new(key)) })
    }

    /// Makes a new secret: `whsec_` and the base64 of 32 bytes from the system's random source.
    ///
    /// # Errors
    /// `internal` when the system has no random source.
    #[cfg(feature = "random")]
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *key).map_err(|_| Error::new(ErrorCode::Internal, "the system's random source failed"))?;
        Ok(Self { text: Zeroizing::new(format!("whsec_{}", STANDARD.encode(*key))), form: Form::Plain })
    }

    /// The secret as text, for handing it to whoever signs or verifies on the other side.
    ///
    /// A secret made by [`Secret::bytes`] answers in base64.
    pub fn expose(&self) -> &str {
        &self.text
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

fn check_accidents(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::new(ErrorCode::EmptySecret, "the secret is empty or blank"));
    }
    if text.ends_with(['\n', '\r']) {
        return Err(malformed("the secret ends with a line break"));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(malformed("the secret starts or ends with white space"));
    }
    if text.len() > 1 && ['"', '\'', '`'].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote)) {
        return Err(malformed("the secret stands in quotes; pass what is between them"));
    }
    if text.starts_with("v1,whsec_") {
        return Err(malformed("the secret starts with 'v1,'; pass what follows, from whsec_ on"));
    }
    Ok(())
}

pub(crate) fn decode_base64_key(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    let key = decode_base64(text.strip_prefix("whsec_").unwrap_or(text))?;
    long_enough(key)
}

pub(crate) fn decode_hex_key(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    long_enough(decode_hex(text)?)
}

pub(crate) fn decode_private(text: &str) -> Result<SigningKey> {
    if text.starts_with("whpk_") {
        return Err(malformed("this is a public key (whpk_); signing needs the private one (whsk_)"));
    }
    let bytes = decode_base64(text.strip_prefix("whsk_").unwrap_or(text))?;
    let seed = bytes.first_chunk::<32>().ok_or_else(|| malformed("a private key is 32 or 64 bytes"))?;
    let key = SigningKey::from_bytes(seed);
    match &bytes[32..] {
        [] => Ok(key),
        public if public == key.verifying_key().as_bytes() => Ok(key),
        public if public.len() == 32 => Err(malformed("the public half does not belong to the private key")),
        _ => Err(malformed("a private key is 32 or 64 bytes")),
    }
}

pub(crate) fn decode_public(text: &str) -> Result<VerifyingKey> {
    if text.starts_with("whsk_") {
        return Err(malformed("this is a private key (whsk_); verifying needs the public one (whpk_)"));
    }
    let bytes =
        if text.len() == 64 { decode_hex(text)? } else { decode_base64(text.strip_prefix("whpk_").unwrap_or(text))? };
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed("a public key is 32 bytes"))?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| malformed("the public key is not a point on the curve"))?;
    if key.is_weak() {
        return Err(malformed("the public key is weak: anyone can sign for it"));
    }
    Ok(key)
}

fn decode_base64(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| malformed("the secret is not standard, padded base64"))
}

fn decode_hex(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; text.len() / 2]);
    if crate::encoding::decode_hex(text.as_bytes(), &mut key) {
        return Ok(key);
    }
    Err(malformed("the secret is not an even number of hexadecimal digits"))
}

fn long_enough(key: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    if key.len() < MIN_DECODED {
        return Err(malformed("the secret decodes to fewer than 16 bytes"));
    }
    Ok(key)
}

fn not_empty(key: Vec<u8>) -> Result<Zeroizing<Vec<u8>>> {
    if key.is_empty() {
        return Err(Error::new(ErrorCode::EmptySecret, "the secret is empty"));
    }
    Ok(Zeroizing::new(key))
}

pub(crate) fn malformed(message: &'static str) -> Error {
    Error::new(ErrorCode::MalformedSecret, message)
}
