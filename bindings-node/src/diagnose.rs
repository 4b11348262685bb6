//! Why a signature did not match.

use hookseal::{Scheme, diagnose::Received};
use napi_derive::napi;

use crate::{
    convert,
    error::{Tagged, tagged},
    handle, seal,
};

/// A likely cause.
#[napi(object)]
#[derive(Debug)]
pub struct FindingRecord {
    /// The kind of accident: a stable name.
    pub cause: String,
    /// What happened and what to do.
    pub message: String,
}

/// Names likely causes of a refused verification, the likeliest first.
#[napi]
pub fn diagnose(
    body: &[u8],
    names: Vec<String>,
    values: Vec<String>,
    secrets: Vec<String>,
    scheme: u32,
    now: f64,
    url: Option<String>,
) -> napi::Result<Tagged<Vec<FindingRecord>>> {
    let scheme: Scheme = handle::get(scheme)?;
    let values: Vec<_> = values.iter().map(|value| seal::latin1(value)).collect();
    let headers: Vec<_> = names.iter().map(String::as_str).zip(values.iter().map(Vec::as_slice)).collect();
    Ok(tagged(|| {
        let received = Received { body, headers: &headers, url: url.as_deref(), now: convert::timestamp(now)? };
        let findings = hookseal::diagnose::diagnose(&received, &secrets, &scheme);
        let record =
            |it: hookseal::diagnose::Finding| FindingRecord { cause: it.cause.to_owned(), message: it.message };
        Ok(findings.into_iter().map(record).collect())
    }))
}
