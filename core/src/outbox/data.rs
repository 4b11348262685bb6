//! Calls as data: how the packages of other languages use an outbox.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DeliveryFilter, Outbox, Publication, Published, SubscriptionOptions};
use crate::{
    EndpointOptions, Event, Result, Secret, Timestamp,
    engine::{options_from_json, seconds},
    store::invalid,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct List {
    tenant: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    id: String,
    options: SubscriptionOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disablement {
    id: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadLetters {
    #[serde(default)]
    filter: DeliveryFilter,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    id: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(with = "seconds")]
    overlap: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryPage {
    #[serde(default)]
    filter: DeliveryFilter,
    limit: u32,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Age {
    #[serde(with = "seconds")]
    older_than: Duration,
}

/// What an event is published with, beside its payload.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct PublishOptions {
    event_type: String,
    id: Option<String>,
    content_type: Option<String>,
    traceparent: Option<String>,
    metadata: std::collections::BTreeMap<String, String>,
    tenant: Option<String>,
    idempotency_key: Option<String>,
    ordering_key: Option<String>,
    /// Unix seconds.
    deliver_at: Option<i64>,
    /// Goes there alone, without a subscription.
    endpoint: Option<Box<EndpointOptions>>,
}

impl Outbox {
    /// Does what the method of that name does, with its parameters as a JSON object, and answers in JSON.
    ///
    /// # Errors
    /// `invalid_config` for a method or a parameter that there is not, naming it; what the method is refused for.
    pub async fn call(&self, method: &str, params: &str) -> Result<Value> {
        let id = || options_from_json::<Id>(params).map(|it| it.id);
        Ok(match method {
            "subscribe" => json!(self.subscribe(options_from_json(params)?).await?),
            "subscription" => json!(self.subscription(&id()?).await?),
            "subscriptions" => {
                let List { tenant, after } = options_from_json(params)?;
                json!(self.subscriptions(tenant.as_deref(), after.as_deref()).await?)
            }
            "update_subscription" => {
                let Update { id, options } = options_from_json(params)?;
                json!(self.update_subscription(&id, options).await?)
            }
            "unsubscribe" => json!(self.unsubscribe(&id()?).await?),
            "pause" => json!(self.pause(&id()?).await?),
            "resume" => json!(self.resume(&id()?).await?),
            "disable" => {
                let Disablement { id, reason } = options_from_json(params)?;
                json!(self.disable(&id, &reason).await?)
            }
            "rotate_secret" => {
                let Rotation { id, secret, overlap } = options_from_json(params)?;
                let secret = self.rotate_secret(&id, secret.as_deref(), overlap).await?;
                json!(secret.expose()) // EXPOSE: the caller hands it to the receiver
            }
            "secrets" => {
                let secrets = self.secrets(&id()?).await?;
                json!(secrets.iter().map(Secret::expose).collect::<Vec<_>>()) // EXPOSE: asked for
            }
            "send_test" => json!(self.send_test(&id()?).await?),
            "deliveries" => {
                let DeliveryPage { filter, limit, cursor } = options_from_json(params)?;
                json!(self.deliveries(&filter, limit, cursor.as_deref()).await?)
            }
            "delivery" => json!(self.delivery(&id()?).await?),
            "attempts" => json!(self.attempts(&id()?).await?),
            "retry" => json!(self.retry(&id()?).await?),
            "cancel" => json!(self.cancel(&id()?).await?),
            "retry_dead" => {
                let DeadLetters { filter, dry_run } = options_from_json(params)?;
                json!(self.retry_dead(&filter, dry_run).await?)
            }
            "purge_dead" => {
                let Age { older_than } = options_from_json(params)?;
                json!(self.purge_dead(older_than).await?)
            }
            "status" => json!(self.status().await?),
            "clean_up" => json!(self.clean_up().await?),
            "reencrypt" => json!(self.reencrypt().await?),
            _ => return Err(invalid(format!("an outbox has no method {method:?}"))),
        })
    }

    /// Publishes a payload, with the options as JSON: `event_type`, and optionally `id`, `content_type`, `traceparent`, `metadata`,
    /// `tenant`, `idempotency_key`, `ordering_key`, `deliver_at` (Unix seconds) and `endpoint`, which makes it a delivery to there.
    ///
    /// # Errors
    /// As [`publish`](Self::publish) and [`deliver`](Self::deliver).
    pub async fn publish_data(&self, payload: impl Into<Bytes>, options: &str) -> Result<Published> {
        let (publication, endpoint) = read(payload.into(), options)?;
        match endpoint {
            Some(endpoint) => self.deliver(*endpoint, publication).await,
            None => self.publish(publication).await,
        }
    }
}

/// Reads the options of [`Outbox::publish_data`] without publishing, for `publish_statement`.
///
/// # Errors
/// `invalid_config`, `invalid_event`, `invalid_header`, `payload_too_large`.
pub fn publication_from_json(payload: impl Into<Bytes>, options: &str) -> Result<Publication> {
    read(payload.into(), options).map(|(publication, _)| publication)
}

fn read(payload: Bytes, options: &str) -> Result<(Publication, Option<Box<EndpointOptions>>)> {
    let options: PublishOptions = options_from_json(options)?;
    let mut event = Event::bytes(&options.event_type, payload)?;
    if let Some(id) = &options.id {
        event = event.id(id)?;
    }
    if let Some(content_type) = &options.content_type {
        event = event.content_type(content_type)?;
    }
    if let Some(traceparent) = &options.traceparent {
        event = event.traceparent(traceparent)?;
    }
    let mut publication = Publication::new(event);
    for (name, value) in options.metadata {
        publication = publication.metadata(name, value);
    }
    if let Some(tenant) = options.tenant {
        publication = publication.tenant(tenant);
    }
    if let Some(key) = options.idempotency_key {
        publication = publication.idempotency_key(key);
    }
    if let Some(key) = options.ordering_key {
        publication = publication.ordering_key(key);
    }
    if let Some(time) = options.deliver_at {
        publication = publication.deliver_at(Timestamp::from_unix(time));
    }
    Ok((publication, options.endpoint))
}
