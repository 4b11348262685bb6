//! What a request says: the signature header sorted, and the headers that a signature covers.

use arrayvec::ArrayVec;

use super::{doubled, malformed, missing};
use crate::{
    Error, ErrorCode, Result, Scheme, Timestamp,
    headers::{Found, HeaderName, HeaderSource},
    message::{is_event_type, is_id},
    ring::{Keys, MAX_ED25519_SIGNATURES, MAX_SIGNATURES},
    scheme::{
        Algorithm, Parts, Place, TimestampRule, Version,
        template::{Content, Field},
    },
};

const MAX_ELEMENTS: usize = 64;

/// The timestamps in the signature header, and the values of the versions that are accepted, each with its version's index.
pub(super) struct Received<'h> {
    timestamp: Found<'h>,
    values: ArrayVec<(usize, &'h [u8]), { MAX_SIGNATURES + MAX_ED25519_SIGNATURES }>,
    ed25519_count: usize,
}

impl<'h> Received<'h> {
    pub(super) fn new() -> Self {
        Self { timestamp: Found::Absent, values: ArrayVec::new(), ed25519_count: 0 }
    }

    /// Sorts the header's elements; only the first `accepted` versions count, and of these the ones with a live key.
    #[inline]
    pub(super) fn read(
        &mut self,
        header: &'h [u8],
        scheme: &Parts,
        accepted: usize,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<()> {
        let element = match &scheme.timestamp {
            Some(TimestampRule { place: Place::Element(element), .. }) => Some(element.as_bytes()),
            _ => None,
        };
        let mut elements = 0;
        let mut well_formed = false;
        for found in scheme.grammar.elements(header) {
            elements += 1;
            if elements > MAX_ELEMENTS {
                return Err(too_many());
            }
            let Some((label, value)) = found else { continue };
            well_formed = true;
            if element.is_some_and(|element| is_same(element, label)) {
                let is_first = matches!(self.timestamp, Found::Absent);
                self.timestamp = if is_first { Found::One(value) } else { Found::Doubled };
            } else if let Some(index) = scheme.versions.iter().position(|it| is_same(it.label.as_bytes(), label)) {
                if index < accepted && keys.live(now).any(|(_, entry)| entry.prepared(index).is_some()) {
                    self.push(index, value, scheme.versions[index].algorithm == Algorithm::Ed25519)?;
                }
            }
        }
        if well_formed { Ok(()) } else { Err(malformed(&scheme.signature, "has no element that can be read")) }
    }

    #[inline]
    fn push(&mut self, index: usize, value: &'h [u8], is_ed25519: bool) -> Result<()> {
        let others = self.values.len() - self.ed25519_count;
        if (is_ed25519 && self.ed25519_count == MAX_ED25519_SIGNATURES) || (!is_ed25519 && others == MAX_SIGNATURES) {
            return Err(too_many());
        }
        self.values.push((index, value));
        self.ed25519_count += usize::from(is_ed25519);
        Ok(())
    }

    /// Reads the timestamp, and fills in its bytes as received.
    #[inline]
    pub(super) fn timestamp<H: HeaderSource + ?Sized>(
        &self,
        rule: Option<&TimestampRule>,
        headers: &'h H,
        content: &mut Content<'h>,
    ) -> Result<Option<Timestamp>> {
        let Some(rule) = rule else { return Ok(None) };
        let found = match &rule.place {
            Place::Element(_) => self.timestamp,
            Place::Header(name) => headers.header(name),
        };
        let refused = |code, message: &'static str| Err(Error::new(code, message));
        let text = match found {
            Found::One(text) => text,
            Found::Absent => {
                return refused(ErrorCode::MissingTimestamp, "the scheme has a timestamp and the request has none");
            }
            Found::Doubled => return refused(ErrorCode::DuplicateTimestamp, "the request has two timestamps"),
        };
        match rule.unit.parse(text) {
            Some(seconds) => {
                content.timestamp = text;
                Ok(Some(Timestamp::from_unix(seconds)))
            }
            None => Err(Error::new(
                ErrorCode::MalformedTimestamp,
                format!("the timestamp is not in its canonical form{}", rule.unit.hint(text)),
            )),
        }
    }

    #[inline]
    pub(super) fn has(&self, index: usize) -> bool {
        self.values.iter().any(|(of, _)| *of == index)
    }

    /// The signatures of a version, as received.
    #[inline]
    pub(super) fn signatures(&self, index: usize) -> impl Iterator<Item = &'h [u8]> + Clone {
        self.values.iter().filter(move |(of, _)| *of == index).map(|(_, value)| *value)
    }
}

/// The headers beside the signature that some version covers.
pub(super) struct Covered<'h> {
    id: Found<'h>,
    event_type: Found<'h>,
}

impl<'h> Covered<'h> {
    #[inline]
    pub(super) fn read<H: HeaderSource + ?Sized>(scheme: &Parts, headers: &'h H) -> Self {
        let is_covered = |field| scheme.versions.iter().any(|version| version.content.covers(field));
        let mut covered = Self { id: Found::Absent, event_type: Found::Absent };
        if let Some(name) = scheme.id.as_ref().filter(|_| is_covered(Field::Id)) {
            covered.id = headers.header(name);
        }
        if let Some(name) = scheme.event_type.as_ref().filter(|_| is_covered(Field::Type)) {
            covered.event_type = headers.header(name);
        }
        covered
    }

    /// Refuses headers that every version covers and that are not good.
    #[inline]
    pub(super) fn check(&self, scheme: &Scheme) -> Result<()> {
        let parts = scheme.parts();
        if let Some(name) = parts.id.as_ref().filter(|_| scheme.signs(Field::Id)) {
            good(self.id, name, is_id)?;
        }
        if let Some(name) = parts.event_type.as_ref().filter(|_| scheme.signs(Field::Type)) {
            good(self.event_type, name, is_event_type)?;
        }
        Ok(())
    }

    /// The header that the version covers and the request lacks.
    #[inline]
    pub(super) fn lacking<'s>(&self, scheme: &'s Parts, version: &Version) -> Option<&'s HeaderName> {
        if version.content.covers(Field::Id) && matches!(self.id, Found::Absent) {
            return scheme.id.as_ref();
        }
        if version.content.covers(Field::Type) && matches!(self.event_type, Found::Absent) {
            return scheme.event_type.as_ref();
        }
        None
    }

    /// Fills in the values that the version covers.
    #[inline]
    pub(super) fn fill(&self, content: &mut Content<'h>, scheme: &Parts, version: &Version) -> Result<()> {
        if let Some(name) = scheme.id.as_ref().filter(|_| version.content.covers(Field::Id)) {
            content.id = good(self.id, name, is_id)?;
        }
        if let Some(name) = scheme.event_type.as_ref().filter(|_| version.content.covers(Field::Type)) {
            content.event_type = good(self.event_type, name, is_event_type)?;
        }
        Ok(())
    }
}

#[inline]
fn good<'h>(found: Found<'h>, name: &HeaderName, is_good: fn(&[u8]) -> bool) -> Result<&'h [u8]> {
    match found {
        Found::Absent => Err(missing(name)),
        Found::Doubled => Err(doubled(name)),
        Found::One(text) if is_good(text) => Ok(text),
        Found::One(_) => Err(malformed(name, "breaks the character rule for ids and event types")),
    }
}

/// Compares labels, which are so short that a call would cost more than the comparison.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

fn too_many() -> Error {
    Error::new(ErrorCode::TooManySignatures, "the signature header has more elements than any honest sender writes")
}
