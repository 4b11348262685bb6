//! Secrets, keys, rings and schemes.

use hookseal::{ErrorCode, outbox::text_for_store};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::{
    clock,
    convert::{invalid_config, items, seconds, text, timestamp, type_of},
    error::{Failure, Result},
};

/// A secret, which is wiped from memory when it is no longer used and never printed.
///
/// `Secret(text)` is read by the scheme's rule, as a plain `str` is; the typed forms say at once which bytes
/// are the key.
///
/// >>> from hookseal import Secret
/// >>> Secret("whsec_demo")
/// Secret([REDACTED])
/// >>> Secret.generate().expose()[:6]
/// 'whsec_'
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Secret(hookseal::Secret);

#[pymethods]
impl Secret {
    #[new]
    #[pyo3(signature = (text, /))]
    fn new(text: &Bound<'_, PyAny>) -> Result<Self> {
        plain(text).map(Self)
    }

    /// The text's UTF-8 bytes are the key, whatever they look like.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn utf8(text: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(Self(hookseal::Secret::utf8(secret_text(text)?)?))
    }

    /// Base64 of the key, with or without `whsec_`.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn base64(text: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(Self(hookseal::Secret::base64(secret_text(text)?)?))
    }

    /// Hexadecimal digits of the key.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn hex(text: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(Self(hookseal::Secret::hex(secret_text(text)?)?))
    }

    /// These bytes are the key.
    #[staticmethod]
    #[pyo3(signature = (key, /))]
    fn bytes(key: &Bound<'_, PyAny>) -> Result<Self> {
        if key.is_instance_of::<PyString>() {
            return Err(malformed("the key is a str; pass bytes, or use Secret.utf8"));
        }
        let key =
            crate::convert::body(key).map_err(|_| malformed(format!("the key must be bytes, not {}", type_of(key))))?;
        Ok(Self(hookseal::Secret::bytes(key)?))
    }

    /// An Ed25519 private key: base64 of the 32-byte seed, or of seed and public key, with or without `whsk_`.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn ed25519_private(text: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(Self(hookseal::Secret::ed25519_private(secret_text(text)?)?))
    }

    /// An Ed25519 public key: base64 with or without `whpk_`, or 64 hexadecimal digits.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn ed25519_public(text: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(Self(hookseal::Secret::ed25519_public(secret_text(text)?)?))
    }

    /// A new secret: `whsec_` and the base64 of 32 random bytes.
    #[staticmethod]
    fn generate() -> Result<Self> {
        Ok(Self(hookseal::Secret::generate()?))
    }

    /// The secret as text, for handing it to the other side; one made of bytes answers in base64.
    fn expose(&self) -> &str {
        self.0.expose() // EXPOSE: the caller asked for it by this name
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// A secret with an id and the time in which it is live.
///
/// >>> from hookseal import Key
/// >>> Key("whsec_demo", id="2026-11", not_after=1800000000)
/// Key('2026-11')
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Key {
    key: hookseal::Key,
    #[pyo3(get)]
    id: Option<String>,
}

#[pymethods]
impl Key {
    #[new]
    #[pyo3(signature = (secret, /, *, id = None, not_before = None, not_after = None))]
    fn new(
        secret: &Bound<'_, PyAny>,
        id: Option<&Bound<'_, PyAny>>,
        not_before: Option<&Bound<'_, PyAny>>,
        not_after: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let mut key = key_of(secret)?;
        let id = id.map(|id| text(id, "id", ErrorCode::InvalidConfig).map(str::to_owned)).transpose()?;
        if let Some(id) = &id {
            key = key.id(id);
        }
        if let Some(first) = not_before {
            key = key.not_before(timestamp(first, "not_before")?);
        }
        if let Some(last) = not_after {
            key = key.not_after(timestamp(last, "not_after")?);
        }
        Ok(Self { key, id })
    }

    fn __repr__(&self) -> String {
        match &self.id {
            Some(id) => format!("Key({})", quoted(id)),
            None => "Key()".to_owned(),
        }
    }
}

/// 1 to 16 keys, newest first, shared by every signer and verifier that is made with it.
///
/// To exchange a secret: `rotate` in the new one with an overlap, watch `stats` until the old one matches nothing any
/// more, `revoke` it.
///
/// >>> from hookseal import Key, KeyRing
/// >>> ring = KeyRing([Key("whsec_old", id="old")])
/// >>> ring.rotate(Key("whsec_new", id="new"), overlap=86400)
/// >>> ", ".join(key.id for key in ring.stats())
/// 'new, old'
/// >>> ring.revoke("old")
/// >>> len(ring)
/// 1
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct KeyRing(hookseal::KeyRing);

#[pymethods]
impl KeyRing {
    #[new]
    #[pyo3(signature = (keys, /))]
    fn new(keys: &Bound<'_, PyAny>) -> Result<Self> {
        ring_of(keys).map(Self)
    }

    /// Puts a new key first and lets the others live on for `overlap` seconds.
    #[pyo3(signature = (new, /, overlap, *, now = None))]
    fn rotate(&self, new: &Bound<'_, PyAny>, overlap: &Bound<'_, PyAny>, now: Option<&Bound<'_, PyAny>>) -> Result<()> {
        let overlap = seconds(overlap, "overlap")?.as_secs();
        Ok(self.0.rotate_at(key_of(new)?, overlap, now_or(now, "now")?)?)
    }

    /// Takes the key of that id out, at once.
    #[pyo3(signature = (id, /))]
    fn revoke(&self, id: &Bound<'_, PyAny>) -> Result<()> {
        Ok(self.0.revoke(text(id, "id", ErrorCode::InvalidConfig)?)?)
    }

    /// Each key's use so far, newest first.
    fn stats(&self) -> Vec<KeyStats> {
        self.0.stats().into_iter().map(KeyStats::from).collect()
    }

    fn __len__(&self) -> usize {
        self.0.stats().len()
    }

    fn __repr__(&self) -> String {
        let ids: Vec<_> =
            self.0.stats().iter().map(|key| key.id.as_deref().map_or_else(|| "None".to_owned(), quoted)).collect();
        format!("KeyRing([{}])", ids.join(", "))
    }
}

/// How often a key of a ring has matched.
#[pyclass(frozen, get_all, eq, module = "hookseal")]
#[derive(PartialEq)]
pub(crate) struct KeyStats {
    id: Option<String>,
    not_before: Option<i64>,
    not_after: Option<i64>,
    matches: u64,
    last_match: Option<i64>,
}

#[pymethods]
impl KeyStats {
    fn __repr__(&self) -> String {
        let id = self.id.as_deref().map_or_else(|| "None".to_owned(), quoted);
        format!("KeyStats(id={id}, matches={})", self.matches)
    }
}

impl From<hookseal::KeyStats> for KeyStats {
    fn from(stats: hookseal::KeyStats) -> Self {
        Self {
            id: stats.id,
            not_before: stats.not_before.map(hookseal::Timestamp::as_unix),
            not_after: stats.not_after.map(hookseal::Timestamp::as_unix),
            matches: stats.matches,
            last_match: stats.last_match.map(hookseal::Timestamp::as_unix),
        }
    }
}

/// A signature scheme: built in, or your own from a document.
///
/// >>> from hookseal import Scheme
/// >>> Scheme("stripe").header_names
/// ('Stripe-Signature',)
/// >>> acme = Scheme.from_dict({
/// ...     "name": "acme",
/// ...     "signature": {"header": "X-Acme-Signature", "grammar": "pairs"},
/// ...     "timestamp": {"element": "t", "unit": "seconds"},
/// ...     "content": "{timestamp}.{body}",
/// ...     "versions": [{"label": "v1", "algorithm": "hmac-sha512", "encoding": "base64"}],
/// ...     "key": "utf8",
/// ... })
/// >>> acme.versions
/// ('v1',)
#[pyclass(frozen, module = "hookseal")]
pub(crate) struct Scheme(pub(crate) hookseal::Scheme);

#[pymethods]
impl Scheme {
    #[new]
    #[pyo3(signature = (name, /))]
    fn new(name: &Bound<'_, PyAny>) -> Result<Self> {
        scheme_of(name).map(Self)
    }

    /// A scheme of your own; `spec/SPEC.md` describes the document.
    #[staticmethod]
    #[pyo3(signature = (document, /))]
    fn from_dict(document: &Bound<'_, PyAny>) -> Result<Self> {
        let py = document.py();
        let options = PyDict::new(py);
        options.set_item("allow_nan", false)?;
        let json = py.import("json")?.call_method("dumps", (document,), Some(&options)).map_err(|cause| {
            let error = PyErr::from(Failure::new(ErrorCode::InvalidScheme, "document: is not JSON-shaped data"));
            error.set_cause(py, Some(cause));
            error
        })?;
        Ok(Self(hookseal::Scheme::from_json(text(&json, "document", ErrorCode::InvalidScheme)?)?))
    }

    /// The names of the built-in schemes, sorted.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        hookseal::Scheme::names().collect()
    }

    /// The document.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.0.to_json(),))
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// One sentence about it.
    #[getter]
    fn summary(&self) -> &str {
        self.0.summary()
    }

    /// The page that it was taken from.
    #[getter]
    fn source(&self) -> &str {
        self.0.source()
    }

    /// The headers that verification reads, the signature's first.
    #[getter]
    fn header_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.header_names().map(hookseal::headers::HeaderName::as_str).collect::<Vec<_>>())
    }

    /// The labels of its versions, strongest first.
    #[getter]
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.versions().collect::<Vec<_>>())
    }

    /// Whether every version signs a timestamp, so that old copies can be told from new ones.
    #[getter]
    fn signs_timestamp(&self) -> bool {
        self.0.signs_timestamp()
    }

    /// Whether every version signs the message's id.
    #[getter]
    fn signs_id(&self) -> bool {
        self.0.signs_id()
    }

    /// Whether some version signs the receiver's URL, which `verify` must then be given.
    #[getter]
    fn signs_url(&self) -> bool {
        self.0.signs_url()
    }

    /// Whether the body is signed at all; a shared token protects nothing but itself.
    #[getter]
    fn signs_body(&self) -> bool {
        self.0.signs_body()
    }

    fn __repr__(&self) -> String {
        format!("Scheme({})", quoted(self.0.name()))
    }
}

/// A ring that is given, or a fresh one of the secrets that are.
pub(crate) fn ring_of(value: &Bound<'_, PyAny>) -> Result<hookseal::KeyRing> {
    if let Ok(ring) = value.cast::<KeyRing>() {
        return Ok(ring.get().0.clone());
    }
    let values = items(value).unwrap_or_else(|| vec![value.clone()]);
    let keys = values.iter().map(key_of).collect::<Result<Vec<_>>>()?;
    Ok(hookseal::KeyRing::new(keys)?)
}

pub(crate) fn scheme_of(value: &Bound<'_, PyAny>) -> Result<hookseal::Scheme> {
    if let Ok(scheme) = value.cast::<Scheme>() {
        return Ok(scheme.get().0.clone());
    }
    if !value.is_instance_of::<PyString>() {
        return Err(invalid_config(format!(
            "scheme must be a name or a Scheme, not {}; Scheme.from_dict reads a document",
            type_of(value)
        )));
    }
    Ok(hookseal::Scheme::named(text(value, "scheme", ErrorCode::UnknownScheme)?)?)
}

/// The time that is given, or the present moment.
pub(crate) fn now_or(value: Option<&Bound<'_, PyAny>>, name: &str) -> Result<hookseal::Timestamp> {
    match value {
        Some(value) => timestamp(value, name),
        None => Ok(clock::now()?),
    }
}

fn key_of(value: &Bound<'_, PyAny>) -> Result<hookseal::Key> {
    if let Ok(key) = value.cast::<Key>() {
        return Ok(key.get().key.clone());
    }
    if let Ok(secret) = value.cast::<Secret>() {
        return Ok(secret.get().0.clone().into());
    }
    Ok(plain(value)?.into())
}

/// The texts of plain secrets, for `diagnose`, which reads them in several ways.
pub(crate) fn secret_texts<'a>(values: &'a [Bound<'_, PyAny>]) -> Result<Vec<&'a str>> {
    let text = |value: &'a Bound<'_, PyAny>| match value.cast::<Secret>() {
        Ok(secret) => Ok(secret.get().0.expose()), // EXPOSE: read by other rules, never shown
        Err(_) => secret_text(value),
    };
    values.iter().map(text).collect()
}

/// The texts of secrets that are nothing but text, for a store to keep.
pub(crate) fn plain_texts(value: &Bound<'_, PyAny>) -> Result<Vec<String>> {
    let values = items(value).unwrap_or_else(|| vec![value.clone()]);
    let text = |value: &Bound<'_, PyAny>| match value.cast::<Secret>() {
        Ok(secret) => Ok(text_for_store(&secret.get().0)?.to_owned()),
        Err(_) if value.is_instance_of::<Key>() || value.is_instance_of::<KeyRing>() => {
            Err(invalid_config("the outbox stores secrets as text, without ids and times: give a str"))
        }
        Err(_) => secret_text(value).map(str::to_owned),
    };
    values.iter().map(text).collect()
}

fn plain(value: &Bound<'_, PyAny>) -> Result<hookseal::Secret> {
    Ok(hookseal::Secret::parse(secret_text(value)?)?)
}

fn secret_text<'a>(value: &'a Bound<'_, PyAny>) -> Result<&'a str> {
    if value.is_none() {
        return Err(Failure::new(
            ErrorCode::EmptySecret,
            "the secret is None; check that the variable it is read from is set",
        ));
    }
    if !value.is_instance_of::<PyString>() {
        let message = format!("a secret is a str, a Secret or a Key, not {}; Secret.bytes takes bytes", type_of(value));
        return Err(malformed(message));
    }
    text(value, "the secret", ErrorCode::MalformedSecret)
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::MalformedSecret, message)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
