//! Making the deliveries of events, and taking those that there is room for at once.

use std::{sync::Arc, time::Duration};

use tokio::{sync::MutexGuard, time::Instant};

use super::{
    super::{
        claim::Room,
        fanout::{Event, Sheet},
        new_id,
    },
    Desk,
};
use crate::{Result, store::crash_point};

/// How long an event waits for a worker that has room for its deliveries; then they are there for anyone.
const PATIENCE: Duration = Duration::from_millis(50);

impl Desk {
    /// Makes the deliveries of events that are due; answers with whether there were any that nobody else had taken up.
    pub(super) async fn fan_out(self: &Arc<Self>) -> Result<bool> {
        let mut made = false;
        for mut sheet in self.outbox.sheets().await? {
            loop {
                let mut left = &sheet.events[..];
                while !left.is_empty() {
                    let (guard, room, portion) = self.room_to_fan_out(&sheet, left).await;
                    let (events, rest) = left.split_at(portion.min(left.len()));
                    let (claim, started): (Arc<str>, _) = (new_id("claim").into(), Instant::now());
                    let page = self.outbox.make(&sheet, events, &claim, room.as_ref()).await?;
                    crash_point!("fan_out.page");
                    made |= page.was_new;
                    self.take_in(claim, started, page.taken).await;
                    drop(guard);
                    if page.has_free {
                        self.outbox.due.notify_waiters();
                    }
                    left = rest;
                }
                match self.outbox.next_sheet(sheet).await? {
                    Some(next) => sheet = next,
                    None => break,
                }
            }
        }
        Ok(made)
    }

    /// Waits for room, but not for long; answers with how many events to go on with. Nobody else takes rows meanwhile.
    async fn room_to_fan_out(&self, sheet: &Sheet, events: &[Event]) -> (MutexGuard<'_, ()>, Option<Room>, usize) {
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            let freed = self.room.notified();
            let guard = self.taking.lock().await;
            let (room, has_none) = {
                let state = self.state();
                (state.room(), state.total == 0)
            };
            let portion = room.as_ref().map_or(0, |room| sheet.portion(events, room));
            if portion > 0 {
                return (guard, room, portion);
            }
            // Nothing that it has makes room for so many.
            if has_none || patience.is_elapsed() {
                return (guard, room, sheet.most());
            }
            drop(guard);
            tokio::select! {
                () = freed => {}
                () = &mut patience => {}
            }
        }
    }
}
