//! A delivery, from its acceptance to its end.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::{sync::Notify, time::Instant};

use super::room::Place;
use crate::{
    engine::{Attempt, LaneId, Shipment, Status},
    retry::{Reason, RetryPolicy},
};

/// What became of a delivery, and every attempt that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    /// The delivery's id: the same at every attempt, and in the header `X-Webhook-Id`.
    pub id: Arc<str>,
    /// The event's type.
    pub event_type: Arc<str>,
    /// The endpoint's id: the one that it was given, or its URL.
    pub endpoint: Arc<str>,
    /// How it stands.
    pub status: Status,
    /// Why it is dead, if it is.
    pub reason: Option<Reason>,
    /// The attempts, oldest first.
    pub attempts: Vec<Arc<Attempt>>,
}

/// An accepted delivery.
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) seed: u64,
    pub(super) accepted: Instant,
    pub(super) shipment: Shipment,
    state: Mutex<State>,
    settled: Notify,
}

pub(super) struct State {
    pub(super) attempts: Vec<Arc<Attempt>>,
    pub(super) cancelled: bool,
    /// Where it waits in the queue.
    pub(super) waits: Option<(LaneId, Instant)>,
    status: Status,
    reason: Option<Reason>,
    /// The room it takes; none once it is settled.
    place: Option<Place>,
}

/// How a delivery ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Delivered,
    Dead(Reason),
    Cancelled,
    /// Handed back by `close`.
    Returned,
}

impl Job {
    pub(super) fn new(number: u64, accepted: Instant, shipment: Shipment, place: Place) -> Self {
        let mut hasher = DefaultHasher::new();
        shipment.id.hash(&mut hasher);
        Self {
            number,
            seed: hasher.finish(),
            accepted,
            shipment,
            state: Mutex::new(State {
                attempts: Vec::new(),
                cancelled: false,
                waits: None,
                status: Status::Pending,
                reason: None,
                place: Some(place),
            }),
            settled: Notify::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy that rules it.
    pub(super) fn policy<'a>(&'a self, default: &'a RetryPolicy) -> &'a RetryPolicy {
        self.shipment.endpoint.retry().unwrap_or(default)
    }

    /// The last moment at which it may be attempted.
    pub(super) fn expires(&self, default: &RetryPolicy) -> Instant {
        self.accepted + self.policy(default).age_limit()
    }

    /// Ends it and lets everyone know who waits for it.
    pub(super) fn settle(&self, end: End) {
        let mut state = self.state();
        (state.status, state.reason) = match end {
            End::Delivered => (Status::Delivered, None),
            End::Dead(reason) => (Status::Dead, Some(reason)),
            End::Cancelled => (Status::Cancelled, None),
            End::Returned => (Status::Pending, None),
        };
        let place = state.place.take();
        drop(state);
        drop(place);
        self.settled.notify_waiters();
    }

    pub(super) fn is_settled(&self) -> bool {
        self.state().place.is_none()
    }

    pub(super) async fn wait(&self) {
        loop {
            let settled = self.settled.notified();
            if self.is_settled() {
                return;
            }
            settled.await;
        }
    }

    pub(super) fn delivery(&self) -> Delivery {
        let state = self.state();
        Delivery {
            id: self.shipment.id.clone(),
            event_type: Arc::clone(&self.shipment.event_type),
            endpoint: Arc::clone(self.shipment.endpoint.key()),
            status: state.status,
            reason: state.reason,
            attempts: state.attempts.clone(),
        }
    }
}
