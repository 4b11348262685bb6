//! A signature header for each grammar: read to the end or refused, never a panic, and never accepted.
//!
//! Input: a byte that chooses the scheme, and the header.

#![no_main]

use std::sync::LazyLock;

use hookseal::{ErrorKind, Scheme, Secret, Timestamp, Verifier};
use libfuzzer_sys::fuzz_target;

/// One scheme for each grammar and separator; the order is the one of `seed`.
const SCHEMES: [&str; 7] = ["hookseal", "paddle", "outpost", "github", "shopify", "gitlab", "pagerduty"];

static VERIFIERS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let verifier = |name| {
        let secret = Secret::utf8("a secret that no input can guess").unwrap();
        Verifier::builder().scheme(Scheme::named(name).unwrap()).keys(secret).build().unwrap()
    };
    SCHEMES.into_iter().map(verifier).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, header)) = data.split_first() else { return };
    let verifier = &VERIFIERS[usize::from(*choice) % SCHEMES.len()];
    let name = verifier.scheme().header_names().next().unwrap().as_str();
    let error = verifier.verify_at("{}", &[(name, header)], Timestamp::from_unix(1_700_000_000)).unwrap_err();
    assert_eq!(error.code().kind(), ErrorKind::Verification);
});
