//! Answers verify and sign vectors, one JSON object a line, as a published Rust crate does.
//!
//! ```console
//! answer svix | standardwebhooks
//! ```
//!
//! Both read the system's clock: a vector of another time is skipped.

use std::{
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// How far a vector's `now` may lie from the clock, in seconds.
const PRESENT: u64 = 30;

fn main() -> ExitCode {
    let answer: fn(&Value) -> Result<Value, Failure> = match std::env::args().nth(1).as_deref() {
        Some("svix") => |vector| answer::<svix::webhooks::Webhook>(vector),
        Some("standardwebhooks") => |vector| answer::<standardwebhooks::Webhook>(vector),
        _ => {
            eprintln!("usage: answer svix | standardwebhooks");
            return ExitCode::from(2);
        }
    };
    for line in io::stdin().lock().lines() {
        let vector = line.map_err(Failure::from).and_then(|line| Ok(serde_json::from_str(&line)?));
        let verdict = vector.and_then(|vector| answer(&vector));
        let verdict = verdict.unwrap_or_else(|error| json!({ "skip": format!("can not be asked: {error}") }));
        if writeln!(io::stdout(), "{verdict}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

trait Peer: Sized {
    const SCHEME: &str;
    const PREFIX: &str;
    fn make(secret: &str) -> Option<Self>;
    fn verifies(&self, body: &[u8], headers: &HeaderMap) -> bool;
    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String>;
}

impl Peer for svix::webhooks::Webhook {
    const SCHEME: &str = "svix";
    const PREFIX: &str = "svix";

    fn make(secret: &str) -> Option<Self> {
        Self::new(secret).ok()
    }

    fn verifies(&self, body: &[u8], headers: &HeaderMap) -> bool {
        self.verify(body, headers).is_ok()
    }

    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        self.sign(id, timestamp, body).ok()
    }
}

impl Peer for standardwebhooks::Webhook {
    const SCHEME: &str = "standard-webhooks";
    const PREFIX: &str = "webhook";

    fn make(secret: &str) -> Option<Self> {
        Self::new(secret).ok()
    }

    fn verifies(&self, body: &[u8], headers: &HeaderMap) -> bool {
        self.verify(body, headers).is_ok()
    }

    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        self.sign(id, timestamp, body).ok()
    }
}

fn answer<P: Peer>(vector: &Value) -> Result<Value, Failure> {
    if vector["scheme"] != P::SCHEME {
        return Ok(json!({ "skip": "another scheme" }));
    }
    let Some([Value::String(secret)]) = vector["secrets"].as_array().map(Vec::as_slice) else {
        return Ok(json!({ "skip": "takes one secret" }));
    };
    let Some(peer) = P::make(secret) else { return Ok(json!({ "error": "rejected" })) };
    let body = STANDARD.decode(vector["body_base64"].as_str().ok_or("no body_base64")?)?;
    if let Some(message) = vector.get("message") {
        return sign(&peer, message, &body);
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    if vector["now"].as_u64().is_none_or(|now| now.abs_diff(clock) > PRESENT) {
        return Ok(json!({ "skip": "reads the system's clock" }));
    }
    Ok(if peer.verifies(&body, &headers_of(vector)?) { json!({ "ok": {} }) } else { json!({ "error": "rejected" }) })
}

fn sign<P: Peer>(peer: &P, message: &Value, body: &[u8]) -> Result<Value, Failure> {
    let id = message["id"].as_str().ok_or("no id")?;
    let timestamp = message["timestamp"].as_i64().ok_or("no timestamp")?;
    let Some(signature) = peer.signature(id, timestamp, body) else { return Ok(json!({ "error": "rejected" })) };
    let name = |end| format!("{}-{end}", P::PREFIX);
    Ok(json!({ "headers": [
        [name("id"), id],
        [name("timestamp"), timestamp.to_string()],
        [name("signature"), signature],
    ] }))
}

fn headers_of(vector: &Value) -> Result<HeaderMap, Failure> {
    let pairs: Vec<(String, String)> = serde_json::from_value(vector["headers"].clone())?;
    pairs
        .into_iter()
        .map(|(name, value)| {
            let bytes = value.chars().map(|letter| u8::try_from(u32::from(letter))).collect::<Result<Vec<_>, _>>()?;
            Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(&bytes)?))
        })
        .collect()
}
