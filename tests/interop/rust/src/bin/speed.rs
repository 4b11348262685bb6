//! How long verification takes, beside the least it could take and beside other libraries.
//!
//! The two sides of a row take short turns, so that both meet the same machine; the ratio is the median of the ratios of the
//! turns. Run it on an idle machine:
//!
//! ```console
//! cargo run --release --bin speed
//! ```

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use hookseal::{KeyRing, Message, Scheme, Secret, Signer, Timestamp, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

const SIZES: [usize; 4] = [256, 1024, 16 * 1024, 256 * 1024];
const TURNS: usize = 3001;
const TURN: Duration = Duration::from_micros(100);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: &[u8] = b"1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\x08,\xf6H\xa3b\xda-\xa4\xb0";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("{:<44} {:>7}  {:>11} {:>11}  {:>6}  {:>13}", "", "bytes", "hookseal", "other", "ratio", "middle half");
    for size in SIZES {
        let body = body(size);
        beside_bare_hmac("stripe", &body)?;
        beside_bare_hmac("hookseal", &body)?;
        beside_bare_hmac("standard-webhooks", &body)?;
        beside_named_hookseal(&body)?;
        beside_svix(&body)?;
        beside_standardwebhooks(&body)?;
    }
    let body = body(1024);
    sixteen_keys(&body)?;
    thirty_two_candidates(&body)
}

/// One key and one signature, beside the MAC alone: a keyed state cloned, fed and compared.
fn beside_bare_hmac(scheme: &str, body: &[u8]) -> Result<(), Failure> {
    let now = Timestamp::now()?;
    let received = Received::signed(scheme, body, now, false)?;
    let verifier = received.verifier([SECRET])?;
    let (keyed, signed) = received.bare(body, now);
    let mac = keyed.clone().chain_update(&signed).finalize().into_bytes();
    race(
        &format!("{scheme} / bare HMAC-SHA256"),
        body.len(),
        || verifier.verify_at(body, &received.headers, now).is_ok(),
        || keyed.clone().chain_update(&signed).verify_slice(&mac).is_ok(),
    );
    // A verifier that does not copy the body has what it signs in two places.
    let (prefix, signed_body) = signed.split_at(signed.len() - body.len());
    race(
        &format!("{scheme} / the same in two pieces"),
        body.len(),
        || verifier.verify_at(body, &received.headers, now).is_ok(),
        || keyed.clone().chain_update(prefix).chain_update(signed_body).verify_slice(&mac).is_ok(),
    );
    Ok(())
}

/// The default scheme as the sender writes it: id and event type signed too, a v2 and a v1 in the header.
fn beside_named_hookseal(body: &[u8]) -> Result<(), Failure> {
    let now = Timestamp::now()?;
    let received = Received::signed("hookseal", body, now, true)?;
    let verifier = received.verifier([SECRET])?;
    let mut signed = format!("v2:{}:msg_1:order.paid:", now.as_unix()).into_bytes();
    signed.extend_from_slice(body);
    let keyed = keyed(SECRET.as_bytes());
    let mac = keyed.clone().chain_update(&signed).finalize().into_bytes();
    race(
        "hookseal, id and type / bare HMAC-SHA256",
        body.len(),
        || verifier.verify_at(body, &received.headers, now).is_ok(),
        || keyed.clone().chain_update(&signed).verify_slice(&mac).is_ok(),
    );
    Ok(())
}

fn beside_svix(body: &[u8]) -> Result<(), Failure> {
    let received = Received::signed("standard-webhooks", body, Timestamp::now()?, false)?;
    let verifier = received.verifier([SECRET])?;
    let peer = svix::webhooks::Webhook::new(SECRET)?;
    race(
        "standard-webhooks / svix",
        body.len(),
        || verifier.verify(body, &received.headers).is_ok(),
        || peer.verify(body, &received.headers).is_ok(),
    );
    Ok(())
}

fn beside_standardwebhooks(body: &[u8]) -> Result<(), Failure> {
    let received = Received::signed("standard-webhooks", body, Timestamp::now()?, false)?;
    let verifier = received.verifier([SECRET])?;
    let peer = standardwebhooks::Webhook::new(SECRET)?;
    race(
        "standard-webhooks / standardwebhooks",
        body.len(),
        || verifier.verify(body, &received.headers).is_ok(),
        || peer.verify(body, &received.headers).is_ok(),
    );
    Ok(())
}

/// The oldest of sixteen keys made the signature, beside sixteen bare MACs.
fn sixteen_keys(body: &[u8]) -> Result<(), Failure> {
    let now = Timestamp::now()?;
    let received = Received::signed("stripe", body, now, false)?;
    let others = (1..16).map(|n| format!("whsec_another secret {n}"));
    let verifier = received.verifier(others.chain([SECRET.to_owned()]))?;
    let (keyed, signed) = received.bare(body, now);
    let mac = keyed.clone().chain_update(&signed).finalize().into_bytes();
    race(
        "stripe, the last of 16 keys / 16 bare HMACs",
        body.len(),
        || verifier.verify_at(body, &received.headers, now).is_ok(),
        || (0..16).all(|_| keyed.clone().chain_update(&signed).verify_slice(&mac).is_ok()),
    );
    Ok(())
}

/// The last of thirty-two signatures is the right one, beside one bare MAC.
fn thirty_two_candidates(body: &[u8]) -> Result<(), Failure> {
    let now = Timestamp::now()?;
    let mut received = Received::signed("stripe", body, now, false)?;
    let honest = received.headers["stripe-signature"].to_str()?.to_owned();
    let (timestamp, signature) = honest.split_once(",v1=").ok_or("no v1")?;
    let decoys: Vec<_> = (1..32).map(|n| format!("{n:064x}")).collect();
    let header = format!("{timestamp},v1={},v1={signature}", decoys.join(",v1="));
    received.headers.insert("stripe-signature", header.parse()?);
    let verifier = received.verifier([SECRET])?;
    let (keyed, signed) = received.bare(body, now);
    let mac = keyed.clone().chain_update(&signed).finalize().into_bytes();
    race(
        "stripe, the last of 32 signatures / bare HMAC",
        body.len(),
        || verifier.verify_at(body, &received.headers, now).is_ok(),
        || keyed.clone().chain_update(&signed).verify_slice(&mac).is_ok(),
    );
    Ok(())
}

/// A request as a server hands it over.
struct Received {
    scheme: Scheme,
    headers: HeaderMap,
}

impl Received {
    fn signed(scheme: &str, body: &[u8], now: Timestamp, is_named: bool) -> Result<Self, Failure> {
        let scheme = Scheme::named(scheme)?;
        let signer = Signer::builder().scheme(scheme.clone()).keys(Secret::parse(SECRET)?).build()?;
        let mut message = Message::new(body);
        if scheme.name() != "hookseal" || is_named {
            message = message.id("msg_1").event_type("order.paid");
        }
        let mut headers = ordinary_headers()?;
        for (name, value) in signer.sign_at(&message, now)?.iter() {
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
        }
        Ok(Self { scheme, headers })
    }

    fn verifier<S: Into<String>>(&self, secrets: impl IntoIterator<Item = S>) -> Result<Verifier, Failure> {
        let secrets = secrets.into_iter().map(Secret::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Verifier::builder().scheme(self.scheme.clone()).keys(KeyRing::new(secrets)?).build()?)
    }

    /// What the MAC alone needs: the keyed state and the signed bytes.
    fn bare(&self, body: &[u8], now: Timestamp) -> (Hmac<Sha256>, Vec<u8>) {
        let (key, prefix) = match self.scheme.name() {
            "standard-webhooks" => (KEY, format!("msg_1.{}.", now.as_unix())),
            _ => (SECRET.as_bytes(), format!("{}.", now.as_unix())),
        };
        (keyed(key), [prefix.as_bytes(), body].concat())
    }
}

/// What a request carries besides its signature.
fn ordinary_headers() -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "example.com"),
        ("user-agent", "sender/1.0"),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("content-length", "1024"),
        ("x-request-id", "7f1c2d"),
    ] {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_static(value));
    }
    Ok(headers)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn body(size: usize) -> Vec<u8> {
    let text = br#"{"id":42,"event":"order.paid","note":"all of it is text"}"#;
    text.iter().copied().cycle().take(size).collect()
}

fn race(name: &str, size: usize, ours: impl Fn() -> bool, theirs: impl Fn() -> bool) {
    assert!(ours() && theirs(), "{name}: both sides have to accept");
    let (our_calls, their_calls) = (calls_in_a_turn(&ours), calls_in_a_turn(&theirs));
    let mut turns = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        let first_is_ours = turn % 2 == 0;
        let (our_time, their_time) = if first_is_ours {
            let our_time = time(&ours, our_calls);
            (our_time, time(&theirs, their_calls))
        } else {
            let their_time = time(&theirs, their_calls);
            (time(&ours, our_calls), their_time)
        };
        turns.push((our_time, their_time, our_time / their_time));
    }
    let nth = |pick: fn(&(f64, f64, f64)) -> f64, place: usize| {
        let mut all: Vec<f64> = turns.iter().map(pick).collect();
        all.sort_by(f64::total_cmp);
        all[place]
    };
    println!(
        "{name:<44} {size:>7}  {:>8.0} ns {:>8.0} ns  {:>6.3}  {:.3} - {:.3}",
        nth(|it| it.0, TURNS / 2),
        nth(|it| it.1, TURNS / 2),
        nth(|it| it.2, TURNS / 2),
        nth(|it| it.2, TURNS / 4),
        nth(|it| it.2, TURNS * 3 / 4),
    );
}

fn calls_in_a_turn(side: &impl Fn() -> bool) -> u32 {
    let mut calls = 1;
    while time(side, calls) * f64::from(calls) < TURN.as_secs_f64() * 1e9 {
        calls *= 2;
    }
    calls
}

/// Nanoseconds for one call, over so many.
fn time(side: &impl Fn() -> bool, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(side());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
