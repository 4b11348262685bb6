//! Secrets as they are configured, and the keys that they are.

use ed25519_dalek::{Signature, VerifyingKey};

use super::{
    mac, refuse,
    scheme::{Scheme, Version},
    text,
};

/// A secret of the ring.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secret {
    /// `None` for a plain string; else `utf8`, `base64`, `hex`, `bytes` (in base64) or `ed25519_public`.
    pub kind: Option<&'static str>,
    pub text: String,
    pub id: Option<String>,
    pub not_before: Option<i64>,
    pub not_after: Option<i64>,
}

pub(crate) struct Key {
    pub index: usize,
    pub id: Option<String>,
    material: Material,
    not_before: Option<i64>,
    not_after: Option<i64>,
}

enum Material {
    Shared(Vec<u8>),
    Public(Box<VerifyingKey>),
}

/// The mistakes of a ring that show before it serves a scheme.
pub(crate) fn check(secrets: &[Secret]) -> Result<(), String> {
    for secret in secrets {
        check_alone(secret)?;
    }
    let ids: Vec<&String> = secrets.iter().filter_map(|secret| secret.id.as_ref()).collect();
    let has_equal_ids = (1..ids.len()).any(|at| ids[..at].contains(&ids[at]));
    if secrets.is_empty() || secrets.len() > 16 || has_equal_ids {
        return refuse("invalid_config");
    }
    Ok(())
}

/// The ring's keys, newest first.
pub(crate) fn read(secrets: &[Secret], scheme: &Scheme) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        let Secret { id, not_before, not_after, .. } = secret.clone();
        keys.push(Key { index, id, material: material(secret, scheme)?, not_before, not_after });
    }
    if keys.iter().any(|key| !scheme.versions.iter().any(|version| key.serves(version))) {
        return refuse("malformed_secret");
    }
    if scheme.grammar == "token" && !keys.iter().all(Key::is_token) {
        return refuse("malformed_secret");
    }
    if keys.iter().filter(|key| matches!(key.material, Material::Public(_))).count() > 4 {
        return refuse("invalid_config");
    }
    Ok(keys)
}

/// The mistakes that show without a scheme.
fn check_alone(secret: &Secret) -> Result<(), String> {
    let text = &secret.text;
    let takes_anything = matches!(secret.kind, Some("utf8" | "bytes"));
    if text.is_empty() || (!takes_anything && text.trim().is_empty()) {
        return refuse("empty_secret");
    }
    if takes_anything {
        return Ok(());
    }
    let is_quoted =
        text.len() >= 2 && ['"', '\'', '`'].into_iter().any(|quote| text.starts_with(quote) && text.ends_with(quote));
    if text.trim() != text || is_quoted || text.starts_with("v1,whsec_") {
        return refuse("malformed_secret");
    }
    match secret.kind {
        Some("base64") => from_base64_key(text).map(drop),
        Some("hex") => from_hex_key(text).map(drop),
        Some("ed25519_public") => from_public_key(text).map(drop),
        _ => Ok(()),
    }
}

fn material(secret: &Secret, scheme: &Scheme) -> Result<Material, String> {
    let text = &secret.text;
    let rule = secret.kind.unwrap_or(&scheme.key);
    if secret.kind.is_none() && scheme.name == "stripe" && ["sk_", "rk_", "pk_"].iter().any(|key| text.starts_with(key))
    {
        return refuse("malformed_secret");
    }
    match rule {
        "utf8" => Ok(Material::Shared(text.as_bytes().to_vec())),
        "bytes" => Ok(Material::Shared(text::from_base64(text).unwrap())),
        "hex" => from_hex_key(text).map(Material::Shared),
        "base64" if secret.kind.is_none() && text.starts_with("whsk_") => refuse("malformed_secret"),
        "base64" if secret.kind.is_none() && text.starts_with("whpk_") => from_public_key(text),
        "base64" => from_base64_key(text).map(Material::Shared),
        "ed25519_public" => from_public_key(text),
        "ed25519-public-hex" => match text::from_hex(text) {
            Some(bytes) => public(&bytes),
            None => refuse("malformed_secret"),
        },
        other => panic!("{other} is no rule"),
    }
}

fn from_base64_key(text: &str) -> Result<Vec<u8>, String> {
    long_enough(text::from_base64(text.strip_prefix("whsec_").unwrap_or(text)))
}

fn from_hex_key(text: &str) -> Result<Vec<u8>, String> {
    long_enough(text::from_hex(text))
}

fn long_enough(key: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    key.filter(|key| key.len() >= 16).ok_or_else(|| "malformed_secret".to_owned())
}

fn from_public_key(text: &str) -> Result<Material, String> {
    let bytes = match text.strip_prefix("whpk_") {
        Some(base64) => text::from_base64(base64),
        None => text::from_hex(text).or_else(|| text::from_base64(text)),
    };
    public(&bytes.unwrap_or_default())
}

fn public(bytes: &[u8]) -> Result<Material, String> {
    let key = bytes.try_into().ok().and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
    match key {
        Some(key) if !key.is_weak() => Ok(Material::Public(Box::new(key))),
        _ => refuse("malformed_secret"),
    }
}

impl Key {
    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.not_before.is_none_or(|first| first <= now) && self.not_after.is_none_or(|last| now <= last)
    }

    pub(crate) fn serves(&self, version: &Version) -> bool {
        matches!(self.material, Material::Public(_)) == (version.algorithm == "ed25519")
    }

    /// Whether a header can carry the key itself.
    fn is_token(&self) -> bool {
        match &self.material {
            Material::Shared(key) => {
                key.iter().all(|byte| (b' '..=b'~').contains(byte)) && !key.starts_with(b" ") && !key.ends_with(b" ")
            }
            Material::Public(_) => false,
        }
    }

    /// Whether this key made `signature` over `content`.
    pub(crate) fn made(&self, signature: &[u8], version: &Version, content: &[u8]) -> bool {
        match &self.material {
            _ if !self.serves(version) => false,
            Material::Shared(key) if version.algorithm == "token" => key == signature,
            Material::Shared(key) => mac::hmac(&version.algorithm, key, content) == signature,
            Material::Public(key) => {
                let signature = Signature::from_bytes(signature.try_into().unwrap());
                key.verify_strict(content, &signature).is_ok()
            }
        }
    }
}
