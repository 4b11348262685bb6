//! The same case through the crate.

use std::time::Duration;

use hookseal::{Key, KeyRing, ReplayGuard, Result, Scheme, Secret, Timestamp, Verified, Verifier};

use super::{Accepted, Case, Verdict, text};

pub(crate) fn verify(case: &Case) -> Verdict {
    match run(case) {
        Ok(verified) => Ok(Accepted {
            timestamp: verified.timestamp().map(Timestamp::as_unix),
            id: verified.id().map(str::to_owned),
            event_type: verified.event_type().map(str::to_owned),
            version: verified.version().to_owned(),
            key_index: verified.key_index(),
            key_id: verified.key_id().map(str::to_owned),
        }),
        Err(error) => Err(error.code().as_str().to_owned()),
    }
}

fn run(case: &Case) -> Result<Verified> {
    let scheme = Scheme::from_json(&case.document.to_string())?;
    let ring = KeyRing::new(case.secrets.iter().map(key).collect::<Result<Vec<_>>>()?)?;
    let options = &case.options;
    let mut builder = Verifier::builder().scheme(scheme).keys(ring);
    if let Some(seconds) = options.tolerance {
        builder = builder.tolerance(Duration::from_secs(seconds));
    }
    if let Some(seconds) = options.future_tolerance {
        builder = builder.future_tolerance(Duration::from_secs(seconds));
    }
    if options.ignores_timestamp {
        builder = builder.dangerously_ignore_timestamp();
    }
    if let Some(label) = &options.require {
        builder = builder.require(label);
    }
    if let Some(bytes) = options.max_body {
        builder = builder.max_body(bytes);
    }
    if options.repeats {
        builder = builder.replay(ReplayGuard::new(10)?);
    }
    let verifier = builder.build()?;
    let verify =
        || verifier.verify_url_at(&case.body, &case.headers, case.url.as_deref(), Timestamp::from_unix(case.now));
    let first = verify();
    if options.repeats { verify() } else { first }
}

fn key(secret: &super::Secret) -> Result<Key> {
    let text = secret.text.as_str();
    let mut key = Key::new(match secret.kind {
        None => Secret::parse(text),
        Some("utf8") => Secret::utf8(text),
        Some("base64") => Secret::base64(text),
        Some("hex") => Secret::hex(text),
        Some("bytes") => Secret::bytes(text::from_base64(text).unwrap()),
        Some("ed25519_public") => Secret::ed25519_public(text),
        Some(other) => panic!("{other} is no kind of secret"),
    }?);
    if let Some(id) = &secret.id {
        key = key.id(id);
    }
    if let Some(time) = secret.not_before {
        key = key.not_before(Timestamp::from_unix(time));
    }
    if let Some(time) = secret.not_after {
        key = key.not_after(Timestamp::from_unix(time));
    }
    Ok(key)
}
