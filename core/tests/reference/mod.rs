//! A second verifier, slow and plain, written from the specification alone.
//!
//! It shares no code with the crate: strings and vectors in place of slices and streams, documents read as plain JSON,
//! HMAC from its definition. Two implementations that were written apart rarely share a mistake.

mod content;
mod keys;
mod mac;
mod scheme;
mod text;

pub(crate) mod generate;
pub(crate) mod subject;

use std::fmt;

use keys::Key;
use scheme::{Scheme, Version};
use serde_json::Value;

pub(crate) use keys::Secret;

/// Everything that decides a verdict.
#[derive(Clone)]
pub(crate) struct Case {
    pub document: Value,
    pub secrets: Vec<Secret>,
    pub options: Options,
    pub now: i64,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub url: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub tolerance: Option<u64>,
    pub future_tolerance: Option<u64>,
    pub ignores_timestamp: bool,
    pub require: Option<String>,
    pub max_body: Option<usize>,
    /// A replay guard is attached, and the message comes twice.
    pub repeats: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{:#?}\n{:?}\nnow {}", self.document, self.secrets, self.options, self.now)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        writeln!(f, "url {:?}\nbody {}", self.url, self.body.escape_ascii())
    }
}

/// What an accepted message is known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub timestamp: Option<i64>,
    pub id: Option<String>,
    pub event_type: Option<String>,
    pub version: String,
    pub key_index: usize,
    pub key_id: Option<String>,
}

/// The accepted message, or the code of the refusal.
pub(crate) type Verdict = Result<Accepted, String>;

const LARGEST_TOLERANCE: u64 = 4_294_967_295;

pub(crate) fn verify(case: &Case) -> Verdict {
    let scheme = Scheme::read(&case.document);
    keys::check(&case.secrets)?;
    check_options(&case.options, &scheme)?;
    let keys = keys::read(&case.secrets, &scheme)?;
    let first = judge(case, &scheme, &keys)?;
    if case.options.repeats { refuse("replayed") } else { Ok(first) }
}

fn check_options(options: &Options, scheme: &Scheme) -> Result<(), String> {
    if [options.tolerance, options.future_tolerance].into_iter().flatten().any(|seconds| seconds > LARGEST_TOLERANCE) {
        return refuse("invalid_config");
    }
    if options.require.as_ref().is_some_and(|label| scheme.versions.iter().all(|version| version.label != *label)) {
        return refuse("invalid_config");
    }
    let tells_messages_apart = ["{timestamp}", "{id}"]
        .into_iter()
        .any(|token| scheme.versions.iter().all(|version| version.content.contains(token)));
    if options.repeats && (!tells_messages_apart || options.ignores_timestamp) {
        return refuse("invalid_config");
    }
    Ok(())
}

/// The steps of the specification, in their order.
fn judge(case: &Case, scheme: &Scheme, keys: &[Key]) -> Verdict {
    // 0. The size of the body.
    if case.options.max_body.is_some_and(|limit| case.body.len() > limit) {
        return refuse("body_too_large");
    }

    // 1. to 5. The signature header and its elements.
    let header = signature_header(case, scheme)?;
    let elements = scheme.elements(&header);
    let pairs: Vec<(String, String)> = elements.iter().flatten().cloned().collect();
    if elements.len() > 64 {
        return refuse("too_many_signatures");
    }
    let accepted = accepted_versions(case, scheme, keys);
    let values_under = |is_ed25519: bool| {
        let counts = |label: &str| {
            accepted.iter().any(|version| version.label == label && (version.algorithm == "ed25519") == is_ed25519)
        };
        pairs.iter().filter(|(label, value)| counts(label) && !scheme.is_dropped(value)).count()
    };
    if values_under(false) > 32 || values_under(true) > 4 {
        return refuse("too_many_signatures");
    }
    if pairs.is_empty() {
        return refuse("malformed_header");
    }

    // 6. The timestamp, and what every version signs.
    let (timestamp_text, timestamp) = match read_timestamp(case, scheme, &pairs)? {
        Some((text, seconds)) => (text, Some(seconds)),
        None => (Vec::new(), None),
    };
    let id = scheme.id.as_deref().map_or(Found::Absent, |name| find(case, name));
    let event_type = scheme.event_type.as_deref().map_or(Found::Absent, |name| find(case, name));
    for (token, found, is_good) in
        [("{id}", &id, text::is_id as fn(&[u8]) -> bool), ("{type}", &event_type, text::is_event_type)]
    {
        if scheme.versions.iter().all(|version| version.content.contains(token)) {
            match found {
                Found::Absent => return refuse("missing_header"),
                Found::Once(value) if is_good(value) => {}
                _ => return refuse("malformed_header"),
            }
        }
    }

    // 7. The version to judge.
    let is_present = |version: &&Version| pairs.iter().any(|(label, _)| *label == version.label);
    let has_covered_headers = |version: &&Version| {
        [("{id}", &id), ("{type}", &event_type)]
            .iter()
            .all(|(token, found)| !version.content.contains(token) || **found != Found::Absent)
    };
    let present: Vec<&Version> = accepted.into_iter().filter(is_present).collect();
    let Some(version) = present.iter().copied().find(has_covered_headers) else {
        let lacks_a_header = case.options.require.is_some() && !present.is_empty();
        return refuse(if lacks_a_header { "missing_header" } else { "unsupported_version" });
    };
    let covered = |token: &str, found: Found, is_good: fn(&[u8]) -> bool| match found {
        _ if !version.content.contains(token) => Ok(None),
        Found::Once(value) if is_good(&value) => Ok(Some(value)),
        _ => refuse("malformed_header"),
    };
    let id = covered("{id}", id, text::is_id)?;
    let event_type = covered("{type}", event_type, text::is_event_type)?;

    // 8. Its values, and the URL.
    let values: Vec<Vec<u8>> = pairs
        .iter()
        .filter(|(label, _)| *label == version.label)
        .filter_map(|(_, text)| version.decode(text))
        .collect();
    if values.is_empty() {
        return refuse("malformed_signature");
    }
    if version.content.contains("{url}") && case.url.is_none() {
        return refuse("missing_url");
    }

    // 9. The keys, newest first.
    let fields = content::Fields {
        timestamp: &timestamp_text,
        id: id.as_deref().unwrap_or_default(),
        event_type: event_type.as_deref().unwrap_or_default(),
        url: case.url.as_deref().unwrap_or_default(),
        body: &case.body,
    };
    let made = |key: &Key, content: &[u8]| {
        key.is_live(case.now) && values.iter().any(|value| key.made(value, version, content))
    };
    let contents = content::contents(&version.content, &fields);
    let Some(key) = contents.iter().find_map(|content| keys.iter().find(|key| made(key, content))) else {
        return refuse("no_matching_signature");
    };

    // 10. The window.
    if let Some(timestamp) = timestamp {
        check_window(case, timestamp)?;
    }

    // 12. What is known.
    let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
    Ok(Accepted {
        timestamp,
        id: text(id),
        event_type: text(event_type),
        version: version.label.clone(),
        key_index: key.index,
        key_id: key.id.clone(),
    })
}

fn signature_header(case: &Case, scheme: &Scheme) -> Result<String, String> {
    let header = match find(case, &scheme.header) {
        Found::Absent => return refuse("missing_header"),
        Found::Twice => return refuse("malformed_header"),
        Found::Once(value) => value,
    };
    if header.len() > 8192 {
        return refuse("header_too_large");
    }
    if !header.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return refuse("malformed_header");
    }
    Ok(String::from_utf8(header).unwrap())
}

fn check_window(case: &Case, timestamp: i64) -> Result<(), String> {
    let (now, timestamp) = (i128::from(case.now), i128::from(timestamp));
    let past = case.options.tolerance.unwrap_or(300);
    let future = case.options.future_tolerance.unwrap_or(past);
    if case.options.ignores_timestamp {
        Ok(())
    } else if now - timestamp > i128::from(past) {
        refuse("timestamp_too_old")
    } else if timestamp - now > i128::from(future) {
        refuse("timestamp_in_future")
    } else {
        Ok(())
    }
}

/// Those for which a live key of the right kind is held and that are not weaker than what is required.
fn accepted_versions<'s>(case: &Case, scheme: &'s Scheme, keys: &[Key]) -> Vec<&'s Version> {
    let mut strong_enough = scheme.versions.len();
    if let Some(label) = &case.options.require {
        strong_enough = scheme.versions.iter().position(|version| version.label == *label).unwrap() + 1;
    }
    let has_key = |version: &&Version| keys.iter().any(|key| key.is_live(case.now) && key.serves(version));
    scheme.versions[..strong_enough].iter().filter(has_key).collect()
}

fn read_timestamp(case: &Case, scheme: &Scheme, pairs: &[(String, String)]) -> Result<Option<(Vec<u8>, i64)>, String> {
    let found = if let Some(element) = &scheme.timestamp_element {
        let values: Vec<&String> = pairs.iter().filter(|(key, _)| key == element).map(|(_, value)| value).collect();
        match values[..] {
            [] => Found::Absent,
            [value] => Found::Once(value.clone().into_bytes()),
            _ => Found::Twice,
        }
    } else if let Some(name) = &scheme.timestamp_header {
        find(case, name)
    } else {
        return Ok(None);
    };
    match found {
        Found::Absent => refuse("missing_timestamp"),
        Found::Twice => refuse("duplicate_timestamp"),
        Found::Once(value) => match text::seconds(&value, &scheme.unit) {
            Some(seconds) => Ok(Some((value, seconds))),
            None => refuse("malformed_timestamp"),
        },
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Absent,
    Once(Vec<u8>),
    Twice,
}

fn find(case: &Case, name: &str) -> Found {
    let values: Vec<&Vec<u8>> =
        case.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
    match values[..] {
        [] => Found::Absent,
        [value] => Found::Once(value.clone()),
        _ => Found::Twice,
    }
}

fn refuse<T>(code: &str) -> Result<T, String> {
    Err(code.to_owned())
}
