//! Cases from a tape of bytes, so that a property test and a fuzzer can share them.
//!
//! Half of the cases start from a genuinely signed message, which is then bent a little; the others have headers that
//! only look like signatures. A tape of zeros is the simplest case: a message that has to be accepted.

pub(crate) mod document;
mod header;
mod ring;
mod tape;

use super::{
    Case, Options,
    content::{self, Fields},
    mac,
    scheme::Scheme,
    text,
};
use ring::Holder;
pub(crate) use tape::Tape;

const NOW: i64 = 1_700_000_000;
const TOLERANCES: [u64; 6] = [300, 0, 1, 299, 4_294_967_295, 4_294_967_296];
const DISTANCES: [i64; 12] = [0, 1, -1, 300, -300, 301, -301, 299, -600, 4_294_967_295, -4_294_967_296, i64::MAX];

pub(crate) fn case(tape: &mut Tape<'_>) -> Case {
    let document = document::any(tape);
    let scheme = Scheme::read(&document);
    let holders = ring::holders(tape, &scheme);
    let message = Message::any(tape, &scheme);
    let mut headers = header::signed(tape, &scheme, &holders, &message);
    if tape.chance(50) {
        header::replace_by_noise(tape, &scheme, &mut headers);
    }
    let mut body = message.body.clone();
    while tape.chance(40) {
        header::bend(tape, &mut headers, &mut body);
    }
    Case {
        secrets: ring::secrets(tape, holders, message.now),
        options: options(tape, &scheme),
        now: message.now,
        headers,
        body,
        url: message.given_url(tape),
        document,
    }
}

/// What is signed.
struct Message {
    timestamp: Vec<u8>,
    now: i64,
    id: Option<Vec<u8>>,
    event_type: Option<Vec<u8>>,
    url: Option<String>,
    body: Vec<u8>,
}

impl Message {
    fn any(tape: &mut Tape<'_>, scheme: &Scheme) -> Self {
        let sent =
            if tape.chance(6) { *tape.pick(&[0, 1, 999_999_999_999, 253_402_300_799, 951_782_400]) } else { NOW };
        let now = if tape.chance(35) { *tape.pick(&DISTANCES) } else { 0 }.saturating_add(sent);
        let body = body(tape, scheme);
        Self {
            timestamp: timestamp(tape, sent, &scheme.unit),
            now,
            id: scheme.id.as_ref().and_then(|_| name(tape, "evt_1")),
            event_type: scheme.event_type.as_ref().and_then(|_| name(tape, "order.paid")),
            url: url(tape, scheme, &body),
            body,
        }
    }

    /// The text that a content makes of it; of several spellings any one.
    fn content(&self, tape: &mut Tape<'_>, template: &str) -> Vec<u8> {
        let fields = Fields {
            timestamp: &self.timestamp,
            id: self.id.as_deref().unwrap_or_default(),
            event_type: self.event_type.as_deref().unwrap_or_default(),
            url: self.url.as_deref().unwrap_or_default(),
            body: &self.body,
        };
        let contents = content::contents(template, &fields);
        if contents.is_empty() { Vec::new() } else { tape.pick(&contents).clone() }
    }

    fn given_url(&self, tape: &mut Tape<'_>) -> Option<String> {
        if tape.chance(8) { None } else { self.url.clone() }
    }
}

fn timestamp(tape: &mut Tape<'_>, sent: i64, unit: &str) -> Vec<u8> {
    const BENT: [&str; 16] = [
        "",
        "abc",
        "-5",
        "+1700000000",
        "01700000000",
        "00",
        "1700000000.9",
        "1e9",
        " 1700000000",
        "1700000000 ",
        "9999999999999",
        "9999999999999999",
        "2023-02-29T00:00:00Z",
        "2023-11-14T22:13:60Z",
        "2023-11-14T22:13:20.Z",
        "1969-12-31T23:59:59Z",
    ];
    if tape.chance(8) {
        return tape.pick(&BENT).as_bytes().to_vec();
    }
    match unit {
        "milliseconds" => format!("{}", sent * 1000 + i64::from(tape.byte()) * 3).into_bytes(),
        "rfc3339" => {
            let date = text::to_date(sent);
            let digits = *tape.pick(&[0, 0, 1, 3, 9, 234, 235, 236]);
            let point = if digits > 0 { "." } else { "" };
            date.replace('Z', &format!("{point}{}Z", "5".repeat(digits))).into_bytes()
        }
        _ => format!("{sent}").into_bytes(),
    }
}

/// An id or an event type, sometimes one that breaks the character rule.
fn name(tape: &mut Tape<'_>, usual: &str) -> Option<Vec<u8>> {
    let bent: [Vec<u8>; 12] = [
        b"".to_vec(),
        b"a.b".to_vec(),
        b"a:b".to_vec(),
        b"a,b".to_vec(),
        b"a b".to_vec(),
        b" a".to_vec(),
        b"a\t".to_vec(),
        b"a\x7f".to_vec(),
        b"\xc3\xa9".to_vec(),
        vec![b'i'; 256],
        vec![b'i'; 257],
        b"~!\"#$%&'()*+-/;<=>?@[]^_`{|}".to_vec(),
    ];
    match tape.below(100) {
        0..80 => Some(usual.as_bytes().to_vec()),
        80..90 => None,
        _ => Some(tape.pick(&bent).clone()),
    }
}

fn body(tape: &mut Tape<'_>, scheme: &Scheme) -> Vec<u8> {
    const BODIES: [&[u8]; 8] = [
        br#"{"id":42}"#,
        b"",
        b"{ \"a\" : [ 1, 2 ],\r\n\t\"b c\" : \"x \\\" y\" }\n",
        b"From=%2B1415&Body=hello+world&a=2&a=1&a=1&%61=%zz&=&b",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe\x00",
        b"true false \"a\" 1 2",
        b"\"open \\",
    ];
    if tape.chance(60) {
        return tape.pick(&BODIES).to_vec();
    }
    let alphabet: &[u8] = match scheme.versions.first() {
        Some(version) if version.content.ends_with("{form:sorted}") => b"a&=b%+461cC \xe9",
        _ => b"a \"{\\,}:[]\n\t\r1\x0c\xa0",
    };
    let length = tape.below(40);
    (0..length).map(|_| *tape.pick(alphabet)).collect()
}

fn url(tape: &mut Tape<'_>, scheme: &Scheme, body: &[u8]) -> Option<String> {
    const URLS: [&str; 12] = [
        "https://example.com/hooks?tenant=7",
        "https://example.com",
        "https://example.com:443/p",
        "http://example.com:443/p",
        "http://example.com:80?x",
        "https://example.com:8443/p#f",
        "https://[::1]/p",
        "https://[::1]:443/p",
        "ftp://example.com/p",
        "example.com",
        "",
        "https://ex\u{e4}mple.com/\u{1f980}",
    ];
    let signs_url = scheme.versions.iter().any(|version| version.content.contains("{url}"));
    if !signs_url && !tape.chance(10) {
        return None;
    }
    let mut url = (*tape.pick(&URLS)).to_owned();
    if tape.chance(25) {
        let digest = text::to_hex(&mac::sha256(if tape.chance(30) { b"other" } else { body }));
        let digest = if tape.chance(20) { digest.to_uppercase() } else { digest };
        url =
            format!("https://example.com/p?a=1&{}={digest}", tape.pick(&["bodySHA256", "body%53HA256", "bodysha256"]));
    }
    Some(url)
}

fn options(tape: &mut Tape<'_>, scheme: &Scheme) -> Options {
    let mut options = Options::default();
    if tape.chance(15) {
        options.tolerance = Some(*tape.pick(&TOLERANCES));
    }
    if tape.chance(8) {
        options.future_tolerance = Some(*tape.pick(&TOLERANCES));
    }
    if tape.chance(15) {
        let label = tape.pick(&scheme.versions).label.clone();
        options.require = Some(if tape.chance(8) { "none".to_owned() } else { label });
    }
    if tape.chance(5) {
        options.max_body = Some(tape.below(12));
    }
    options.ignores_timestamp = tape.chance(5);
    options.repeats = tape.chance(8);
    options
}

/// One value that `holder` makes over `content` under a version.
fn signature(holder: &Holder, algorithm: &str, content: &[u8]) -> Vec<u8> {
    match holder.shared_key() {
        Some(key) if algorithm == "token" => key.to_vec(),
        Some(key) if algorithm != "ed25519" => mac::hmac(algorithm, key, content),
        _ => holder.sign_ed25519(content),
    }
}
