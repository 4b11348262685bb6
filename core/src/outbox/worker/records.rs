//! Writing outcomes down, together.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    super::{claim::Taken, outcome::Outcome},
    Desk, FIRST_REST, pause_after,
};
use crate::{Attempt, retry::Decision, store::crash_point};

/// How many outcomes are written at once.
const TOGETHER: usize = 256;
/// For how long a few wait for others that are about to come.
const GATHER: Duration = Duration::from_millis(2);
const FEW: usize = 192;

impl Desk {
    /// Has an outcome written; whoever does that already does it, too.
    pub(super) fn write_down(
        self: &Arc<Self>,
        taken: Taken,
        lane: Arc<str>,
        attempt: Attempt,
        decision: Decision,
        pause: Option<Duration>,
    ) {
        let outcome = Outcome {
            seq: taken.seq,
            id: taken.id,
            claim: taken.claim,
            lane,
            subscription: taken.subscription,
            event_type: Arc::clone(&taken.event.event_type),
            is_ordered: taken.is_ordered,
            is_failing: taken.endpoint.is_failing,
            tries: taken.tries + 1,
            attempt,
            decision,
            pause,
            // Whatever extends the lease meanwhile: a write that can not succeed must not be tried for ever.
            give_up: Instant::now() + self.outbox.options.lease,
        };
        let mut state = self.state();
        state.outcomes.push(outcome);
        if !state.is_recording {
            state.is_recording = true;
            let desk = Arc::clone(self);
            state.tasks.spawn(async move { desk.record_all().await });
        }
    }

    /// Writes outcomes until there are none left, again and again while the store fails. After a failure they are
    /// written alone at first, since it may be the fault of one of them.
    async fn record_all(&self) {
        let (mut together, mut rest) = (TOGETHER, FIRST_REST);
        loop {
            if self.state().may_gather(FEW) {
                tokio::time::sleep(GATHER).await;
            }
            let outcomes: Vec<_> = {
                let mut state = self.state();
                let count = state.outcomes.len().min(together);
                state.is_recording = count > 0;
                state.outcomes.drain(..count).collect()
            };
            if outcomes.is_empty() {
                return;
            }
            match self.outbox.record(&outcomes).await {
                Ok(written) => {
                    crash_point!("outcome.written");
                    (together, rest) = ((together * 2).min(TOGETHER), FIRST_REST);
                    self.settle(&outcomes, |outcome| written.contains(&outcome.seq));
                }
                Err(error) => {
                    together = 1;
                    let now = Instant::now();
                    let (again, late): (Vec<_>, Vec<_>) = {
                        let mut state = self.state();
                        let waiting = std::mem::take(&mut state.outcomes);
                        waiting.into_iter().chain(outcomes).partition(|outcome| now < outcome.give_up)
                    };
                    self.state().outcomes.splice(0..0, again);
                    for outcome in &late {
                        tracing::warn!(%error, id = %outcome.id, "an outcome could not be written; the delivery is made again");
                        self.state().failure = Some(error.clone());
                    }
                    self.settle(&late, |_| false);
                    pause_after(&error, &mut rest).await;
                }
            }
        }
    }

    fn settle(&self, outcomes: &[Outcome], is_written: impl Fn(&Outcome) -> bool) {
        let mut state = self.state();
        for outcome in outcomes {
            state.counts.attempts += 1;
            let count = match (is_written(outcome), outcome.decision) {
                (false, _) => &mut state.counts.stale,
                (true, Decision::Delivered) => &mut state.counts.delivered,
                (true, Decision::Retry { .. }) => &mut state.counts.retrying,
                (true, Decision::Dead { .. }) => &mut state.counts.dead,
            };
            *count += 1;
            state.settle(&outcome.claim);
        }
        drop(state);
        self.room.notify_waiters();
        if outcomes.iter().any(|outcome| outcome.is_ordered) {
            // The next one with its key.
            self.outbox.due.notify_waiters();
        }
    }
}
