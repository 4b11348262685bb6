//! The built-in schemes, parsed once.

use std::{collections::BTreeMap, sync::LazyLock};

use super::Scheme;
use crate::{Error, ErrorCode, Result};

static PRESETS: LazyLock<BTreeMap<&'static str, Result<Scheme>>> = LazyLock::new(|| {
    hookseal_spec::SCHEMES.iter().map(|(name, document)| (*name, Scheme::from_json(document))).collect()
});

pub(super) fn named(name: &str) -> Result<Scheme> {
    PRESETS.get(name).cloned().unwrap_or_else(|| {
        let names: Vec<_> = Scheme::names().collect();
        Err(Error::new(
            ErrorCode::UnknownScheme,
            format!("there is no scheme {name:?}; the built-in ones are {}", names.join(", ")),
        ))
    })
}

#[expect(clippy::expect_used, reason = "the document is compiled in, and a test parses every one of them")]
pub(super) fn default() -> Scheme {
    named("hookseal").expect("the default scheme is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_valid_and_named_by_its_file() {
        for name in Scheme::names() {
            assert_eq!(named(name).unwrap().name(), name);
        }
        assert!(Scheme::names().count() >= 9);
        assert!(Scheme::names().is_sorted());
    }

    #[test]
    fn no_scheme_reads_more_than_three_headers() {
        for name in Scheme::names() {
            assert!((1..=3).contains(&named(name).unwrap().header_names().count()), "{name}");
        }
    }
}
