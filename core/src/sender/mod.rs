//! The in-process sender: the engine over a queue in memory.
//!
//! Accepted deliveries wait in [lanes](crate::engine), one for each endpoint. Whoever changes the queue
//! (a caller that adds to it, an attempt that ends, the timekeeper) starts what may start now; a task that
//! has made an attempt goes on with the next one. So there is no dispatcher to wait for, and one timer.

mod builder;
mod delivery;
mod handle;
mod meter;
mod notice;
mod queue;
mod room;
mod shared;

use std::{fmt, sync::Arc, time::Duration};

pub use self::{
    builder::SenderBuilder,
    delivery::Delivery,
    handle::Handle,
    notice::{Notice, NoticeKind, Notices},
};
use self::{
    room::{Place, closed},
    shared::Shared,
};
pub use crate::engine::{Confidential, Event, SenderOptions, Status, options_from_json};
use crate::{Error, ErrorCode, Result, engine::Endpoint};

/// How many deliveries are accepted at a time.
const BATCH: usize = 64;

/// Delivers events to endpoints: signed, retried, and without one endpoint holding up another.
///
/// A handle: clones are the same sender. It needs a running tokio runtime when it is first given
/// something to send (or one in [`SenderBuilder::runtime`]) and starts nothing before.
///
/// ```no_run
/// # async fn example() -> hookseal::Result<()> {
/// use hookseal::{Endpoint, Event, Sender};
///
/// let sender = Sender::builder().build()?;
/// let endpoint = Endpoint::new("https://hooks.example.com/in", ["whsec_demo"])?;
/// let delivery = sender.send(&endpoint, Event::json("order.paid", &serde_json::json!({"id": 42}))?).await?;
/// println!("{} after {} attempts", delivery.status.as_str(), delivery.attempts.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sender(Arc<Owner>);

/// What ends with the last handle.
struct Owner(Arc<Shared>);

impl Sender {
    /// A sender from data.
    ///
    /// # Errors
    /// `invalid_config`, naming the option.
    pub fn new(options: SenderOptions) -> Result<Self> {
        Self::builder().options(options).build()
    }

    /// Chooses options.
    pub fn builder() -> SenderBuilder {
        SenderBuilder::default()
    }

    /// Delivers an event and waits for the end: delivered, dead or cancelled. Waits for room where the
    /// queue is full. Dropping the future ends the wait, not the delivery.
    ///
    /// A delivery that fails is no error: its [status](Delivery::status) says so. Only one that
    /// [`close`](Self::close) hands back unfinished is returned as pending.
    ///
    /// # Errors
    /// What is refused before queueing: `invalid_url`, `blocked_address`, `payload_too_large`, `closed`;
    /// `invalid_config` where there is no runtime.
    pub async fn send(&self, endpoint: &Endpoint, event: Event) -> Result<Delivery> {
        Ok(self.enqueue_waiting(endpoint, event).await?.wait().await)
    }

    /// Delivers many events and waits for the end of all; the answers are in the order of the items. All
    /// are checked before any is sent.
    ///
    /// # Errors
    /// As [`send`](Self::send); the message names the item.
    pub async fn send_many(&self, items: impl IntoIterator<Item = (Endpoint, Event)>) -> Result<Vec<Delivery>> {
        let items: Vec<_> = items.into_iter().collect();
        for (index, (endpoint, _)) in items.iter().enumerate() {
            self.shared().check(endpoint).map_err(|error| of_item(index, &error))?;
        }
        let mut handles = Vec::with_capacity(items.len());
        let mut batch = Vec::with_capacity(BATCH);
        for (index, (endpoint, event)) in items.into_iter().enumerate() {
            let refused = |error| of_item(index, &error);
            let room = &self.shared().room;
            let place = match room.try_take(endpoint.key(), &event.payload) {
                Err(error) if error.code() == ErrorCode::QueueFull => {
                    self.accept(&mut batch, &mut handles).map_err(refused)?;
                    room.take(endpoint.key(), &event.payload).await
                }
                taken => taken,
            };
            batch.push((endpoint, event, place.map_err(refused)?));
            if batch.len() == BATCH {
                self.accept(&mut batch, &mut handles).map_err(refused)?;
            }
        }
        self.accept(&mut batch, &mut handles)?;
        // Backwards, because most of the others are done when the last one is.
        for handle in handles.iter().rev() {
            handle.wait_quietly().await;
        }
        Ok(handles.iter().map(Handle::delivery).collect())
    }

    /// Accepts an event for delivery and returns at once.
    ///
    /// # Errors
    /// As [`send`](Self::send), and `queue_full`.
    pub fn enqueue(&self, endpoint: &Endpoint, event: Event) -> Result<Handle> {
        let shared = self.shared();
        shared.check(endpoint)?;
        let place = shared.room.try_take(endpoint.key(), &event.payload)?;
        self.accept_one(endpoint, event, place)
    }

    /// As [`enqueue`](Self::enqueue), but waits for room where the queue is full.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn enqueue_waiting(&self, endpoint: &Endpoint, event: Event) -> Result<Handle> {
        let shared = self.shared();
        shared.check(endpoint)?;
        let place = shared.room.take(endpoint.key(), &event.payload).await?;
        self.accept_one(endpoint, event, place)
    }

    /// Waits until nothing is left to deliver; `false` when that takes longer than the timeout.
    pub async fn flush(&self, timeout: Option<Duration>) -> bool {
        let done = self.shared().until_finished();
        match timeout {
            None => done.await,
            Some(limit) => return tokio::time::timeout(limit, done).await.is_ok(),
        }
        true
    }

    /// Stops: takes and starts nothing more, gives the attempts in flight this long to end, and returns
    /// every delivery that is not finished. [`flush`](Self::flush) first to wait for those.
    pub async fn close(&self, grace: Duration) -> Vec<Delivery> {
        self.shared().close(grace).await
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.shared().queue().closed
    }

    /// How many accepted deliveries are not finished.
    pub fn unfinished(&self) -> usize {
        self.shared().queue().unfinished
    }

    /// Follows what happens from now on.
    pub fn subscribe(&self) -> Notices {
        Notices { receiver: self.shared().notices.subscribe(), dropped: 0 }
    }

    fn accept_one(&self, endpoint: &Endpoint, event: Event, place: Place) -> Result<Handle> {
        let mut handle = None;
        self.shared()
            .accept([(endpoint.clone(), event, place)], |job| handle = Some(Handle::new(job, self.clone())))?;
        handle.ok_or_else(closed)
    }

    /// Takes a batch on, and leaves it empty.
    fn accept(&self, batch: &mut Vec<(Endpoint, Event, Place)>, handles: &mut Vec<Handle>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.shared().accept(batch.drain(..), |job| handles.push(Handle::new(job, self.clone())))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

fn of_item(index: usize, error: &Error) -> Error {
    Error::new(error.code(), format!("item {index}: {}", error.message()))
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("unfinished", &self.unfinished()).finish_non_exhaustive()
    }
}
