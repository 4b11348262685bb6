//! The signed text.

use super::{mac, text};

/// What the tokens of a content stand for.
pub(crate) struct Fields<'a> {
    pub timestamp: &'a [u8],
    pub id: &'a [u8],
    pub event_type: &'a [u8],
    pub url: &'a str,
    pub body: &'a [u8],
}

/// Every text that a signature may be made over: several only where the URL has several spellings.
pub(crate) fn contents(template: &str, fields: &Fields<'_>) -> Vec<Vec<u8>> {
    if !template.ends_with("{form:sorted}") {
        return vec![fill(template, fields)];
    }
    let mut body = fields.body;
    if let Some(digest) = body_digest(fields.url) {
        if text::from_hex(&digest) != Some(mac::sha256(body)) {
            return Vec::new();
        }
        body = b"";
    }
    let mut urls = vec![fields.url.to_owned()];
    urls.extend(other_port(fields.url));
    urls.iter().map(|url| fill(template, &Fields { url, body, ..*fields })).collect()
}

fn fill(template: &str, fields: &Fields<'_>) -> Vec<u8> {
    let mut filled = Vec::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        let (token, after) = after.split_once('}').unwrap();
        filled.extend(literal.bytes());
        filled.extend(match token {
            "timestamp" => fields.timestamp.to_vec(),
            "id" => fields.id.to_vec(),
            "type" => fields.event_type.to_vec(),
            "url" => fields.url.as_bytes().to_vec(),
            "body" => fields.body.to_vec(),
            "body:compact-json" => compact(fields.body),
            "form:sorted" => sorted_form(fields.body),
            other => panic!("{other} is no token"),
        });
        rest = after;
    }
    filled
}

/// Drops the blanks outside strings, but for one between two bytes that are neither structure nor a quote.
fn compact(json: &[u8]) -> Vec<u8> {
    let stands_alone = |byte: &u8| b"{}[]:,\"".contains(byte);
    let mut compacted: Vec<u8> = Vec::new();
    let (mut in_string, mut escaped, mut after_blank) = (false, false, false);
    for byte in json {
        if in_string {
            compacted.push(*byte);
            if escaped {
                escaped = false;
            } else if *byte == b'\\' {
                escaped = true;
            } else if *byte == b'"' {
                in_string = false;
            }
        } else if b" \t\r\n".contains(byte) {
            after_blank = true;
        } else {
            let divides = compacted.last().is_some_and(|last| !stands_alone(last)) && !stands_alone(byte);
            if after_blank && divides {
                compacted.push(b' ');
            }
            after_blank = false;
            compacted.push(*byte);
            in_string = *byte == b'"';
        }
    }
    compacted
}

fn sorted_form(body: &[u8]) -> Vec<u8> {
    let mut pairs = form(body);
    pairs.sort();
    pairs.dedup();
    pairs.into_iter().flat_map(|(key, value)| [key, value].concat()).collect()
}

fn form(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let divider = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (unescape(&pair[..divider]), unescape(pair.get(divider + 1..).unwrap_or_default()))
        })
        .collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| text::from_hex(std::str::from_utf8(hex).ok()?));
        match (text[at], escaped) {
            (b'%', Some(byte)) => {
                plain.extend(byte);
                at += 3;
                continue;
            }
            (b'+', _) => plain.push(b' '),
            (other, _) => plain.push(other),
        }
        at += 1;
    }
    plain
}

/// The first `bodySHA256` of the URL's query.
fn body_digest(url: &str) -> Option<String> {
    let without_fragment = url.split('#').next().unwrap();
    let (_, query) = without_fragment.split_once('?')?;
    let (_, digest) = form(query.as_bytes()).into_iter().find(|(key, _)| key == b"bodySHA256")?;
    Some(String::from_utf8_lossy(&digest).into_owned())
}

/// The URL with the default port added where it names none, or cut where it names that.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let default = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = authority.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let authority = match authority.strip_suffix(default) {
        Some(host) => host.to_owned(),
        None if host.ends_with(':') => return None,
        None => format!("{authority}{default}"),
    };
    Some(format!("{scheme}://{authority}{rest}"))
}
