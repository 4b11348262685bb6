//! What waits, what is in flight, and what may start.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::time::Instant;

use super::delivery::Job;
use crate::{
    engine::{CircuitChange, Finish, LaneId, Lanes, RateLimit, SenderOptions, Slot},
    retry::RetryPolicy,
};

/// The work of a sender, under one lock.
pub(super) struct Queue {
    lanes: Lanes,
    /// By lane, in the order in which they are due.
    waiting: Vec<BTreeMap<(Instant, u64), Arc<Job>>>,
    flying: HashMap<u64, Arc<Job>>,
    default_policy: RetryPolicy,
    default_rate: Option<RateLimit>,
    /// Accepted and not settled.
    pub(super) unfinished: usize,
    pub(super) accepted: u64,
    pub(super) closed: bool,
    /// Landed without an end after `close`.
    pub(super) leftover: Vec<Arc<Job>>,
    /// When the timekeeper will look next.
    pub(super) alarm: Option<Instant>,
}

/// What a look at the queue brought.
#[derive(Default)]
pub(super) struct Starts {
    pub(super) flights: Vec<(Arc<Job>, Slot)>,
    pub(super) expired: Vec<Arc<Job>>,
    pub(super) circuits: Vec<(Arc<str>, CircuitChange)>,
}

impl Queue {
    pub(super) fn new(lanes: Lanes, options: &SenderOptions) -> Self {
        Self {
            lanes,
            waiting: Vec::new(),
            flying: HashMap::new(),
            default_policy: options.retry.clone(),
            default_rate: options.rate_limit,
            unfinished: 0,
            accepted: 0,
            closed: false,
            leftover: Vec::new(),
            alarm: None,
        }
    }

    /// Puts a job in line, unless it can not have an attempt before it expires.
    pub(super) fn insert(&mut self, job: Arc<Job>, due: Instant, now: Instant) -> Result<(), Arc<Job>> {
        let endpoint = &job.shipment.endpoint;
        let lane = self.lanes.open(endpoint.key(), endpoint.rate_limit().or(self.default_rate));
        if self.lanes.not_before(lane).is_some_and(|at| at > job.expires(&self.default_policy)) {
            self.refresh(lane, now);
            return Err(job);
        }
        if self.waiting.len() <= lane.index() {
            self.waiting.resize_with(lane.index() + 1, BTreeMap::new);
        }
        job.state().waits = Some((lane, due));
        self.waiting[lane.index()].insert((due, job.number), job);
        self.refresh(lane, now);
        Ok(())
    }

    /// Takes a job out of line.
    pub(super) fn remove(&mut self, job: &Job, now: Instant) -> bool {
        let Some((lane, due)) = job.state().waits.take() else { return false };
        let removed = self.waiting[lane.index()].remove(&(due, job.number)).is_some();
        self.refresh(lane, now);
        removed
    }

    /// Everything that may start now.
    pub(super) fn start(&mut self, now: Instant, starts: &mut Starts) {
        while !self.closed {
            let Some((slot, change)) = self.lanes.next(now) else { return };
            if let (Some(change), Some(key)) = (change, self.lanes.key(slot.lane)) {
                starts.circuits.push((Arc::clone(key), change));
            }
            let lane = slot.lane;
            let Some((_, job)) = self.waiting[lane.index()].pop_first() else {
                self.lanes.release(slot, now);
                continue;
            };
            job.state().waits = None;
            if job.expires(&self.default_policy) < now {
                self.lanes.release(slot, now);
                starts.expired.push(job);
            } else {
                self.flying.insert(job.number, Arc::clone(&job));
                starts.flights.push((job, slot));
            }
            self.refresh(lane, now);
        }
    }

    /// Takes a job back from its attempt; `false` when it was handed back to the caller meanwhile.
    pub(super) fn land(
        &mut self,
        job: &Job,
        slot: Slot,
        end: Option<Finish>,
        now: Instant,
        starts: &mut Starts,
    ) -> bool {
        let lane = slot.lane;
        match end {
            None => self.lanes.release(slot, now),
            Some(end) => {
                let change = self.lanes.finish(slot, end, now);
                if let (Some(change), Some(key)) = (change, self.lanes.key(lane)) {
                    starts.circuits.push((Arc::clone(key), change));
                }
                if end.pause.is_some() || change == Some(CircuitChange::Opened) {
                    self.expire(lane, now, &mut starts.expired);
                }
            }
        }
        self.flying.remove(&job.number).is_some()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flying.len()
    }

    #[cfg(feature = "metrics")]
    pub(super) fn open_circuits(&self) -> usize {
        self.lanes.open_circuits()
    }

    /// The next moment that matters if nothing else happens.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.lanes.wake()
    }

    /// Empties the line.
    pub(super) fn drain_waiting(&mut self) -> Vec<Arc<Job>> {
        let waiting: Vec<_> = self.waiting.iter_mut().flat_map(std::mem::take).map(|(_, job)| job).collect();
        for job in &waiting {
            job.state().waits = None;
        }
        waiting
    }

    /// Gives up on what is in flight.
    pub(super) fn drain_flying(&mut self) -> Vec<Arc<Job>> {
        self.flying.drain().map(|(_, job)| job).collect()
    }

    /// Takes out what would expire before the lane takes another attempt.
    fn expire(&mut self, lane: LaneId, now: Instant, expired: &mut Vec<Arc<Job>>) {
        let (Some(not_before), Some(waiting)) = (self.lanes.not_before(lane), self.waiting.get_mut(lane.index()))
        else {
            return;
        };
        waiting.retain(|_, job| {
            let keep = job.expires(&self.default_policy) >= not_before;
            if !keep {
                job.state().waits = None;
                expired.push(Arc::clone(job));
            }
            keep
        });
        self.refresh(lane, now);
    }

    fn refresh(&mut self, lane: LaneId, now: Instant) {
        let due = self.waiting.get(lane.index()).and_then(BTreeMap::first_key_value).map(|((due, _), _)| *due);
        self.lanes.set_due(lane, due, now);
    }
}
