//! What explains: why a signature did not match, and what a retry policy will do.

use std::sync::Arc;

use hookseal::{
    diagnose::{Received, diagnose},
    retry::plan,
    sender::options_from_json,
};

use crate::{
    convert::{NativeHeader, pairs, seconds, timestamp_or_now},
    error::NativeError,
    keys::{NativeScheme, NativeSecret},
};

/// A likely cause.
#[derive(Debug, uniffi::Record)]
pub struct NativeFinding {
    /// A stable name.
    pub cause: String,
    /// What to do.
    pub message: String,
}

/// `diagnose::diagnose`.
#[uniffi::export]
pub fn explain(
    body: &[u8],
    headers: Vec<NativeHeader>,
    secrets: Vec<Arc<NativeSecret>>,
    scheme: &NativeScheme,
    now: Option<i64>,
    url: Option<String>,
) -> Result<Vec<NativeFinding>, NativeError> {
    let headers = pairs(headers);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let received = Received { body, headers: &headers, url: url.as_deref(), now: timestamp_or_now(now)? };
    let secrets: Vec<_> = secrets.iter().map(|secret| secret.expose()).collect();
    let findings = diagnose(&received, &secrets, &scheme.0);
    Ok(findings
        .into_iter()
        .map(|finding| NativeFinding { cause: finding.cause.to_owned(), message: finding.message })
        .collect())
}

/// What a policy does through an outage.
#[derive(Debug, uniffi::Record)]
pub struct NativePlan {
    /// Seconds from the acceptance.
    pub attempts: Vec<f64>,
    /// The reason's name.
    pub reason: Option<String>,
}

/// `retry::plan`; the policy is JSON, the outage in seconds.
#[uniffi::export]
pub fn retry_plan(policy: &str, outage: f64, seed: u64) -> Result<NativePlan, NativeError> {
    let plan = plan(&options_from_json(policy)?, seconds(outage)?, seed)?;
    Ok(NativePlan {
        attempts: plan.attempts.iter().map(std::time::Duration::as_secs_f64).collect(),
        reason: plan.reason.map(|reason| reason.as_str().to_owned()),
    })
}
