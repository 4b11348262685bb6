//! The spellings in which common libraries print one JSON document.

use serde_json::Value;

/// Documents longer than this are not respelled.
const MAX_BODY: usize = 1 << 20;

/// Blanks as a printer puts them: after a comma, after a colon, and for each level of depth.
#[derive(Clone, Copy)]
struct Layout {
    comma: &'static str,
    colon: &'static str,
    indent: Option<&'static str>,
}

const LAYOUTS: [Layout; 6] = [
    Layout { comma: ",", colon: ":", indent: None },
    Layout { comma: ", ", colon: ": ", indent: None },
    Layout { comma: ",", colon: ": ", indent: Some("  ") },
    Layout { comma: ",", colon: ": ", indent: Some("    ") },
    Layout { comma: ",", colon: ": ", indent: Some("\t") },
    Layout { comma: ", ", colon: ":", indent: None },
];

/// Other spellings of `body`: other blanks, sorted keys, other escapes, with and without a final line break. Empty where it is not JSON.
pub(super) fn spellings(body: &[u8]) -> Vec<Vec<u8>> {
    let Some(text) = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_BODY) else { return Vec::new() };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let sorted = value.to_string();
    let mut all = Vec::new();
    for source in [text, &sorted] {
        for escapes in [keep_escapes, escape_non_ascii, unescape, escape_slashes] {
            let source = escapes(source);
            for layout in LAYOUTS {
                let spelled = respace(&source, layout);
                all.push([spelled.as_bytes(), b"\n"].concat());
                all.push(spelled.into_bytes());
            }
        }
    }
    all
}

/// Prints valid JSON with other blanks; strings and numbers stay as they are.
fn respace(json: &str, layout: Layout) -> String {
    let mut out = String::with_capacity(json.len());
    let mut depth = 0;
    let mut letters = json.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = layout.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(indent, depth));
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                out.push('"');
                copy_string(&mut letters, &mut out);
            }
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push_str(layout.comma);
                line(&mut out, depth);
            }
            ':' => out.push_str(layout.colon),
            letter if letter.is_ascii_whitespace() => {}
            letter => out.push(letter),
        }
    }
    out
}

/// Copies the rest of a string, its closing quote included.
fn copy_string(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(letter) = letters.next() {
        out.push(letter);
        match letter {
            '\\' => out.extend(letters.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn keep_escapes(json: &str) -> String {
    json.to_owned()
}

/// `é` to `\u00e9`, as printers that write ASCII only do.
fn escape_non_ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            out.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// `\u00e9` to `é` and `\/` to `/`, where a string allows it.
fn unescape(json: &str) -> String {
    let slashes = json.replace("\\/", "/");
    let mut out = String::with_capacity(json.len());
    let mut rest = slashes.as_str();
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (letter, length) = escaped_letter(rest);
        match letter {
            Some(letter) => out.push(letter),
            None => out.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The letter beyond ASCII that `text` starts with as an escape, and the escape's length.
fn escaped_letter(text: &str) -> (Option<char>, usize) {
    let unit = |from: usize| {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(0) else { return (None, 2.min(text.len())) };
    let units: Vec<u16> = std::iter::once(first).chain(unit(6).filter(|_| (0xd800..0xdc00).contains(&first))).collect();
    match char::decode_utf16(units.iter().copied()).next() {
        Some(Ok(letter)) if !letter.is_ascii() => (Some(letter), 6 * units.len()),
        _ => (None, 6),
    }
}

/// `/` to `\/`, as PHP prints it.
fn escape_slashes(json: &str) -> String {
    json.replace('/', "\\/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_keys_and_escapes_are_respelled() {
        let all = spellings(r#"{"b":[1.50,{}],"a":"é/"}"#.as_bytes());
        let has = |text: &str| all.iter().any(|it| it == text.as_bytes());
        assert!(has(r#"{"b": [1.50, {}], "a": "é/"}"#));
        assert!(has("{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"é/\"\n}"));
        assert!(has(r#"{"b":[1.50,{}],"a":"\u00e9/"}"#));
        assert!(has(r#"{"b":[1.50,{}],"a":"é\/"}"#));
        assert!(has(r#"{"a":"é/","b":[1.5,{}]}"#));
        assert!(spellings(br#"{"a":"\ud83d\ude00\n"}"#).iter().any(|it| it == "{\"a\":\"😀\\n\"}".as_bytes()));
        assert!(spellings(b"not json").is_empty());
    }
}
