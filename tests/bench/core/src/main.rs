//! The core's side of a race with one of its bindings (`tests/bench/race.py` says how a race goes).
//!
//! `hookseal-bench-core verify|sign BYTES` reads a number of calls a line and answers with the nanoseconds of one.

use std::{
    env,
    hint::black_box,
    io::{self, BufRead as _, Write as _},
    time::Instant,
};

use hookseal::{Message, Secret, Signer, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};

type Failure = Box<dyn std::error::Error>;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TEXT: &[u8] = br#"{"id":42,"event":"order.paid","note":"all of it is text"}"#;
const ORDINARY: [(&str, &str); 6] = [
    ("host", "example.com"),
    ("user-agent", "sender/1.0"),
    ("accept", "*/*"),
    ("content-type", "application/json"),
    ("content-length", "1024"),
    ("x-request-id", "7f1c2d"),
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [call, bytes] = arguments.as_slice() else {
        return Err("usage: hookseal-bench-core verify|sign BYTES".into());
    };
    let body: Vec<u8> = TEXT.iter().copied().cycle().take(bytes.parse()?).collect();
    let signer = Signer::new(Secret::parse(SECRET)?)?;
    let message = Message::new(&body).id("msg_1").event_type("order.paid");
    match call.as_str() {
        "sign" => answer(|| signer.sign(&message).is_ok()),
        "verify" => {
            let mut headers = HeaderMap::new();
            for (name, value) in ORDINARY {
                headers.insert(name, HeaderValue::from_static(value));
            }
            for (name, value) in signer.sign(&message)?.iter() {
                headers.insert(HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
            }
            let verifier = Verifier::new(Secret::parse(SECRET)?)?;
            answer(|| verifier.verify(&body, &headers).is_ok())
        }
        _ => Err("no such call".into()),
    }
}

fn answer(call: impl Fn() -> bool) -> Result<(), Failure> {
    for line in io::stdin().lock().lines() {
        let calls: u32 = line?.parse()?;
        let start = Instant::now();
        for _ in 0..calls {
            if !black_box(call()) {
                return Err("refused".into());
            }
        }
        let nanoseconds = start.elapsed().as_secs_f64() * 1e9 / f64::from(calls);
        writeln!(io::stdout().lock(), "{nanoseconds}")?;
    }
    Ok(())
}
