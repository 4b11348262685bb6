//! What the addon and the edge module do alike with JavaScript's numbers and strings.

use std::time::Duration;

use hookseal::{
    Error, ErrorCode, Key, KeyRing, ReplayGuard, Result, Scheme, Secret, SignedHeaders, Signer, Timestamp, Verifier,
    sign::SignerBuilder,
};
use serde::Deserialize;

/// The largest integer that a number holds exactly.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Seconds, rounded down.
pub(crate) fn timestamp(seconds: f64) -> Result<Timestamp> {
    whole("the time", seconds.floor()).map(Timestamp::from_unix)
}

/// The seconds of a timestamp.
#[expect(clippy::cast_precision_loss, reason = "the seconds of any date stay far below 2^53")]
pub(crate) fn seconds(time: Timestamp) -> f64 {
    time.as_unix() as f64
}

/// A count for JavaScript.
#[expect(clippy::cast_precision_loss, reason = "nothing counts up to 2^53")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// Seconds that a limit or an overlap lasts.
pub(crate) fn duration(name: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| invalid(format!("{name} must be a number of seconds from 0 on")))
}

/// A count of bytes or of things.
pub(crate) fn count(name: &str, number: f64) -> Result<usize> {
    let number = whole(name, number)?;
    usize::try_from(number).map_err(|_| invalid(format!("{name} must not be negative")))
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the largest safe integer")]
fn whole(name: &str, number: f64) -> Result<i64> {
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER {
        return Ok(number as i64);
    }
    Err(invalid(format!("{name} must be a whole number that JavaScript holds exactly")))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidConfig, message)
}

/// A byte for each character; what Latin-1 does not have becomes a byte that no header may hold.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(char).unwrap_or(u8::MAX)).collect()
}

/// A secret from text of that form.
pub(crate) fn secret(form: &str, text: String) -> Result<Secret> {
    match form {
        "plain" => Secret::parse(text),
        "utf8" => Secret::utf8(text),
        "base64" => Secret::base64(text),
        "hex" => Secret::hex(text),
        "ed25519Private" => Secret::ed25519_private(text),
        "ed25519Public" => Secret::ed25519_public(text),
        other => Err(Error::new(ErrorCode::Internal, format!("no secret has the form {other:?}"))),
    }
}

/// A key of a ring.
pub(crate) fn key(secret: Secret, id: Option<&str>, not_before: Option<f64>, not_after: Option<f64>) -> Result<Key> {
    let mut key = Key::new(secret);
    if let Some(id) = id {
        key = key.id(id);
    }
    if let Some(time) = not_before {
        key = key.not_before(timestamp(time)?);
    }
    if let Some(time) = not_after {
        key = key.not_after(timestamp(time)?);
    }
    Ok(key)
}

/// A signer.
pub(crate) fn signer(scheme: Scheme, ring: KeyRing, until: Option<f64>, also: Vec<Signer>) -> Result<Signer> {
    let mut builder = Signer::builder().scheme(scheme).keys(ring);
    if let Some(time) = until {
        builder = builder.until(timestamp(time)?);
    }
    also.into_iter().fold(builder, SignerBuilder::also).build()
}

/// Signed headers as one text: for each the place of its name among [`Signer::header_names`], the length of its value as
/// three digits to the base of 128, and the value, which is ASCII.
pub(crate) fn packed(signer: &Signer, headers: &SignedHeaders) -> String {
    let mut text = String::with_capacity(256);
    let mut names = (0..).zip(signer.header_names());
    for (name, value) in headers.iter() {
        // Both are in the same order; a signature leaves names out, and adds none.
        let place = names.find_map(|(place, it)| (it == name).then_some(place)).unwrap_or(usize::MAX);
        let digits = [place, value.len() >> 14, value.len() >> 7 & 127, value.len() & 127];
        text.extend(digits.map(|digit| u8::try_from(digit).map_or('\u{7f}', char::from)));
        text.push_str(value);
    }
    text
}

/// The limits of a verifier.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Limits {
    tolerance: Option<f64>,
    future_tolerance: Option<f64>,
    require: Option<String>,
    max_body: Option<f64>,
    dangerously_ignore_timestamp: bool,
}

impl Limits {
    /// A verifier with these limits.
    pub(crate) fn build(&self, scheme: Scheme, ring: KeyRing, replay: Option<ReplayGuard>) -> Result<Verifier> {
        let mut builder = Verifier::builder().scheme(scheme).keys(ring);
        if let Some(seconds) = self.tolerance {
            builder = builder.tolerance(duration("tolerance", seconds)?);
        }
        if let Some(seconds) = self.future_tolerance {
            builder = builder.future_tolerance(duration("futureTolerance", seconds)?);
        }
        if let Some(label) = &self.require {
            builder = builder.require(label);
        }
        if let Some(guard) = replay {
            builder = builder.replay(guard);
        }
        if let Some(bytes) = self.max_body {
            builder = builder.max_body(count("maxBody", bytes)?);
        }
        if self.dangerously_ignore_timestamp {
            builder = builder.dangerously_ignore_timestamp();
        }
        builder.build()
    }
}
