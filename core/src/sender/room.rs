//! How much a sender holds: deliveries, deliveries per endpoint, and payload bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::{Error, ErrorCode, Result, engine::SenderOptions};

/// One endpoint may have this share of the deliveries.
const ENDPOINT_SHARE: usize = 4;

/// The bounds of one sender. Those who wait for room are served in the order in which they came.
#[derive(Debug)]
pub(super) struct Room {
    deliveries: Bound,
    bytes: Bound,
    endpoints: Mutex<HashMap<Arc<str>, Weak<Bound>>>,
    payloads: Mutex<HashMap<Address, Weak<PayloadPlace>>>,
    per_endpoint: usize,
}

#[derive(Debug)]
struct Bound {
    places: Arc<Semaphore>,
    most: usize,
}

/// Where a payload lies and how long it is: what clones of it have in common.
type Address = (usize, usize);

/// The room that one delivery takes, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _delivery: OwnedSemaphorePermit,
    _endpoint: (OwnedSemaphorePermit, Arc<Bound>),
    _payload: Arc<PayloadPlace>,
}

/// The room that one payload takes, for all deliveries that share it.
#[derive(Debug)]
struct PayloadPlace {
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(options: &SenderOptions) -> Self {
        Self {
            deliveries: Bound::new(options.max_queued),
            bytes: Bound::new(options.max_queued_bytes),
            endpoints: Mutex::default(),
            payloads: Mutex::default(),
            per_endpoint: (options.max_queued / ENDPOINT_SHARE).max(1),
        }
    }

    /// Takes a place now or not at all.
    pub(super) fn try_take(&self, endpoint: &Arc<str>, payload: &Bytes) -> Result<Place> {
        self.check_size(payload)?;
        let bound = self.endpoint(endpoint);
        let lane = bound.try_take(1, "the endpoint's deliveries")?;
        let delivery = self.deliveries.try_take(1, "the sender's deliveries")?;
        let payload = match self.shared(payload) {
            Some(place) => place,
            None => self.register(payload, self.bytes.try_take(payload.len(), "the sender's payload bytes")?),
        };
        Ok(Place { _delivery: delivery, _endpoint: (lane, bound), _payload: payload })
    }

    /// Waits for a place.
    pub(super) async fn take(&self, endpoint: &Arc<str>, payload: &Bytes) -> Result<Place> {
        self.check_size(payload)?;
        let bound = self.endpoint(endpoint);
        let lane = bound.take(1).await?;
        let delivery = self.deliveries.take(1).await?;
        let payload = match self.shared(payload) {
            Some(place) => place,
            None => self.register(payload, self.bytes.take(payload.len()).await?),
        };
        Ok(Place { _delivery: delivery, _endpoint: (lane, bound), _payload: payload })
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.deliveries.places.close();
        self.bytes.places.close();
        for bound in lock(&self.endpoints).values().filter_map(Weak::upgrade) {
            bound.places.close();
        }
    }

    fn check_size(&self, payload: &Bytes) -> Result<()> {
        if payload.len() <= self.bytes.most {
            return Ok(());
        }
        let message = format!("the payload holds {} bytes; max_queued_bytes is {}", payload.len(), self.bytes.most);
        Err(Error::new(ErrorCode::PayloadTooLarge, message))
    }

    fn endpoint(&self, key: &Arc<str>) -> Arc<Bound> {
        let mut endpoints = lock(&self.endpoints);
        if let Some(bound) = endpoints.get(key).and_then(Weak::upgrade) {
            return bound;
        }
        // Every so often those that nobody uses are swept out, at a constant cost per new one.
        if endpoints.len() == endpoints.capacity() {
            endpoints.retain(|_, bound| bound.strong_count() > 0);
        }
        let bound = Arc::new(Bound::new(self.per_endpoint));
        if self.deliveries.places.is_closed() {
            bound.places.close();
        }
        endpoints.insert(Arc::clone(key), Arc::downgrade(&bound));
        bound
    }

    fn shared(&self, payload: &Bytes) -> Option<Arc<PayloadPlace>> {
        lock(&self.payloads).get(&address(payload)).and_then(Weak::upgrade)
    }

    fn register(&self, payload: &Bytes, bytes: OwnedSemaphorePermit) -> Arc<PayloadPlace> {
        let mut payloads = lock(&self.payloads);
        if let Some(place) = payloads.get(&address(payload)).and_then(Weak::upgrade) {
            return place;
        }
        if payloads.len() == payloads.capacity() {
            payloads.retain(|_, place| place.strong_count() > 0);
        }
        let place = Arc::new(PayloadPlace { _bytes: bytes });
        payloads.insert(address(payload), Arc::downgrade(&place));
        place
    }
}

impl Bound {
    fn new(most: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), most }
    }

    fn try_take(&self, count: usize, whose: &str) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_many_owned(units(count)).map_err(|error| match error {
            TryAcquireError::Closed => closed(),
            TryAcquireError::NoPermits => {
                let held = self.most - self.places.available_permits();
                let message = format!("the queue is full: {held} of {} of {whose} are held", self.most);
                Error::new(ErrorCode::QueueFull, message)
            }
        })
    }

    async fn take(&self, count: usize) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_many_owned(units(count)).await.map_err(|_| closed())
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the sender is closed")
}

fn units(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn address(payload: &Bytes) -> Address {
    (payload.as_ptr() as usize, payload.len())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
