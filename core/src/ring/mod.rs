//! Key rings: the live keys of one sender, newest first, and how they are exchanged without downtime.

pub(crate) mod key;

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use crate::{Error, ErrorCode, Result, Scheme, Secret, Timestamp, secret::malformed};
use key::Prepared;

/// The most keys that a ring holds.
const MAX_KEYS: usize = 16;
/// The most signatures that one header carries.
pub(crate) const MAX_SIGNATURES: usize = 32;
/// The most Ed25519 signatures in one header.
pub(crate) const MAX_ED25519_SIGNATURES: usize = 4;
/// The most Ed25519 keys, whose every candidate costs a curve operation.
const MAX_ED25519_KEYS: usize = 4;

/// A secret with the time in which it is live.
///
/// ```
/// use hookseal::{Key, Secret, Timestamp};
///
/// let key = Key::new(Secret::parse("whsec_demo")?).id("2026-11").not_after(Timestamp::from_unix(1_800_000_000));
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Key {
    secret: Secret,
    id: Option<Arc<str>>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl Key {
    /// A key that is live at all times.
    pub fn new(secret: Secret) -> Self {
        Self { secret, id: None, not_before: None, not_after: None }
    }

    /// Names the key, for [`KeyRing::revoke`], [`KeyRing::stats`] and `Verified::key_id`.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The first second in which the key is live.
    #[must_use]
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.not_before = Some(time);
        self
    }

    /// The last second in which the key is live.
    #[must_use]
    pub fn not_after(mut self, time: Timestamp) -> Self {
        self.not_after = Some(time);
        self
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|first| first <= now) && self.not_after.is_none_or(|last| now <= last)
    }
}

impl From<Secret> for Key {
    fn from(secret: Secret) -> Self {
        Self::new(secret)
    }
}

/// 1 to 16 keys, newest first, shared by every signer and verifier that was made with it.
///
/// To exchange a secret: [`rotate`](Self::rotate) in the new one with an overlap, watch [`stats`](Self::stats) until the old
/// one matches nothing any more, [`revoke`](Self::revoke) it. Clones share the keys. A ring serves one scheme: the first
/// signer or verifier that it is given to fixes which.
///
/// ```
/// use hookseal::{Key, KeyRing, Message, Secret, Signer, Timestamp, Verifier};
///
/// let ring = KeyRing::new([Key::new(Secret::parse("whsec_old")?).id("old")])?;
/// let signer = Signer::new(ring.clone())?;
/// let verifier = Verifier::new(ring.clone())?;
/// let now = Timestamp::from_unix(1_700_000_000);
///
/// let before = signer.sign_at(&Message::new("{}"), now)?;
/// ring.rotate_at(Key::new(Secret::parse("whsec_new")?).id("new"), 86_400, now)?;
/// assert_eq!(verifier.verify_at("{}", &before, now)?.key_id(), Some("old"));
/// ring.revoke("old")?;
/// assert!(verifier.verify_at("{}", &before, now).is_err());
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    shared: Arc<RwLock<Arc<Keys>>>,
}

/// The ring's state at one moment.
pub(crate) struct Keys {
    bound: Option<Bound>,
    entries: Vec<Arc<Entry>>,
}

/// The scheme that the ring serves, and what it is used for.
#[derive(Clone)]
struct Bound {
    scheme: Scheme,
    signs: bool,
    verifies: bool,
}

pub(crate) struct Entry {
    key: Key,
    /// One for each version of the bound scheme; empty before the ring is bound.
    prepared: Box<[Option<Prepared>]>,
    usage: Arc<Usage>,
}

#[derive(Default)]
struct Usage {
    matches: AtomicU64,
    last_match: AtomicI64,
}

/// How often a key has matched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStats {
    /// The key's id, where it has one.
    pub id: Option<String>,
    /// The first second in which it is live.
    pub not_before: Option<Timestamp>,
    /// The last second in which it is live.
    pub not_after: Option<Timestamp>,
    /// How many deliveries it has verified.
    pub matches: u64,
    /// When it last verified one.
    pub last_match: Option<Timestamp>,
}

/// What a signer or a verifier asks of a ring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Sign,
    Verify,
}

impl KeyRing {
    /// A ring of these keys, newest first.
    ///
    /// # Errors
    /// `invalid_config` for no keys, for more than 16, and for an id that is given twice.
    pub fn new<K: Into<Key>>(keys: impl IntoIterator<Item = K>) -> Result<Self> {
        let entries = keys.into_iter().map(|key| Arc::new(Entry::unbound(key.into()))).collect();
        let keys = Keys { bound: None, entries };
        keys.check()?;
        Ok(Self { shared: Arc::new(RwLock::new(Arc::new(keys))) })
    }

    /// Puts a new key first and lets the others live on for `overlap` seconds from `now`.
    ///
    /// A key whose own end comes earlier keeps it; keys whose time is over are dropped.
    ///
    /// # Errors
    /// `malformed_secret` where the secret can not be a key of the ring's scheme; `invalid_config` for an id that
    /// the ring has, and for a seventeenth key.
    pub fn rotate_at(&self, new: impl Into<Key>, overlap: u64, now: Timestamp) -> Result<()> {
        let new = new.into();
        self.change(|keys| {
            let end = now.plus_seconds(overlap);
            let mut entries = vec![Arc::new(Entry::bound(new, keys.bound.as_ref())?)];
            for entry in keys.entries.iter().filter(|entry| entry.key.not_after.is_none_or(|last| now <= last)) {
                let key = &entry.key;
                let not_after = Some(key.not_after.map_or(end, |last| last.min(end)));
                entries.push(Arc::new(Entry {
                    key: Key { not_after, ..key.clone() },
                    prepared: entry.prepared.clone(),
                    usage: entry.usage.clone(),
                }));
            }
            Ok(entries)
        })
    }

    /// [`rotate_at`](Self::rotate_at) the present moment.
    ///
    /// # Errors
    /// As `rotate_at`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn rotate(&self, new: impl Into<Key>, overlap: u64) -> Result<()> {
        self.rotate_at(new, overlap, Timestamp::now()?)
    }

    /// Takes the key of that id out, at once.
    ///
    /// # Errors
    /// `not_found` when no key has the id; `invalid_config` when it is the only one.
    pub fn revoke(&self, id: &str) -> Result<()> {
        self.change(|keys| {
            let (gone, left): (Vec<_>, Vec<_>) =
                keys.entries.iter().cloned().partition(|entry| entry.key.id.as_deref() == Some(id));
            if gone.is_empty() {
                return Err(Error::new(ErrorCode::NotFound, format!("the ring has no key {id:?}")));
            }
            Ok(left)
        })
    }

    /// Each key's use so far, newest first.
    pub fn stats(&self) -> Vec<KeyStats> {
        self.keys().entries.iter().map(|entry| entry.stats()).collect()
    }

    /// Prepares every key for a scheme, on behalf of a signer or a verifier.
    pub(crate) fn bind(&self, scheme: &Scheme, role: Use) -> Result<()> {
        let mut slot = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let mut bound = match &slot.bound {
            Some(bound) if !bound.scheme.is_same(scheme) => {
                return Err(Error::new(
                    ErrorCode::InvalidConfig,
                    format!(
                        "the key ring serves the scheme {:?} already; a key serves one scheme",
                        bound.scheme.name()
                    ),
                ));
            }
            Some(bound) => bound.clone(),
            None => Bound { scheme: scheme.clone(), signs: false, verifies: false },
        };
        bound.signs |= role == Use::Sign;
        bound.verifies |= role == Use::Verify;
        let entries = slot
            .entries
            .iter()
            .map(|entry| {
                let fresh = Entry::bound(entry.key.clone(), Some(&bound))?;
                Ok(Arc::new(Entry { usage: entry.usage.clone(), ..fresh }))
            })
            .collect::<Result<_>>()?;
        let keys = Keys { bound: Some(bound), entries };
        keys.check()?;
        *slot = Arc::new(keys);
        Ok(())
    }

    /// The keys at this moment.
    #[inline]
    pub(crate) fn keys(&self) -> Arc<Keys> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, entries: impl FnOnce(&Keys) -> Result<Vec<Arc<Entry>>>) -> Result<()> {
        let mut slot = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let keys = Keys { bound: slot.bound.clone(), entries: entries(&slot)? };
        keys.check()?;
        *slot = Arc::new(keys);
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().entries.iter().map(|entry| &entry.key)).finish()
    }
}

impl Keys {
    /// The live keys, each with its place in the ring, newest first.
    #[inline]
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().map(|entry| &**entry).enumerate().filter(move |(_, entry)| entry.key.is_live(now))
    }

    /// The label of the version of that index.
    pub(crate) fn version_label(&self, index: usize) -> &str {
        self.bound.as_ref().map_or("", |bound| &bound.scheme.parts().versions[index].label)
    }

    pub(crate) fn key_id(&self, index: usize) -> Option<&str> {
        self.entries[index].key.id.as_deref()
    }

    fn check(&self) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(ErrorCode::InvalidConfig, message.to_owned()));
        if self.entries.is_empty() {
            return invalid("a key ring needs at least one key");
        }
        if self.entries.len() > MAX_KEYS {
            return invalid("a key ring holds at most 16 keys");
        }
        let pairs = self.entries.iter().filter(|entry| entry.prepared.iter().flatten().any(Prepared::is_ed25519));
        if pairs.count() > MAX_ED25519_KEYS {
            return invalid("a key ring holds at most 4 Ed25519 keys");
        }
        let mut ids: Vec<_> = self.entries.iter().filter_map(|entry| entry.key.id.as_deref()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return invalid("two keys of the ring have the same id");
        }
        Ok(())
    }
}

impl Entry {
    fn unbound(key: Key) -> Self {
        Self { key, prepared: Box::default(), usage: Arc::default() }
    }

    fn bound(key: Key, bound: Option<&Bound>) -> Result<Self> {
        let Some(bound) = bound else { return Ok(Self::unbound(key)) };
        let prepared = key::prepare(&key.secret, &bound.scheme)?;
        for prepared in prepared.iter().flatten() {
            match prepared {
                Prepared::Public(_) if bound.signs => {
                    return Err(malformed("this is a public key (whpk_); signing needs the private one (whsk_)"));
                }
                Prepared::Private(_) if bound.verifies => {
                    return Err(malformed("this is a private key (whsk_); verifying needs the public one (whpk_)"));
                }
                _ => {}
            }
        }
        Ok(Self { key, prepared, usage: Arc::default() })
    }

    /// The key as the version of that index uses it.
    #[inline]
    pub(crate) fn prepared(&self, version: usize) -> Option<&Prepared> {
        self.prepared.get(version).and_then(Option::as_ref)
    }

    #[inline]
    pub(crate) fn count_match(&self, now: Timestamp) {
        self.usage.matches.fetch_add(1, Ordering::Relaxed);
        self.usage.last_match.store(now.as_unix(), Ordering::Relaxed);
    }

    fn stats(&self) -> KeyStats {
        let matches = self.usage.matches.load(Ordering::Relaxed);
        let last = self.usage.last_match.load(Ordering::Relaxed);
        KeyStats {
            id: self.key.id.as_deref().map(str::to_owned),
            not_before: self.key.not_before,
            not_after: self.key.not_after,
            matches,
            last_match: (matches > 0).then(|| Timestamp::from_unix(last)),
        }
    }
}
