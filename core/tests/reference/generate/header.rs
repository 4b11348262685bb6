//! Headers: genuine ones, made-up ones, and what can happen to them.

use super::{Holder, Message, Tape, signature, text};
use crate::reference::scheme::{Scheme, Version};

type Headers = Vec<(String, Vec<u8>)>;

/// The headers of a signed message.
pub(crate) fn signed(tape: &mut Tape<'_>, scheme: &Scheme, holders: &[Holder], message: &Message) -> Headers {
    let mut elements = Vec::new();
    if let Some(element) = &scheme.timestamp_element {
        elements.push((element.clone(), String::from_utf8_lossy(&message.timestamp).into_owned()));
    }
    let first = elements.len();
    for version in &scheme.versions {
        if elements.len() == first || !tape.chance(30) {
            for holder in signers(tape, holders, version) {
                let content = message.content(tape, &version.content);
                let value = signature(&holder, &version.algorithm, &content);
                elements.push((version.label.clone(), encoded(tape, version, &value)));
            }
        }
    }
    if tape.chance(12) {
        crowd(tape, scheme, &mut elements);
    }
    while tape.chance(12) {
        let stray = *tape.pick(&[("v0", "abcd"), ("v9", ""), ("foo", "b=r"), ("", "x"), ("V1", "00"), ("t ", "1")]);
        let at = tape.below(elements.len() + 1);
        elements.insert(at, (stray.0.to_owned(), stray.1.to_owned()));
    }
    let mut header = written(tape, scheme, &elements).into_bytes();
    if tape.chance(3) {
        let length = 8190 + tape.below(5);
        header.resize(length, *tape.pick(b" a,"));
    }

    let mut headers = vec![(scheme.header.clone(), header)];
    if let Some(name) = &scheme.timestamp_header {
        headers.push((name.clone(), message.timestamp.clone()));
    }
    for (name, value) in [(&scheme.id, &message.id), (&scheme.event_type, &message.event_type)] {
        if let (Some(name), Some(value)) = (name, value) {
            headers.push((name.clone(), value.clone()));
        }
    }
    headers
}

/// Whoever in the ring can sign under a version: one of them, or two.
fn signers(tape: &mut Tape<'_>, holders: &[Holder], version: &Version) -> Vec<Holder> {
    let able: Vec<&Holder> = holders.iter().filter(|holder| holder.serves(&version.algorithm)).collect();
    if able.is_empty() {
        return holders[..1].to_vec();
    }
    let count = 1 + usize::from(tape.chance(20));
    (0..count).map(|_| (*tape.pick(&able)).clone()).collect()
}

fn encoded(tape: &mut Tape<'_>, version: &Version, value: &[u8]) -> String {
    match version.encoding.as_str() {
        "hex" if tape.chance(8) => text::to_hex(value).to_uppercase(),
        "hex" => text::to_hex(value),
        "base64" => text::to_base64(value),
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// So many elements that the limits come into reach: 64 elements, 32 values, 4 values of Ed25519.
fn crowd(tape: &mut Tape<'_>, scheme: &Scheme, elements: &mut Vec<(String, String)>) {
    let version = tape.pick(&scheme.versions).clone();
    let near: &[usize] = if version.algorithm == "ed25519" { &[3, 60] } else { &[30, 60] };
    let total = tape.pick(near) + tape.below(6);
    let label = if tape.chance(30) { "other".to_owned() } else { version.label.clone() };
    let value = if tape.chance(30) { String::new() } else { made_up(tape, &version) };
    while elements.len() < total {
        let at = usize::from(scheme.timestamp_element.is_some());
        elements.insert(at.min(elements.len()), (label.clone(), value.clone()));
    }
}

/// A value of the right length, or nearly.
fn made_up(tape: &mut Tape<'_>, version: &Version) -> String {
    let length = match version.algorithm.as_str() {
        "hmac-sha1" => 20,
        "hmac-sha256" => 32,
        _ => 64,
    };
    let length = if tape.chance(15) { *tape.pick(&[length - 1, length + 1, 0, 32, 64]) } else { length };
    let bytes = vec![tape.byte(); length];
    encoded(tape, version, &bytes)
}

fn written(tape: &mut Tape<'_>, scheme: &Scheme, elements: &[(String, String)]) -> String {
    let labelled = |by: char| elements.iter().map(|(label, value)| format!("{label}{by}{value}")).collect::<Vec<_>>();
    let blank = if tape.chance(10) { *tape.pick(&[" ", "\t", "  "]) } else { "" };
    match scheme.grammar.as_str() {
        "pairs" => labelled('=').join(&format!("{}{blank}", scheme.separator)),
        "list" => labelled(',').join(&format!(" {blank}")),
        "prefixed" if scheme.joins => {
            let values: Vec<&str> = elements.iter().map(|(_, value)| value.as_str()).collect();
            let label = elements.first().map_or("", |(label, _)| label);
            format!("{blank}{label}={}", values.join(&format!(",{blank}")))
        }
        "prefixed" => labelled('=').swap_remove(tape.below(elements.len())),
        _ => format!("{blank}{}{blank}", tape.pick(elements).1),
    }
}

/// Puts something in the place of the signature that only looks like one.
pub(crate) fn replace_by_noise(tape: &mut Tape<'_>, scheme: &Scheme, headers: &mut Headers) {
    let mut elements = Vec::new();
    if let Some(element) = &scheme.timestamp_element {
        if !tape.chance(15) {
            elements.push((element.clone(), "1700000000".to_owned()));
        }
    }
    for _ in 0..=tape.below(4) {
        let version = tape.pick(&scheme.versions).clone();
        let label = if tape.chance(25) {
            (*tape.pick(&["v0", "V1", "", "t", "v1 ", "x"])).to_owned()
        } else {
            version.label.clone()
        };
        let value = if tape.chance(25) { noise(tape) } else { made_up(tape, &version) };
        elements.push((label, value));
    }
    headers[0].1 = match tape.below(100) {
        0..80 => written(tape, scheme, &elements).into_bytes(),
        _ => noise(tape).into_bytes(),
    };
    if tape.chance(20) {
        let at = tape.below(headers.len());
        headers[at].1 = noise(tape).into_bytes();
    }
}

fn noise(tape: &mut Tape<'_>) -> String {
    let length = tape.below(30);
    (0..length).map(|_| *tape.pick(&[',', '=', ' ', 'v', '1', 't', 'a', '0', ';', '\t', '.', '\n', '\u{e9}'])).collect()
}

/// One change on the way from the sender to the verifier.
pub(crate) fn bend(tape: &mut Tape<'_>, headers: &mut Headers, body: &mut Vec<u8>) {
    if headers.is_empty() {
        return;
    }
    let at = if tape.chance(40) { tape.below(headers.len()) } else { 0 };
    match tape.below(16) {
        0 => bend_bytes(tape, body),
        1 => drop(headers.remove(at)),
        2 => {
            let copy = headers[at].clone();
            headers.push(copy);
        }
        3 => {
            let (name, value) = headers[at].clone();
            headers.insert(0, (name.to_uppercase(), value));
        }
        4 => headers[at].0 = headers[at].0.to_uppercase(),
        5 => headers[at].0.push('s'),
        6 => headers[at].1.make_ascii_uppercase(),
        7 => {
            for byte in &mut headers[at].1 {
                *byte = match *byte {
                    b',' => b';',
                    b';' => b',',
                    other => other,
                };
            }
        }
        8 if headers[at].1.len() < 10_000 => {
            let value = headers[at].1.clone();
            headers[at].1.extend(tape.pick(&[b",".as_slice(), b" ", b", ", b";"]).iter());
            headers[at].1.extend(value);
        }
        9 => headers.push(("X-Other".to_owned(), noise(tape).into_bytes())),
        10 => headers.reverse(),
        _ => bend_bytes(tape, &mut headers[at].1),
    }
}

fn bend_bytes(tape: &mut Tape<'_>, bytes: &mut Vec<u8>) {
    const STRANGE: &[u8] = b" \t,;=.:aA0+/\x00\n\x7f\xff";
    let at = tape.below(bytes.len() + 1);
    match tape.below(5) {
        0 if at < bytes.len() => bytes[at] ^= 1 << tape.below(8),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 if at < bytes.len() => bytes[at] = *tape.pick(STRANGE),
        3 => bytes.truncate(at),
        _ => bytes.insert(at, *tape.pick(STRANGE)),
    }
}
