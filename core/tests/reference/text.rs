//! Encodings, timestamps and the character rules.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    if digits.len() % 2 == 1 {
        return None;
    }
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Standard alphabet, padded, and the one spelling that encoding gives.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bits = Vec::new();
    for digit in digits.bytes() {
        let value = BASE64.iter().position(|known| *known == digit)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum * 2 + u8::try_from(*bit).unwrap()))
        .collect();
    (to_base64(&bytes) == text).then_some(bytes)
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |sum, place| sum * 256 + usize::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = BASE64[number >> (18 - 6 * place) & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The whole seconds that a timestamp's text stands for, if it is in the canonical form of its unit.
pub(crate) fn seconds(text: &[u8], unit: &str) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    match unit {
        "seconds" => number(text, 12),
        "milliseconds" => number(text, 15).map(|milliseconds| milliseconds / 1000),
        _ => date(text),
    }
}

fn number(text: &str, most_digits: usize) -> Option<i64> {
    let is_canonical = text.bytes().all(|digit| digit.is_ascii_digit())
        && (1..=most_digits).contains(&text.len())
        && (text == "0" || !text.starts_with('0'));
    is_canonical.then(|| text.parse().unwrap())
}

/// `YYYY-MM-DDTHH:MM:SSZ`, perhaps with a fraction, which is cut.
fn date(text: &str) -> Option<i64> {
    if text.len() > 256 {
        return None;
    }
    let text = text.strip_suffix('Z')?;
    let text = match text.split_once('.') {
        Some((_, fraction)) if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) => {
            return None;
        }
        Some((whole, _)) => whole,
        None => text,
    };
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00T00:00:00" {
        return None;
    }
    let field = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let (hour, minute, second) = (field(11, 13), field(14, 16), field(17, 19));
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let whole_years: i64 =
        if year >= 1970 { (1970..year).map(days_in_year).sum() } else { -(year..1970).map(days_in_year).sum::<i64>() };
    let days = whole_years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The date of a moment from 1970 on.
pub(crate) fn to_date(seconds: i64) -> String {
    let (mut days, mut year, mut month) = (seconds / 86_400, 1970, 1);
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
    }
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn days_in_year(year: i64) -> i64 {
    (1..=12).map(|month| days_in(year, month)).sum()
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(crate) fn is_id(text: &[u8]) -> bool {
    (1..=256).contains(&text.len()) && text.iter().all(|byte| (b'!'..=b'~').contains(byte) && !b".:,".contains(byte))
}

pub(crate) fn is_event_type(text: &[u8]) -> bool {
    (1..=256).contains(&text.len()) && text.iter().all(|byte| (b'!'..=b'~').contains(byte) && !b":,".contains(byte))
}
