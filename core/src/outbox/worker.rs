//! A worker: takes rows, makes one attempt for each, and writes down what became of it.
//!
//! Nothing is decided in memory that a crash would lose: what a worker has taken is due again when its lease ends, and an
//! outcome that comes later than that is refused.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

use super::{Outbox, claim::Taken, new_id, options::Settings, outcome::Outcome};
use crate::{
    Attempt, Endpoint, Error, ErrorCode, Result, RetryPolicy, Timestamp,
    engine::{CircuitChange, Engine, Finish, LaneId, Lanes, Shipment, Slot, Slots},
    retry::{Decision, Reason, decide},
    store::{crash_point, unreadable},
};

/// How many attempts to one endpoint this worker makes at once, and how many to one that is not known to be quick.
const PER_LANE: usize = 8;
const PER_SLOW_LANE: usize = 2;
/// How many rows are taken for each attempt that can be made at once.
const AHEAD: usize = 2;
/// A row that so many workers did not survive is given up.
const MAX_CRASHES: i64 = 5;
/// How long a stopping worker waits for its attempts.
const GRACE: Duration = Duration::from_secs(25);
/// How long it waits for the claim that it is in the midst of.
const LAST_CLAIM: Duration = Duration::from_secs(5);
/// How many endpoints are kept ready.
const MOST_KNOWN: usize = 10_000;
const CLEAN_UP: Duration = Duration::from_secs(60);
/// How long a worker waits after its store has failed, at first and at most.
const FIRST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Works on an outbox's deliveries until it is stopped. Any number of workers, in any number of processes, share a store.
#[derive(Clone)]
pub struct Worker(Arc<Desk>);

/// What a worker has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Attempts that were made.
    pub attempts: u64,
    /// Deliveries that their receivers took.
    pub delivered: u64,
    /// Deliveries that will be attempted again.
    pub retrying: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Outcomes that came after their lease had ended, and were refused.
    pub stale: u64,
    /// Rows that this worker has now.
    pub in_hand: u64,
}

struct Desk {
    outbox: Outbox,
    engine: Engine,
    most_in_hand: usize,
    state: Mutex<State>,
    /// A row was finished, so that there may be room.
    room: Notify,
    stop: watch::Sender<bool>,
}

struct State {
    lanes: Lanes,
    waiting: HashMap<LaneId, VecDeque<Work>>,
    /// How many rows of a lane this worker has.
    in_hand: HashMap<Arc<str>, usize>,
    total: usize,
    /// When what a claim has taken falls due again, and how many rows of it are left.
    leases: HashMap<Arc<str>, (Instant, usize)>,
    endpoints: HashMap<String, (i64, Known)>,
    tasks: JoinSet<()>,
    counts: Counts,
}

/// An endpoint with its policy.
#[derive(Clone)]
struct Known {
    endpoint: Endpoint,
    policy: RetryPolicy,
}

struct Work {
    taken: Taken,
    lane: Arc<str>,
    shipment: Shipment,
    policy: RetryPolicy,
    taken_at: Instant,
}

impl Work {
    fn into_row(self) -> (Taken, Arc<str>) {
        (self.taken, self.lane)
    }
}

impl Worker {
    pub(super) fn new(outbox: Outbox, concurrency: usize) -> Result<Self> {
        if !(1..=65_536).contains(&concurrency) {
            return Err(Error::new(ErrorCode::InvalidConfig, "concurrency must be between 1 and 65536"));
        }
        let options = &outbox.options.delivery;
        let engine = options.engine(outbox.guard.clone(), None, None)?;
        let slots = Slots { total: concurrency, per_lane: PER_LANE };
        let state = State {
            lanes: Lanes::new(slots, options.breaker),
            waiting: HashMap::new(),
            in_hand: HashMap::new(),
            total: 0,
            leases: HashMap::new(),
            endpoints: HashMap::new(),
            tasks: JoinSet::new(),
            counts: Counts::default(),
        };
        Ok(Self(Arc::new(Desk {
            outbox,
            engine,
            most_in_hand: concurrency * AHEAD,
            state: Mutex::new(state),
            room: Notify::new(),
            stop: watch::channel(false).0,
        })))
    }

    /// Works until [`stop`](Self::stop): then takes nothing more, waits up to 25 s for the attempts under way, and gives the
    /// rest back. A store that fails is asked again, ever more slowly.
    ///
    /// # Errors
    /// `closed` when the worker was stopped before this was called.
    pub fn run(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let desk = Arc::clone(&self.0);
        let stop = desk.stop.subscribe();
        let was_stopped = *stop.borrow();
        async move {
            if was_stopped {
                return Err(Error::new(ErrorCode::Closed, "this worker was stopped"));
            }
            desk.run(stop).await;
            Ok(())
        }
    }

    /// Works until nothing is due, and answers with the counts; for scripts and tests.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn run_until_idle(&self) -> Result<Counts> {
        loop {
            let room = self.0.room.notified();
            // What is in hand keeps its lane from being looked at.
            let had_all = self.0.state().total == 0;
            let fanned = self.0.outbox.fan_out().await?;
            let took = self.0.take_some().await?;
            if fanned || took {
                continue;
            }
            if had_all {
                return Ok(self.counts());
            }
            if self.0.state().total > 0 {
                tokio::select! {
                    () = room => {}
                    () = tokio::time::sleep(self.0.outbox.options.poll) => {}
                }
                self.0.start_what_may();
            }
        }
    }

    /// Ends [`run`](Self::run).
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let state = self.0.state();
        Counts { in_hand: state.total as u64, ..state.counts }
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Worker").field(&self.counts()).finish()
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        {
            let (stop_taking, stop_fanning) = (stop.clone(), stop.clone());
            let taking = async { tokio::join!(self.keep_taking(stop_taking), self.keep_fanning_out(stop_fanning)) };
            let others = async { tokio::join!(self.keep_leases(), self.keep_clean()) };
            let overdue = async {
                let _ = stop.wait_for(|stop| *stop).await;
                tokio::time::sleep(LAST_CLAIM).await;
            };
            tokio::select! {
                _ = taking => {}
                _ = others => {}
                () = overdue => {}
            }
        }
        self.finish().await;
    }

    /// Until it is told to stop, and never in the midst of a claim: what that holds would stay held.
    async fn keep_taking(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rest = FIRST_REST;
        while !*stop.borrow() {
            let woken = self.outbox.wake.notified();
            let room = self.room.notified();
            match self.take_some().await {
                Ok(true) => rest = FIRST_REST,
                Ok(false) => {
                    rest = FIRST_REST;
                    tokio::select! {
                        () = woken => {}
                        () = room => {}
                        () = tokio::time::sleep(self.outbox.options.poll) => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                    self.start_what_may();
                }
                Err(error) => tokio::select! {
                    () = pause_after(&error, &mut rest) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                },
            }
        }
    }

    /// As [`keep_taking`](Self::keep_taking).
    async fn keep_fanning_out(&self, mut stop: watch::Receiver<bool>) {
        let mut rest = FIRST_REST;
        while !*stop.borrow() {
            let woken = self.outbox.wake.notified();
            match self.outbox.fan_out().await {
                Ok(true) => {
                    rest = FIRST_REST;
                    self.room.notify_waiters();
                }
                Ok(false) => {
                    rest = FIRST_REST;
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep(self.outbox.options.poll) => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                }
                Err(error) => tokio::select! {
                    () = pause_after(&error, &mut rest) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                },
            }
        }
    }

    async fn keep_leases(&self) {
        let lease = self.outbox.options.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            let claims: Vec<_> = self.state().leases.keys().cloned().collect();
            if claims.is_empty() {
                continue;
            }
            let until = Instant::now() + lease;
            match self.outbox.extend(&claims).await {
                Ok(()) => {
                    let mut state = self.state();
                    for claim in &claims {
                        if let Some((end, _)) = state.leases.get_mut(claim) {
                            *end = until;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "leases were not extended"),
            }
        }
    }

    async fn keep_clean(&self) {
        loop {
            tokio::time::sleep(CLEAN_UP).await;
            if let Err(error) = self.outbox.clean_up().await {
                tracing::warn!(%error, "the outbox was not cleaned up");
            }
        }
    }

    /// Takes rows as far as there is room, and starts their attempts; answers with whether it took any.
    async fn take_some(self: &Arc<Self>) -> Result<bool> {
        let (room, full) = {
            let state = self.state();
            (self.most_in_hand.saturating_sub(state.total), state.full_lanes())
        };
        if room == 0 {
            return Ok(false);
        }
        let claim: Arc<str> = new_id("claim").into();
        let held = self.outbox.hold_lanes(&claim, room, &full).await?;
        crash_point!("claim.held");
        if held.is_empty() {
            return Ok(false);
        }
        let mut room = room;
        let lanes: Vec<_> = held
            .into_iter()
            .map(|lane| {
                let most =
                    self.state().room_in(&lane.id).min(room).min(usize::try_from(lane.allowance).unwrap_or(usize::MAX));
                room -= most;
                (lane, most)
            })
            .collect();
        let until = Instant::now() + self.outbox.options.lease;
        let taken = self.outbox.take(&claim, &lanes).await?;
        crash_point!("claim.taken");
        let took = !taken.is_empty();
        if took {
            self.state().leases.insert(Arc::clone(&claim), (until, taken.len()));
        }
        for taken in taken {
            self.accept(taken).await;
        }
        self.start_what_may();
        Ok(took)
    }

    /// Puts a row in line, or ends it where it can not be delivered at all.
    async fn accept(self: &Arc<Self>, taken: Taken) {
        let lane: Arc<str> = taken.lane.as_str().into();
        let prepared = if taken.crashes > MAX_CRASHES {
            Err(Error::new(ErrorCode::Internal, "several workers did not survive this delivery"))
        } else {
            self.prepare(&taken)
        };
        let now = Instant::now();
        {
            let mut state = self.state();
            *state.in_hand.entry(Arc::clone(&lane)).or_default() += 1;
            state.total += 1;
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
                self.write_down(taken, &lane, attempt, decision, None).await;
            }
        }
    }

    fn prepare(&self, taken: &Taken) -> Result<(Shipment, RetryPolicy)> {
        let known = self.known(taken)?;
        let shipment = Shipment {
            id: taken.id.as_str().into(),
            event_type: taken.event_type.as_str().into(),
            content_type: HeaderValue::from_str(&taken.content_type).map_err(|_| unreadable())?,
            payload: taken.payload.clone(),
            traceparent: taken.traceparent.as_deref().map(Into::into),
            endpoint: known.endpoint,
        };
        Ok((shipment, known.policy))
    }

    fn known(&self, taken: &Taken) -> Result<Known> {
        if let Some(sealed) = &taken.own_settings {
            return self.make(&self.outbox.unseal(sealed)?, &taken.lane);
        }
        if let Some((version, known)) = self.state().endpoints.get(&taken.lane) {
            if *version == taken.version {
                return Ok(known.clone());
            }
        }
        let Some(sealed) = &taken.settings else {
            return Err(Error::new(ErrorCode::NotFound, "the subscription is gone"));
        };
        let known = self.make(&self.outbox.unseal(sealed)?, &taken.lane)?;
        let mut state = self.state();
        if state.endpoints.len() >= MOST_KNOWN {
            state.endpoints.clear();
        }
        state.endpoints.insert(taken.lane.clone(), (taken.version, known.clone()));
        Ok(known)
    }

    fn make(&self, settings: &Settings, lane: &str) -> Result<Known> {
        let endpoint = settings.endpoint(lane)?;
        let policy = settings.retry().unwrap_or(&self.outbox.options.retry).clone();
        Ok(Known { endpoint, policy })
    }

    /// Starts the attempts whose turn it is.
    fn start_what_may(self: &Arc<Self>) {
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
            let opened = matches!(change, Some(CircuitChange::Opened));
            if opened || pause.is_some() { Some((lane, state.waiting.remove(&lane).unwrap_or_default())) } else { None }
        };
        let mut pause = pause;
        if let Some((lane, left)) = opened {
            let until = self.state().lanes.not_before(lane);
            pause = pause.max(until.map(|until| until.saturating_duration_since(Instant::now())));
            self.state().lanes.set_due(lane, None, Instant::now());
            self.put_back(left.into_iter().map(Work::into_row), Duration::ZERO).await;
        }
        self.write_down(work.taken, &work.lane, attempt, decision, pause).await;
        self.start_what_may();
    }

    /// Writes an outcome, again and again while the store fails, for as long as a lease.
    async fn write_down(
        &self,
        taken: Taken,
        lane: &Arc<str>,
        attempt: Attempt,
        decision: Decision,
        pause: Option<Duration>,
    ) {
        let claim = Arc::clone(&taken.claim);
        // Whatever extends the lease meanwhile: a write that can not succeed must not be tried for ever.
        let give_up = Instant::now() + self.outbox.options.lease;
        let outcome = Outcome {
            seq: taken.seq,
            id: taken.id,
            claim: taken.claim,
            lane: taken.lane,
            subscription: taken.subscription,
            event_type: taken.event_type,
            is_ordered: taken.is_ordered,
            tries: taken.tries + 1,
            attempt,
            decision,
            pause,
        };
        let mut rest = FIRST_REST;
        let written = loop {
            match self.outbox.record(&outcome).await {
                Ok(written) => break written,
                Err(error) => {
                    if Instant::now() >= give_up {
                        tracing::warn!(%error, id = %outcome.id, "an outcome could not be written; the delivery is made again");
                        break false;
                    }
                    pause_after(&error, &mut rest).await;
                }
            }
        };
        crash_point!("outcome.written");
        let mut state = self.state();
        state.counts.attempts += 1;
        match (written, decision) {
            (false, _) => state.counts.stale += 1,
            (true, Decision::Delivered) => state.counts.delivered += 1,
            (true, Decision::Retry { .. }) => state.counts.retrying += 1,
            (true, Decision::Dead { .. }) => state.counts.dead += 1,
        }
        state.count_out(&claim, lane);
        drop(state);
        self.room.notify_waiters();
    }

    /// Gives rows back that have not been attempted; they are due again after so long.
    async fn put_back(&self, rows: impl IntoIterator<Item = (Taken, Arc<str>)>, after: Duration) {
        let rows: Vec<_> = rows.into_iter().collect();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.outbox.put_back(rows.iter().map(|(taken, _)| taken), after).await {
            tracing::warn!(%error, "rows were not given back; they are due when their lease ends");
        }
        let mut state = self.state();
        for (taken, lane) in &rows {
            state.count_out(&taken.claim, lane);
        }
        drop(state);
        self.room.notify_waiters();
    }

    async fn finish(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        self.put_back(waiting.into_values().flatten().map(Work::into_row), Duration::ZERO).await;
        let wait = async {
            loop {
                let room = self.room.notified();
                if self.state().total == 0 {
                    return;
                }
                room.await;
            }
        };
        if tokio::time::timeout(GRACE, wait).await.is_err() {
            tracing::warn!("attempts did not end in time; what they were for is attempted again");
        }
        let mut tasks = std::mem::take(&mut self.state().tasks);
        tasks.shutdown().await;
    }
}

impl State {
    /// The lanes of which this worker has as many rows as it may.
    fn full_lanes(&self) -> Vec<String> {
        let full = self.in_hand.keys().filter(|lane| self.room_in(lane) == 0);
        full.map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn room_in(&self, lane: &str) -> usize {
        let most = if self.lanes.is_fast(lane) { PER_LANE } else { PER_SLOW_LANE };
        most.saturating_sub(self.in_hand.get(lane).copied().unwrap_or_default())
    }

    /// One row less.
    fn count_out(&mut self, claim: &Arc<str>, lane: &Arc<str>) {
        self.total -= 1;
        if let Some(count) = self.in_hand.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                self.in_hand.remove(lane);
            }
        }
        if let Some((_, left)) = self.leases.get_mut(claim) {
            *left -= 1;
            if *left == 0 {
                self.leases.remove(claim);
            }
        }
    }
}

async fn pause_after(error: &Error, rest: &mut Duration) {
    tracing::warn!(%error, "the outbox's store failed");
    tokio::time::sleep(*rest).await;
    *rest = (*rest * 2).min(LONGEST_REST);
}
