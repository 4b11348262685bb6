//! How the signed bytes are composed: a prefix of fields and literal text, then the body.
//!
//! The body is handed on in pieces, so that a MAC can take it without a copy of it being made.

use std::borrow::Cow;

use arrayvec::ArrayVec;

use crate::{Error, ErrorCode, Result};

/// How many bytes of the prefix are handed on at once.
const GATHERED: usize = 64;

/// A parsed `content` template, such as `{timestamp}.{body}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    prefix: Vec<Piece>,
    body: BodyForm,
    /// The covered fields, one bit each.
    covered: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Box<[u8]>),
    Field(Field),
}

/// What can be signed before the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Timestamp,
    Id,
    Type,
    Url,
}

impl Field {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// How the body enters the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyForm {
    Raw,
    CompactJson,
    SortedForm,
}

/// The values that fill a template, as received.
#[derive(Clone, Copy, Default)]
pub(crate) struct Content<'a> {
    pub(crate) timestamp: &'a [u8],
    pub(crate) id: &'a [u8],
    pub(crate) event_type: &'a [u8],
    pub(crate) url: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Content<'a> {
    pub(crate) fn field(&self, field: Field) -> &'a [u8] {
        match field {
            Field::Timestamp => self.timestamp,
            Field::Id => self.id,
            Field::Type => self.event_type,
            Field::Url => self.url,
        }
    }
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let invalid = |what: &str| Error::new(ErrorCode::InvalidScheme, format!("content {text:?}: {what}"));
        let mut prefix = Vec::new();
        let mut covered = 0;
        let mut rest = text;
        loop {
            let Some((literal, after)) = rest.split_once('{') else {
                return Err(invalid("must end with {body}, {body:compact-json} or {form:sorted}"));
            };
            let Some((token, after)) = after.split_once('}') else {
                return Err(invalid("a '{' without '}'"));
            };
            if literal.contains('}') {
                return Err(invalid("a '}' without '{'"));
            }
            if !literal.is_empty() {
                prefix.push(Piece::Literal(literal.as_bytes().into()));
            }
            let field = match token {
                "timestamp" => Field::Timestamp,
                "id" => Field::Id,
                "type" => Field::Type,
                "url" => Field::Url,
                "body" | "body:compact-json" | "form:sorted" if !after.is_empty() => {
                    return Err(invalid("the body token must end it"));
                }
                "body" => return Ok(Self { prefix, body: BodyForm::Raw, covered }),
                "body:compact-json" => return Ok(Self { prefix, body: BodyForm::CompactJson, covered }),
                "form:sorted" => return Ok(Self { prefix, body: BodyForm::SortedForm, covered }),
                _ => {
                    return Err(invalid(
                        "knows {timestamp} {id} {type} {url} {body} {body:compact-json} {form:sorted}",
                    ));
                }
            };
            if covered & field.bit() != 0 {
                return Err(invalid("each token at most once"));
            }
            covered |= field.bit();
            prefix.push(Piece::Field(field));
            rest = after;
        }
    }

    pub(crate) fn covers(&self, field: Field) -> bool {
        self.covered & field.bit() != 0
    }

    pub(crate) fn body_form(&self) -> BodyForm {
        self.body
    }

    /// The signed fields before the body, in the template's order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        self.prefix.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(*field),
            Piece::Literal(_) => None,
        })
    }

    /// Hands the signed bytes to `sink`, piece by piece.
    #[inline]
    pub(crate) fn feed(&self, content: &Content<'_>, sink: &mut impl FnMut(&[u8])) {
        // Short pieces are gathered: a MAC takes one piece faster than several.
        let mut gathered = ArrayVec::<u8, GATHERED>::new();
        for piece in &self.prefix {
            let bytes = match piece {
                Piece::Literal(text) => text,
                Piece::Field(field) => content.field(*field),
            };
            if bytes.len() > gathered.remaining_capacity() {
                sink(&gathered);
                gathered.clear();
            }
            if gathered.try_extend_from_slice(bytes).is_err() {
                sink(bytes);
            }
        }
        if self.body == BodyForm::Raw {
            // The start of the body fills a whole block of the MAC, which then needs no buffer.
            let (start, rest) = content.body.split_at(content.body.len().min(gathered.remaining_capacity()));
            let _ = gathered.try_extend_from_slice(start);
            sink(&gathered);
            return sink(rest);
        }
        sink(&gathered);
        self.body.feed(content.body, sink);
    }
}

impl BodyForm {
    #[inline]
    pub(crate) fn feed(self, body: &[u8], sink: &mut impl FnMut(&[u8])) {
        match self {
            Self::Raw => sink(body),
            Self::CompactJson => feed_compact_json(body, sink),
            Self::SortedForm => feed_sorted_form(body, sink),
        }
    }
}

/// Drops blanks outside strings, except one between two bytes that would otherwise run together.
/// Lexical: it accepts any bytes and never fails.
fn feed_compact_json(body: &[u8], sink: &mut impl FnMut(&[u8])) {
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let separates = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"');
    let mut last = None;
    let mut rest = body;
    while let Some(&first) = rest.first() {
        let length = if is_blank(first) {
            let length = run(rest, is_blank);
            if let (Some(before), Some(&after)) = (last, rest.get(length)) {
                if !separates(before) && !separates(after) {
                    sink(b" ");
                }
            }
            rest = &rest[length..];
            continue;
        } else if first == b'"' {
            string_length(rest)
        } else {
            run(rest, |byte| !is_blank(byte) && byte != b'"')
        };
        sink(&rest[..length]);
        last = Some(rest[length - 1]);
        rest = &rest[length..];
    }
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

/// The length of the JSON string that `bytes` starts with, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Decodes the pairs of a form, sorts them, drops repeated pairs, and writes key after value.
fn feed_sorted_form(body: &[u8], sink: &mut impl FnMut(&[u8])) {
    let mut pairs: Vec<_> = form_pairs(body).collect();
    pairs.sort();
    pairs.dedup();
    for (key, value) in pairs {
        sink(&key);
        sink(&value);
    }
}

/// The decoded pairs of an `application/x-www-form-urlencoded` text, in their order.
pub(crate) fn form_pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let split = run(pair, |byte| byte != b'=');
        (form_decode(&pair[..split]), form_decode(pair.get(split + 1..).unwrap_or_default()))
    })
}

fn form_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let hex = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'+', ..) => decoded.push(b' '),
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (byte, ..) => decoded.push(byte),
        }
        at += 1;
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(template: &str, content: &Content<'_>) -> String {
        let mut out = Vec::new();
        Template::parse(template).unwrap().feed(content, &mut |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    fn body(form: &str, body: &str) -> String {
        signed(form, &Content { body: body.as_bytes(), ..Content::default() })
    }

    #[test]
    fn fields_and_literals_come_in_order() {
        let content = Content { timestamp: b"7", id: b"evt", event_type: b"a.b", url: b"u", body: b"{}" };
        assert_eq!(signed("v2:{timestamp}:{id}:{type}:{body}", &content), "v2:7:evt:a.b:{}");
        assert_eq!(signed("{url}{body}", &content), "u{}");
    }

    #[test]
    fn compact_json_touches_blanks_outside_strings_only() {
        let json = "{body:compact-json}";
        assert_eq!(
            body(json, " { \"a b\" : [ 1 , 2.0e5 ],\r\n\t\"\\\" \\\\\" : null } "),
            r#"{"a b":[1,2.0e5],"\" \\":null}"#
        );
        assert_eq!(body(json, "1  2"), "1 2");
        assert_eq!(body(json, "\"open \\"), "\"open \\");
        assert_eq!(body(json, "a\t\"x\" b"), "a\"x\"b");
        assert_eq!(body(json, ""), "");
    }

    #[test]
    fn a_form_is_decoded_sorted_and_freed_of_repeats() {
        let form = "{form:sorted}";
        assert_eq!(body(form, "b=2&a=%7E+x&b=1&b=2"), "a~ xb1b2");
        assert_eq!(body(form, "a=%zz&=v&&k"), "va%zzk");
    }

    #[test]
    fn broken_templates_are_named() {
        for text in ["", "{timestamp}", "{body}x", "{body}{id}", "{id}{id}{body}", "{nope}{body}", "}{body}", "{body"] {
            assert_eq!(Template::parse(text).unwrap_err().code(), ErrorCode::InvalidScheme, "{text}");
        }
    }
}
