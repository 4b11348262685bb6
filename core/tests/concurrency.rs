//! Many threads on one guard, and on one ring that is being exchanged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use hookseal::{
    Error, ErrorCode, Key, KeyRing, Message, ReplayGuard, ReplayStore, Result, Secret, SignedHeaders, Signer,
    Timestamp, Verified, Verifier, replay::Claim,
};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
const BODY: &str = r#"{"id":42}"#;
const THREADS: usize = 64;

/// V-70.
#[test]
fn of_64_copies_at_once_one_is_the_first() {
    for _ in 0..20 {
        let guard = ReplayGuard::new(10).unwrap();
        let verifier = verifier(secret("a"), &guard);
        let headers = sign("a", BODY);
        let verdicts = at_once(|_| verifier.verify_at(BODY, &headers, NOW));
        assert_eq!(count(&verdicts), BTreeMap::from([("ok", 1), ("replayed", THREADS - 1)]));
    }
}

/// The copies come in two forms: as sent, and stripped of the stronger signature. Whichever is first shuts out the other.
#[test]
fn full_and_stripped_copies_at_once_are_one_message() {
    let full = sign("a", BODY);
    let stripped = strip(&full);
    for _ in 0..20 {
        let guard = ReplayGuard::new(10).unwrap();
        let verifier = verifier(secret("a"), &guard);
        let verdicts = at_once(|thread| {
            if thread % 2 == 0 {
                verifier.verify_at(BODY, &full, NOW)
            } else {
                verifier.verify_at(BODY, &stripped, NOW)
            }
        });
        assert_eq!(count(&verdicts), BTreeMap::from([("ok", 1), ("replayed", THREADS - 1)]));
    }
}

#[test]
fn full_and_stripped_copies_in_either_order_are_one_message() {
    let full = pairs(&sign("a", BODY));
    let stripped = strip(&sign("a", BODY));
    for (first, second, version) in [(&full, &stripped, "v2"), (&stripped, &full, "v1")] {
        let guard = ReplayGuard::new(10).unwrap();
        let verifier = verifier(secret("a"), &guard);
        assert_eq!(verifier.verify_at(BODY, first, NOW).unwrap().version(), version);
        for copy in [second, first] {
            assert_eq!(verifier.verify_at(BODY, copy, NOW).unwrap_err().code(), ErrorCode::Replayed);
        }
    }
}

#[test]
fn two_ids_over_one_body_are_two_messages() {
    let guard = ReplayGuard::new(10).unwrap();
    let verifier = verifier(secret("a"), &guard);
    let signer = Signer::new(secret("a")).unwrap();
    let headers: Vec<SignedHeaders> = ["evt_1", "evt_2"]
        .map(|id| signer.sign_at(&Message::new(BODY).id(id).event_type("order.paid"), NOW).unwrap())
        .into();
    let verdicts = at_once(|thread| verifier.verify_at(BODY, &headers[thread % 2], NOW));
    assert_eq!(count(&verdicts), BTreeMap::from([("ok", 2), ("replayed", THREADS - 2)]));
}

/// Around a rotation one message has two signatures; it is the same message.
#[test]
fn a_copy_signed_by_another_key_is_still_a_copy() {
    let guard = ReplayGuard::new(10).unwrap();
    let ring = KeyRing::new([secret("old")]).unwrap();
    let verifier = verifier(ring.clone(), &guard);
    assert!(verifier.verify_at(BODY, &sign("old", BODY), NOW).is_ok());
    ring.rotate_at(secret("new"), 60, NOW).unwrap();
    for secret in ["new", "old"] {
        assert_eq!(verifier.verify_at(BODY, &sign(secret, BODY), NOW).unwrap_err().code(), ErrorCode::Replayed);
    }
    assert!(verifier.verify_at("{}", &sign("new", "{}"), NOW).is_ok());
}

/// Two verifiers with one guard stand for two workers of one process.
#[test]
fn verifiers_that_share_a_guard_share_its_memory() {
    let guard = ReplayGuard::new(10).unwrap();
    let workers = [verifier(secret("a"), &guard), verifier(secret("a"), &guard)];
    let headers = sign("a", BODY);
    let verdicts = at_once(|thread| workers[thread % 2].verify_at(BODY, &headers, NOW));
    assert_eq!(count(&verdicts), BTreeMap::from([("ok", 1), ("replayed", THREADS - 1)]));
}

/// V-71.
#[test]
fn after_a_release_one_copy_comes_in_again() {
    let guard = ReplayGuard::new(10).unwrap();
    let verifier = verifier(secret("a"), &guard);
    let headers = sign("a", BODY);
    for _ in 0..5 {
        let verdicts = at_once(|_| verifier.verify_at(BODY, &headers, NOW));
        assert_eq!(count(&verdicts), BTreeMap::from([("ok", 1), ("replayed", THREADS - 1)]));
        guard.release(verdicts.iter().flatten().next().unwrap()).unwrap();
    }
}

/// A released message can come again in full; the stripped copy stays out.
#[test]
fn a_release_leaves_the_stripped_copy_shut_out() {
    let guard = ReplayGuard::new(10).unwrap();
    let verifier = verifier(secret("a"), &guard);
    let full = sign("a", BODY);
    guard.release(&verifier.verify_at(BODY, &full, NOW).unwrap()).unwrap();
    assert_eq!(verifier.verify_at(BODY, &strip(&full), NOW).unwrap_err().code(), ErrorCode::Replayed);
    assert!(verifier.verify_at(BODY, &full, NOW).is_ok());
}

#[test]
fn a_full_guard_refuses_what_it_can_not_remember() {
    let guard = ReplayGuard::new(3 * 2).unwrap();
    let verifier = verifier(secret("a"), &guard);
    let bodies: Vec<String> = (0..THREADS).map(|thread| format!("{{\"id\":{thread}}}")).collect();
    let headers: Vec<SignedHeaders> = bodies.iter().map(|body| sign("a", body)).collect();
    let verdicts = at_once(|thread| verifier.verify_at(&bodies[thread], &headers[thread], NOW));
    assert_eq!(count(&verdicts), BTreeMap::from([("ok", 3), ("storage_full", THREADS - 3)]));
}

/// Eight threads verify while the ring is exchanged over and over; the key that stays is never missed.
#[test]
fn a_rotation_refuses_no_message_of_a_key_that_stays() {
    let ring = KeyRing::new([Key::new(secret("stays")).id("stays")]).unwrap();
    let verifier = Verifier::new(ring.clone()).unwrap();
    let headers = sign("stays", BODY);
    let (is_over, accepted, refusals) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    match verifier.verify_at(BODY, &headers, NOW) {
                        Ok(verdict) if verdict.key_id() == Some("stays") => {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        }
                        other => {
                            refusals.lock().unwrap().push(other);
                            is_over.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let mut rotations = 0;
        while !is_over.load(Ordering::Relaxed) && (rotations < 200 || accepted.load(Ordering::Relaxed) < 2000) {
            let id = format!("key-{rotations}");
            ring.rotate_at(Key::new(secret(&id)).id(&id), 1000, NOW).unwrap();
            ring.revoke(&id).unwrap();
            rotations += 1;
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let refusals = refusals.into_inner().unwrap();
    assert!(refusals.is_empty(), "{refusals:?}");
    let stats = ring.stats();
    assert_eq!(stats.len(), 1);
    assert_eq!(stats[0].matches, u64::try_from(accepted.into_inner()).unwrap());
}

/// What every thread gets when all begin together.
fn at_once(act: impl Fn(usize) -> Result<Verified> + Sync) -> Vec<Result<Verified>> {
    let start = Barrier::new(THREADS);
    let run = |thread| {
        start.wait();
        act(thread)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn count(verdicts: &[Result<Verified>]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok")).or_insert(0) += 1;
    }
    counts
}

fn secret(text: &str) -> Secret {
    Secret::utf8(text).unwrap()
}

fn verifier(keys: impl Into<KeyRing>, guard: &ReplayGuard) -> Verifier {
    Verifier::builder().keys(keys).replay(guard.clone()).build().unwrap()
}

fn sign(text: &str, body: &str) -> SignedHeaders {
    let message = Message::new(body).id("evt_1").event_type("order.paid");
    Signer::new(secret(text)).unwrap().sign_at(&message, NOW).unwrap()
}

fn pairs(headers: &SignedHeaders) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The headers without the v2 signature, as someone in between could send them.
fn strip(headers: &SignedHeaders) -> Vec<(String, String)> {
    let mut pairs = pairs(headers);
    let elements: Vec<&str> = pairs[0].1.split(',').filter(|element| !element.starts_with("v2=")).collect();
    assert_eq!(elements.len(), 2);
    pairs[0].1 = elements.join(",");
    pairs
}

/// V-72.
#[test]
fn a_store_that_can_not_be_reached_refuses() {
    #[derive(Debug)]
    struct Gone;

    impl ReplayStore for Gone {
        fn claim(&self, claim: &Claim, _: Timestamp) -> Result<()> {
            assert_eq!((claim.weaker().len(), claim.expires()), (1, Timestamp::from_unix(NOW.as_unix() + 300)));
            Err(Error::new(ErrorCode::StorageUnavailable, "the store is gone"))
        }

        fn release(&self, _: &Claim) -> Result<()> {
            unreachable!("nothing was claimed")
        }
    }

    let verifier = verifier(secret("a"), &ReplayGuard::with_store(Gone));
    let refused = verifier.verify_at(BODY, &sign("a", BODY), NOW).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StorageUnavailable);
    assert!(refused.is_retryable());
}
