//! The conformance corpus: every vector of `spec/vectors`, through the public API.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hookseal::{
    Error, ErrorCode, Key, KeyRing, Message, ReplayGuard, Result, Scheme, Secret, Signer, Timestamp, Verified, Verifier,
};
use serde_json::{Value, json};

#[test]
fn every_vector_gets_its_verdict() {
    let mut counts = [0, 0];
    let mut ids = BTreeSet::new();
    let mut codes = BTreeSet::new();
    let mut failures = Vec::new();
    for file in files("vectors") {
        let document: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let (slot, run): (_, fn(&Value) -> Result<Value>) = match document["schema"].as_str().unwrap() {
            "verify-1" => (0, verify),
            "sign-1" => (1, sign),
            other => panic!("{}: unknown schema {other}", file.display()),
        };
        for test in document["tests"].as_array().unwrap() {
            let id = test["id"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "two vectors are called {id}");
            counts[slot] += 1;
            let verdict = run(test).unwrap_or_else(|error| json!({ "error": error.code().as_str() }));
            codes.extend(test["expect"]["error"].as_str().map(str::to_owned));
            if !agrees(&test["expect"], &verdict) {
                failures.push(format!(
                    "{id} ({}, {}): expected {}, got {verdict}",
                    test["comment"], test["flags"], test["expect"]
                ));
            }
        }
    }
    println!("conformance: {} vectors ({} verify, {} sign)", counts[0] + counts[1], counts[0], counts[1]);
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), counts[0] + counts[1], failures.join("\n"));
    assert!(counts[0] >= 300 && counts[1] >= 20, "{counts:?}");
    for code in
        ErrorCode::ALL.iter().filter(|code| code.kind().as_str() == "verification" && **code != ErrorCode::BodyNotBytes)
    {
        assert!(codes.contains(code.as_str()), "no vector expects {code}");
    }
}

#[test]
fn the_list_of_codes_is_the_one_in_the_specification() {
    let document: Value = serde_json::from_str(hookseal_spec::ERRORS).unwrap();
    let mut listed = BTreeSet::new();
    for entry in document["codes"].as_array().unwrap().iter().filter(|entry| entry["kind"] != "attempt") {
        let code: ErrorCode = entry["code"].as_str().unwrap().parse().unwrap();
        assert_eq!(entry["kind"], code.kind().as_str(), "{code}");
        assert_eq!(entry["retryable"], code.is_retryable(), "{code}");
        listed.insert(code.as_str());
    }
    let known: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, known);
}

fn verify(test: &Value) -> Result<Value> {
    let mut builder = Verifier::builder().scheme(scheme(test)?).keys(ring(test)?);
    if let Some(seconds) = test["tolerance"].as_u64() {
        builder = builder.tolerance(Duration::from_secs(seconds));
    }
    if let Some(seconds) = test["future_tolerance"].as_u64() {
        builder = builder.future_tolerance(Duration::from_secs(seconds));
    }
    if test["dangerously_ignore_timestamp"] == true {
        builder = builder.dangerously_ignore_timestamp();
    }
    if let Some(label) = test["require"].as_str() {
        builder = builder.require(label);
    }
    if let Some(bytes) = test["max_body"].as_u64() {
        builder = builder.max_body(usize::try_from(bytes).unwrap());
    }
    let repeats = test["repeat"].as_u64().unwrap_or(1);
    if repeats > 1 {
        builder = builder.replay(ReplayGuard::default());
    }
    let verifier = builder.build()?;
    let now = Timestamp::from_unix(test["now"].as_i64().unwrap());
    let headers: Vec<(String, Vec<u8>)> = pairs(&test["headers"]);
    let mut verdict = verifier.verify_url_at(body(test), &headers, test["url"].as_str(), now);
    for _ in 1..repeats {
        verdict = verifier.verify_url_at(body(test), &headers, test["url"].as_str(), now);
    }
    verdict.map(|verified| json!({ "ok": describe(&verified) }))
}

fn sign(test: &Value) -> Result<Value> {
    let message = &test["message"];
    let body = body(test);
    let mut signed = Message::new(&body);
    if let Some(id) = message["id"].as_str() {
        signed = signed.id(id);
    }
    if let Some(event_type) = message["event_type"].as_str() {
        signed = signed.event_type(event_type);
    }
    if let Some(url) = message["url"].as_str() {
        signed = signed.url(url);
    }
    let signer = Signer::builder().scheme(scheme(test)?).keys(ring(test)?).build()?;
    let headers = signer.sign_at(&signed, Timestamp::from_unix(message["timestamp"].as_i64().unwrap()))?;
    Ok(json!({ "headers": headers.iter().map(|(name, value)| [name, value]).collect::<Vec<_>>() }))
}

/// Every field that is expected has to be there; what is not named is free.
fn agrees(expected: &Value, verdict: &Value) -> bool {
    match (expected.get("ok"), verdict.get("ok")) {
        (Some(Value::Object(expected)), Some(verdict)) => expected.iter().all(|(key, value)| verdict[key] == *value),
        (None, None) => expected == verdict,
        _ => false,
    }
}

fn describe(verified: &Verified) -> Value {
    json!({
        "timestamp": verified.timestamp().map(Timestamp::as_unix),
        "id": verified.id(),
        "event_type": verified.event_type(),
        "version": verified.version(),
        "key_index": verified.key_index(),
        "key_id": verified.key_id(),
    })
}

fn scheme(test: &Value) -> Result<Scheme> {
    match test["scheme"].as_str() {
        Some(name) => Scheme::named(name),
        None => Scheme::from_json(&test["scheme_document"].to_string()),
    }
}

fn ring(test: &Value) -> Result<KeyRing> {
    KeyRing::new(test["secrets"].as_array().unwrap().iter().map(key).collect::<Result<Vec<_>>>()?)
}

fn key(value: &Value) -> Result<Key> {
    let Some(entry) = value.as_object() else {
        return Secret::parse(value.as_str().unwrap()).map(Key::new);
    };
    let text = entry["value"].as_str().unwrap();
    let mut key = Key::new(match entry.get("type").and_then(Value::as_str) {
        None => Secret::parse(text),
        Some("utf8") => Secret::utf8(text),
        Some("base64") => Secret::base64(text),
        Some("hex") => Secret::hex(text),
        Some("bytes") => Secret::bytes(STANDARD.decode(text).unwrap()),
        Some("ed25519_private") => Secret::ed25519_private(text),
        Some("ed25519_public") => Secret::ed25519_public(text),
        Some(other) => Err(Error::new(ErrorCode::InvalidConfig, format!("unknown type {other}"))),
    }?);
    if let Some(id) = entry.get("id").and_then(Value::as_str) {
        key = key.id(id);
    }
    if let Some(time) = entry.get("not_before").and_then(Value::as_i64) {
        key = key.not_before(Timestamp::from_unix(time));
    }
    if let Some(time) = entry.get("not_after").and_then(Value::as_i64) {
        key = key.not_after(Timestamp::from_unix(time));
    }
    Ok(key)
}

/// Header values are text whose characters are bytes (Latin-1).
fn pairs(headers: &Value) -> Vec<(String, Vec<u8>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &Value| text(value).chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    headers.as_array().unwrap().iter().map(|pair| (text(&pair[0]), bytes(&pair[1]))).collect()
}

fn body(test: &Value) -> Vec<u8> {
    STANDARD.decode(test["body_base64"].as_str().unwrap()).unwrap()
}

fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}
