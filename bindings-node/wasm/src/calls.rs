//! The calls by name: those of the addon that need neither a network nor a clock.

use std::any::Any;

use hookseal::{
    Error, ErrorCode, KeyRing, Message, ReplayGuard, Result, Scheme, Secret, Signer, Verified, Verifier,
    diagnose::{Received, diagnose},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    seal::{self, Limits},
    table,
};

/// An expected failure.
#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    kind: &'a str,
    retryable: bool,
    message: &'a str,
}

impl<'a> From<&'a Error> for Failure<'a> {
    fn from(error: &'a Error) -> Self {
        let code = error.code();
        Self {
            code: code.as_str(),
            kind: code.kind().as_str(),
            retryable: code.is_retryable(),
            message: error.message(),
        }
    }
}

/// The reply to a request, in JSON.
pub(crate) fn answer(request: &[u8], body: &[u8]) -> Vec<u8> {
    let result = serde_json::from_slice(request).map_err(|error| defect(&error));
    let written = match result.and_then(|(name, arguments): (String, Value)| run(&name, arguments, body)) {
        Ok(value) => serde_json::to_vec(&value),
        Err(error) => serde_json::to_vec(&Failure::from(&error)),
    };
    written.unwrap_or_default()
}

fn run(name: &str, arguments: Value, body: &[u8]) -> Result<Value> {
    match name {
        "failureOf" => {
            let (code, message): (String, String) = read(arguments)?;
            Err(Error::new(code.parse().unwrap_or(ErrorCode::Internal), message))
        }
        "free" => {
            let (handle,) = read(arguments)?;
            table::free(handle);
            Ok(Value::Null)
        }
        "secretFromText" => {
            let (form, text): (String, String) = read(arguments)?;
            Ok(kept(seal::secret(&form, text)?))
        }
        "secretFromBytes" => Ok(kept(Secret::bytes(body)?)),
        "secretExpose" => {
            let (secret,) = read(arguments)?;
            with(secret, |secret: &Secret| json!(secret.expose())) // EXPOSE: the caller asked for it
        }
        "schemeNamed" => {
            let (name,): (String,) = read(arguments)?;
            Ok(kept(Scheme::named(&name)?))
        }
        "schemeFromJson" => {
            let (document,): (String,) = read(arguments)?;
            Ok(kept(Scheme::from_json(&document)?))
        }
        "schemeNames" => Ok(Scheme::names().collect()),
        "schemeJson" => {
            let (scheme,) = read(arguments)?;
            with(scheme, |scheme: &Scheme| json!(scheme.to_json()))
        }
        "ring" => {
            let (keys,): (Vec<KeyRecord>,) = read(arguments)?;
            Ok(kept(KeyRing::new(keys.iter().map(KeyRecord::key).collect::<Result<Vec<_>>>()?)?))
        }
        "ringRotate" => {
            let (ring, key, overlap, now): (u32, KeyRecord, f64, f64) = read(arguments)?;
            let overlap = seal::count("overlap", overlap)? as u64;
            get::<KeyRing>(ring)?.rotate_at(key.key()?, overlap, seal::timestamp(now)?)?;
            Ok(json!(true))
        }
        "ringRevoke" => {
            let (ring, id): (u32, String) = read(arguments)?;
            get::<KeyRing>(ring)?.revoke(&id)?;
            Ok(json!(true))
        }
        "ringStats" => {
            let (ring,) = read(arguments)?;
            with(ring, |ring: &KeyRing| ring.stats().iter().map(key_stats).collect())
        }
        "guard" => {
            let (capacity,) = read(arguments)?;
            Ok(kept(ReplayGuard::new(seal::count("capacity", capacity)?)?))
        }
        "guardRelease" => {
            let (guard, claim): (u32, u32) = read(arguments)?;
            get::<ReplayGuard>(guard)?.release(&get::<Verified>(claim)?)?;
            Ok(Value::Null)
        }
        "signer" => {
            let (record,): (SignerRecord,) = read(arguments)?;
            let also = record.also.into_iter().map(get).collect::<Result<Vec<_>>>()?;
            Ok(kept(seal::signer(get(record.scheme)?, get(record.ring)?, record.until, also)?))
        }
        "signerHeaders" => {
            let (signer,) = read(arguments)?;
            with(signer, |signer: &Signer| signer.header_names().collect())
        }
        "sign" => sign(read(arguments)?, body),
        "verifier" => {
            let (scheme, ring, replay, limits): (u32, u32, Option<u32>, String) = read(arguments)?;
            let limits: Limits = serde_json::from_str(&limits).map_err(|error| defect(&error))?;
            let is_guarded = replay.is_some();
            let verifier = limits.build(get(scheme)?, get(ring)?, replay.map(get).transpose()?)?;
            Ok(kept(Checker { verifier, is_guarded }))
        }
        "verifierHeaders" => {
            let (verifier,) = read(arguments)?;
            with(verifier, |it: &Checker| {
                it.verifier.header_names().map(hookseal::headers::HeaderName::as_str).collect()
            })
        }
        "verifierVersions" => {
            let (verifier,) = read(arguments)?;
            with(verifier, |it: &Checker| it.verifier.scheme().versions().collect())
        }
        "verify" => verify(read(arguments)?, body),
        "diagnose" => explain(read(arguments)?, body),
        _ => Err(Error::new(ErrorCode::Internal, format!("the edge build has no {name}"))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRecord {
    secret: u32,
    id: Option<String>,
    not_before: Option<f64>,
    not_after: Option<f64>,
}

impl KeyRecord {
    fn key(&self) -> Result<hookseal::Key> {
        seal::key(get(self.secret)?, self.id.as_deref(), self.not_before, self.not_after)
    }
}

fn key_stats(stats: &hookseal::KeyStats) -> Value {
    json!({
        "id": stats.id,
        "notBefore": stats.not_before.map(seal::seconds),
        "notAfter": stats.not_after.map(seal::seconds),
        "matches": seal::number(stats.matches),
        "lastMatch": stats.last_match.map(seal::seconds),
    })
}

#[derive(Deserialize)]
struct SignerRecord {
    ring: u32,
    scheme: u32,
    until: Option<f64>,
    also: Vec<u32>,
}

type SignArguments = (u32, f64, Option<String>, Option<String>, Option<String>);

fn sign((signer, timestamp, id, event_type, url): SignArguments, body: &[u8]) -> Result<Value> {
    let mut message = Message::new(body);
    if let Some(id) = &id {
        message = message.id(id);
    }
    if let Some(event_type) = &event_type {
        message = message.event_type(event_type);
    }
    if let Some(url) = &url {
        message = message.url(url);
    }
    let signer: Signer = get(signer)?;
    let headers = signer.sign_at(&message, seal::timestamp(timestamp)?)?;
    Ok(json!(seal::packed(&signer, &headers)))
}

struct Checker {
    verifier: Verifier,
    /// Whether its messages carry claims of a replay guard.
    is_guarded: bool,
}

/// Each header that the verifier reads, with every value that it came with.
type VerifyArguments = (u32, f64, Option<String>, Vec<Vec<String>>);

fn verify((verifier, now, url, found): VerifyArguments, body: &[u8]) -> Result<Value> {
    let now = seal::timestamp(now)?;
    let values: Vec<Vec<Vec<u8>>> =
        found.iter().map(|values| values.iter().map(|value| seal::latin1(value)).collect()).collect();
    let (verified, is_guarded) = with(verifier, |checker: &Checker| {
        let names = checker.verifier.header_names();
        let headers: Vec<_> = names
            .zip(&values)
            .flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_slice())))
            .collect();
        let verified = checker.verifier.verify_url_at(body, headers.as_slice(), url.as_deref(), now)?;
        Ok::<_, Error>((verified, checker.is_guarded))
    })??;
    Ok(json!({
        "timestamp": verified.timestamp().map(seal::seconds),
        "id": verified.id(),
        "eventType": verified.event_type(),
        "version": verified.version(),
        "keyIndex": verified.key_index(),
        "keyId": verified.key_id(),
        "claim": is_guarded.then(|| table::keep(verified.clone())),
    }))
}

type DiagnoseArguments = (Vec<String>, Vec<String>, Vec<String>, u32, f64, Option<String>);

fn explain((names, values, secrets, scheme, now, url): DiagnoseArguments, body: &[u8]) -> Result<Value> {
    let values: Vec<_> = values.iter().map(|value| seal::latin1(value)).collect();
    let headers: Vec<_> = names.iter().map(String::as_str).zip(values.iter().map(Vec::as_slice)).collect();
    let received = Received { body, headers: &headers, url: url.as_deref(), now: seal::timestamp(now)? };
    let findings = diagnose(&received, &secrets, &get(scheme)?);
    Ok(findings.iter().map(|finding| json!({ "cause": finding.cause, "message": finding.message })).collect())
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_json::from_value(arguments).map_err(|error| defect(&error))
}

fn kept<T: Any>(object: T) -> Value {
    json!(table::keep(object))
}

fn with<T: Any, R>(handle: u32, borrow: impl FnOnce(&T) -> R) -> Result<R> {
    table::with(handle, borrow).ok_or_else(|| Error::new(ErrorCode::Internal, "a handle of another kind"))
}

fn get<T: Any + Clone>(handle: u32) -> Result<T> {
    with(handle, T::clone)
}

/// Both halves are of one version, so what one writes the other reads.
fn defect(error: &serde_json::Error) -> Error {
    Error::new(ErrorCode::Internal, format!("a defect in hookseal: {error}"))
}
