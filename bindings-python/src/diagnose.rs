//! Why a signature did not match: a development tool.

use hookseal::{ErrorCode, diagnose::Received};
use pyo3::prelude::*;

use crate::{
    convert::{self, items, text},
    error::Result,
    keys::{now_or, scheme_of, secret_texts},
};

/// A likely cause of a refused signature, in plain words.
#[pyclass(frozen, get_all, eq, module = "hookseal")]
#[derive(PartialEq)]
pub(crate) struct Finding {
    /// The kind of accident: a stable name such as `body_reserialized`.
    cause: String,
    /// What happened and what to do.
    message: String,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        format!("Finding({})", self.cause)
    }
}

/// Names likely causes for a refused verification, the likeliest first; none when it passes.
///
/// For developers, off the path of real requests: a finding is a hint and never an acceptance.
///
/// >>> from hookseal import Signer, diagnose
/// >>> headers = Signer("whsec_demo").sign(b'{"id": 42}')
/// >>> diagnose(b'{"id":42}', headers, "whsec_demo")
/// [Finding(body_reserialized)]
#[pyfunction]
#[pyo3(signature = (body, headers, secrets, scheme = None, *, now = None, url = None))]
pub(crate) fn diagnose(
    body: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
    secrets: &Bound<'_, PyAny>,
    scheme: Option<&Bound<'_, PyAny>>,
    now: Option<&Bound<'_, PyAny>>,
    url: Option<&Bound<'_, PyAny>>,
) -> Result<Vec<Finding>> {
    let scheme = scheme.map(scheme_of).transpose()?.unwrap_or_default();
    let headers = convert::all_headers(headers, scheme.header_names().next().map_or("", |name| name.as_str()))?;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let body = convert::body(body)?;
    let received = Received {
        body: &body,
        headers: &headers,
        url: url.map(|url| text(url, "url", ErrorCode::InvalidConfig)).transpose()?,
        now: now_or(now, "now")?,
    };
    let secrets = items(secrets).unwrap_or_else(|| vec![secrets.clone()]);
    let secrets = secret_texts(&secrets)?;
    let findings = hookseal::diagnose::diagnose(&received, &secrets, &scheme);
    Ok(findings.into_iter().map(|it| Finding { cause: it.cause.to_owned(), message: it.message }).collect())
}
