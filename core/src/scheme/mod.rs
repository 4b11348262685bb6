//! A scheme is data: which headers, which grammar, what is signed, with which algorithms.
//!
//! Why data and not code? Because every provider's scheme is the same algorithm with other names, and a
//! copy per provider is where the mistakes live. The built-in schemes are the JSON documents of
//! `hookseal-spec`; a scheme of your own is one more document:
//!
//! ```
//! use hookseal::{Scheme, Verifier};
//!
//! let scheme = Scheme::from_json(r#"{
//!     "name": "acme",
//!     "signature": { "header": "X-Acme-Signature", "grammar": "pairs" },
//!     "timestamp": { "element": "t", "unit": "seconds" },
//!     "content": "{timestamp}.{body}",
//!     "versions": [{ "label": "v1", "algorithm": "hmac-sha512", "encoding": "base64" }],
//!     "key": "utf8"
//! }"#)?;
//! let verifier = Verifier::builder().secrets(["a shared secret"])?.scheme(scheme).build()?;
//! # Ok::<(), hookseal::Error>(())
//! ```

mod document;
pub(crate) mod grammar;
mod presets;
pub(crate) mod template;
pub(crate) mod unit;

use std::{fmt, sync::Arc};

use crate::{Result, headers::HeaderName};
pub use document::{Algorithm, Encoding, KeyRule, Unit};
use grammar::Grammar;
use template::{Field, Template};

/// A signature scheme: built in ([`Scheme::named`]) or your own ([`Scheme::from_json`]). Cheap to clone.
#[derive(Clone)]
pub struct Scheme(Arc<Parts>);

/// A scheme document after validation.
pub(crate) struct Parts {
    /// The document in one canonical spelling.
    pub(crate) document: String,
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) source: String,
    pub(crate) signature: HeaderName,
    pub(crate) grammar: Grammar,
    pub(crate) timestamp: Option<TimestampRule>,
    pub(crate) id: Option<HeaderName>,
    pub(crate) event_type: Option<HeaderName>,
    pub(crate) versions: Vec<Version>,
    pub(crate) key: KeyRule,
    pub(crate) also_writes: Vec<HeaderName>,
}

/// Where a scheme's timestamp stands, and its unit.
pub(crate) struct TimestampRule {
    pub(crate) place: Place,
    pub(crate) unit: Unit,
}

pub(crate) enum Place {
    Element(Box<str>),
    Header(HeaderName),
}

/// One way of signing that a scheme knows; the first is the strongest.
pub(crate) struct Version {
    pub(crate) label: Arc<str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) encoding: Encoding,
    pub(crate) content: Template,
}

impl Scheme {
    /// The built-in scheme of that name.
    ///
    /// # Errors
    /// `unknown_scheme`, naming the schemes that there are.
    pub fn named(name: &str) -> Result<Self> {
        presets::named(name)
    }

    /// The names of the built-in schemes, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        hookseal_spec::SCHEMES.iter().map(|(name, _)| *name)
    }

    /// A scheme from a JSON document; `spec/SPEC.md` describes its fields.
    ///
    /// # Errors
    /// `invalid_scheme`, naming the field.
    pub fn from_json(document: &str) -> Result<Self> {
        document::parse(document).map(|parts| Self(Arc::new(parts)))
    }

    /// The JSON document.
    pub fn to_json(&self) -> &str {
        &self.0.document
    }

    /// The scheme's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// One sentence about it.
    pub fn summary(&self) -> &str {
        &self.0.summary
    }

    /// The page that it was taken from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The headers that verification reads, at most three, the signature's first.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        let parts = &*self.0;
        let timestamp = match &parts.timestamp {
            Some(TimestampRule { place: Place::Header(name), .. }) => Some(name),
            _ => None,
        };
        let covered = |field: Field| parts.versions.iter().any(|version| version.content.covers(field));
        [
            Some(&parts.signature),
            timestamp,
            parts.id.as_ref().filter(|_| covered(Field::Id)),
            parts.event_type.as_ref().filter(|_| covered(Field::Type)),
        ]
        .into_iter()
        .flatten()
    }

    /// The labels of its versions, strongest first.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.0.versions.iter().map(|version| &*version.label)
    }

    /// Whether every version signs a timestamp, so that old copies can be told from new ones.
    pub fn signs_timestamp(&self) -> bool {
        self.signs(Field::Timestamp)
    }

    /// Whether every version signs the message's id.
    pub fn signs_id(&self) -> bool {
        self.signs(Field::Id)
    }

    /// Whether some version signs the receiver's URL, which `verify` must then be given.
    pub fn signs_url(&self) -> bool {
        self.0.versions.iter().any(|version| version.content.covers(Field::Url))
    }

    /// Whether the body is signed at all; a shared token protects nothing but itself.
    pub fn signs_body(&self) -> bool {
        self.0.grammar != Grammar::Token
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    pub(crate) fn key_rule(&self) -> KeyRule {
        self.0.key
    }

    pub(crate) fn uses(&self, algorithm: Algorithm) -> bool {
        self.0.versions.iter().any(|version| version.algorithm == algorithm)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.document == other.0.document
    }

    pub(crate) fn signs(&self, field: Field) -> bool {
        self.0.versions.iter().all(|version| version.content.covers(field))
    }
}

impl Default for Scheme {
    /// The scheme `hookseal`.
    fn default() -> Self {
        presets::default()
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scheme({})", self.0.name)
    }
}
