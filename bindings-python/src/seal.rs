//! Signing and verifying: synchronous, in the caller's thread, with nothing started for it.

use hookseal::{ErrorCode, Message, Timestamp};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};

use crate::{
    convert::{self, Headers, Received, count, flag, items, text, timestamp, type_of},
    error::Result,
    keys::{Scheme, now_or, ring_of, scheme_of},
};

/// From this many bytes on, a body is worth letting other threads run meanwhile.
const DETACH_ABOVE: usize = 64 * 1024;

/// Signs messages under one scheme, or under several at once while receivers move from one to the next.
///
/// Takes a secret, a list of them (all sign, newest first) or a `KeyRing`. `also` adds signers of other schemes; from
/// after `until` on, this scheme is left out.
///
/// >>> from hookseal import Signer
/// >>> Signer("whsec_demo").sign(b"{}", timestamp=1700000000).get("X-Webhook-Signature")[:16]
/// 't=1700000000,v1='
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Signer {
    pub(crate) inner: hookseal::Signer,
    /// The headers' names, made and hashed once.
    names: Box<[(Box<str>, Py<PyString>)]>,
}

#[pymethods]
impl Signer {
    #[new]
    #[pyo3(signature = (secrets, /, scheme = None, *, until = None, also = None))]
    fn new(
        secrets: &Bound<'_, PyAny>,
        scheme: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        also: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let mut builder = hookseal::Signer::builder().keys(ring_of(secrets)?);
        if let Some(scheme) = scheme {
            builder = builder.scheme(scheme_of(scheme)?);
        }
        if let Some(last) = until {
            builder = builder.until(timestamp(last, "until")?);
        }
        for other in also.map(|also| items(also).unwrap_or_else(|| vec![also.clone()])).unwrap_or_default() {
            let other = other.cast::<Self>().map_err(|_| {
                convert::invalid_config(format!("also must be a list of Signers, not of {}", type_of(&other)))
            })?;
            builder = builder.also(other.get().inner.clone());
        }
        let inner = builder.build()?;
        let py = secrets.py();
        let names = inner.header_names().map(|name| (name.into(), PyString::intern(py, name).unbind())).collect();
        Ok(Self { inner, names })
    }

    /// The headers to send the body with.
    #[pyo3(signature = (body, /, *, id = None, event_type = None, timestamp = None, url = None))]
    fn sign<'py>(
        &self,
        py: Python<'py>,
        body: &Bound<'py, PyAny>,
        id: Option<&Bound<'py, PyAny>>,
        event_type: Option<&Bound<'py, PyAny>>,
        timestamp: Option<&Bound<'py, PyAny>>,
        url: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyDict>> {
        let body = convert::body(body)?;
        let mut message = Message::new(&*body);
        if let Some(id) = id {
            message = message.id(text(id, "id", ErrorCode::InvalidEvent)?);
        }
        if let Some(event_type) = event_type {
            message = message.event_type(text(event_type, "event_type", ErrorCode::InvalidEvent)?);
        }
        if let Some(url) = url {
            message = message.url(text(url, "url", ErrorCode::InvalidConfig)?);
        }
        let timestamp = now_or(timestamp, "timestamp")?;
        let signed = large_apart(py, &body, || self.inner.sign_at(&message, timestamp))?;
        let headers = PyDict::new(py);
        for (name, value) in signed.iter() {
            match self.names.iter().find(|(known, _)| **known == *name) {
                Some((_, name)) => headers.set_item(name, value)?,
                None => headers.set_item(name, value)?,
            }
        }
        Ok(headers)
    }

    fn __repr__(&self) -> String {
        format!("Signer({})", self.inner.header_names().collect::<Vec<_>>().join(", "))
    }
}

/// Verifies received webhooks under one scheme.
///
/// Takes a secret, a list of them (newest first) or a `KeyRing`. `tolerance` (300 s) is how far the timestamp may lie
/// back, `future_tolerance` (the same) how far ahead; `require` refuses versions weaker than the one it names; `replay` is a
/// `ReplayGuard` that refuses copies; `max_body` limits the body's bytes. `dangerously_ignore_timestamp` accepts
/// copies of any age.
///
/// >>> from hookseal import Signer, Verifier, VerificationError
/// >>> headers = Signer("whsec_demo").sign(b"{}", id="evt_1", event_type="order.paid")
/// >>> Verifier("whsec_demo").verify(b"{}", headers).id
/// 'evt_1'
/// >>> try:
/// ...     Verifier("whsec_demo").verify(b"[]", headers)
/// ... except VerificationError as error:
/// ...     error.code
/// 'no_matching_signature'
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Verifier {
    inner: hookseal::Verifier,
    names: Box<[Box<str>]>,
    replay: Option<Py<ReplayGuard>>,
}

#[pymethods]
impl Verifier {
    #[new]
    #[pyo3(signature = (
        secrets, /, scheme = None, *, tolerance = None, future_tolerance = None, require = None, replay = None,
        max_body = None, dangerously_ignore_timestamp = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword options")]
    fn new(
        secrets: &Bound<'_, PyAny>,
        scheme: Option<&Bound<'_, PyAny>>,
        tolerance: Option<&Bound<'_, PyAny>>,
        future_tolerance: Option<&Bound<'_, PyAny>>,
        require: Option<&Bound<'_, PyAny>>,
        replay: Option<&Bound<'_, PyAny>>,
        max_body: Option<&Bound<'_, PyAny>>,
        dangerously_ignore_timestamp: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let mut builder = hookseal::Verifier::builder().keys(ring_of(secrets)?);
        if let Some(scheme) = scheme {
            builder = builder.scheme(scheme_of(scheme)?);
        }
        if let Some(tolerance) = tolerance {
            builder = builder.tolerance(convert::seconds(tolerance, "tolerance")?);
        }
        if let Some(tolerance) = future_tolerance {
            builder = builder.future_tolerance(convert::seconds(tolerance, "future_tolerance")?);
        }
        if let Some(version) = require {
            builder = builder.require(text(version, "require", ErrorCode::InvalidConfig)?);
        }
        let replay = replay
            .map(|guard| {
                guard.cast::<ReplayGuard>().map_err(|_| {
                    convert::invalid_config(format!("replay must be a ReplayGuard, not {}", type_of(guard)))
                })
            })
            .transpose()?;
        if let Some(guard) = replay {
            builder = builder.replay(guard.get().0.clone());
        }
        if let Some(limit) = max_body {
            builder = builder.max_body(count(limit, "max_body")?);
        }
        if let Some(ignore) = dangerously_ignore_timestamp
            && flag(ignore, "dangerously_ignore_timestamp")?
        {
            builder = builder.dangerously_ignore_timestamp();
        }
        let inner = builder.build()?;
        let names = inner.header_names().map(|name| name.as_str().into()).collect();
        Ok(Self { inner, names, replay: replay.map(|guard| guard.clone().unbind()) })
    }

    /// Verifies a webhook, or raises `VerificationError`.
    ///
    /// `body` is the request's raw bytes. `headers` is any mapping or list of pairs, a framework's headers object, or
    /// the signature header's value alone. `now` is the time of arrival, the present moment unless given; `url` the public URL,
    /// for the schemes that sign it.
    #[pyo3(signature = (body, headers, now = None, url = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        body: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        now: Option<&Bound<'py, PyAny>>,
        url: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, Verified>> {
        let body = convert::body(body)?;
        let mut found = Headers::default();
        found.fetch(&self.names, headers)?;
        let mut received = Received::new(&self.names);
        received.read(&found)?;
        let url = url.map(|url| text(url, "url", ErrorCode::InvalidConfig)).transpose()?;
        let now = now_or(now, "now")?;
        match large_apart(py, &body, || self.inner.verify_url_at(&body, &received, url, now)) {
            Ok(verified) => Ok(Bound::new(py, Verified(verified))?),
            Err(error) => Err(error.into()),
        }
    }

    /// The headers that `verify` reads, at most three, the signature's first.
    #[getter]
    fn header_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, self.names.iter().map(|name| &**name))
    }

    /// The scheme that it verifies.
    #[getter]
    fn scheme(&self) -> Scheme {
        Scheme(self.inner.scheme().clone())
    }

    /// The guard that refuses copies, where there is one.
    #[getter]
    fn replay<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, ReplayGuard>> {
        self.replay.as_ref().map(|guard| guard.bind(py))
    }

    fn __repr__(&self) -> String {
        format!("Verifier({})", self.inner.scheme().name())
    }
}

/// What an accepted webhook is known to be.
///
/// `id` and `event_type` are there only where the signature covers them.
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Verified(hookseal::Verified);

#[pymethods]
impl Verified {
    /// When it was signed, in whole seconds; `None` for schemes without a timestamp.
    #[getter]
    fn timestamp(&self) -> Option<i64> {
        self.0.timestamp().map(Timestamp::as_unix)
    }

    /// The signed message id.
    #[getter]
    fn id(&self) -> Option<&str> {
        self.0.id()
    }

    /// The signed event type.
    #[getter]
    fn event_type(&self) -> Option<&str> {
        self.0.event_type()
    }

    /// The label of the version that matched; empty for schemes whose header has none.
    #[getter]
    fn version(&self) -> &str {
        self.0.version()
    }

    /// The place in the ring of the key that matched; 0 is the newest.
    #[getter]
    fn key_index(&self) -> usize {
        self.0.key_index()
    }

    /// The id of the key that matched, where it has one.
    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.0.key_id()
    }

    fn __repr__(&self) -> String {
        let timestamp = self.timestamp().map_or_else(|| "None".to_owned(), |seconds| seconds.to_string());
        format!("Verified(timestamp={timestamp}, version='{}', key_index={})", self.version(), self.key_index())
    }
}

/// Remembers verified messages until they are too old to be accepted anyway, and refuses their copies.
///
/// >>> from hookseal import ReplayGuard, Signer, Verifier, VerificationError
/// >>> verifier = Verifier("whsec_demo", replay=ReplayGuard())
/// >>> headers = Signer("whsec_demo").sign(b"{}")
/// >>> verified = verifier.verify(b"{}", headers)
/// >>> try:
/// ...     verifier.verify(b"{}", headers)
/// ... except VerificationError as error:
/// ...     error.code
/// 'replayed'
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct ReplayGuard(hookseal::ReplayGuard);

#[pymethods]
impl ReplayGuard {
    #[new]
    #[pyo3(signature = (capacity = None))]
    fn new(capacity: Option<&Bound<'_, PyAny>>) -> Result<Self> {
        Ok(Self(match capacity {
            Some(capacity) => hookseal::ReplayGuard::new(count(capacity, "capacity")?)?,
            None => hookseal::ReplayGuard::default(),
        }))
    }

    /// Lets copies of a message in again, because its handler failed.
    #[pyo3(signature = (verified, /))]
    fn release(&self, verified: &Bound<'_, PyAny>) -> Result<()> {
        let verified = verified.cast::<Verified>().map_err(|_| {
            convert::invalid_config(format!("release takes what verify returned, not {}", type_of(verified)))
        })?;
        Ok(self.0.release(&verified.get().0)?)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Runs `work` over `body`, beside other Python threads where the body is large.
fn large_apart<T: Send>(
    py: Python<'_>,
    body: &[u8],
    work: impl FnOnce() -> hookseal::Result<T> + Send,
) -> hookseal::Result<T> {
    if body.len() > DETACH_ABOVE { py.detach(work) } else { work() }
}
