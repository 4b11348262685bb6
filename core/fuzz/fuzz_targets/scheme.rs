//! A scheme document: refused as `invalid_scheme`, or a scheme under which what is signed is accepted.

#![no_main]

use hookseal::{ErrorCode, Message, Scheme, Secret, Signer, Timestamp, Verifier};
use libfuzzer_sys::fuzz_target;

const URL: &str = "https://example.com/hooks";
const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

fuzz_target!(|document: &str| {
    let scheme = match Scheme::from_json(document) {
        Ok(scheme) => scheme,
        Err(error) => return assert_eq!(error.code(), ErrorCode::InvalidScheme),
    };
    assert!(scheme.header_names().count() <= 3);
    assert_eq!(Scheme::from_json(scheme.to_json()).unwrap().to_json(), scheme.to_json());

    let secret = Secret::utf8("a secret").unwrap();
    let Ok(signer) = Signer::builder().scheme(scheme.clone()).keys(secret.clone()).build() else { return };
    let verifier = Verifier::builder().scheme(scheme).keys(secret).build().unwrap();
    let message = Message::new("{}").id("evt_1").event_type("order.paid").url(URL);
    let headers = signer.sign_at(&message, NOW).unwrap();
    let verified = verifier.verify_url_at("{}", &headers, Some(URL), NOW).unwrap();
    assert_eq!(verified.timestamp().is_some(), verifier.scheme().signs_timestamp());
});
