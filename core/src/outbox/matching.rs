//! Which subscriptions an event is for: by the pattern of its type, and by its metadata.

use std::collections::BTreeMap;

use crate::{Error, ErrorCode, Result, message::check_event_type};

/// Text fields of an event that filters compare.
pub(super) type Metadata = BTreeMap<String, String>;

/// What begins the types of the outbox's own events, which `*` does not match.
pub(super) const OWN: &str = "hookseal.";

/// Whether a type is meant by a pattern: itself, `order.*` for all that begin with `order.`, or `*`.
pub(super) fn matches(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => !event_type.starts_with(OWN),
        Some(start) => event_type.len() > start.len() && event_type.starts_with(start),
        None => pattern == event_type,
    }
}

/// Whether every filter equals the metadata of that name.
pub(super) fn passes(filters: &Metadata, metadata: &Metadata) -> bool {
    filters.iter().all(|(name, value)| metadata.get(name) == Some(value))
}

/// Refuses what is no pattern.
pub(super) fn check_pattern(pattern: &str) -> Result<()> {
    let stem = match pattern.strip_suffix(".*") {
        Some(stem) => stem,
        None if pattern == "*" => return Ok(()),
        None => pattern,
    };
    if stem.contains('*') || check_event_type(stem).is_err() {
        return Err(Error::new(
            ErrorCode::InvalidConfig,
            format!("events: {pattern:?} is no pattern; write order.paid, order.* or *"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, event_type, meant) in [
            ("order.paid", "order.paid", true),
            ("order.paid", "order.paid.late", false),
            ("order.*", "order.paid", true),
            ("order.*", "order.paid.late", true),
            ("order.*", "order", false),
            ("order.*", "orders.paid", false),
            ("order.*", "order.", false),
            ("*", "anything", true),
            ("*", "hookseal.delivery.dead", false),
            ("hookseal.*", "hookseal.delivery.dead", true),
        ] {
            assert_eq!(matches(pattern, event_type), meant, "{pattern} {event_type}");
        }
        for bad in ["", "a*", "*.a", "a.*.b", "a,b", "**", "a:b.*", ".*"] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
        for good in ["*", "a", "a.*", "a.b.*"] {
            check_pattern(good).unwrap();
        }
    }

    #[test]
    fn filters_must_all_be_equal() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Metadata>()
        };
        let metadata = map(&[("region", "eu"), ("plan", "pro")]);
        assert!(passes(&map(&[]), &metadata));
        assert!(passes(&map(&[("region", "eu")]), &metadata));
        assert!(!passes(&map(&[("region", "eu"), ("plan", "free")]), &metadata));
        assert!(!passes(&map(&[("other", "eu")]), &metadata));
    }
}
