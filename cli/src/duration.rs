//! Lengths of time, as people write and read them.

use std::time::Duration;

const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// Reads `90`, `90s`, `1.5h`, `250ms`: a number and one unit, seconds where there is none.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let scale = if unit.is_empty() { Some(1.0) } else { UNITS.iter().find(|it| it.0 == unit).map(|it| it.1) };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    scale
        .zip(digits.parse::<f64>().ok().filter(|_| is_plain))
        .and_then(|(scale, number)| Duration::try_from_secs_f64(number * scale).ok())
        .ok_or_else(|| "a length of time is a number and ms, s, m, h or d, such as 5m".to_owned())
}

/// The two largest units that say something: `2 h 35 min`, `1.5 s`, `12 ms`.
pub(crate) fn words(length: Duration) -> String {
    let seconds = length.as_secs();
    if seconds == 0 && !length.is_zero() {
        return format!("{} ms", length.as_millis());
    }
    if seconds < 60 {
        return format!("{} s", (length.as_secs_f64() * 1000.0).round() / 1000.0);
    }
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let said: Vec<_> = parts.iter().skip_while(|part| part.0 == 0).take(2).filter(|part| part.0 > 0).collect();
    said.iter().map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_one_unit() {
        for (text, milliseconds) in
            [("90", 90_000), ("0", 0), ("5s", 5_000), ("250ms", 250), ("1.5h", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(parse(text).map(|length| length.as_millis()), Ok(milliseconds), "{text}");
        }
        for bad in ["", "s", "-5s", "5x", "5 s", "1h30m", "inf", "NaN", "1e3", "+1", "99999999999999999999d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_units_are_enough() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (999, "999 ms"),
            (1_500, "1.5 s"),
            (60_000, "1 min"),
            (335_000, "5 min 35 s"),
            (86_400_000, "1 d"),
            (90_061_000, "1 d 1 h"),
            (86_405_000, "1 d"),
        ] {
            assert_eq!(words(Duration::from_millis(milliseconds)), text);
        }
    }
}
