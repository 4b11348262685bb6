//! What an outbox can be told, as data.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::matching::{Metadata, check_pattern};
use crate::{
    Endpoint, EndpointOptions, Key, KeyRing, RateLimit, Result, RetryPolicy, Secret, SenderOptions, Signer, Timestamp,
    engine::seconds, secret::Form, store::invalid,
};

/// An outbox's options, as they cross a language boundary: times are seconds, every field has a default.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxOptions {
    /// Encrypts secrets in the store: 32 random bytes as hex or base64, the same for every program that uses the store.
    /// SQLite without one makes the file `<database>.key`; PostgreSQL needs one.
    pub encryption_key: Option<String>,
    /// Keys that rows may still be encrypted with.
    pub former_encryption_keys: Vec<String>,
    /// When a failed delivery is attempted again, unless its subscription says otherwise.
    pub retry: RetryPolicy,
    /// For how long an idempotency key means the event that it was first given with.
    #[serde(with = "seconds")]
    pub idempotency_ttl: Duration,
    /// How long delivered and cancelled deliveries are kept.
    #[serde(with = "seconds")]
    pub retention: Duration,
    /// How long dead ones are.
    #[serde(with = "seconds")]
    pub dead_retention: Duration,
    /// How long a worker that was lost keeps what it had taken.
    #[serde(with = "seconds")]
    pub lease: Duration,
    /// How often a worker looks for work that nobody told it of.
    #[serde(with = "seconds")]
    pub poll: Duration,
    /// A subscription whose attempts have failed for so long is disabled; `null` for never.
    #[serde(with = "seconds::option")]
    pub disable_after: Option<Duration>,
    /// How workers deliver. Its queue bounds and retry policy mean nothing here.
    pub delivery: SenderOptions,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            encryption_key: None,
            former_encryption_keys: Vec::new(),
            retry: RetryPolicy::standard(),
            idempotency_ttl: day,
            retention: 7 * day,
            dead_retention: 30 * day,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            disable_after: Some(5 * day),
            delivery: SenderOptions::default(),
        }
    }
}

/// The keys are confidential.
impl std::fmt::Debug for OutboxOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxOptions").field("retry", &self.retry).field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl OutboxOptions {
    pub(super) fn validate(&self) -> Result<()> {
        self.retry.validate()?;
        let longest_attempt = self.delivery.timeout;
        require(self.lease > longest_attempt, "lease must be longer than delivery.timeout")?;
        require(self.poll >= Duration::from_millis(1), "poll must be at least 0.001 seconds")?;
        require(self.disable_after != Some(Duration::ZERO), "disable_after must be more than 0 seconds, or null")
    }
}

/// A subscription to make or to put in the place of another.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionOptions {
    /// Where to POST.
    pub url: String,
    /// Patterns of event types: `order.paid`, `order.*`, `*` (the default).
    pub events: Vec<String>,
    /// Metadata that an event must have, all of it.
    pub filters: BTreeMap<String, String>,
    /// Whose it is: it gets this tenant's events and no others.
    pub tenant: Option<String>,
    /// A note for people.
    pub description: Option<String>,
    /// Live secrets, newest first; one is generated where none is given.
    pub secrets: Vec<String>,
    /// A scheme's name, or a scheme document.
    pub scheme: Option<serde_json::Value>,
    /// Extra request headers.
    pub headers: BTreeMap<String, String>,
    /// The deadline of one attempt.
    #[serde(with = "seconds::option")]
    pub timeout: Option<Duration>,
    /// Its own retry policy.
    pub retry: Option<RetryPolicy>,
    /// How many attempts per second it gets from all workers together.
    pub rate_limit: Option<RateLimit>,
    /// User name and password for `Authorization: Basic`.
    pub basic_auth: Option<(String, String)>,
    /// The token for `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// For mutual TLS: one PEM text with the certificate chain and its private key.
    pub identity: Option<String>,
}

/// Headers, secrets, the identity and the path of the URL are confidential.
impl std::fmt::Debug for SubscriptionOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionOptions").field("events", &self.events).finish_non_exhaustive()
    }
}

impl SubscriptionOptions {
    pub(super) fn patterns(&self) -> Result<Vec<String>> {
        if self.events.is_empty() {
            return Ok(vec!["*".to_owned()]);
        }
        self.events.iter().try_for_each(|pattern| check_pattern(pattern))?;
        Ok(self.events.clone())
    }

    pub(super) fn endpoint(&self) -> EndpointOptions {
        EndpointOptions {
            url: self.url.clone(),
            secrets: self.secrets.clone(),
            scheme: self.scheme.clone(),
            headers: self.headers.clone(),
            id: None,
            timeout: self.timeout,
            retry: self.retry.clone(),
            rate_limit: self.rate_limit,
            basic_auth: self.basic_auth.clone(),
            bearer: self.bearer.clone(),
            identity: self.identity.clone(),
        }
    }
}

/// What a store keeps encrypted of a subscription, or of a delivery that has none.
#[derive(Serialize, Deserialize)]
pub(super) struct Settings {
    /// Without secrets: the keys stand in their place.
    endpoint: EndpointOptions,
    /// Newest first.
    pub(super) keys: Vec<KeySetting>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeySetting {
    pub(super) secret: String,
    /// The last second in which it signs.
    pub(super) not_after: Option<i64>,
}

impl KeySetting {
    pub(super) fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), not_after: None }
    }
}

impl Settings {
    pub(super) fn new(mut endpoint: EndpointOptions) -> Self {
        let keys = std::mem::take(&mut endpoint.secrets).iter().map(|secret| KeySetting::new(secret)).collect();
        Self { endpoint, keys }
    }

    /// The endpoint, which checks everything; deliveries to it share a lane.
    pub(super) fn endpoint(&self, lane: &str) -> Result<Endpoint> {
        let keys = self.keys.iter().map(|key| {
            let made = Key::new(Secret::parse(&key.secret)?);
            Ok(match key.not_after {
                Some(last) => made.not_after(Timestamp::from_unix(last)),
                None => made,
            })
        });
        let ring = KeyRing::new(keys.collect::<Result<Vec<_>>>()?)?;
        let signer = Signer::builder().scheme(self.endpoint.scheme()?).keys(ring).build()?;
        let options = EndpointOptions { id: Some(lane.to_owned()), scheme: None, ..self.endpoint.clone() };
        Endpoint::from_options(options, Some(signer))
    }

    /// Its own policy.
    pub(super) fn retry(&self) -> Option<&RetryPolicy> {
        self.endpoint.retry.as_ref()
    }

    /// How many microseconds lie between two attempts, and how many may come at once; 0 for no limit.
    pub(super) fn pace(&self, default: Option<RateLimit>) -> (i64, i64) {
        self.endpoint.rate_limit.or(default).map_or((0, 1), |limit| limit.in_microseconds())
    }
}

pub(super) fn metadata_json(metadata: &Metadata) -> String {
    serde_json::to_string(metadata).unwrap_or_else(|_| "{}".to_owned())
}

/// The text of a secret, which is all that a store keeps of it.
///
/// # Errors
/// `invalid_config` for a typed secret, whose kind would be lost.
pub fn text_for_store(secret: &Secret) -> Result<&str> {
    if matches!(secret.form(), Form::Plain) {
        return Ok(secret.expose()); // EXPOSE: the store keeps it, encrypted
    }
    Err(invalid("the outbox stores secrets as text, and reads them by the scheme's rule: give a string"))
}

/// Refuses an empty or overlong name of something.
pub(super) fn check_name(field: &str, text: &str) -> Result<()> {
    let fits = (1..=256).contains(&text.len());
    if fits { Ok(()) } else { Err(invalid(format!("{field} must be 1 to 256 bytes long"))) }
}

fn require(holds: bool, message: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(invalid(message)) }
}
