//! Verification.

#![expect(clippy::too_many_arguments, reason = "an argument is cheaper than a field of an object")]

use std::cell::RefCell;

use hookseal::{
    KeyRing, ReplayGuard, Scheme, Timestamp, Verified, Verifier,
    headers::{Found, HeaderName, HeaderSource},
};
use napi_derive::napi;

use crate::{
    convert::{self, Bytes, Header, Room, Shape, Text},
    error::{Tagged, guarded, set_last, tagged},
    handle,
    seal::{self, Limits},
};

struct Checker {
    verifier: Verifier,
    /// Whether its messages carry claims of a replay guard.
    is_guarded: bool,
}

/// A verifier with its limits in JSON.
#[napi]
pub fn verifier(scheme: u32, ring: u32, replay: Option<u32>, limits: String) -> napi::Result<Tagged<u32>> {
    let (scheme, ring): (Scheme, KeyRing) = (handle::get(scheme)?, handle::get(ring)?);
    let replay: Option<ReplayGuard> = replay.map(handle::get).transpose()?;
    let limits: Limits = serde_json::from_str(&limits).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    let is_guarded = replay.is_some();
    let checker = |verifier| handle::keep(Checker { verifier, is_guarded });
    Ok(tagged(|| limits.build(scheme, ring, replay).map(checker)))
}

/// The headers that `verify` wants, in its order, each in the scheme's spelling.
#[napi]
pub fn verifier_headers(verifier: u32) -> napi::Result<Vec<String>> {
    handle::with(verifier, |checker: &Checker| {
        checker.verifier.header_names().map(|name| name.as_str().to_owned()).collect()
    })
}

/// The labels of the scheme's versions, in the order by which `verify` numbers them.
#[napi]
pub fn verifier_versions(verifier: u32) -> napi::Result<Vec<String>> {
    handle::with(verifier, |checker: &Checker| checker.verifier.scheme().versions().map(str::to_owned).collect())
}

/// `verify` refused the message; `last_failure` tells why.
const REFUSED: f64 = -1.0;
/// `verify` accepted a message that [`pack`] has no room for; [`details`] has it.
const SEE_DETAILS: f64 = -2.0;

/// Verifies a message. `now` is NaN for the clock; `shape` is that of the texts, see [`Shape`]. A result from 0 on is packed: see [`pack`].
#[napi]
pub fn verify(
    verifier: u32,
    #[napi(ts_arg_type = "Uint8Array")] body: Bytes,
    now: f64,
    shape: u32,
    #[napi(ts_arg_type = "string | null | undefined")] first: Text,
    #[napi(ts_arg_type = "string | null | undefined")] second: Text,
    #[napi(ts_arg_type = "string | null | undefined")] third: Text,
    #[napi(ts_arg_type = "string | undefined")] url: Text,
) -> napi::Result<f64> {
    let mut rooms = [const { Room::new() }; 4];
    let [for_first, for_second, for_third, for_url] = &mut rooms;
    let shape = Shape(shape);
    let found = [
        shape.header(0, &first, for_first)?,
        shape.header(1, &second, for_second)?,
        shape.header(2, &third, for_third)?,
    ];
    let url = shape.text(3, &url, for_url)?;
    handle::with(verifier, |checker: &Checker| {
        let verifier = &checker.verifier;
        let verdict = guarded(|| {
            let headers = Headers { verifier, found: &found };
            verifier.verify_url_at(body.as_slice(), &headers, url.as_deref(), convert::timestamp(now)?)
        });
        match verdict {
            Ok(message) => pack(checker, &message).unwrap_or_else(|| {
                ACCEPTED.set(Some((message, checker.is_guarded)));
                SEE_DETAILS
            }),
            Err(error) => {
                set_last(error);
                REFUSED
            }
        }
    })
}

/// What was found of the headers that a verifier reads, in its order.
struct Headers<'a> {
    verifier: &'a Verifier,
    found: &'a [Header<'a>; 3],
}

impl HeaderSource for Headers<'_> {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        // The verifier asks by the names that it lists: mostly the very same ones, seldom equal ones.
        let place = self.verifier.header_names().position(|it| std::ptr::eq(it, name) || it == name);
        match place.and_then(|place| self.found.get(place)) {
            Some(Header::One(value)) => Found::One(value),
            Some(Header::Doubled) => Found::Doubled,
            Some(Header::Absent) | None => Found::Absent,
        }
    }
}

/// One number for what most messages are: 40 bits of timestamp, a bit each for whether there is a
/// timestamp, a covered id and a covered type, 4 bits of version, 5 bits of key.
///
/// A message has to be fetched by [`details`] when a key's id or a replay guard's claim goes with it.
#[expect(clippy::cast_precision_loss, reason = "52 bits")]
fn pack(checker: &Checker, verified: &Verified) -> Option<f64> {
    if verified.key_id().is_some() || checker.is_guarded {
        return None;
    }
    let timestamp = verified.timestamp().map_or(0, Timestamp::as_unix);
    let timestamp = u64::try_from(timestamp).ok().filter(|seconds| *seconds < 1 << 40)?;
    let version = checker
        .verifier
        .scheme()
        .versions()
        .position(|label| label == verified.version())
        .filter(|index| *index < 16)?;
    let flags = u64::from(verified.timestamp().is_some()) << 11
        | u64::from(verified.id().is_some()) << 10
        | u64::from(verified.event_type().is_some()) << 9;
    Some((timestamp << 12 | flags | (version as u64) << 5 | verified.key_index() as u64) as f64)
}

thread_local! {
    static ACCEPTED: RefCell<Option<(Verified, bool)>> = const { RefCell::new(None) };
}

/// A verified message in full.
#[napi(object)]
#[derive(Debug)]
pub struct Details {
    /// When it was signed.
    pub timestamp: Option<f64>,
    /// Its id, where the signature covers it.
    pub id: Option<String>,
    /// Its event type, where the signature covers it.
    pub event_type: Option<String>,
    /// The version that matched.
    pub version: String,
    /// The place of the key that matched.
    pub key_index: u32,
    /// The name of that key.
    pub key_id: Option<String>,
    /// The handle of the replay guard's claim.
    pub claim: Option<u32>,
}

/// The message that `verify` has just accepted.
#[napi]
pub fn details() -> Option<Details> {
    let (verified, is_guarded) = ACCEPTED.take()?;
    Some(Details {
        timestamp: verified.timestamp().map(seal::seconds),
        id: verified.id().map(str::to_owned),
        event_type: verified.event_type().map(str::to_owned),
        version: verified.version().to_owned(),
        key_index: u32::try_from(verified.key_index()).unwrap_or(u32::MAX),
        key_id: verified.key_id().map(str::to_owned),
        claim: is_guarded.then(|| handle::keep(verified)),
    })
}
