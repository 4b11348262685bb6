//! Refusing copies: a message is known by the print of what was signed.
//!
//! Not by its MAC, since one message has several of them around a rotation, and not by a header that the signature does
//! not cover, since whoever copies a message can change that. A copy may also be stripped of its stronger signature, so
//! that it matches under a weaker version; a guard therefore remembers the weaker prints of what it has accepted.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::{
    Error, ErrorCode, Result, Scheme, Timestamp, Verified,
    scheme::template::{Content, Template},
};

type Print = [u8; 32];

/// How many messages a guard remembers unless told otherwise.
const DEFAULT_CAPACITY: usize = 100_000;

/// What a guard is asked to remember of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    own: Print,
    weaker: Vec<Print>,
    expires: Timestamp,
}

impl Claim {
    /// The print under the version that matched.
    pub fn own(&self) -> &[u8; 32] {
        &self.own
    }

    /// The prints that the message would have under weaker versions.
    pub fn weaker(&self) -> &[[u8; 32]] {
        &self.weaker
    }

    /// The last second in which the message could be accepted.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// Where a guard keeps what it has seen; the memory of the process is one place.
///
/// Calls may come from many threads at once, and of several claims of one message exactly one may succeed.
pub trait ReplayStore: fmt::Debug + Send + Sync {
    /// Claims the message's own print and notes the weaker ones, in one step, until they expire.
    ///
    /// # Errors
    /// `replayed` when the own print is claimed or noted, or a weaker one is claimed; `storage_full` when there is no room, since
    /// forgetting would let a copy in; `storage_unavailable` when the store can not be reached.
    fn claim(&self, claim: &Claim, now: Timestamp) -> Result<()>;

    /// Takes the claim of the own print back, and leaves the notes.
    ///
    /// # Errors
    /// `storage_unavailable`.
    fn release(&self, claim: &Claim) -> Result<()>;
}

/// Remembers verified messages until they are too old to be accepted anyway, and refuses their copies.
///
/// Lives in this process's memory unless it is given a [`ReplayStore`], and is shared by its clones. When it is full it refuses with `storage_full` rather than forget.
/// It stops copies; a sender that was not answered sends the same event again with a fresh timestamp, so handlers
/// still have to be idempotent by the message id.
///
/// ```
/// use hookseal::{ErrorCode, Message, ReplayGuard, Secret, Signer, Timestamp, Verifier};
///
/// let now = Timestamp::from_unix(1_700_000_000);
/// let headers = Signer::new(Secret::parse("whsec_demo")?)?.sign_at(&Message::new("{}"), now)?;
/// let guard = ReplayGuard::new(100_000)?;
/// let verifier = Verifier::builder().secrets(["whsec_demo"])?.replay(guard.clone()).build()?;
///
/// let first = verifier.verify_at("{}", &headers, now)?;
/// assert_eq!(verifier.verify_at("{}", &headers, now).unwrap_err().code(), ErrorCode::Replayed);
/// guard.release(&first)?; // the handler failed: let the copy in
/// assert!(verifier.verify_at("{}", &headers, now).is_ok());
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReplayGuard {
    store: Arc<dyn ReplayStore>,
}

/// The store in this process's memory.
struct Memory {
    seen: Mutex<Seen>,
}

struct Seen {
    capacity: usize,
    prints: HashMap<Print, Entry>,
    by_expiry: BTreeSet<(Timestamp, Print)>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Claimed by an accepted message, or only noted as the weaker print of one.
    is_claimed: bool,
    expires: Timestamp,
}

impl ReplayGuard {
    /// A guard that remembers at most `capacity` prints; a message takes one for each version it can be read under.
    ///
    /// # Errors
    /// `invalid_config` for a capacity of 0.
    pub fn new(capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(Error::new(ErrorCode::InvalidConfig, "a replay guard needs a capacity of at least 1"));
        }
        Ok(Self::with_store(Memory::new(capacity)))
    }

    /// A guard over a store of your own, such as one that several machines share.
    pub fn with_store(store: impl ReplayStore + 'static) -> Self {
        Self { store: Arc::new(store) }
    }

    /// Lets copies of a message in again, because its handler failed.
    ///
    /// # Errors
    /// What the store answers; the memory of the process never fails.
    pub fn release(&self, verified: &Verified) -> Result<()> {
        verified.claim().map_or(Ok(()), |claim| self.store.release(claim))
    }

    /// Claims a message for its caller, who is the only one to get `Ok` until it expires.
    pub(crate) fn claim(&self, claim: &Claim, now: Timestamp) -> Result<()> {
        self.store.claim(claim, now)
    }
}

impl Default for ReplayGuard {
    /// A guard for 100,000 prints.
    fn default() -> Self {
        Self::with_store(Memory::new(DEFAULT_CAPACITY))
    }
}

impl Memory {
    fn new(capacity: usize) -> Self {
        Self { seen: Mutex::new(Seen { capacity, prints: HashMap::new(), by_expiry: BTreeSet::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplayStore for Memory {
    fn claim(&self, claim: &Claim, now: Timestamp) -> Result<()> {
        let mut seen = self.lock();
        seen.forget_expired(now);
        let claimed = |print: &Print| seen.prints.get(print).is_some_and(|entry| entry.is_claimed);
        if seen.prints.contains_key(&claim.own) || claim.weaker.iter().any(claimed) {
            return Err(Error::new(ErrorCode::Replayed, "this message was accepted before"));
        }
        let fresh = 1 + claim.weaker.iter().filter(|print| !seen.prints.contains_key(*print)).count();
        if seen.prints.len() + fresh > seen.capacity {
            let message = format!("the replay guard is full: {} prints", seen.prints.len());
            return Err(Error::new(ErrorCode::StorageFull, message));
        }
        seen.remember(claim.own, Entry { is_claimed: true, expires: claim.expires });
        for print in &claim.weaker {
            seen.remember(*print, Entry { is_claimed: false, expires: claim.expires });
        }
        Ok(())
    }

    fn release(&self, claim: &Claim) -> Result<()> {
        let mut seen = self.lock();
        if let Some(entry) = seen.prints.get(&claim.own).copied().filter(|entry| entry.is_claimed) {
            seen.prints.remove(&claim.own);
            seen.by_expiry.remove(&(entry.expires, claim.own));
        }
        Ok(())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.lock();
        write!(f, "Memory({} of {})", seen.prints.len(), seen.capacity)
    }
}

impl Seen {
    fn remember(&mut self, print: Print, entry: Entry) {
        if let Some(before) = self.prints.insert(print, entry) {
            self.by_expiry.remove(&(before.expires, print));
        }
        self.by_expiry.insert((entry.expires, print));
    }

    fn forget_expired(&mut self, now: Timestamp) {
        while let Some((expires, print)) = self.by_expiry.first().copied() {
            if expires >= now {
                return;
            }
            self.by_expiry.pop_first();
            self.prints.remove(&print);
        }
    }
}

/// The claim of a message that matched under the version of that index.
pub(crate) fn claim_of(scheme: &Scheme, index: usize, content: &Content<'_>, expires: Timestamp) -> Claim {
    let parts = scheme.parts();
    let mut bodies: Vec<(crate::scheme::template::BodyForm, Print)> = Vec::new();
    let mut print_under = |template: &Template| {
        let form = template.body_form();
        let body = match bodies.iter().find(|(known, _)| *known == form) {
            Some((_, digest)) => *digest,
            None => {
                let mut hash = Sha256::new();
                form.feed(content.body, &mut |piece| hash.update(piece));
                let digest = hash.finalize().into();
                bodies.push((form, digest));
                digest
            }
        };
        print(parts.name.as_bytes(), template, content, &body)
    };
    let own = print_under(&parts.versions[index].content);
    let mut weaker: Vec<Print> = parts.versions[index + 1..]
        .iter()
        .map(|version| print_under(&version.content))
        .filter(|it| *it != own)
        .collect();
    weaker.sort_unstable();
    weaker.dedup();
    Claim { own, weaker, expires }
}

/// SHA-256 of the scheme's name, the signed fields and the digest of the signed body, each with its length before it.
fn print(scheme: &[u8], template: &Template, content: &Content<'_>, body: &Print) -> Print {
    let mut hash = Sha256::new();
    let mut add = |field: &[u8]| {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    };
    add(scheme);
    for field in template.fields() {
        add(content.field(field));
    }
    add(body);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(own: u8, weaker: &[u8], expires: i64) -> Claim {
        Claim {
            own: [own; 32],
            weaker: weaker.iter().map(|byte| [*byte; 32]).collect(),
            expires: Timestamp::from_unix(expires),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    #[test]
    fn full_then_stripped_and_stripped_then_full() {
        let guard = ReplayGuard::default();
        guard.claim(&claim(2, &[1], 10), at(0)).unwrap();
        assert_eq!(guard.claim(&claim(1, &[], 10), at(0)).unwrap_err().code(), ErrorCode::Replayed);

        let guard = ReplayGuard::default();
        guard.claim(&claim(1, &[], 10), at(0)).unwrap();
        assert_eq!(guard.claim(&claim(2, &[1], 10), at(0)).unwrap_err().code(), ErrorCode::Replayed);
    }

    #[test]
    fn two_ids_over_one_body_and_second_are_two_messages() {
        let guard = ReplayGuard::default();
        guard.claim(&claim(2, &[1], 10), at(0)).unwrap();
        guard.claim(&claim(3, &[1], 10), at(0)).unwrap();
    }

    #[test]
    fn it_forgets_what_is_too_old_and_refuses_when_full() {
        let guard = ReplayGuard::new(2).unwrap();
        guard.claim(&claim(1, &[], 10), at(0)).unwrap();
        guard.claim(&claim(2, &[], 20), at(0)).unwrap();
        assert_eq!(guard.claim(&claim(3, &[], 20), at(10)).unwrap_err().code(), ErrorCode::StorageFull);
        guard.claim(&claim(3, &[], 20), at(11)).unwrap();
        assert_eq!(ReplayGuard::new(0).unwrap_err().code(), ErrorCode::InvalidConfig);
    }
}
