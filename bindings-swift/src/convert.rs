//! Data that crosses: headers, times, and options as JSON.

use std::{borrow::Cow, time::Duration};

use hookseal::{Error, ErrorCode, Timestamp};

use crate::error::NativeError;

/// One header; each character of the value stands for one byte.
#[derive(Debug, uniffi::Record)]
pub struct NativeHeader {
    /// In any case.
    pub name: String,
    /// As received.
    pub value: String,
}

pub(crate) fn pairs(headers: Vec<NativeHeader>) -> Vec<(String, Vec<u8>)> {
    headers.into_iter().map(|header| (header.name, latin1(&header.value).into_owned())).collect()
}

/// Characters beyond Latin-1 become a byte that no header may hold, so they are refused like any other such byte.
pub(crate) fn latin1(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    text.chars().map(|character| u8::try_from(character).unwrap_or(u8::MAX)).collect()
}

pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

pub(crate) fn timestamp_or_now(seconds: Option<i64>) -> Result<Timestamp, NativeError> {
    Ok(seconds.map_or_else(Timestamp::now, |seconds| Ok(timestamp(seconds)))?)
}

/// More than this machine can address is as good as no limit.
pub(crate) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

pub(crate) fn seconds(seconds: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::new(ErrorCode::InvalidConfig, "a time must be a number of seconds that is not negative"))
}
