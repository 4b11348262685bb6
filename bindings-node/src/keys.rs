//! Secrets, key rings and schemes.

use hookseal::{Key, KeyRing, Scheme, Secret};
use napi::Result;
use napi_derive::napi;

use crate::{
    convert,
    error::{Tagged, tagged},
    handle, seal,
};

/// A secret from text of that form.
#[napi]
pub fn secret_from_text(form: String, text: String) -> Tagged<u32> {
    tagged(|| seal::secret(&form, text).map(handle::keep))
}

/// A secret whose key these bytes are.
#[napi]
pub fn secret_from_bytes(bytes: &[u8]) -> Tagged<u32> {
    tagged(|| Secret::bytes(bytes).map(handle::keep))
}

/// A new secret.
#[napi]
pub fn secret_generate() -> Tagged<u32> {
    tagged(|| Secret::generate().map(handle::keep))
}

/// The secret's text.
#[napi]
pub fn secret_expose(secret: u32) -> Result<String> {
    handle::with(secret, |secret: &Secret| secret.expose().to_owned()) // EXPOSE: the caller asked for it
}

/// A key of a ring.
#[napi(object)]
#[derive(Debug)]
pub struct KeyRecord {
    /// The handle of its secret.
    pub secret: u32,
    /// Its name.
    pub id: Option<String>,
    /// The first second in which it is live.
    pub not_before: Option<f64>,
    /// The last second in which it is live.
    pub not_after: Option<f64>,
}

impl KeyRecord {
    fn key(&self) -> Result<hookseal::Result<Key>> {
        Ok(seal::key(handle::get(self.secret)?, self.id.as_deref(), self.not_before, self.not_after))
    }
}

/// A ring of these keys, newest first.
#[napi]
pub fn ring(keys: Vec<KeyRecord>) -> Result<Tagged<u32>> {
    let keys = keys.iter().map(KeyRecord::key).collect::<Result<Vec<_>>>()?;
    Ok(tagged(|| {
        let keys = keys.into_iter().collect::<hookseal::Result<Vec<_>>>()?;
        KeyRing::new(keys).map(handle::keep)
    }))
}

/// Puts a new key in front; the others end after the overlap.
#[napi]
pub fn ring_rotate(ring: u32, key: KeyRecord, overlap: f64, now: f64) -> Result<Tagged<bool>> {
    let ring: KeyRing = handle::get(ring)?;
    let key = key.key()?;
    Ok(tagged(|| {
        let overlap = seal::count("overlap", overlap)? as u64;
        ring.rotate_at(key?, overlap, convert::timestamp(now)?)?;
        Ok(true)
    }))
}

/// Takes the key of that id out.
#[napi]
pub fn ring_revoke(ring: u32, id: String) -> Result<Tagged<bool>> {
    let ring: KeyRing = handle::get(ring)?;
    Ok(tagged(|| ring.revoke(&id).map(|()| true)))
}

/// How often a key has matched.
#[napi(object)]
#[derive(Debug)]
pub struct KeyStatsRecord {
    /// The key's name.
    pub id: Option<String>,
    /// The first second in which it is live.
    pub not_before: Option<f64>,
    /// The last second in which it is live.
    pub not_after: Option<f64>,
    /// How many deliveries it has verified.
    pub matches: f64,
    /// When it last verified one.
    pub last_match: Option<f64>,
}

/// Each key's use so far, newest first.
#[napi]
pub fn ring_stats(ring: u32) -> Result<Vec<KeyStatsRecord>> {
    let record = |stats: hookseal::KeyStats| KeyStatsRecord {
        id: stats.id,
        not_before: stats.not_before.map(seal::seconds),
        not_after: stats.not_after.map(seal::seconds),
        matches: seal::number(stats.matches),
        last_match: stats.last_match.map(seal::seconds),
    };
    handle::with(ring, |ring: &KeyRing| ring.stats().into_iter().map(record).collect())
}

/// The built-in scheme of that name.
#[napi]
pub fn scheme_named(name: String) -> Tagged<u32> {
    tagged(|| Scheme::named(&name).map(handle::keep))
}

/// A scheme from a JSON document.
#[napi]
pub fn scheme_from_json(document: String) -> Tagged<u32> {
    tagged(|| Scheme::from_json(&document).map(handle::keep))
}

/// The names of the built-in schemes.
#[napi]
pub fn scheme_names() -> Vec<String> {
    Scheme::names().map(str::to_owned).collect()
}

/// A scheme's document in JSON.
#[napi]
pub fn scheme_json(scheme: u32) -> Result<String> {
    handle::with(scheme, |scheme: &Scheme| scheme.to_json().to_owned())
}
