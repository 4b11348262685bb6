//! How long does an answer ask to be left alone?

use std::time::{Duration, SystemTime};

use crate::Timestamp;

/// No receiver may hold a delivery back for longer.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Reads all values of `Retry-After`: whole seconds or any HTTP-date (RFC 9110, 5.6.7 and 10.2.3), at
/// most 6 hours. A date is counted from the answer's own `Date` where it has one, so that the clocks
/// need not agree. `None` for what says nothing: zero, the past, several values, anything else.
pub fn parse_retry_after(values: &[&str], now: Timestamp, date: Option<&str>) -> Option<Duration> {
    let [value] = values else { return None };
    let value = value.trim_matches([' ', '\t']);
    let wait = parse_seconds(value).or_else(|| {
        let until = parse_date(value)?;
        let from = date.and_then(parse_date).unwrap_or(now);
        u64::try_from(until.seconds_since(from)).ok().map(Duration::from_secs)
    })?;
    (!wait.is_zero()).then_some(wait.min(LONGEST))
}

/// Digits, or the `1e30` that some senders print for a large number.
fn parse_seconds(value: &str) -> Option<Duration> {
    let is_whole = value.bytes().all(|byte| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b'e'));
    let seconds: f64 = is_whole.then(|| value.parse().ok())??;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
}

fn parse_date(value: &str) -> Option<Timestamp> {
    let time: SystemTime = httpdate::parse_http_date(value).ok()?;
    time.try_into().ok()
}
