//! Bodies, headers and schemes as they are written on a command line.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, IsTerminal as _, Read},
    path::Path,
};

use clap::Args;
use hookseal::{Scheme, retry::RetryPolicy};

use crate::{duration, failure::Failure, output::note, secrets::SecretArgs};

#[derive(Args)]
pub(crate) struct BodyArgs {
    /// The body: the text itself, `@FILE` for a file's bytes, or `-` for standard input
    #[arg(long, value_name = "TEXT|@FILE|-", default_value = "-", allow_hyphen_values = true)]
    data: OsString,
}

impl BodyArgs {
    /// Reads the body; of one that is longer than `limit`, one byte more than that.
    pub(crate) fn read(&self, secrets: &SecretArgs, limit: Option<usize>) -> Result<Vec<u8>, Failure> {
        let limit = limit.and_then(|limit| u64::try_from(limit).ok()).map_or(u64::MAX, |limit| limit.saturating_add(1));
        let words = self.data.as_encoded_bytes();
        if words == b"-" || words == b"@-" {
            if secrets.reads_stdin() {
                return Err(Failure::misuse("standard input holds the secrets; give the body with --data"));
            }
            let stdin = io::stdin();
            if stdin.is_terminal() {
                note("reading the body from the terminal; Ctrl-D ends it");
            }
            return read(stdin.lock(), limit).map_err(|error| unreadable("standard input", &error));
        }
        if words.first() != Some(&b'@') {
            return Ok(words.to_vec());
        }
        let path = after_at(&self.data);
        File::open(&path)
            .and_then(|file| read(file, limit))
            .map_err(|error| unreadable(&Path::new(&path).display().to_string(), &error))
    }
}

fn read(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    reader.take(limit).read_to_end(&mut body)?;
    Ok(body)
}

/// A built-in scheme by its name, or the document of one in `@FILE`.
pub(crate) fn scheme(text: &str) -> Result<Scheme, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(Scheme::named(text)?) };
    let document = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Scheme::from_json(&document)?)
}

/// A header as it stands in a request, `Name: value`, without the blanks around the value.
pub(crate) fn header(text: &OsStr) -> Result<(String, Vec<u8>), Failure> {
    let bytes = text.as_encoded_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':');
    let name = colon.and_then(|at| http::HeaderName::from_bytes(&bytes[..at]).ok().map(|_| &bytes[..at]));
    let (Some(name), Some(colon)) = (name, colon) else {
        return Err(Failure::misuse("a header is written as 'Name: value'"));
    };
    Ok((String::from_utf8_lossy(name).into_owned(), trim(&bytes[colon + 1..]).to_vec()))
}

/// Cuts spaces and tabs at both ends.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', after @ ..] = text {
        text = after;
    }
    while let [before @ .., b' ' | b'\t'] = text {
        text = before;
    }
    text
}

pub(crate) fn headers(texts: &[OsString]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    texts.iter().map(|text| header(text)).collect()
}

/// `default`, `standard`, or the delays after each failure, such as `5s,5m,30m`.
pub(crate) fn retry_policy(schedule: &str) -> Result<RetryPolicy, Failure> {
    match schedule {
        "default" => Ok(RetryPolicy::default()),
        "standard" => Ok(RetryPolicy::standard()),
        delays => {
            let delays = delays.split(',').map(|delay| duration::parse(delay.trim())).collect::<Result<Vec<_>, _>>();
            let delays = delays.map_err(|message| Failure::misuse(format!("--schedule: {message}")))?;
            Ok(RetryPolicy::schedule(delays))
        }
    }
}

fn unreadable(what: &str, error: &io::Error) -> Failure {
    Failure::misuse(format!("{what} can not be read: {error}"))
}

#[cfg(unix)]
fn after_at(data: &OsStr) -> OsString {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(&data.as_bytes()[1..]).to_owned()
}

#[cfg(not(unix))]
fn after_at(data: &OsStr) -> OsString {
    data.to_string_lossy()[1..].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let read = |text: &str| header(OsStr::new(text)).ok();
        assert_eq!(read("X-T: a:b \t"), Some(("X-T".into(), b"a:b".to_vec())));
        assert_eq!(read("X-T:"), Some(("X-T".into(), Vec::new())));
        for bad in ["X-T", ": a", "X T: a", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
