//! A message that is accepted costs no memory where its signature covers no id.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use hookseal::{KeyRing, Message, Scheme, Secret, Signer, Timestamp, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
const BODY: &str = r#"{"id":42}"#;

#[test]
fn accepting_allocates_nothing_where_no_id_is_covered() {
    for scheme in ["stripe", "github", "slack", "shopify", "outpost", "workos", "zendesk", "gitlab"] {
        for keys in [1, 16] {
            assert_eq!(allocations(scheme, keys, &Message::new(BODY)), 0, "{scheme} with {keys} keys");
        }
    }
}

/// Without an id the default scheme writes v1 alone.
#[test]
fn nor_does_the_default_scheme_without_an_id() {
    assert_eq!(allocations("hookseal", 16, &Message::new(BODY)), 0);
}

#[test]
fn the_counter_counts() {
    assert!(allocations("hookseal", 1, &Message::new(BODY).id("evt_1").event_type("order.paid")) > 0);
    assert!(allocations("standard-webhooks", 1, &Message::new(BODY).id("evt_1")) > 0);
}

/// How often memory is asked for while a ring accepts what its oldest key has signed.
fn allocations(scheme: &str, keys: usize, message: &Message<'_>) -> u64 {
    let scheme = Scheme::named(scheme).unwrap();
    let secret = |index: usize| Secret::bytes([u8::try_from(index).unwrap() + b'a'; 32]).unwrap();
    let sender = Signer::builder().scheme(scheme.clone()).keys(secret(keys - 1)).build().unwrap();
    let headers: HeaderMap = sender
        .sign_at(message, NOW)
        .unwrap()
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let ring = KeyRing::new((0..keys).map(secret)).unwrap();
    let verifier = Verifier::builder().scheme(scheme).keys(ring).build().unwrap();
    let mut verdict = None;
    let info = measure(|| verdict = Some(verifier.verify_at(BODY, &headers, NOW)));
    assert_eq!(verdict.unwrap().unwrap().key_index(), keys - 1);
    info.count_total
}
