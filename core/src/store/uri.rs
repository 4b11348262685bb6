//! Which store a URI names.

use std::path::PathBuf;

use super::invalid;
use crate::Result;

const DEFAULT_PREFIX: &str = "hookseal";

pub(super) struct Place {
    pub(super) kind: Kind,
    /// What the names of all tables begin with, the last underscore included.
    pub(super) prefix: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Sqlite(PathBuf),
    /// Without our own parameters.
    Postgres(String),
}

/// Reads `sqlite:PATH`, `postgres://…` and `memory:`, each with an optional `?prefix=NAME`.
pub(super) fn parse(uri: &str) -> Result<Place> {
    let (rest, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut prefix = DEFAULT_PREFIX.to_owned();
    let mut others = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("prefix", name)) => prefix = check_prefix(name)?,
            _ => others.push(pair),
        }
    }
    let is_postgres = rest.starts_with("postgres://") || rest.starts_with("postgresql://");
    if let ([other, ..], false) = (&others[..], is_postgres) {
        let name = other.split('=').next().unwrap_or_default();
        return Err(invalid(format!("the store's URI has an unknown parameter {name:?}")));
    }
    let kind = if rest == "memory:" {
        Kind::Memory
    } else if let Some(path) = rest.strip_prefix("sqlite:") {
        if path.is_empty() || path == ":memory:" {
            return Err(invalid("sqlite: needs the path of a file; for a store that nothing survives use memory:"));
        }
        Kind::Sqlite(path.strip_prefix("//").unwrap_or(path).into())
    } else if is_postgres {
        let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        Kind::Postgres(format!("{rest}{query}"))
    } else {
        // The text may hold a password.
        return Err(invalid("a store is sqlite:PATH, postgres://… or memory:"));
    };
    Ok(Place { kind, prefix: format!("{prefix}_") })
}

fn check_prefix(name: &str) -> Result<String> {
    let is_good = (1..=32).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if is_good {
        return Ok(name.to_owned());
    }
    Err(invalid("prefix must be 1 to 32 of a-z, 0-9 and _, and begin with no digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read() {
        let kind = |uri: &str| parse(uri).map(|place| (place.kind, place.prefix)).unwrap();
        assert_eq!(kind("memory:"), (Kind::Memory, "hookseal_".into()));
        assert_eq!(kind("sqlite:a b.db?prefix=app"), (Kind::Sqlite("a b.db".into()), "app_".into()));
        assert_eq!(kind("sqlite:///tmp/a.db").0, Kind::Sqlite("/tmp/a.db".into()));
        assert_eq!(
            kind("postgres://u:p@h/d?sslmode=disable&prefix=app&a=b"),
            (Kind::Postgres("postgres://u:p@h/d?sslmode=disable&a=b".into()), "app_".into())
        );
    }

    #[test]
    fn others_are_refused_without_showing_them() {
        for uri in ["", "mysql://u:CANARY@h/d", "sqlite:", "sqlite::memory:", "memory:?CANARY2=1&x", "memory:?prefix=A"]
        {
            let error = parse(uri).err().unwrap();
            assert_eq!(error.code(), crate::ErrorCode::InvalidConfig, "{uri}");
            assert!(!error.message().contains("CANARY@"), "{error}");
        }
    }
}
