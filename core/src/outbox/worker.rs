//! A worker: takes rows, makes one attempt for each, and writes down what became of it.
//!
//! Nothing is decided in memory that a crash would lose: what a worker has taken is due again when its lease ends, and an
//! outcome that comes later than that is refused. What one attempt waits for holds up no other: rows are taken ahead, and
//! outcomes are written together, as many as have come in while the disk was busy with those before.

mod attempts;
mod fanning;
mod records;
mod state;

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use self::state::{State, Work};
use super::{Outbox, claim::Taken, new_id};
use crate::{Error, ErrorCode, Result, engine::Engine, store::crash_point};

/// How many rows a worker has for each attempt that it can make at once.
const AHEAD: usize = 16;
/// More are taken when there is room for one in so many of them: a claim costs as much for one row as for many.
const PORTION: usize = 4;
/// How many rows one claim takes at most: others wait for it.
const CLAIM: usize = 128;
/// How long a stopping worker waits for its attempts.
const GRACE: Duration = Duration::from_secs(25);
/// How long it waits for the claim that it is in the midst of.
const LAST_CLAIM: Duration = Duration::from_secs(5);
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
    engine: Arc<Engine>,
    state: Mutex<State>,
    /// Held by who takes rows, so that no room is used twice.
    taking: tokio::sync::Mutex<()>,
    /// A row was finished, so that there may be room.
    room: Notify,
    stop: watch::Sender<bool>,
}

/// What there was to take.
enum Took {
    Nothing,
    All,
    /// All that there was room for.
    Full,
    /// There may be more, and room for it.
    Some,
}

impl Worker {
    pub(super) fn new(outbox: Outbox, concurrency: usize) -> Result<Self> {
        if !(1..=65_536).contains(&concurrency) {
            return Err(Error::new(ErrorCode::InvalidConfig, "concurrency must be between 1 and 65536"));
        }
        let engine = outbox.engine()?;
        let state = State::new(concurrency, outbox.options.delivery.breaker);
        Ok(Self(Arc::new(Desk {
            outbox,
            engine,
            state: Mutex::new(state),
            taking: tokio::sync::Mutex::default(),
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
        let (stop, stopped) = watch::channel(false);
        let until_idle = async {
            let done = self.0.until_idle().await;
            stop.send_replace(true);
            done
        };
        let (done, ()) = tokio::join!(until_idle, self.0.keep_taking(stopped));
        done.map(|()| self.counts())
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
            let others = async {
                tokio::join!(self.keep_leases(), self.keep_clean(), self.keep_listening(), self.keep_releasing())
            };
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

    /// Makes deliveries until there is nothing to make, to take or to attempt, while others take them.
    async fn until_idle(self: &Arc<Self>) -> Result<()> {
        loop {
            let (room, due) = (self.room.notified(), self.outbox.due.notified());
            // What is attempted may make events and free other rows.
            let attempts = |state: &State| (state.total == 0).then_some(state.counts.attempts);
            let before = attempts(&self.state());
            let fanned = self.fan_out().await?;
            if let Some(error) = self.state().failure.take() {
                return Err(error);
            }
            if fanned {
                continue;
            }
            if before.is_none() {
                tokio::select! {
                    () = room => {}
                    () = due => {}
                    () = tokio::time::sleep(self.outbox.options.poll) => {}
                }
                self.start_what_may();
            } else if matches!(self.take_some().await?, Took::Nothing)
                && attempts(&self.state()) == before
                && !self.outbox.release_lost().await?
            {
                return Ok(());
            }
        }
    }

    /// Until it is told to stop, and never in the midst of a claim: what that holds would stay held.
    async fn keep_taking(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rest = FIRST_REST;
        while !*stop.borrow() {
            let woken = self.outbox.due.notified();
            let room = self.room.notified();
            match self.take_some().await {
                Ok(Took::Some) => rest = FIRST_REST,
                Ok(took) => {
                    rest = FIRST_REST;
                    tokio::select! {
                        () = woken => {}
                        () = room, if matches!(took, Took::Full) => {}
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
    async fn keep_fanning_out(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rest = FIRST_REST;
        while !*stop.borrow() {
            let woken = self.outbox.published.notified();
            match self.fan_out().await {
                Ok(true) => rest = FIRST_REST,
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

    /// Frees what lost workers had.
    async fn keep_releasing(&self) {
        loop {
            tokio::time::sleep(self.outbox.options.poll).await;
            match self.outbox.release_lost().await {
                Ok(true) => self.outbox.due.notify_waiters(),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "it was not looked for rows of lost workers"),
            }
        }
    }

    /// Looks for work when another process may have made some.
    async fn keep_listening(&self) {
        let (published, due) = (Arc::clone(&self.outbox.published), Arc::clone(&self.outbox.due));
        let told = Box::new(move || {
            published.notify_waiters();
            due.notify_waiters();
        });
        self.outbox.store.listen(told).await;
    }

    async fn keep_clean(&self) {
        loop {
            tokio::time::sleep(CLEAN_UP).await;
            if let Err(error) = self.outbox.clean_up().await {
                tracing::warn!(%error, "the outbox was not cleaned up");
            }
        }
    }

    /// Takes rows as far as there is room, and starts their attempts.
    async fn take_some(self: &Arc<Self>) -> Result<Took> {
        let _guard = self.taking.lock().await;
        let Some(mut room) = self.state().room() else { return Ok(Took::Full) };
        room.total = room.total.min(CLAIM);
        let claim: Arc<str> = new_id("claim").into();
        let started = Instant::now();
        let taken = self.outbox.claim(&claim, &room).await?;
        let took = match taken.len() {
            0 if room.is_for_all() => Took::Nothing,
            0 => Took::Full,
            count if count >= room.enough() => Took::Some,
            _ if room.is_left_by(&taken) => Took::All,
            _ => Took::Full,
        };
        if !taken.is_empty() {
            let claim_seconds = started.elapsed().as_secs_f64();
            tracing::debug!(claim_seconds, rows = taken.len(), "took rows");
        }
        self.take_in(claim, started, taken).await;
        Ok(took)
    }

    /// Takes in what it has been given for a lease, and starts its attempts.
    async fn take_in(self: &Arc<Self>, claim: Arc<str>, started: Instant, taken: Vec<Taken>) {
        if taken.is_empty() {
            return;
        }
        crash_point!("claim.taken");
        self.state().leases.insert(claim, (started + self.outbox.options.lease, taken.len()));
        for taken in taken {
            self.accept(taken).await;
        }
        self.start_what_may();
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

async fn pause_after(error: &Error, rest: &mut Duration) {
    tracing::warn!(%error, "the outbox's store failed");
    tokio::time::sleep(*rest).await;
    *rest = (*rest * 2).min(LONGEST_REST);
}
