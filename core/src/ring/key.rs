//! A key as its scheme uses it: read by the scheme's rule, with the MAC's state derived once.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{
    Error, ErrorCode, Result, Secret,
    encoding::{decode_base64, decode_hex, encode_base64, encode_hex},
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
    Token { digest: [u8; 32], text: Box<str> },
}

/// Reads `secret` by the scheme's rule and prepares it for each version that such a key serves.
pub(super) fn prepare(secret: &Secret, scheme: &Scheme) -> Result<Box<[Option<Prepared>]>> {
    let key = read(secret, scheme)?;
    let prepared: Box<[_]> =
        scheme.parts().versions.iter().map(|version| prepare_for(version.algorithm, &key, secret)).collect();
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
        KeyRule::Ed25519PublicHex => Form::Public(Box::new(decode_public(text)?)),
    })
}

fn prepare_for(algorithm: Algorithm, key: &Form, secret: &Secret) -> Option<Prepared> {
    Some(match (algorithm, key) {
        (Algorithm::HmacSha256, Form::Symmetric(key)) => Prepared::Sha256(Hmac::new_from_slice(key).ok()?),
        (Algorithm::HmacSha512, Form::Symmetric(key)) => Prepared::Sha512(Hmac::new_from_slice(key).ok()?),
        (Algorithm::HmacSha1, Form::Symmetric(key)) => Prepared::Sha1(Hmac::new_from_slice(key).ok()?),
        (Algorithm::Ed25519, Form::Private(key)) => Prepared::Private(key.clone()),
        (Algorithm::Ed25519, Form::Public(key)) => Prepared::Public(key.clone()),
        (Algorithm::Token, Form::Symmetric(key)) => {
            // EXPOSE: the token is itself what is sent
            Prepared::Token { digest: Sha256::digest(&**key).into(), text: secret.expose().into() }
        }
        _ => return None,
    })
}

impl Prepared {
    pub(crate) fn is_ed25519(&self) -> bool {
        matches!(self, Self::Private(_) | Self::Public(_))
    }

    /// The encoded signature over `content`.
    pub(crate) fn sign(&self, version: &Version, content: &Content<'_>) -> Result<String> {
        let encode = |bytes: &[u8]| match version.encoding {
            Encoding::Hex => encode_hex(bytes),
            Encoding::Base64 => encode_base64(bytes),
        };
        Ok(match self {
            Self::Private(key) => encode(&key.sign(&joined(&version.content, content)).to_bytes()),
            Self::Public(_) => return Err(Error::new(ErrorCode::InvalidConfig, "a public key can not sign")),
            Self::Token { text, .. } => text.to_string(),
            _ => encode(self.mac(&version.content, content).as_slice()),
        })
    }

    /// Whether one of the candidates is this key's signature over `content`.
    ///
    /// MACs are computed once and compared with every candidate in constant time: the time taken tells neither
    /// which candidate came close nor by how much. It may tell how many candidates there were.
    pub(crate) fn matches<'c>(
        &self,
        version: &Version,
        content: &Content<'_>,
        candidates: impl Iterator<Item = Candidate<'c>>,
    ) -> bool {
        match self {
            Self::Public(key) => {
                let message = joined(&version.content, content);
                let mut candidates = candidates;
                candidates.any(|candidate| {
                    Signature::from_slice(candidate.bytes()).is_ok_and(|it| key.verify_strict(&message, &it).is_ok())
                })
            }
            Self::Private(_) => false,
            Self::Token { digest, .. } => {
                any(candidates.map(|candidate| digest.ct_eq(Sha256::digest(candidate.text).as_slice())))
            }
            _ => {
                let mac = self.mac(&version.content, content);
                any(candidates.map(|candidate| mac.as_slice().ct_eq(candidate.bytes())))
            }
        }
    }

    fn mac(&self, template: &Template, content: &Content<'_>) -> MacBytes {
        fn run<M: hmac::Mac + Clone>(keyed: &M, template: &Template, content: &Content<'_>) -> MacBytes {
            let mut mac = keyed.clone();
            template.feed(content, &mut |piece| mac.update(piece));
            MacBytes::new(&mac.finalize().into_bytes())
        }
        match self {
            Self::Sha256(keyed) => run(keyed, template, content),
            Self::Sha512(keyed) => run(keyed, template, content),
            Self::Sha1(keyed) => run(keyed, template, content),
            Self::Private(_) | Self::Public(_) | Self::Token { .. } => MacBytes::new(&[]),
        }
    }
}

/// A signature as received: its text, and the bytes that it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'h> {
    text: &'h [u8],
    bytes: MacBytes,
}

impl<'h> Candidate<'h> {
    /// Reads a value of the version's exact length and alphabet.
    pub(crate) fn read(version: &Version, text: &'h [u8]) -> Option<Self> {
        let length = match version.algorithm {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha512 | Algorithm::Ed25519 => MAX_SIGNATURE,
            Algorithm::Token => 0,
        };
        let mut bytes = MacBytes { length, bytes: [0; MAX_SIGNATURE] };
        let out = &mut bytes.bytes[..length];
        let is_good = match (version.algorithm, version.encoding) {
            (Algorithm::Token, _) => !text.is_empty(),
            (_, Encoding::Hex) => decode_hex(text, out),
            (_, Encoding::Base64) => decode_base64(text, out),
        };
        is_good.then_some(Self { text, bytes })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

#[derive(Clone, Copy)]
struct MacBytes {
    length: usize,
    bytes: [u8; MAX_SIGNATURE],
}

impl MacBytes {
    fn new(mac: &[u8]) -> Self {
        let mut bytes = [0; MAX_SIGNATURE];
        bytes[..mac.len()].copy_from_slice(mac);
        Self { length: mac.len(), bytes }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn any(choices: impl Iterator<Item = Choice>) -> bool {
    choices.fold(Choice::from(0), |any, choice| any | choice).into()
}

/// The signed bytes in one piece: Ed25519 reads them twice.
fn joined(template: &Template, content: &Content<'_>) -> Vec<u8> {
    let mut message = Vec::with_capacity(content.body.len() + 64);
    template.feed(content, &mut |piece| message.extend_from_slice(piece));
    message
}
