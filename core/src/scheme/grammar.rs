//! How the signature header is read and written.

use memchr::{memchr, memchr2};

/// The shape of a signature header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// `t=1,v1=…,v1=…`, with `,` or `;` between the elements.
    Pairs { separator: u8 },
    /// `v1,… v1,…`.
    List,
    /// `sha256=…`, or several values under one label, with a byte between them.
    Prefixed { joined: Option<u8> },
    /// The value alone.
    Bare,
    /// A shared token: nothing is signed.
    Token,
}

/// One element of a header: `None` where it is malformed.
pub(crate) type Element<'h> = Option<(&'h [u8], &'h [u8])>;

impl Grammar {
    /// The elements of `header`, the empty ones left out.
    #[inline]
    pub(crate) fn elements(self, header: &[u8]) -> Elements<'_> {
        let labelled =
            |label, values, separator| Elements { label: Some(label), rest: Some(values), separator, key_end: b'=' };
        let keyed = |separator, key_end| Elements { label: None, rest: Some(header), separator, key_end };
        match self {
            Self::Pairs { separator } => keyed(Some(separator), b'='),
            Self::List => keyed(Some(b' '), b','),
            Self::Prefixed { joined } => match split_label(trim(header), b'=') {
                Some((label, values)) if !label.is_empty() => {
                    let has_value = values.iter().any(|byte| !matches!(byte, b' ' | b'\t') && Some(*byte) != joined);
                    if has_value { labelled(label, values, joined) } else { labelled(label, b"", None) }
                }
                _ => keyed(None, b'='),
            },
            Self::Bare | Self::Token if trim(header).is_empty() => keyed(None, b'='),
            Self::Bare | Self::Token => labelled(b"", trim(header), None),
        }
    }

    pub(crate) fn has_labels(self) -> bool {
        !matches!(self, Self::Bare | Self::Token)
    }

    /// Whether one header can carry several signatures.
    pub(crate) fn carries_many(self) -> bool {
        !matches!(self, Self::Prefixed { joined: None } | Self::Bare | Self::Token)
    }

    /// Whether all values of a header stand under one label, so that it can carry one version only.
    pub(crate) fn shares_label(self) -> bool {
        matches!(self, Self::Prefixed { .. })
    }

    /// Begins an element of a header that is being written; its value is to follow.
    pub(crate) fn begin(self, header: &mut String, label: &str) {
        let (separator, key_end) = match self {
            Self::Pairs { separator } => (separator, "="),
            Self::List => (b' ', ","),
            Self::Prefixed { joined } => {
                if header.is_empty() {
                    header.extend([label, "="]);
                } else {
                    header.push(char::from(joined.unwrap_or(b',')));
                }
                return;
            }
            Self::Bare | Self::Token => return,
        };
        if !header.is_empty() {
            header.push(char::from(separator));
        }
        header.extend([label, key_end]);
    }
}

/// Iterates over a header's elements.
#[derive(Debug, Clone)]
pub(crate) struct Elements<'h> {
    /// The label that all values share, where the grammar has one.
    label: Option<&'h [u8]>,
    rest: Option<&'h [u8]>,
    separator: Option<u8>,
    key_end: u8,
}

impl<'h> Iterator for Elements<'h> {
    type Item = Element<'h>;

    #[inline]
    fn next(&mut self) -> Option<Element<'h>> {
        loop {
            let rest = self.rest?;
            let element = match self.separator.and_then(|separator| split(rest, separator)) {
                Some((element, after)) => {
                    self.rest = Some(after);
                    element
                }
                None => {
                    self.rest = None;
                    rest
                }
            };
            let Some(label) = self.label else {
                let element = trim(element);
                if element.is_empty() {
                    continue;
                }
                return Some(split_label(element, self.key_end).filter(|(key, _)| !key.is_empty()));
            };
            let value = if self.separator.is_some() { trim(element) } else { element };
            if value.is_empty() && self.separator.is_some() {
                continue;
            }
            return Some(Some((label, value)));
        }
    }
}

/// Splits a label off at the first `at`; labels are too short for more than a plain search to pay.
#[inline]
fn split_label(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let found = text.iter().position(|byte| *byte == at)?;
    Some((&text[..found], &text[found + 1..]))
}

/// Splits at the first `at`; a blank stands for a tab too.
#[inline]
fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let found = if at == b' ' { memchr2(b' ', b'\t', text) } else { memchr(at, text) }?;
    Some((&text[..found], &text[found + 1..]))
}

/// Cuts spaces and tabs at both ends.
#[inline]
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', after @ ..] = text {
        text = after;
    }
    while let [before @ .., b' ' | b'\t'] = text {
        text = before;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(grammar: Grammar, header: &str) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        grammar
            .elements(header.as_bytes())
            .map(|element| element.map_or("bad".into(), |(label, value)| format!("{}|{}", text(label), text(value))))
            .collect()
    }

    #[test]
    fn pairs() {
        let pairs = Grammar::Pairs { separator: b',' };
        assert_eq!(read(pairs, "t=1, v1=a==\t,,foo,=x,v1="), ["t|1", "v1|a==", "bad", "bad", "v1|"]);
        assert_eq!(read(pairs, "t = 1"), ["t | 1"]);
        assert!(read(pairs, " , ,").is_empty());
        assert_eq!(read(Grammar::Pairs { separator: b';' }, "ts=1;h1=a,b"), ["ts|1", "h1|a,b"]);
    }

    #[test]
    fn lists() {
        assert_eq!(read(Grammar::List, "v1,a=  v1a,b\tfoo ,x"), ["v1|a=", "v1a|b", "bad", "bad"]);
    }

    #[test]
    fn prefixed() {
        let one = Grammar::Prefixed { joined: None };
        assert_eq!(read(one, " sha256=a,b "), ["sha256|a,b"]);
        assert_eq!(read(one, "sha256="), ["sha256|"]);
        assert_eq!(read(one, "=a"), ["bad"]);
        assert_eq!(read(one, "abc"), ["bad"]);
        assert!(read(one, " ").is_empty());
        let joined = Grammar::Prefixed { joined: Some(b',') };
        assert_eq!(read(joined, "v0=a, b,,"), ["v0|a", "v0|b"]);
        assert_eq!(read(joined, "v0=, ,"), ["v0|"]);
    }

    #[test]
    fn bare() {
        assert_eq!(read(Grammar::Bare, " a=b "), ["|a=b"]);
        assert!(read(Grammar::Bare, "\t").is_empty());
    }
}
