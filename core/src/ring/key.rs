//! A key as its scheme uses it: read by the scheme's rule, with the MAC's state derived once.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::{
    Error, ErrorCode, Result, Secret,
    encoding::{decode_base64, decode_hex, push_base64, push_hex},
    scheme::{
        Algorithm, Encoding, KeyRule, Scheme, Version,
        template::{Content, Template},
    },
    secret::{Form, decode_base64_key, decode_hex_key, decode_private, decode_public, malformed},
};

/// The longest signature: SHA-512 and Ed25519 both make 64 bytes.
const MAX_SIGNATURE: usize = 64;

/// What one version of a scheme needs of a key.
#[derive(Clone)]
pub(crate) enum Prepared {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
    Sha1(Hmac<Sha1>),
    Private(Box<SigningKey>),
    Public(Box<VerifyingKey>),
    Token { digest: [u8; 32], text: Zeroizing<String> },
}

/// Reads `secret` by the scheme's rule and prepares it for each version that such a key serves.
pub(super) fn prepare(secret: &Secret, scheme: &Scheme) -> Result<Box<[Option<Prepared>]>> {
    let key = read(secret, scheme)?;
    let prepared: Box<[_]> =
        scheme.parts().versions.iter().map(|version| prepare_for(version.algorithm, &key)).collect();
    if prepared.iter().all(Option::is_none) {
        return Err(malformed("a key of this kind serves no version of the scheme"));
    }
    Ok(prepared)
}

fn read(secret: &Secret, scheme: &Scheme) -> Result<Form> {
    if !matches!(secret.form(), Form::Plain) {
        return Ok(secret.form().clone());
    }
    let text = secret.expose(); // EXPOSE: the scheme's rule turns it into a key
    if scheme.name() == "stripe" && ["sk_", "rk_", "pk_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(malformed("this is an API key; the endpoint's signing secret starts with whsec_"));
    }
    let pairs = scheme.uses(Algorithm::Ed25519);
    Ok(match scheme.key_rule() {
        KeyRule::Utf8 => Form::Symmetric(text.as_bytes().to_vec().into()),
        KeyRule::Base64 if pairs && text.starts_with("whsk_") => Form::Private(Box::new(decode_private(text)?)),
        KeyRule::Base64 if pairs && text.starts_with("whpk_") => Form::Public(Box::new(decode_public(text)?)),
        KeyRule::Base64 => Form::Symmetric(decode_base64_key(text)?),
        KeyRule::Hex => Form::Symmetric(decode_hex_key(text)?),
        KeyRule::Ed25519PublicHex if text.len() != 64 => {
            return Err(malformed("the public key is 64 hexadecimal digits"));
        }
        KeyRule::Ed25519PublicHex => Form::Public(Box::new(decode_public(text)?)),
    })
}

fn prepare_for(algorithm: Algorithm, key: &Form) -> Option<Prepared> {
    Some(match (algorithm, key) {
        (Algorithm::HmacSha256, Form::Symmetric(key)) => Prepared::Sha256(Hmac::new_from_slice(key).ok()?),
        (Algorithm::HmacSha512, Form::Symmetric(key)) => Prepared::Sha512(Hmac::new_from_slice(key).ok()?),
        (Algorithm::HmacSha1, Form::Symmetric(key)) => Prepared::Sha1(Hmac::new_from_slice(key).ok()?),
        (Algorithm::Ed25519, Form::Private(key)) => Prepared::Private(key.clone()),
        (Algorithm::Ed25519, Form::Public(key)) => Prepared::Public(key.clone()),
        (Algorithm::Token, Form::Symmetric(key)) => {
            Prepared::Token { digest: Sha256::digest(&**key).into(), text: Zeroizing::new(token_text(key)?.to_owned()) }
        }
        _ => return None,
    })
}

/// The token as a header carries it: the key itself, not the base64 or hex that it may be configured in.
fn token_text(key: &[u8]) -> Option<&str> {
    let is_printable = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    std::str::from_utf8(key).ok().filter(|_| is_printable && key.trim_ascii() == key)
}

impl Prepared {
    pub(crate) fn is_ed25519(&self) -> bool {
        matches!(self, Self::Private(_) | Self::Public(_))
    }

    /// Writes the encoded signature over `content`.
    pub(crate) fn sign(&self, version: &Version, content: &Content<'_>, text: &mut String) -> Result<()> {
        let mut encode = |bytes: &[u8]| match version.encoding {
            Encoding::Hex => push_hex(bytes, text),
            Encoding::Base64 => push_base64(bytes, text),
        };
        match self {
            Self::Private(key) => encode(&key.sign(&joined(&version.content, content)).to_bytes()),
            Self::Public(_) => return Err(Error::new(ErrorCode::InvalidConfig, "a public key can not sign")),
            Self::Token { text: token, .. } => text.push_str(token),
            _ => {
                let mac = self.mac(&version.content, content);
                encode(&mac.bytes[..mac.length]);
            }
        }
        Ok(())
    }

    /// Whether one of the candidates is this key's signature over `content`.
    ///
    /// The MAC is computed once and compared with every candidate in constant time: the time taken tells neither
    /// which candidate came close nor by how much. It may tell how many candidates there were.
    #[inline]
    pub(crate) fn matches<'c>(
        &self,
        version: &Version,
        content: &Content<'_>,
        candidates: Candidates<'_, impl Iterator<Item = &'c [u8]>>,
    ) -> bool {
        match self {
            Self::Public(key) => {
                let message = joined(&version.content, content);
                candidates.any(version, |candidate| {
                    let signature = Signature::from_bytes(&candidate.bytes);
                    Choice::from(u8::from(key.verify_strict(&message, &signature).is_ok()))
                })
            }
            Self::Private(_) => false,
            Self::Token { digest, .. } => {
                let expected = Fixed::new(digest);
                candidates.any(version, |candidate| expected.is_same(candidate))
            }
            _ => {
                let mac = self.mac(&version.content, content);
                candidates.any(version, |candidate| mac.is_same(candidate))
            }
        }
    }

    #[inline]
    fn mac(&self, template: &Template, content: &Content<'_>) -> Fixed {
        fn run<M: hmac::Mac + Clone>(keyed: &M, template: &Template, content: &Content<'_>) -> Fixed {
            let mut mac = keyed.clone();
            template.feed(content, &mut |piece| mac.update(piece));
            Fixed::new(&mac.finalize().into_bytes())
        }
        match self {
            Self::Sha256(keyed) => run(keyed, template, content),
            Self::Sha512(keyed) => run(keyed, template, content),
            Self::Sha1(keyed) => run(keyed, template, content),
            Self::Private(_) | Self::Public(_) | Self::Token { .. } => Fixed::new(&[]),
        }
    }
}

/// How many bytes a signature has; a token has no fixed length.
fn signature_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::HmacSha1 => Some(20),
        Algorithm::HmacSha256 => Some(32),
        Algorithm::HmacSha512 | Algorithm::Ed25519 => Some(MAX_SIGNATURE),
        Algorithm::Token => None,
    }
}

/// Signatures of one version as received: the first that is well formed, and the texts after it.
#[derive(Clone)]
pub(crate) struct Candidates<'f, I> {
    pub(crate) first: &'f Fixed,
    pub(crate) others: I,
}

impl<'c, I: Iterator<Item = &'c [u8]>> Candidates<'_, I> {
    /// Whether `is_it` for any of them; all are asked.
    #[inline]
    fn any(self, version: &Version, is_it: impl Fn(&Fixed) -> Choice) -> bool {
        let mut other = Fixed::default();
        let others = self.others.map(|text| if other.read(version, text) { is_it(&other) } else { Choice::from(0) });
        others.fold(is_it(self.first), |any, choice| any | choice).into()
    }
}

/// A signature's bytes in a place of fixed size, zero where it ends earlier.
pub(crate) struct Fixed {
    length: usize,
    bytes: [u8; MAX_SIGNATURE],
}

impl Default for Fixed {
    fn default() -> Self {
        Self { length: 0, bytes: [0; MAX_SIGNATURE] }
    }
}

impl Fixed {
    #[inline]
    fn new(signature: &[u8]) -> Self {
        let mut fixed = Self { length: signature.len(), ..Self::default() };
        fixed.bytes[..signature.len()].copy_from_slice(signature);
        fixed
    }

    /// Takes the bytes of a text that has the exact length and alphabet of the version's signatures; a token stands for its SHA-256.
    #[inline]
    pub(crate) fn read(&mut self, version: &Version, text: &[u8]) -> bool {
        let Some(length) = signature_length(version.algorithm) else {
            *self = Self::new(&Sha256::digest(text));
            return true;
        };
        self.length = length;
        let out = &mut self.bytes[..length];
        match version.encoding {
            Encoding::Hex => decode_hex(text, out),
            Encoding::Base64 => decode_base64(text, out),
        }
    }

    /// Compares in constant time, eight bytes at a time; the bytes after a shorter signature are zero in both.
    #[inline]
    fn is_same(&self, other: &Self) -> Choice {
        let words = |it: &Self| -> [u64; MAX_SIGNATURE / 8] {
            std::array::from_fn(|at| u64::from_ne_bytes(std::array::from_fn(|byte| it.bytes[at * 8 + byte])))
        };
        let pairs = words(self).into_iter().zip(words(other));
        pairs.fold(0, |difference, (one, other)| difference | (one ^ other)).ct_eq(&0)
    }
}

/// The signed bytes in one piece: Ed25519 reads them twice.
fn joined(template: &Template, content: &Content<'_>) -> Vec<u8> {
    let mut message = Vec::with_capacity(content.body.len() + 64);
    template.feed(content, &mut |piece| message.extend_from_slice(piece));
    message
}
