//! What the handles, the attempts and the timekeeper of one sender share.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle as Runtime,
    sync::{Notify, broadcast},
    task::JoinSet,
    time::Instant,
};

use tracing::Instrument as _;

use super::{
    delivery::{Delivery, End, Job},
    meter,
    notice::{Notice, NoticeKind},
    queue::{Queue, Starts},
    room::{Place, Room, closed},
};
use crate::{
    Error, ErrorCode, Result,
    engine::{
        Attempt, CircuitChange, Endpoint, Engine, Event, Finish, Ids, Lanes, SenderOptions, Shipment, Slot, Slots,
    },
    guard::Guard,
    retry::{Decision, Outcome, Reason, decide},
};

/// How many notices a subscriber may be behind.
const NOTICES_KEPT: usize = 1_024;
/// How often the timekeeper looks where nothing is due.
const RARELY: Duration = Duration::from_secs(86_400);

pub(super) struct Shared {
    pub(super) room: Room,
    pub(super) notices: broadcast::Sender<Arc<Notice>>,
    options: SenderOptions,
    guard: Guard,
    engine: Engine,
    runtime: OnceLock<Runtime>,
    queue: Mutex<Queue>,
    tasks: Mutex<JoinSet<()>>,
    /// Wakes the timekeeper.
    alarm: Arc<Notify>,
    /// Wakes those who wait for the end of everything that was accepted, or that is in flight.
    progress: Notify,
}

impl Shared {
    pub(super) fn new(options: SenderOptions, guard: Guard, engine: Engine, runtime: Option<Runtime>) -> Self {
        let slots = Slots { total: options.max_in_flight, per_lane: options.max_in_flight_per_endpoint };
        let lanes = Lanes::new(slots, options.breaker);
        Self {
            room: Room::new(&options),
            notices: broadcast::Sender::new(NOTICES_KEPT),
            guard,
            engine,
            runtime: runtime.map(OnceLock::from).unwrap_or_default(),
            queue: Mutex::new(Queue::new(lanes, &options)),
            options,
            tasks: Mutex::default(),
            alarm: Arc::default(),
            progress: Notify::new(),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what can not be sent to.
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        self.engine.names.check(endpoint)?;
        self.guard.judge(endpoint.target().url())
    }

    /// Takes deliveries on, all or none, and starts what may start.
    pub(super) fn accept(
        self: &Arc<Self>,
        items: impl IntoIterator<Item = (Endpoint, Event, Place), IntoIter: ExactSizeIterator>,
        mut accepted: impl FnMut(Arc<Job>),
    ) -> Result<()> {
        let runtime = self.runtime()?;
        let items = items.into_iter();
        let mut ids = Ids::new(items.len());
        let mut starts = Starts::default();
        let mut queue = self.queue();
        if queue.closed {
            return Err(closed());
        }
        if queue.accepted == 0 {
            runtime.spawn(keep_time(Arc::downgrade(self), Arc::clone(&self.alarm)));
        }
        let now = Instant::now();
        for (endpoint, event, place) in items {
            queue.accepted += 1;
            queue.unfinished += 1;
            let job = Arc::new(Job::new(queue.accepted, now, shipment(endpoint, event, &mut ids), place));
            self.tell(NoticeKind::Queued, &job, |_| {});
            if let Err(job) = queue.insert(Arc::clone(&job), now, now) {
                starts.expired.push(job);
            }
            accepted(job);
        }
        let flights = self.pump(queue, now, starts);
        self.launch(flights);
        Ok(())
    }

    /// Cancels a delivery; `false` when it is settled.
    pub(super) fn cancel(&self, job: &Arc<Job>) -> bool {
        let mut queue = self.queue();
        if job.is_settled() {
            return false;
        }
        if queue.remove(job, Instant::now()) {
            self.settle(&mut queue, job, End::Cancelled);
        } else {
            // Seen when the attempt in flight lands.
            job.state().cancelled = true;
        }
        true
    }

    pub(super) async fn until_finished(&self) {
        self.until(|queue| queue.unfinished == 0).await;
    }

    pub(super) async fn close(&self, grace: Duration) -> Vec<Delivery> {
        self.room.close();
        let mut unfinished = {
            let mut queue = self.queue();
            queue.closed = true;
            queue.drain_waiting()
        };
        self.alarm.notify_one();
        // What is still in flight after the grace period is handed back below.
        let _ = tokio::time::timeout(grace, self.until(|queue| queue.in_flight() == 0)).await;
        {
            let mut queue = self.queue();
            unfinished.append(&mut queue.leftover);
            unfinished.extend(queue.drain_flying());
            for job in &unfinished {
                self.settle(&mut queue, job, End::Returned);
            }
        }
        self.tasks().abort_all();
        unfinished.sort_unstable_by_key(|job| job.number);
        unfinished.iter().map(|job| job.delivery()).collect()
    }

    /// The last handle is gone: what is in flight ends, the rest is dropped, and said so.
    pub(super) fn abandon(&self) {
        self.room.close();
        let mut queue = self.queue();
        queue.closed = true;
        if queue.unfinished > 0 {
            tracing::warn!(
                unfinished = queue.unfinished,
                "a sender was dropped with deliveries left; flush or close it before"
            );
        }
        let waiting = queue.drain_waiting();
        drop(queue);
        drop(waiting);
        self.alarm.notify_one();
    }

    /// Makes one attempt, and returns what this task goes on with.
    async fn fly(self: &Arc<Self>, mut flight: Flight) -> Option<Flight> {
        let job = Arc::clone(&flight.job);
        let number = u32::try_from(job.state().attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
        let span = tracing::debug_span!("hookseal.attempt", id = %job.shipment.id, number);
        let (attempt, outcome) = self.engine.attempt(&job.shipment, number).instrument(span).await;
        let slot = flight.slot.take()?;
        self.land(&job, slot, attempt, outcome)
    }

    fn land(self: &Arc<Self>, job: &Arc<Job>, slot: Slot, attempt: Attempt, outcome: Outcome) -> Option<Flight> {
        let now = Instant::now();
        let policy = job.policy(&self.options.retry);
        let decision = decide(policy, attempt.number, &outcome, now.duration_since(job.accepted), job.seed);
        let finish = Finish {
            success: outcome.is_success(),
            outage: outcome.is_outage(),
            duration: attempt.duration,
            pause: outcome.pause(policy),
        };
        let mut starts = Starts::default();
        let mut queue = self.queue();
        // An attempt that `close` did not wait for any more changes nothing.
        if queue.land(job, slot, Some(finish), now, &mut starts) {
            meter::attempt(&attempt);
            let attempt = Arc::new(attempt);
            self.tell(NoticeKind::Attempt, job, |notice| notice.attempt = Some(Arc::clone(&attempt)));
            let cancelled = {
                let mut state = job.state();
                state.attempts.push(attempt);
                state.cancelled
            };
            match decision {
                Decision::Delivered => self.settle(&mut queue, job, End::Delivered),
                _ if cancelled => self.settle(&mut queue, job, End::Cancelled),
                Decision::Dead { reason } => self.settle(&mut queue, job, End::Dead(reason)),
                Decision::Retry { delay } => self.requeue(&mut queue, job, delay, now),
            }
        }
        let mut flights = self.pump(queue, now, starts);
        let next = flights.next();
        self.launch(flights);
        next
    }

    /// Puts a job back in line after a failed attempt.
    fn requeue(&self, queue: &mut Queue, job: &Arc<Job>, delay: Duration, now: Instant) {
        if queue.closed {
            queue.leftover.push(Arc::clone(job));
            self.note_progress(queue);
        } else if queue.insert(Arc::clone(job), now + delay, now).is_ok() {
            self.tell(NoticeKind::Retrying, job, |notice| notice.retry_in = Some(delay.as_secs_f64()));
        } else {
            self.settle(queue, job, End::Dead(Reason::MaxAge));
        }
    }

    /// Puts a job back whose task was dropped before its attempt ended.
    fn turn_back(&self, job: &Arc<Job>, slot: Slot) {
        let now = Instant::now();
        let mut queue = self.queue();
        if queue.land(job, slot, None, now, &mut Starts::default()) {
            self.requeue(&mut queue, job, Duration::ZERO, now);
        }
    }

    /// Ends a delivery.
    fn settle(&self, queue: &mut Queue, job: &Job, end: End) {
        job.settle(end);
        queue.unfinished -= 1;
        meter::delivery(end);
        match end {
            End::Delivered => self.tell(NoticeKind::Succeeded, job, |_| {}),
            End::Dead(reason) => {
                if reason == Reason::Gone {
                    self.tell(NoticeKind::Disabled, job, |_| {});
                }
                self.tell(NoticeKind::Dead, job, |notice| notice.reason = Some(reason));
            }
            End::Cancelled | End::Returned => {}
        }
        self.note_progress(queue);
    }

    /// Takes out of the queue what may start now.
    fn pump(
        self: &Arc<Self>,
        mut queue: MutexGuard<'_, Queue>,
        now: Instant,
        mut starts: Starts,
    ) -> impl Iterator<Item = Flight> + use<> {
        queue.start(now, &mut starts);
        for job in &starts.expired {
            self.settle(&mut queue, job, End::Dead(Reason::MaxAge));
        }
        for (endpoint, change) in starts.circuits {
            self.tell_circuit(endpoint, change);
        }
        if let Some(wake) = queue.wake().filter(|wake| queue.alarm.is_none_or(|alarm| *wake < alarm)) {
            queue.alarm = Some(wake);
            self.alarm.notify_one();
        }
        meter::levels(&queue);
        drop(queue);
        let shared = Arc::clone(self);
        starts.flights.into_iter().map(move |(job, slot)| Flight { shared: Arc::clone(&shared), job, slot: Some(slot) })
    }

    /// Starts a task for each. Not under the queue's lock: on a runtime that is gone, a flight is dropped
    /// at once and takes that lock.
    fn launch(&self, flights: impl IntoIterator<Item = Flight>) {
        let Some(runtime) = self.runtime.get() else { return };
        for flight in flights {
            let mut tasks = self.tasks();
            while tasks.try_join_next().is_some() {}
            tasks.spawn_on(work(flight), runtime);
        }
    }

    fn runtime(&self) -> Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let current = Runtime::try_current()
            .map_err(|_| Error::new(ErrorCode::InvalidConfig, "a sender needs a running tokio runtime"))?;
        Ok(self.runtime.get_or_init(|| current))
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_progress(&self, queue: &Queue) {
        if queue.unfinished == 0 || queue.in_flight() == 0 {
            self.progress.notify_waiters();
        }
    }

    async fn until(&self, done: impl Fn(&Queue) -> bool) {
        loop {
            let progress = self.progress.notified();
            if done(&self.queue()) {
                return;
            }
            progress.await;
        }
    }

    fn tell(&self, kind: NoticeKind, job: &Job, fill: impl FnOnce(&mut Notice)) {
        if self.notices.receiver_count() == 0 {
            return;
        }
        let mut notice = Notice::new(kind, Arc::clone(job.shipment.endpoint.key()));
        notice.delivery = Some(job.shipment.id.clone());
        notice.event_type = Some(Arc::clone(&job.shipment.event_type));
        fill(&mut notice);
        // Fails only when the last subscriber has gone meanwhile.
        let _ = self.notices.send(Arc::new(notice));
    }

    fn tell_circuit(&self, endpoint: Arc<str>, change: CircuitChange) {
        let kind = match change {
            CircuitChange::Opened => NoticeKind::CircuitOpened,
            CircuitChange::HalfOpen => NoticeKind::CircuitHalfOpen,
            CircuitChange::Closed => NoticeKind::CircuitClosed,
        };
        // As above.
        let _ = self.notices.send(Arc::new(Notice::new(kind, endpoint)));
    }

    /// Starts what has become due, and says when to look again; `None` once the sender is closed.
    fn look(self: &Arc<Self>) -> Option<Instant> {
        let queue = self.queue();
        if queue.closed {
            return None;
        }
        let flights = self.pump(queue, Instant::now(), Starts::default());
        self.launch(flights);
        let mut queue = self.queue();
        queue.alarm = queue.wake();
        Some(queue.alarm.unwrap_or_else(|| Instant::now() + RARELY))
    }
}

fn shipment(endpoint: Endpoint, event: Event, ids: &mut Ids) -> Shipment {
    Shipment {
        id: event.id.unwrap_or_else(|| ids.next("msg").into()),
        event_type: event.kind,
        content_type: event.content_type,
        payload: event.payload,
        traceparent: event.traceparent,
        endpoint,
    }
}

/// A job on its way, with the slot that it uses. Dropped before it landed, it goes back in line.
struct Flight {
    shared: Arc<Shared>,
    job: Arc<Job>,
    slot: Option<Slot>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.shared.turn_back(&self.job, slot);
        }
    }
}

/// Makes attempts as long as there is one to make.
async fn work(first: Flight) {
    let shared = Arc::clone(&first.shared);
    let mut next = Some(first);
    while let Some(flight) = next {
        next = shared.fly(flight).await;
    }
}

/// Sees to it that what waits for a moment starts at that moment.
async fn keep_time(shared: Weak<Shared>, alarm: Arc<Notify>) {
    loop {
        let Some(wake) = shared.upgrade().and_then(|shared| shared.look()) else { return };
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = alarm.notified() => {}
        }
    }
}
