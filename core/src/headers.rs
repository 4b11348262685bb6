//! Looking up one header by name, in whatever a program keeps its headers in.
//!
//! Verification reads at most three headers, each by name, and has to know whether a name occurs
//! twice. Everything that can answer that is a [`HeaderSource`].

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::BuildHasher,
    sync::Arc,
};

use crate::{Error, ErrorCode, Result};

/// A header's name in the spelling of its scheme, prepared for look-ups that ignore case.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderName {
    spelled: Arc<str>,
    lower: http::HeaderName,
    is_signature: bool,
}

impl HeaderName {
    pub(crate) fn new(spelled: &str, is_signature: bool) -> Result<Self> {
        let lower = http_name(spelled)
            .ok_or_else(|| Error::new(ErrorCode::InvalidScheme, format!("{spelled:?} is not a header name")))?;
        Ok(Self { spelled: spelled.into(), lower, is_signature })
    }

    /// The name as the scheme writes it.
    pub fn as_str(&self) -> &str {
        &self.spelled
    }

    /// The same, shared.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.spelled
    }

    /// The same, as HTTP libraries have it.
    #[cfg(feature = "send")]
    pub(crate) fn lower_name(&self) -> &http::HeaderName {
        &self.lower
    }

    /// The name in lower case.
    pub fn lower(&self) -> &str {
        self.lower.as_str()
    }

    fn matches(&self, name: &str) -> bool {
        self.spelled.eq_ignore_ascii_case(name)
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spelled.fmt(f)
    }
}

/// The names that deliveries have by default.
const USUAL: [http::HeaderName; 5] = [
    http::HeaderName::from_static("x-webhook-signature"),
    http::HeaderName::from_static("x-webhook-id"),
    http::HeaderName::from_static("x-webhook-event"),
    http::HeaderName::from_static("x-webhook-timestamp"),
    http::HeaderName::from_static("x-webhook-attempt"),
];

/// A name as HTTP libraries have it. The usual ones are static: clones of others share a counter, which senders on several
/// processors would take from each other with every delivery.
pub(crate) fn http_name(text: &str) -> Option<http::HeaderName> {
    let name = http::HeaderName::from_bytes(text.as_bytes()).ok()?;
    Some(USUAL.iter().find(|usual| **usual == name).cloned().unwrap_or(name))
}

/// What a look-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// No header of that name.
    Absent,
    /// One header, with its value's bytes.
    One(&'a [u8]),
    /// The name occurs more than once.
    Doubled,
}

impl<'a> Found<'a> {
    fn from_values(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Doubled,
        }
    }
}

/// A container of headers.
///
/// Implemented for [`http::HeaderMap`], for slices, arrays and vectors of `(name, value)` pairs, for
/// maps from name to value, and for `str`: the bare value of the signature header, which serves
/// the schemes that need no other.
pub trait HeaderSource {
    /// Looks up `name`, ignoring case.
    fn header(&self, name: &HeaderName) -> Found<'_>;
}

impl HeaderSource for http::HeaderMap {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        Found::from_values(self.get_all(&name.lower).iter().map(http::HeaderValue::as_bytes))
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> HeaderSource for [(K, V)] {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        Found::from_values(self.iter().filter(|(key, _)| name.matches(key.as_ref())).map(|(_, value)| value.as_ref()))
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> HeaderSource for [(K, V); N] {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        self.as_slice().header(name)
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> HeaderSource for Vec<(K, V)> {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        self.as_slice().header(name)
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, S: BuildHasher> HeaderSource for HashMap<K, V, S> {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        Found::from_values(self.iter().filter(|(key, _)| name.matches(key.as_ref())).map(|(_, value)| value.as_ref()))
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> HeaderSource for BTreeMap<K, V> {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        Found::from_values(self.iter().filter(|(key, _)| name.matches(key.as_ref())).map(|(_, value)| value.as_ref()))
    }
}

impl HeaderSource for str {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        if name.is_signature { Found::One(self.as_bytes()) } else { Found::Absent }
    }
}

impl HeaderSource for String {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        self.as_str().header(name)
    }
}

impl<T: HeaderSource + ?Sized> HeaderSource for &T {
    fn header(&self, name: &HeaderName) -> Found<'_> {
        (**self).header(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_answers_alike() {
        let name = HeaderName::new("X-Webhook-Id", false).unwrap();
        let pairs = [("x-WEBHOOK-id", "1")];
        let mut map = http::HeaderMap::new();
        map.append("x-webhook-id", "1".parse().unwrap());
        assert_eq!(pairs.header(&name), Found::One(b"1"));
        assert_eq!(map.header(&name), Found::One(b"1"));
        assert_eq!(HashMap::from(pairs).header(&name), Found::One(b"1"));
        assert_eq!(BTreeMap::from(pairs).header(&name), Found::One(b"1"));
        assert_eq!("1".header(&name), Found::Absent);

        map.append("x-webhook-id", "1".parse().unwrap());
        assert_eq!(map.header(&name), Found::Doubled);
        assert_eq!([("X-Webhook-Id", "1"), ("x-webhook-id", "2")].header(&name), Found::Doubled);
    }

    #[test]
    fn a_bare_string_is_the_signature_header_only() {
        assert_eq!("v".header(&HeaderName::new("any", true).unwrap()), Found::One(b"v"));
    }
}
