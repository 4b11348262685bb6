//! Accepting events: one row, durable before anyone is told so.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    Outbox,
    options::{Settings, check_name, metadata_json},
};
use crate::{
    Endpoint, EndpointOptions, Error, ErrorCode, Event, Result, Timestamp,
    store::{Batch, Columns, Dialect, Statement, Value, crash_point, invalid, sql},
};

const INSERT: &str = "INSERT INTO {p}events (id, type, payload, content_type, metadata, tenant, idempotency_key, \
     ordering_key, traceparent, digest, accepted_at, due_at, fanned, reached) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, {now}, COALESCE($11, {now}), $12, 0) ON CONFLICT DO NOTHING";

/// An event to publish, and what it is published with.
///
/// ```
/// use hookseal::{Event, outbox::Publication};
///
/// let event = Event::json("order.paid", &serde_json::json!({"id": 42}))?.id("evt_1")?;
/// let publication = Publication::new(event).tenant("acme").metadata("region", "eu");
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Publication {
    event: Event,
    metadata: BTreeMap<String, String>,
    tenant: Option<String>,
    idempotency_key: Option<String>,
    ordering_key: Option<String>,
    deliver_at: Option<Timestamp>,
}

impl Publication {
    /// An event that goes to every subscription without a tenant that its type fits.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            metadata: BTreeMap::new(),
            tenant: None,
            idempotency_key: None,
            ordering_key: None,
            deliver_at: None,
        }
    }

    /// Adds a field that filters compare.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Whose event it is: only this tenant's subscriptions get it.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// A second event with this key is the first one, for as long as the outbox remembers keys.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Each subscription gets the events of one key in order: the next when the one before is delivered or dead.
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = Some(key.into());
        self
    }

    /// Is delivered no earlier than this.
    pub fn deliver_at(mut self, time: Timestamp) -> Self {
        self.deliver_at = Some(time);
        self
    }

    fn check(&self) -> Result<()> {
        for (field, text) in
            [("tenant", &self.tenant), ("idempotency_key", &self.idempotency_key), ("ordering_key", &self.ordering_key)]
        {
            text.as_deref().map_or(Ok(()), |text| check_name(field, text))?;
        }
        self.metadata.iter().try_for_each(|(name, value)| {
            check_name("a name in metadata", name)?;
            if value.len() > 1024 { Err(invalid("a value in metadata holds at most 1024 bytes")) } else { Ok(()) }
        })
    }

    /// The event's id, or a new one.
    fn id(&self) -> String {
        self.event.id.as_deref().map_or_else(|| super::new_id("evt"), str::to_owned)
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.event.event_type().as_bytes(), self.event.payload()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        const_hex::encode(hash.finalize())
    }

    /// The columns of its row.
    fn row(&self, id: &str, fanned: bool) -> Result<Vec<Value>> {
        let content_type =
            self.event.content_type.to_str().map_err(|_| {
                Error::new(ErrorCode::InvalidHeader, "the content type of a stored event must be ASCII")
            })?;
        Ok(vec![
            id.into(),
            self.event.event_type().into(),
            self.event.payload.clone().into(),
            content_type.into(),
            metadata_json(&self.metadata).into(),
            self.tenant.as_deref().unwrap_or_default().into(),
            self.idempotency_key.as_deref().into(),
            self.ordering_key.as_deref().into(),
            self.event.traceparent.as_deref().into(),
            self.digest().into(),
            self.deliver_at.map(|time| time.as_unix().saturating_mul(1000)).into(),
            fanned.into(),
        ])
    }
}

impl From<Event> for Publication {
    fn from(event: Event) -> Self {
        Self::new(event)
    }
}

/// An event that the store has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Published {
    /// The event's id.
    pub id: String,
    /// Whether the store had it before.
    pub duplicate: bool,
}

/// How a database driver writes the parameters of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamStyle {
    /// `?`, as sqlite3 and better-sqlite3 take them.
    Qmark,
    /// `$1`, as pg, asyncpg and tokio-postgres take them.
    Numeric,
    /// `%s`, as psycopg takes them.
    Format,
    /// `:p1`, as SQLAlchemy and sqlite3 take them.
    Named,
}

impl FromStr for ParamStyle {
    type Err = Error;

    /// Reads `qmark`, `numeric`, `format` or `named`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "qmark" => Ok(Self::Qmark),
            "numeric" => Ok(Self::Numeric),
            "format" => Ok(Self::Format),
            "named" => Ok(Self::Named),
            _ => Err(invalid("the parameter style must be qmark, numeric, format or named")),
        }
    }
}

/// A parameter of a statement for another program's driver.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(bytes::Bytes),
}

/// The one delivery of an event that is not fanned out.
struct Delivery<'a> {
    lane: &'a str,
    subscription: Option<&'a str>,
    max_age: Duration,
    settings: Option<bytes::Bytes>,
}

impl Outbox {
    /// Accepts an event: when this returns it is in one committed, synced transaction.
    ///
    /// An event without an id gets one. Publishing an id again stores nothing and answers with `duplicate`.
    ///
    /// # Errors
    /// `conflict` when the id or the idempotency key is there with another type or payload; `invalid_config` for a field that is
    /// empty or too long; every code of kind `store`.
    pub async fn publish(&self, publication: impl Into<Publication>) -> Result<Published> {
        let publication = publication.into();
        publication.check()?;
        let id = publication.id();
        let batch = self.accept(&publication, &id, false)?;
        let published = stored(&publication, &id, self.store.write(batch).await?)?;
        crash_point!("publish.committed");
        self.tell(&self.published);
        Ok(published)
    }

    /// Accepts an event for one endpoint that needs no subscription.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and what the endpoint's options are refused for.
    pub async fn deliver(&self, endpoint: EndpointOptions, publication: impl Into<Publication>) -> Result<Published> {
        let publication = publication.into();
        publication.check()?;
        let given = Endpoint::from_options(endpoint.clone(), None)?;
        self.guard.judge(given.target().url())?;
        let lane = format!("url:{}", given.id());
        let settings = Settings::new(endpoint);
        let (interval, burst) = settings.pace(self.options.delivery.rate_limit);
        let delivery = Delivery {
            lane: &lane,
            subscription: None,
            max_age: settings.retry().unwrap_or(&self.options.retry).age_limit(),
            settings: Some(self.seal(&settings)?),
        };
        self.publish_one(&publication, delivery, vec![super::lane_statement(&lane, interval, burst)]).await
    }

    /// Accepts an event for one subscription, whatever its patterns are.
    pub(super) async fn publish_to(&self, subscription: &str, event: Event) -> Result<Published> {
        let delivery = Delivery {
            lane: subscription,
            subscription: Some(subscription),
            max_age: self.options.retry.age_limit(),
            settings: None,
        };
        self.publish_one(&event.into(), delivery, Vec::new()).await
    }

    /// Accepts an event together with its one delivery.
    async fn publish_one(
        &self,
        publication: &Publication,
        delivery: Delivery<'_>,
        before: Vec<Statement>,
    ) -> Result<Published> {
        let id = publication.id();
        let mut batch = self.accept(publication, &id, true)?;
        batch.extend(before);
        // Not where the id belongs to another event.
        batch.push(sql!(
            "INSERT INTO {p}deliveries (id, event_seq, event_type, lane, subscription, settings, ordering_key, status, \
             attempts, tries, crashes, due_at, accepted_at, aged_from, expires_at) \
             SELECT $1, seq, type, $2, $3, $4, ordering_key, 'pending', 0, 0, 0, due_at, accepted_at, due_at, due_at + $5 \
             FROM {p}events WHERE id = $6 AND digest = $7 ON CONFLICT (event_seq, lane) DO NOTHING",
            super::new_id("msg"),
            delivery.lane,
            delivery.subscription,
            delivery.settings,
            super::milliseconds(delivery.max_age),
            &id,
            publication.digest(),
        ));
        let lane = delivery.lane.to_owned();
        batch.push(super::lanes_are_due([&lane]));
        let batch = Batch::from(batch).holding([lane]);
        let published = stored(publication, &id, self.store.write(batch).await?)?;
        self.tell(&self.due);
        Ok(published)
    }

    fn accept(&self, publication: &Publication, id: &str, fanned: bool) -> Result<Vec<Statement>> {
        let tenant = publication.tenant.as_deref().unwrap_or_default();
        let key = publication.idempotency_key.as_deref();
        let mut batch = Vec::with_capacity(6);
        if key.is_some() {
            batch.push(sql!(
                "UPDATE {p}events SET idempotency_key = NULL \
                 WHERE tenant = $1 AND idempotency_key = $2 AND accepted_at < {now} - $3",
                tenant,
                key,
                super::milliseconds(self.options.idempotency_ttl),
            ));
        }
        let params = publication.row(id, fanned)?;
        batch.push(Statement::new(format!("{INSERT} RETURNING id"), params));
        batch.push(sql!(
            "SELECT id, digest FROM {p}events WHERE id = $1 OR (tenant = $2 AND idempotency_key = $3)",
            id,
            tenant,
            key,
        ));
        Ok(batch)
    }
}

/// One statement, with its parameters, that publishes an event inside a transaction of your own: the event is accepted if and
/// only if you commit. An id that the store has already changes nothing, whatever it came with.
///
/// The first parameter is the event's id; an event without one gets it here. Without a style it is `numeric` for PostgreSQL
/// and `qmark` for SQLite. The store is not opened, since a SQLite file is safe with one SQLite library in a process and
/// your own connection may have brought another; its tables must be there.
///
/// # Errors
/// `invalid_config` for a URI that can not be, a store in memory, or a field that is empty or too long.
pub fn publish_statement(
    uri: &str,
    publication: &Publication,
    style: Option<ParamStyle>,
) -> Result<(String, Vec<Param>)> {
    publication.check()?;
    let (sql, dialect) = crate::store::render_for(uri, INSERT)?;
    let style = style.unwrap_or(match dialect {
        Dialect::Sqlite => ParamStyle::Qmark,
        Dialect::Postgres => ParamStyle::Numeric,
    });
    let params = publication.row(&publication.id(), false)?.into_iter().map(|value| match value {
        Value::Null => Param::Null,
        Value::Integer(number) => Param::Integer(number),
        Value::Text(text) | Value::Rows(text) => Param::Text(text),
        Value::Blob(bytes) => Param::Blob(bytes),
    });
    Ok((spell(&sql, style), params.collect()))
}

/// Whether the store's database works inside this process, as SQLite does: then a process that was forked must not use what
/// its parent had opened.
pub fn runs_in_process(uri: &str) -> bool {
    crate::store::runs_in_process(uri)
}

/// Reads the answer of [`Outbox::accept`].
fn stored(publication: &Publication, id: &str, answer: Vec<Vec<Vec<Value>>>) -> Result<Published> {
    let first = usize::from(publication.idempotency_key.is_some());
    let mut answer = answer.into_iter().skip(first);
    let inserted = answer.next().is_some_and(|rows| !rows.is_empty());
    if inserted {
        return Ok(Published { id: id.to_owned(), duplicate: false });
    }
    let mut known = Vec::new();
    for row in answer.next().unwrap_or_default() {
        let mut row = Columns::of(row);
        known.push((row.text()?, row.text()?));
    }
    let digest = publication.digest();
    let conflict = |what: &str| {
        Err(Error::new(ErrorCode::Conflict, format!("{what} belongs to an event with another type or payload")))
    };
    match &known[..] {
        [(known_id, known_digest)] if *known_digest == digest => {
            Ok(Published { id: known_id.clone(), duplicate: true })
        }
        [(known_id, _)] if known_id == id => conflict(&format!("the id {id:?}")),
        [_, ..] => conflict("the idempotency key"),
        [] => Err(Error::new(ErrorCode::StorageBusy, "another program took the event away while it was published")),
    }
}

/// Writes the parameters as a driver wants them; each occurs once, in its order.
fn spell(sql: &str, style: ParamStyle) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_parameter = matches!(letter, '$' | '?') && letters.peek().is_some_and(char::is_ascii_digit);
        if !is_parameter {
            if letter == '%' && style == ParamStyle::Format {
                out.push('%');
            }
            out.push(letter);
            continue;
        }
        let mut number = String::new();
        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
            number.push(digit);
        }
        match style {
            ParamStyle::Qmark => out.push('?'),
            ParamStyle::Numeric => out.extend(["$", &number]),
            ParamStyle::Format => out.push_str("%s"),
            ParamStyle::Named => out.extend([":p", &number]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_needs_no_open_store() {
        let publication = Publication::new(Event::bytes("order.paid", "{}").unwrap().id("evt_1").unwrap());
        let sqlite = publish_statement("sqlite:nowhere/a.db?prefix=app", &publication, None).unwrap();
        assert!(sqlite.0.starts_with("INSERT INTO app_events") && sqlite.0.contains("(?, ?"), "{}", sqlite.0);
        assert_eq!((sqlite.1.len(), &sqlite.1[0]), (12, &Param::Text("evt_1".into())));
        let postgres =
            publish_statement("postgres://nobody@nowhere/x", &publication, Some(ParamStyle::Format)).unwrap();
        assert!(postgres.0.contains("statement_timestamp") && !postgres.0.contains('$'), "{}", postgres.0);
        let error = publish_statement("memory:", &publication, None).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidConfig);
    }

    #[test]
    fn parameters_are_spelled_for_each_driver() {
        let sql = "VALUES (?1, ?12) -- 5%";
        assert_eq!(spell(sql, ParamStyle::Qmark), "VALUES (?, ?) -- 5%");
        assert_eq!(spell(sql, ParamStyle::Numeric), "VALUES ($1, $12) -- 5%");
        assert_eq!(spell("VALUES ($1, $12) -- 5%", ParamStyle::Format), "VALUES (%s, %s) -- 5%%");
        assert_eq!(spell(sql, ParamStyle::Named), "VALUES (:p1, :p12) -- 5%");
    }
}
