//! The one reading of a URL; everything after works on its result.

use std::cell::Cell;

use url::{Host, SyntaxViolation, Url};

use crate::{Error, ErrorCode, Result};

const LONGEST_URL: usize = 2_048;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Parses an endpoint's URL by the WHATWG rules: `http` or `https`, with a host, without user info and
/// fragment, at most 2,048 bytes. One trailing dot of the host name is cut.
///
/// # Errors
/// `invalid_url`. What the URL leads to is not judged here; see [`Guard::judge`](super::Guard::judge).
pub fn parse_url(text: &str) -> Result<Url> {
    check_length(text)?;
    let violation = Cell::new(None);
    let note = |found| match found {
        SyntaxViolation::EmbeddedCredentials => {
            violation.set(Some("it holds user info; use the endpoint's own fields"));
        }
        SyntaxViolation::ExpectedDoubleSlash => violation.set(Some("its scheme must be followed by two slashes")),
        _ => {}
    };
    let mut url = Url::options()
        .syntax_violation_callback(Some(&note))
        .parse(text)
        .map_err(|error| invalid(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is neither http nor https"));
    }
    if let Some(violation) = violation.get() {
        return Err(invalid(violation));
    }
    if url.fragment().is_some() {
        return Err(invalid("it holds a fragment"));
    }
    if let Some(Host::Domain(name)) = url.host() {
        let absolute = name.strip_suffix('.').map(str::to_owned);
        check_name(absolute.as_deref().unwrap_or(name))?;
        if let Some(name) = absolute {
            url.set_host(Some(&name)).map_err(|error| invalid(error.to_string()))?;
        }
    }
    check_length(url.as_str())?;
    Ok(url)
}

fn check_length(text: &str) -> Result<()> {
    if text.len() <= LONGEST_URL { Ok(()) } else { Err(invalid("it is longer than 2,048 bytes")) }
}

fn check_name(name: &str) -> Result<()> {
    if name.len() > LONGEST_NAME {
        return Err(invalid("its host name is longer than 253 characters"));
    }
    if name.split('.').any(|label| !(1..=LONGEST_LABEL).contains(&label.len())) {
        return Err(invalid("a part of its host name is empty or longer than 63 characters"));
    }
    Ok(())
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidUrl, format!("the URL can not be used: {why}"))
}
