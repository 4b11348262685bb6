//! The durable outbox: what is published is in a database before anyone is told so, and is attempted until it is
//! delivered, dead or cancelled.
//!
//! ```no_run
//! # async fn example() -> hookseal::Result<()> {
//! use hookseal::{Event, outbox::{Outbox, OutboxOptions, SubscriptionOptions}};
//!
//! let outbox = Outbox::open("sqlite:hookseal.db", OutboxOptions::default()).await?;
//! outbox.subscribe(SubscriptionOptions {
//!     url: "https://hooks.example.com/in".into(),
//!     events: vec!["order.*".into()],
//!     ..SubscriptionOptions::default()
//! }).await?;
//! outbox.publish(Event::json("order.paid", &serde_json::json!({"id": 42}))?.id("evt_1")?).await?;
//! let worker = outbox.worker(64)?;
//! worker.run().await?; // until worker.stop()
//! # Ok(())
//! # }
//! ```

mod claim;
mod data;
mod deliveries;
mod fanout;
mod housekeeping;
mod matching;
mod options;
mod outcome;
mod publish;
mod subscriptions;
mod vault;
mod worker;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::json;
use tokio::sync::Notify;

use self::vault::Vault;
pub use self::{
    data::publication_from_json,
    deliveries::{DeliveryFilter, Page, StoredAttempt, StoredDelivery},
    options::{OutboxOptions, SubscriptionOptions, text_for_store},
    publish::{Param, ParamStyle, Publication, Published, publish_statement, runs_in_process},
    subscriptions::{Subscription, SubscriptionStatus},
    worker::{Counts, Worker},
};
use crate::{
    Error, ErrorCode, Result,
    engine::{Engine, new_id},
    guard::Guard,
    store::{Columns, Statement, Store, Value, rows, sql},
};

/// The number of the last event, by which it is told who was there when an event was accepted.
const LAST_EVENT: &str = "(SELECT COALESCE(max(seq), 0) FROM {p}events)";
/// Later than any moment.
const NEVER: i64 = i64::MAX / 4;

/// An outbox over one store. Cheap to clone; clones share the store.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    vault: Arc<Vault>,
    guard: Guard,
    options: Arc<OutboxOptions>,
    /// Made for the first worker, and shared by all: its connections are worth keeping.
    engine: Arc<OnceLock<Arc<Engine>>>,
    /// An event was published in this process.
    published: Arc<Notify>,
    /// A delivery became due in this process.
    due: Arc<Notify>,
}

impl Outbox {
    /// Opens the store that the URI names (`sqlite:PATH`, `postgres://…`, `memory:`, each with an optional `prefix`), and
    /// makes its tables where they are missing.
    ///
    /// # Errors
    /// `invalid_config` for a URI, an option or a key that can not be; `storage_unavailable` when the store can not be reached or
    /// is no database; `unsupported_schema` when a newer version of this library wrote it.
    pub async fn open(uri: &str, options: OutboxOptions) -> Result<Self> {
        options.validate()?;
        let guard = options.delivery.guard()?;
        let store = Store::open(uri).await?;
        let vault = Vault::new(&options, &store)?;
        Ok(Self {
            store,
            vault: Arc::new(vault),
            guard,
            options: Arc::new(options),
            engine: Arc::default(),
            published: Arc::default(),
            due: Arc::default(),
        })
    }

    /// How things stand.
    ///
    /// # Errors
    /// Every code of kind `store`.
    pub async fn status(&self) -> Result<OutboxStatus> {
        let counted = self.store.read(sql!(
            "SELECT (SELECT count(*) FROM {p}events WHERE fanned = 0), \
             (SELECT count(*) FROM {p}deliveries WHERE status = 'pending'), \
             (SELECT count(*) FROM {p}deliveries WHERE status = 'delivered' AND finished_at IS NOT NULL), \
             (SELECT count(*) FROM {p}deliveries WHERE status = 'dead' AND finished_at IS NOT NULL), \
             (SELECT count(*) FROM {p}deliveries WHERE claim IS NOT NULL), \
             (SELECT count(*) FROM {p}subscriptions)"
        ));
        let mut row = Columns::of(counted.await?.pop().unwrap_or_default());
        Ok(OutboxStatus {
            events_waiting: row.integer()?,
            pending: row.integer()?,
            delivered: row.integer()?,
            dead: row.integer()?,
            in_flight: row.integer()?,
            subscriptions: row.integer()?,
            durable: self.store.is_durable,
        })
    }

    /// Wakes the workers of this process that wait for this, and those of others.
    fn tell(&self, whoever: &Notify) {
        whoever.notify_waiters();
        self.store.tell();
    }

    /// A worker that makes at most so many attempts at once. It does nothing before it is [run](Worker::run).
    ///
    /// # Errors
    /// `invalid_config` for a concurrency outside 1 to 65,536, or delivery options that can not be.
    pub fn worker(&self, concurrency: usize) -> Result<Worker> {
        Worker::new(self.clone(), concurrency)
    }
}

impl Outbox {
    fn engine(&self) -> Result<Arc<Engine>> {
        if let Some(engine) = self.engine.get() {
            return Ok(Arc::clone(engine));
        }
        let made = Arc::new(self.options.delivery.engine(self.guard.clone(), None, None)?);
        Ok(Arc::clone(self.engine.get_or_init(|| made)))
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("store", &self.store).finish_non_exhaustive()
    }
}

/// How many rows of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct OutboxStatus {
    /// Events whose deliveries are not all made.
    pub events_waiting: i64,
    /// Unfinished deliveries.
    pub pending: i64,
    /// Delivered ones that are still kept.
    pub delivered: i64,
    /// Dead letters.
    pub dead: i64,
    /// Deliveries that a worker has taken.
    pub in_flight: i64,
    /// Subscriptions.
    pub subscriptions: i64,
    /// Whether what is accepted survives this process.
    pub durable: bool,
}

/// The statement that makes a lane, or gives it its pace.
fn lane_statement(lane: &str, interval: i64, burst: i64) -> Statement {
    sql!(
        "INSERT INTO {p}lanes (id, active, next_due, paused_until, rest_at, interval_us, burst) \
         VALUES ($1, 1, $2, 0, 0, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET interval_us = excluded.interval_us, burst = excluded.burst",
        lane,
        NEVER,
        interval,
        burst,
    )
}

/// Says when the earliest row of each lane that nobody has taken is due; its batch [holds](crate::store::Batch::holding) them.
fn lanes_are_due(lanes: impl IntoIterator<Item = impl AsRef<str>>) -> Statement {
    sql!(
        "UPDATE {p}lanes AS l SET next_due = (SELECT COALESCE(min(d.due_at), $2) FROM {p}deliveries d \
         WHERE d.lane = l.id AND d.status = 'pending' AND d.claim IS NULL) \
         WHERE l.id IN (SELECT value ->> 0 FROM {items}($1))",
        rows(lanes.into_iter().map(|lane| json!([lane.as_ref()]))),
        NEVER,
    )
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(NEVER).min(NEVER)
}

/// Milliseconds of a row as seconds.
#[expect(clippy::cast_precision_loss, reason = "exact for more years than there will be")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(ErrorCode::Internal, error.to_string())
}

fn not_found(what: &str, id: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("there is no {what} {id:?}"))
}

/// The text of a JSON value that the store holds.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| crate::store::unreadable())
}

/// `$4, $5, $6`, for as many values as there are, after the first so many parameters.
fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

fn with(mut params: Vec<Value>, more: impl IntoIterator<Item = impl Into<Value>>) -> Vec<Value> {
    params.extend(more.into_iter().map(Into::into));
    params
}
