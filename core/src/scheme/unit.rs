//! Reading and writing a timestamp in its one canonical form.

use super::Unit;

const MAX_SECONDS_DIGITS: usize = 12;
const MAX_MILLISECONDS_DIGITS: usize = 15;
/// `YYYY-MM-DDTHH:MM:SSZ`; a fraction comes before the `Z`.
const RFC3339_LENGTH: usize = 20;
const MAX_LENGTH: usize = 256;

impl Unit {
    /// The Unix seconds that `text` stands for, where it is canonical.
    #[inline]
    pub(crate) fn parse(self, text: &[u8]) -> Option<i64> {
        match self {
            Self::Seconds => decimal(text, MAX_SECONDS_DIGITS),
            Self::Milliseconds => decimal(text, MAX_MILLISECONDS_DIGITS).map(|milliseconds| milliseconds / 1000),
            Self::Rfc3339 => rfc3339(text),
        }
    }

    /// The canonical text of Unix seconds between 0 and 999,999,999,999.
    pub(crate) fn format(self, seconds: i64) -> String {
        match self {
            Self::Seconds => seconds.to_string(),
            Self::Milliseconds => (seconds * 1000).to_string(),
            Self::Rfc3339 => {
                let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
                let of_day = seconds.rem_euclid(86_400);
                let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
            }
        }
    }

    /// A hint for people where `text` is a timestamp in another unit.
    pub(crate) fn hint(self, text: &[u8]) -> &'static str {
        if self == Self::Seconds && decimal(text, MAX_MILLISECONDS_DIGITS).is_some() {
            "; it looks like milliseconds"
        } else {
            ""
        }
    }
}

#[inline]
fn decimal(text: &[u8], max_digits: usize) -> Option<i64> {
    let leading_zero = text.len() > 1 && text[0] == b'0';
    if text.is_empty() || text.len() > max_digits || leading_zero {
        return None;
    }
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// The value of ASCII digits, at most fifteen of them.
fn digits(text: &[u8]) -> i64 {
    text.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

fn rfc3339(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = text.split_at_checked(RFC3339_LENGTH - 1)?;
    match fraction.strip_suffix(b"Z")? {
        [] => {}
        [b'.', digits @ ..]
            if !digits.is_empty() && text.len() <= MAX_LENGTH && digits.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    let shape_matches = whole.iter().zip(b"0000-00-00T00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    if !shape_matches {
        return None;
    }
    let number = |from: usize, to: usize| digits(&whole[from..to]);
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let days = days_from_civil(year, month, day);
    let exists = civil_from_days(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    exists.then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_one_spelling() {
        for (text, value) in [("0", 0), ("1700000000", 1_700_000_000), ("999999999999", 999_999_999_999)] {
            assert_eq!(Unit::Seconds.parse(text.as_bytes()), Some(value));
        }
        for bad in [
            "",
            "-5",
            "+1",
            "01",
            "1.0",
            "1e9",
            "0x1",
            "1_0",
            " 1",
            "1 ",
            "1\t",
            "abc",
            "1a",
            "\u{661}",
            "1000000000000",
        ] {
            assert_eq!(Unit::Seconds.parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Unit::Milliseconds.parse(b"1700000000999"), Some(1_700_000_000));
        assert_eq!(Unit::Milliseconds.parse(b"1000000000000000"), None);
    }

    #[test]
    fn rfc3339_is_utc_with_an_optional_fraction() {
        let parse = |text: &str| Unit::Rfc3339.parse(text.as_bytes());
        assert_eq!(parse("2023-11-14T22:13:20Z"), Some(1_700_000_000));
        assert_eq!(parse("2023-11-14T22:13:20.999Z"), Some(1_700_000_000));
        assert_eq!(parse("2024-02-29T00:00:00Z"), Some(1_709_164_800));
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        for bad in [
            "2023-02-29T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:60:00Z",
            "2023-11-14T22:13:60Z",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20+00:00",
            "2023-11-14 22:13:20Z",
            "2023-11-14t22:13:20z",
            "2023-11-14T22:13:20.Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for seconds in [0, 951_782_399, 951_782_400, 1_700_000_000, 4_102_444_800, 253_402_300_799] {
            for unit in [Unit::Seconds, Unit::Milliseconds, Unit::Rfc3339] {
                assert_eq!(unit.parse(unit.format(seconds).as_bytes()), Some(seconds));
            }
        }
    }
}
