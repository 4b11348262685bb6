//! This implementation as a program that takes part.

use std::{
    io::{self, BufRead as _},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookseal::{
    Error, ErrorCode, Key, KeyRing, Message, ReplayGuard, Result, Scheme, Secret, Signer, Timestamp, Verified, Verifier,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    commands::verify::describe,
    failure::{Failure, Outcome, Verdict},
    output::Output,
};

pub(super) fn run(output: &mut Output) -> Outcome {
    for line in io::stdin().lock().split(b'\n') {
        let line = line.map_err(|error| Failure::misuse(format!("standard input can not be read: {error}")))?;
        if !line.trim_ascii().is_empty() {
            output.json(&answer(&line))?;
        }
        if output.is_closed() {
            break;
        }
    }
    Ok(Verdict::Passed)
}

fn answer(line: &[u8]) -> Value {
    match serde_json::from_slice(line) {
        Ok(Vector::Verify(test)) => test.run(),
        Ok(Vector::Sign(test)) => test.run(),
        Err(error) => Err(invalid(format!("this is neither a verify-1 nor a sign-1 vector: {error}"))),
    }
    .unwrap_or_else(|error| json!({ "error": error.code().as_str(), "message": error.message() }))
}

/// Told apart by what only one of them has.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Sign(SignVector),
    Verify(VerifyVector),
}

#[derive(Deserialize)]
struct VerifyVector {
    #[serde(flatten)]
    keys: Keys,
    now: i64,
    tolerance: Option<u64>,
    future_tolerance: Option<u64>,
    #[serde(default)]
    dangerously_ignore_timestamp: bool,
    max_body: Option<usize>,
    headers: Vec<(String, String)>,
    body_base64: String,
    url: Option<String>,
    require: Option<String>,
    repeat: Option<u32>,
}

#[derive(Deserialize)]
struct SignVector {
    #[serde(flatten)]
    keys: Keys,
    body_base64: String,
    message: SignedMessage,
}

#[derive(Deserialize)]
struct SignedMessage {
    id: Option<String>,
    event_type: Option<String>,
    timestamp: i64,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    scheme: Option<String>,
    scheme_document: Option<Value>,
    secrets: Vec<SecretEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SecretEntry {
    Plain(String),
    Typed { r#type: Option<String>, value: String, id: Option<String>, not_before: Option<i64>, not_after: Option<i64> },
}

impl VerifyVector {
    fn run(self) -> Result<Value> {
        let mut builder = Verifier::builder().scheme(self.keys.scheme()?).keys(self.keys.ring()?);
        if let Some(seconds) = self.tolerance {
            builder = builder.tolerance(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.future_tolerance {
            builder = builder.future_tolerance(Duration::from_secs(seconds));
        }
        if self.dangerously_ignore_timestamp {
            builder = builder.dangerously_ignore_timestamp();
        }
        if let Some(label) = &self.require {
            builder = builder.require(label);
        }
        if let Some(bytes) = self.max_body {
            builder = builder.max_body(bytes);
        }
        let repeats = self.repeat.unwrap_or(1);
        if repeats > 1 {
            builder = builder.replay(ReplayGuard::default());
        }
        let verifier = builder.build()?;
        let body = bytes_of(&self.body_base64)?;
        let headers = self.headers.iter().map(latin1).collect::<Result<Vec<_>>>()?;
        let now = Timestamp::from_unix(self.now);
        let verify = || verifier.verify_url_at(&body, &headers, self.url.as_deref(), now);
        let verdict = (1..repeats).fold(verify(), |_, _| verify());
        verdict.map(|verified| json!({ "ok": with_key_id(&verified) }))
    }
}

impl SignVector {
    fn run(self) -> Result<Value> {
        let signer = Signer::builder().scheme(self.keys.scheme()?).keys(self.keys.ring()?).build()?;
        let body = bytes_of(&self.body_base64)?;
        let mut message = Message::new(&body);
        if let Some(id) = &self.message.id {
            message = message.id(id);
        }
        if let Some(event_type) = &self.message.event_type {
            message = message.event_type(event_type);
        }
        if let Some(url) = &self.message.url {
            message = message.url(url);
        }
        let headers = signer.sign_at(&message, Timestamp::from_unix(self.message.timestamp))?;
        Ok(json!({ "headers": headers.iter().map(|(name, value)| [name, value]).collect::<Vec<_>>() }))
    }
}

impl Keys {
    fn scheme(&self) -> Result<Scheme> {
        match (&self.scheme, &self.scheme_document) {
            (Some(name), None) => Scheme::named(name),
            (None, Some(document)) => Scheme::from_json(&document.to_string()),
            _ => Err(invalid("a vector has either scheme or scheme_document")),
        }
    }

    fn ring(&self) -> Result<KeyRing> {
        KeyRing::new(self.secrets.iter().map(SecretEntry::key).collect::<Result<Vec<_>>>()?)
    }
}

impl SecretEntry {
    fn key(&self) -> Result<Key> {
        let (kind, text, id, not_before, not_after) = match self {
            Self::Plain(text) => return Secret::parse(text).map(Key::new),
            Self::Typed { r#type, value, id, not_before, not_after } => (r#type, value, id, not_before, not_after),
        };
        let mut key = Key::new(match kind.as_deref() {
            None => Secret::parse(text),
            Some("utf8") => Secret::utf8(text),
            Some("base64") => Secret::base64(text),
            Some("hex") => Secret::hex(text),
            Some("bytes") => Secret::bytes(bytes_of(text)?),
            Some("ed25519_private") => Secret::ed25519_private(text),
            Some("ed25519_public") => Secret::ed25519_public(text),
            Some(other) => Err(invalid(format!("there is no type of secret {other:?}"))),
        }?);
        if let Some(id) = id {
            key = key.id(id);
        }
        if let Some(time) = not_before {
            key = key.not_before(Timestamp::from_unix(*time));
        }
        if let Some(time) = not_after {
            key = key.not_after(Timestamp::from_unix(*time));
        }
        Ok(key)
    }
}

fn with_key_id(verified: &Verified) -> Value {
    let mut ok = describe(verified);
    if let Some(id) = verified.key_id() {
        ok["key_id"] = id.into();
    }
    ok
}

fn bytes_of(base64: &str) -> Result<Vec<u8>> {
    STANDARD.decode(base64).map_err(|_| invalid("this is not base64"))
}

/// Each character of a header's value stands for one byte.
fn latin1((name, value): &(String, String)) -> Result<(String, Vec<u8>)> {
    let bytes = value.chars().map(|letter| u8::try_from(u32::from(letter))).collect::<Result<_, _>>();
    Ok((name.clone(), bytes.map_err(|_| invalid("a header's value has a character that is no byte"))?))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidConfig, message.into())
}
