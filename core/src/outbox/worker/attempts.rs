//! From a row to its attempt.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use tokio::time::Instant;

use super::{
    super::{claim::Taken, options::Settings},
    Desk,
    state::{Known, Work},
};
use crate::{
    Error, ErrorCode, Result, RetryPolicy, Timestamp,
    engine::{CircuitChange, Engine, Finish, Shipment, Slot},
    retry::{Decision, Reason, decide},
    store::{crash_point, unreadable},
};

/// A row is given up when so many of its attempts were not survived, after it was in the hands of a worker that was lost.
const MAX_CRASHES: i64 = 5;
/// How many endpoints are kept ready.
const MOST_KNOWN: usize = 10_000;

impl Desk {
    /// Puts a row in line, or ends it where it can not be delivered at all.
    pub(super) async fn accept(self: &Arc<Self>, taken: Taken) {
        let lane = Arc::clone(&taken.lane);
        let prepared = if taken.crashes > MAX_CRASHES {
            Err(Error::new(ErrorCode::Internal, "several workers did not survive this delivery"))
        } else {
            self.prepare(&taken)
        };
        let now = Instant::now();
        {
            let mut state = self.state();
            state.add(&lane);
        }
        match prepared {
            Ok((shipment, policy)) => {
                let mut state = self.state();
                let id = state.lanes.open(&lane, None);
                let work = Work { taken, lane, shipment, policy, taken_at: now };
                state.waiting.entry(id).or_default().push_back(work);
                state.lanes.set_due(id, Some(now), now);
            }
            // Another key may read it: it is no fault of the row.
            Err(error) if error.code() == ErrorCode::InvalidConfig => {
                tracing::error!(%error, id = %taken.id, "a delivery can not be prepared");
                self.put_back([(taken, lane)], self.outbox.options.lease).await;
            }
            Err(error) => {
                let number = u32::try_from(taken.attempts).unwrap_or(u32::MAX).saturating_add(1);
                let (attempt, _) = Engine::defect(number, Timestamp::now().unwrap_or_default(), now, &error);
                let decision = Decision::Dead { reason: Reason::Internal };
                self.state().attempted(&lane);
                self.write_down(taken, lane, attempt, decision, None);
            }
        }
    }

    fn prepare(&self, taken: &Taken) -> Result<(Shipment, RetryPolicy)> {
        let known = self.known(taken)?;
        let shipment = Shipment {
            id: taken.id.as_str().into(),
            event_type: Arc::clone(&taken.event.event_type),
            content_type: HeaderValue::from_str(&taken.event.content_type).map_err(|_| unreadable())?,
            payload: taken.event.payload.clone(),
            traceparent: taken.event.traceparent.as_deref().map(Into::into),
            endpoint: known.endpoint,
        };
        Ok((shipment, known.policy))
    }

    fn known(&self, taken: &Taken) -> Result<Known> {
        if let Some(sealed) = &taken.own_settings {
            return self.make(&self.outbox.unseal(sealed)?, &taken.lane);
        }
        if let Some((version, known)) = self.state().endpoints.get(&*taken.lane) {
            if *version == taken.endpoint.version {
                return Ok(known.clone());
            }
        }
        let Some(sealed) = &taken.endpoint.settings else {
            return Err(Error::new(ErrorCode::NotFound, "the subscription is gone"));
        };
        let known = self.make(&self.outbox.unseal(sealed)?, &taken.lane)?;
        let mut state = self.state();
        if state.endpoints.len() >= MOST_KNOWN {
            state.endpoints.clear();
        }
        state.endpoints.insert(Arc::clone(&taken.lane), (taken.endpoint.version, known.clone()));
        Ok(known)
    }

    fn make(&self, settings: &Settings, lane: &str) -> Result<Known> {
        let endpoint = settings.endpoint(lane)?;
        let policy = settings.retry().unwrap_or(&self.outbox.options.retry).clone();
        Ok(Known { endpoint, policy })
    }

    /// Starts the attempts whose turn it is.
    pub(super) fn start_what_may(self: &Arc<Self>) {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut state = self.state();
        while state.tasks.try_join_next().is_some() {}
        while let Some((slot, _)) = state.lanes.next(now) {
            let queue = state.waiting.get_mut(&slot.lane);
            let work = queue.and_then(VecDeque::pop_front);
            let left = state.waiting.get(&slot.lane).is_some_and(|queue| !queue.is_empty());
            state.lanes.set_due(slot.lane, left.then_some(now), now);
            let Some(work) = work else {
                state.lanes.release(slot, now);
                continue;
            };
            let timeout = work.shipment.endpoint.timeout().unwrap_or(self.engine.timeout);
            let ends = state.leases.get(&work.taken.claim).map(|(end, _)| *end);
            if ends.is_none_or(|end| now + timeout > end) {
                // By the time it were finished, another worker could have it.
                state.lanes.release(slot, now);
                late.push((work.taken, work.lane));
                continue;
            }
            let desk = Arc::clone(self);
            state.tasks.spawn(async move { desk.attempt(work, slot).await });
        }
        if !late.is_empty() {
            let desk = Arc::clone(self);
            state.tasks.spawn(async move { desk.put_back(late, Duration::ZERO).await });
        }
    }

    async fn attempt(self: Arc<Self>, work: Work, slot: Slot) {
        let number = u32::try_from(work.taken.attempts).unwrap_or(u32::MAX).saturating_add(1);
        if work.taken.crashes > 0 {
            if let Err(error) = self.outbox.note_attempt(&work.taken).await {
                tracing::warn!(%error, id = %work.taken.id, "it was not noted that an attempt begins");
            }
        }
        let (attempt, outcome) = self.engine.attempt(&work.shipment, number).await;
        crash_point!("attempt.answered");
        let mut hasher = DefaultHasher::new();
        work.taken.id.hash(&mut hasher);
        let tries = u32::try_from(work.taken.tries).unwrap_or(u32::MAX).saturating_add(1);
        let age = work.taken.age + work.taken_at.elapsed();
        let decision = decide(&work.policy, tries, &outcome, age, hasher.finish());
        let pause = outcome.pause(&work.policy);
        let finish =
            Finish { success: outcome.is_success(), outage: outcome.is_outage(), duration: attempt.duration, pause };
        let opened = {
            let mut state = self.state();
            let lane = slot.lane;
            let change = state.lanes.finish(slot, finish, Instant::now());
            if state.attempted(&work.lane) {
                self.room.notify_waiters();
            }
            let opened = matches!(change, Some(CircuitChange::Opened));
            if opened || pause.is_some() { Some((lane, state.waiting.remove(&lane).unwrap_or_default())) } else { None }
        };
        let mut pause = pause;
        if let Some((lane, left)) = opened {
            let until = self.state().lanes.not_before(lane);
            pause = pause.max(until.map(|until| until.saturating_duration_since(Instant::now())));
            self.state().lanes.set_due(lane, None, Instant::now());
            let desk = Arc::clone(&self);
            let left: Vec<_> = left.into_iter().map(Work::into_row).collect();
            self.state().tasks.spawn(async move { desk.put_back(left, Duration::ZERO).await });
        }
        self.write_down(work.taken, work.lane, attempt, decision, pause);
        self.start_what_may();
    }

    /// Gives rows back that have not been attempted; they are due again after so long.
    pub(super) async fn put_back(&self, rows: impl IntoIterator<Item = (Taken, Arc<str>)>, after: Duration) {
        let rows: Vec<_> = rows.into_iter().collect();
        if rows.is_empty() {
            return;
        }
        let taken: Vec<_> = rows.iter().map(|(taken, _)| taken).collect();
        if let Err(error) = self.outbox.put_back(&taken, after).await {
            tracing::warn!(%error, "rows were not given back; they are due when their lease ends");
        }
        let mut state = self.state();
        for (taken, lane) in &rows {
            state.attempted(lane);
            state.settle(&taken.claim);
        }
        drop(state);
        self.room.notify_waiters();
    }
}
