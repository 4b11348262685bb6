//! Durations as seconds, the form in which they cross a language boundary.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use crate::{Error, ErrorCode, Result};

const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A duration from a number of seconds, at most a year.
pub(crate) fn parse(field: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| Error::new(ErrorCode::InvalidConfig, format!("{field} must be between 0 seconds and 365 days")))
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse("a time", f64::deserialize(deserializer)?).map_err(|error| D::Error::custom(error.message()))
}

/// The same for a time that may be absent.
pub(crate) mod option {
    use super::{Duration, Result, Seconds};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Seconds>::deserialize(deserializer)?.map(|seconds| seconds.0))
    }
}

/// A duration that is read as seconds.
#[derive(Deserialize)]
pub(crate) struct Seconds(#[serde(with = "crate::engine::seconds")] Duration);
