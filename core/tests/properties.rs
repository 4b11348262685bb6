//! What has to hold for every scheme, body and key: signing and verifying fit, and rings follow a plain model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "of the reference, only the invented scheme documents are used here")]
mod reference;

use std::collections::BTreeSet;

use hookseal::{
    ErrorCode, HeaderSource, Key, KeyRing, Message, Scheme, Secret, SignedHeaders, Signer, Timestamp, Verified,
    Verifier, verify::VerifierBuilder,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use reference::generate::{Tape, document};
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
const URL: &str = "https://example.com/hooks?tenant=7";

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_accepted_with_the_same_secret_only(scheme in scheme(), body in body()) {
        let headers = scheme.sign(&["ours"], &body, NOW);
        let verified = scheme.verify("ours", &body, &headers).unwrap();
        prop_assert_eq!(verified.timestamp(), scheme.scheme.signs_timestamp().then_some(NOW));
        if scheme.scheme.signs_id() {
            prop_assert_eq!(verified.id(), Some("evt_1"));
        }
        let refusal = scheme.verify("theirs", &body, &headers).unwrap_err();
        prop_assert_eq!(refusal, ErrorCode::NoMatchingSignature);
    }

    #[test]
    fn no_byte_of_the_body_can_change(scheme in scheme(), body in body(), at: Index, other in "[a-zA-Z0-9]") {
        prop_assume!(scheme.scheme.signs_body());
        let headers = scheme.sign(&["ours"], &body, NOW);
        let mut changed = body.clone();
        changed[at.index(body.len())] = other.as_bytes()[0];
        prop_assume!(changed != body);
        prop_assert_eq!(scheme.verify("ours", &changed, &headers).unwrap_err(), ErrorCode::NoMatchingSignature);

        changed.clone_from(&body);
        changed.insert(at.index(body.len() + 1), b'.');
        prop_assert!(scheme.verify("ours", &changed, &headers).is_err());
        changed.clone_from(&body);
        changed.remove(at.index(body.len()));
        prop_assert!(scheme.verify("ours", &changed, &headers).is_err());
    }

    #[test]
    fn no_byte_of_the_signature_can_change(scheme in scheme(), body in body(), at: Index, mask in 1..=255_u8) {
        let headers = scheme.sign(&["ours"], &body, NOW);
        let (name, value) = headers.iter().next().unwrap();
        let mut changed = value.as_bytes().to_vec();
        let at = at.index(scheme.end_of_first_signature(value));
        // Upper-case digits are accepted.
        prop_assume!(mask != 0x20);
        changed[at] ^= mask;
        let mut pairs = bytes(&headers);
        pairs[0] = (name.to_owned(), changed);
        prop_assert!(scheme.verify_strongest("ours", &body, &pairs).is_err(), "byte {} of {}", at, value);
    }

    #[test]
    fn two_secrets_make_two_signatures_newest_first(scheme in scheme(), body in body()) {
        // No verifier takes more than four values of Ed25519.
        prop_assume!(!scheme.is_ed25519() || scheme.scheme.versions().count() <= 2);
        let both = scheme.sign(&["new", "old"], &body, NOW);
        prop_assert!(scheme.verify("new", &body, &both).is_ok());
        prop_assert_eq!(scheme.verify("old", &body, &both).is_ok(), scheme.carries_several());
        let (_, value) = both.iter().next().unwrap();
        let newest = scheme.sign(&["new"], &body, NOW);
        let (_, newest) = newest.iter().next().unwrap();
        let end = scheme.end_of_first_signature(newest);
        prop_assert_eq!(&value.as_bytes()[..end], &newest.as_bytes()[..end]);
    }

    #[test]
    fn headers_are_spelled_as_the_scheme_spells_them(scheme in scheme(), body in body()) {
        let document: Value = serde_json::from_str(scheme.scheme.to_json()).unwrap();
        let mut spelled: BTreeSet<&str> = ["signature", "timestamp", "id", "type"]
            .into_iter()
            .filter_map(|field| document[field]["header"].as_str())
            .collect();
        spelled.extend(document["also_writes"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()));
        let headers = scheme.sign(&["ours"], &body, NOW);
        let written: BTreeSet<&str> = headers.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(written.len(), headers.iter().count());
        prop_assert_eq!(&written, &spelled);
        let signer = scheme.signer(&["ours"]);
        prop_assert_eq!(signer.header_names().collect::<BTreeSet<_>>(), spelled);
    }

    /// S-4.
    #[test]
    fn a_retry_has_the_same_id_and_a_new_signature(scheme in scheme(), body in body(), later in 1_i64..300) {
        prop_assume!(scheme.scheme.signs_timestamp());
        let first = scheme.sign(&["ours"], &body, NOW);
        let again = scheme.sign(&["ours"], &body, Timestamp::from_unix(NOW.as_unix() + later));
        let document: Value = serde_json::from_str(scheme.scheme.to_json()).unwrap();
        if let Some(id) = document["id"]["header"].as_str() {
            prop_assert_eq!(first.get(id), Some("evt_1"));
            prop_assert_eq!(again.get(id), Some("evt_1"));
        }
        let signature = document["signature"]["header"].as_str().unwrap();
        prop_assert_ne!(first.get(signature), again.get(signature));
        prop_assert!(scheme.verify("ours", &body, &first).is_ok());
        prop_assert!(scheme.verify("ours", &body, &again).is_ok());
        let same = scheme.sign(&["ours"], &body, NOW);
        prop_assert_eq!(same.get(signature), first.get(signature));
    }

    #[test]
    fn a_ring_follows_its_model(steps in vec(step(), 1..40)) {
        let mut model = Model::new();
        for step in steps {
            model.take(step)?;
        }
    }
}

/// A scheme with the rules by which its tests choose keys.
#[derive(Debug)]
struct Subject {
    scheme: Scheme,
    document: Value,
}

/// Each built-in scheme as often as an invented one.
fn scheme() -> impl Strategy<Value = Subject> {
    let names: Vec<&str> = Scheme::names().collect();
    let built_in = proptest::sample::select(names).prop_map(|name| Scheme::named(name).unwrap());
    let invented = vec(any::<u8>(), 60).prop_map(|mut tape| {
        tape[0] = 255;
        Scheme::from_json(&document::any(&mut Tape::new(&tape)).to_string()).unwrap()
    });
    prop_oneof![built_in, invented].prop_map(|scheme| {
        let document = serde_json::from_str(scheme.to_json()).unwrap();
        Subject { scheme, document }
    })
}

/// Letters and digits mean themselves in every form of the body.
fn body() -> impl Strategy<Value = Vec<u8>> {
    "[a-zA-Z0-9]{1,40}".prop_map(String::into_bytes)
}

impl Subject {
    fn is_ed25519(&self) -> bool {
        let versions = self.document["versions"].as_array();
        versions.is_some_and(|versions| versions.iter().all(|version| version["algorithm"] == "ed25519"))
    }

    fn carries_several(&self) -> bool {
        let signature = &self.document["signature"];
        signature["grammar"] == "pairs" || signature["grammar"] == "list" || signature["joined"] == ","
    }

    fn signer(&self, names: &[&str]) -> Signer {
        let secrets = names.iter().map(|name| {
            if self.is_ed25519() { Secret::ed25519_private(seed(name)) } else { Secret::utf8(*name) }.unwrap()
        });
        Signer::builder().scheme(self.scheme.clone()).keys(KeyRing::new(secrets).unwrap()).build().unwrap()
    }

    fn sign(&self, names: &[&str], body: &[u8], now: Timestamp) -> SignedHeaders {
        let message = Message::new(body).id("evt_1").event_type("order.paid").url(URL);
        self.signer(names).sign_at(&message, now).unwrap()
    }

    fn verify<H: HeaderSource>(&self, name: &str, body: &[u8], headers: &H) -> Result<Verified, ErrorCode> {
        judge(self.verifier(name), body, headers)
    }

    /// As `verify`, with no way around the strongest version that the key serves.
    fn verify_strongest<H: HeaderSource>(&self, name: &str, body: &[u8], headers: &H) -> Result<Verified, ErrorCode> {
        let versions = self.document["versions"].as_array();
        let strongest = versions.and_then(|versions| {
            versions.iter().find(|version| (version["algorithm"] == "ed25519") == self.is_ed25519())
        });
        let label = strongest.map_or("", |version| version["label"].as_str().unwrap());
        judge(self.verifier(name).require(label), body, headers)
    }

    fn verifier(&self, name: &str) -> VerifierBuilder {
        let secret = if self.is_ed25519() { Secret::ed25519_public(public(name)) } else { Secret::utf8(name) };
        Verifier::builder().scheme(self.scheme.clone()).keys(secret.unwrap())
    }

    /// Where the judged part of the header ends: what stands behind it is weaker, or by older keys.
    fn end_of_first_signature(&self, header: &str) -> usize {
        let signature = &self.document["signature"];
        let separator = match signature["grammar"].as_str().unwrap() {
            "pairs" => signature["separator"].as_str().unwrap_or(","),
            "list" => " ",
            "prefixed" if signature["joined"] == "," => ",",
            _ => return header.len(),
        };
        let elements = if self.document["timestamp"]["element"].is_string() { 2 } else { 1 };
        let ends = header.match_indices(separator).map(|(at, _)| at).chain([header.len()]);
        ends.take(elements).last().unwrap()
    }
}

fn judge<H: HeaderSource>(verifier: VerifierBuilder, body: &[u8], headers: &H) -> Result<Verified, ErrorCode> {
    verifier.build().unwrap().verify_url_at(body, headers, Some(URL), NOW).map_err(|error| error.code())
}

fn private_key(name: &str) -> ed25519_dalek::SigningKey {
    let mut seed = [7; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    ed25519_dalek::SigningKey::from_bytes(&seed)
}

fn seed(name: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(private_key(name).to_bytes())
}

fn public(name: &str) -> String {
    private_key(name).verifying_key().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn bytes(headers: &SignedHeaders) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Rotate { id: Option<u8>, overlap: u64, starts_in: Option<i64>, ends_in: Option<i64> },
    Revoke { id: u8 },
    Wait { seconds: i64 },
    Sign,
    Verify { by: Index },
}

fn step() -> impl Strategy<Value = Step> {
    let few_seconds = proptest::option::weighted(0.2, 0_i64..6);
    prop_oneof![
        3 => (proptest::option::weighted(0.7, 0..12_u8), 0..10_u64, few_seconds.clone(), few_seconds)
            .prop_map(|(id, overlap, starts_in, ends_in)| Step::Rotate { id, overlap, starts_in, ends_in }),
        1 => (0..12_u8).prop_map(|id| Step::Revoke { id }),
        2 => (0..5_i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Sign),
        5 => any::<Index>().prop_map(|by| Step::Verify { by }),
    ]
}

/// A ring as a plain list, beside the real one.
struct Model {
    ring: KeyRing,
    signer: Signer,
    verifier: Verifier,
    now: i64,
    keys: Vec<ModelKey>,
    /// Every secret that there has been.
    secrets: Vec<String>,
}

#[derive(Debug, Clone)]
struct ModelKey {
    secret: String,
    id: Option<String>,
    not_before: Option<i64>,
    not_after: Option<i64>,
    matches: u64,
    last_match: Option<i64>,
}

impl ModelKey {
    fn is_live(&self, now: i64) -> bool {
        self.not_before.unwrap_or(now) <= now && now <= self.not_after.unwrap_or(now)
    }
}

impl Model {
    fn new() -> Self {
        let first = "secret 0".to_owned();
        let ring = KeyRing::new([Secret::utf8(&first).unwrap()]).unwrap();
        let scheme = Scheme::named("stripe").unwrap();
        let key = ModelKey {
            secret: first.clone(),
            id: None,
            not_before: None,
            not_after: None,
            matches: 0,
            last_match: None,
        };
        Self {
            signer: Signer::builder().scheme(scheme.clone()).keys(ring.clone()).build().unwrap(),
            verifier: Verifier::builder().scheme(scheme).keys(ring.clone()).build().unwrap(),
            ring,
            now: NOW.as_unix(),
            keys: vec![key],
            secrets: vec![first],
        }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Rotate { id, overlap, starts_in, ends_in } => {
                let secret = format!("secret {}", self.secrets.len());
                self.secrets.push(secret.clone());
                let id = id.map(|id| format!("key-{id}"));
                let not_before = starts_in.map(|seconds| self.now + seconds);
                let not_after = ends_in.map(|seconds| self.now + seconds);
                let new = ModelKey { secret, id, not_before, not_after, matches: 0, last_match: None };
                let outcome = self.ring.rotate_at(real(&new), overlap, Timestamp::from_unix(self.now));
                let end = self.now + i64::try_from(overlap).unwrap();
                let mut keys = vec![new];
                for key in self.keys.iter().filter(|key| key.not_after.is_none_or(|last| self.now <= last)) {
                    let not_after = Some(key.not_after.map_or(end, |last| last.min(end)));
                    keys.push(ModelKey { not_after, ..key.clone() });
                }
                let ids: Vec<&String> = keys.iter().filter_map(|key| key.id.as_ref()).collect();
                let has_equal_ids = ids.len() != ids.iter().collect::<BTreeSet<_>>().len();
                if keys.len() > 16 || has_equal_ids {
                    prop_assert_eq!(outcome.unwrap_err().code(), ErrorCode::InvalidConfig);
                } else {
                    prop_assert_eq!(outcome, Ok(()));
                    self.keys = keys;
                }
            }
            Step::Revoke { id } => {
                let id = format!("key-{id}");
                let outcome = self.ring.revoke(&id).map_err(|error| error.code());
                let at = self.keys.iter().position(|key| key.id.as_ref() == Some(&id));
                match at {
                    None => prop_assert_eq!(outcome, Err(ErrorCode::NotFound)),
                    Some(_) if self.keys.len() == 1 => prop_assert_eq!(outcome, Err(ErrorCode::InvalidConfig)),
                    Some(at) => {
                        prop_assert_eq!(outcome, Ok(()));
                        self.keys.remove(at);
                    }
                }
            }
            Step::Wait { seconds } => self.now += seconds,
            Step::Sign => self.sign()?,
            Step::Verify { by } => self.verify(by)?,
        }
        self.check_stats()
    }

    fn sign(&self) -> Result<(), TestCaseError> {
        let now = Timestamp::from_unix(self.now);
        let live = self.keys.iter().filter(|key| key.is_live(self.now));
        let expected: Vec<String> = live.map(|key| signature(&key.secret, now)).collect();
        match self.signer.sign_at(&Message::new("{}"), now) {
            Ok(headers) => {
                let header = headers.get("Stripe-Signature").unwrap();
                let written: Vec<&str> = header.split(",v1=").skip(1).collect();
                prop_assert_eq!(written, expected);
            }
            Err(error) => {
                prop_assert_eq!(error.code(), ErrorCode::InvalidConfig);
                prop_assert!(expected.is_empty());
            }
        }
        Ok(())
    }

    fn verify(&mut self, by: Index) -> Result<(), TestCaseError> {
        let secret = by.get(&self.secrets);
        let now = Timestamp::from_unix(self.now);
        let header = format!("t={},v1={}", self.now, signature(secret, now));
        let verdict = self.verifier.verify_at("{}", &header, now);
        let any_live = self.keys.iter().any(|key| key.is_live(self.now));
        let at = self.keys.iter().position(|key| key.secret == *secret && key.is_live(self.now));
        match (verdict, at) {
            (Ok(verified), Some(at)) => {
                let key = &mut self.keys[at];
                prop_assert_eq!(verified.key_index(), at);
                prop_assert_eq!(verified.key_id(), key.id.as_deref());
                key.matches += 1;
                key.last_match = Some(self.now);
            }
            (Err(error), None) => {
                let expected = if any_live { ErrorCode::NoMatchingSignature } else { ErrorCode::UnsupportedVersion };
                prop_assert_eq!(error.code(), expected);
            }
            (verdict, at) => prop_assert!(false, "key {at:?} of {:?}: {verdict:?}", self.keys),
        }
        Ok(())
    }

    fn check_stats(&self) -> Result<(), TestCaseError> {
        let stats = self.ring.stats();
        prop_assert_eq!(stats.len(), self.keys.len());
        for (real, key) in stats.iter().zip(&self.keys) {
            prop_assert_eq!(&real.id, &key.id);
            prop_assert_eq!(real.not_before.map(Timestamp::as_unix), key.not_before);
            prop_assert_eq!(real.not_after.map(Timestamp::as_unix), key.not_after);
            prop_assert_eq!(real.matches, key.matches);
            prop_assert_eq!(real.last_match.map(Timestamp::as_unix), key.last_match);
        }
        Ok(())
    }
}

fn real(key: &ModelKey) -> Key {
    let mut real = Key::new(Secret::utf8(&key.secret).unwrap());
    if let Some(id) = &key.id {
        real = real.id(id);
    }
    if let Some(time) = key.not_before {
        real = real.not_before(Timestamp::from_unix(time));
    }
    if let Some(time) = key.not_after {
        real = real.not_after(Timestamp::from_unix(time));
    }
    real
}

/// What a single key signs for the body `{}`.
fn signature(secret: &str, now: Timestamp) -> String {
    let signer = Signer::builder().scheme(Scheme::named("stripe").unwrap()).keys(Secret::utf8(secret).unwrap());
    let headers = signer.build().unwrap().sign_at(&Message::new("{}"), now).unwrap();
    headers.get("Stripe-Signature").unwrap().split_once(",v1=").unwrap().1.to_owned()
}
