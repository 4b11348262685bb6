//! What the headers are called that tell a receiver about its delivery.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::endpoint::{Endpoint, invalid_header, is_reserved};
use crate::{Error, ErrorCode, Result, headers::http_name};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const AUTHORIZATION: HeaderName = http::header::AUTHORIZATION;
pub(crate) const DEFAULT_PREFIX: &str = "X-Webhook-";

/// Full names for single headers; the others are made of the prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderNames {
    /// For the delivery's id, `X-Webhook-Id` by default.
    pub id: Option<String>,
    /// For the event type, `X-Webhook-Event` by default.
    pub event: Option<String>,
    /// For the moment of the attempt, `X-Webhook-Timestamp` by default.
    pub timestamp: Option<String>,
    /// For the number of the attempt, `X-Webhook-Attempt` by default.
    pub attempt: Option<String>,
}

/// The names in use, all different.
#[derive(Debug)]
pub(crate) struct OwnHeaders {
    pub(super) id: HeaderName,
    pub(super) event: HeaderName,
    pub(super) timestamp: HeaderName,
    pub(super) attempt: HeaderName,
}

impl OwnHeaders {
    pub(crate) fn new(prefix: &str, names: &HeaderNames) -> Result<Self> {
        let own = Self {
            id: parse("id", names.id.as_deref(), prefix, "Id")?,
            event: parse("event", names.event.as_deref(), prefix, "Event")?,
            timestamp: parse("timestamp", names.timestamp.as_deref(), prefix, "Timestamp")?,
            attempt: parse("attempt", names.attempt.as_deref(), prefix, "Attempt")?,
        };
        let all = own.all();
        match (1..all.len()).find(|index| all[..*index].contains(&all[*index])) {
            Some(index) => Err(invalid(format!("header_names: {} is used twice", all[index]))),
            None => Ok(own),
        }
    }

    /// Refuses an endpoint with a header of its own under one of these names.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        match endpoint.headers().keys().find(|name| self.all().contains(name)) {
            Some(name) => Err(invalid_header(name.as_str(), "the sender writes it")),
            None => Ok(()),
        }
    }

    fn all(&self) -> [&HeaderName; 4] {
        [&self.id, &self.event, &self.timestamp, &self.attempt]
    }
}

fn parse(field: &str, name: Option<&str>, prefix: &str, suffix: &str) -> Result<HeaderName> {
    let (field, name) = match name {
        Some(name) => (format!("header_names.{field}"), name.to_owned()),
        None => ("header_prefix".to_owned(), format!("{prefix}{suffix}")),
    };
    let parsed = http_name(&name).ok_or_else(|| invalid(format!("{field}: {name:?} is no name of a header")))?;
    if is_reserved(&parsed) || [AUTHORIZATION, TRACEPARENT].contains(&parsed) {
        return Err(invalid(format!("{field}: {name} has a meaning of its own")));
    }
    Ok(parsed)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidConfig, message)
}
