//! The receiver's URL where a scheme signs it: text as registered, never re-assembled.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    encoding::decode_hex,
    scheme::template::{Content, form_pairs},
};

/// One way in which a provider may have read a form and its URL.
pub(crate) struct Reading<'a> {
    content: Content<'a>,
    url: Cow<'a, [u8]>,
}

impl Reading<'_> {
    pub(crate) fn content(&self) -> Content<'_> {
        Content { url: &self.url, ..self.content }
    }
}

/// The readings of a form: with the URL as given, and with its default port added or cut. None where the URL carries
/// the digest of another body.
pub(crate) fn readings<'a>(content: &Content<'a>) -> impl Iterator<Item = Reading<'a>> + use<'a> {
    with_body_digest(*content).into_iter().flat_map(|content| {
        let other = with_other_port(content.url).map(Cow::Owned);
        [Some(Cow::Borrowed(content.url)), other].into_iter().flatten().map(move |url| Reading { content, url })
    })
}

/// Where the URL's query carries the body's SHA-256, the URL stands for the body too.
///
/// `None` when the digest is not the body's.
pub(crate) fn with_body_digest(content: Content<'_>) -> Option<Content<'_>> {
    let without_fragment = content.url.split(|byte| *byte == b'#').next().unwrap_or_default();
    let query = without_fragment.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let Some((_, digest)) = form_pairs(query).find(|(key, _)| &**key == b"bodySHA256") else {
        return Some(content);
    };
    let mut expected = [0; 32];
    let is_same =
        decode_hex(&digest, &mut expected) && bool::from(expected.ct_eq(Sha256::digest(content.body).as_slice()));
    is_same.then_some(Content { body: b"", ..content })
}

/// The same URL with the scheme's default port added, or with a port cut.
fn with_other_port(url: &[u8]) -> Option<Vec<u8>> {
    let start = url.windows(3).position(|window| window == b"://")? + 3;
    let end = url[start..].iter().position(|byte| b"/?#".contains(byte)).map_or(url.len(), |at| start + at);
    let default: &[u8] = match &url[..start] {
        b"https://" => b":443",
        b"http://" => b":80",
        _ => return None,
    };
    let authority = &url[start..end];
    let colon = authority
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|at| authority[*at + 1..].iter().all(u8::is_ascii_digit));
    let host = match colon {
        None => [authority, default].concat(),
        Some(at) if &authority[at..] == default => authority[..at].to_vec(),
        Some(_) => return None,
    };
    Some([&url[..start], &host, &url[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_added_or_cut() {
        let other = |url: &str| with_other_port(url.as_bytes()).map(|url| String::from_utf8(url).unwrap());
        assert_eq!(other("https://a.example/x?y:1").as_deref(), Some("https://a.example:443/x?y:1"));
        assert_eq!(other("https://a.example:443").as_deref(), Some("https://a.example"));
        assert_eq!(other("http://[::1]/").as_deref(), Some("http://[::1]:80/"));
        assert_eq!(other("https://a.example:8443/"), None);
        assert_eq!(other("a.example"), None);
    }
}
