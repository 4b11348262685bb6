//! Whose turn is it?
//!
//! Every endpoint has a lane. Lanes that have work due take fair turns; each may have only so many
//! attempts in flight, and *slow* lanes (whose last attempt did not succeed quickly, new ones included)
//! may together have only half of all slots, so that endpoints that hang never hold up those that answer.
//!
//! The owner keeps the work and tells each lane when its earliest piece is [due](Lanes::set_due); the
//! time is an argument everywhere.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    breaker::{Breaker, Circuit, CircuitChange},
    rate::{Pace, RateLimit},
};

/// A lane without work is forgotten after this time.
const IDLE: Duration = Duration::from_secs(600);
/// An attempt that succeeds within this time makes its lane fast.
const QUICK: Duration = Duration::from_secs(2);
/// What each slow lane may have in flight while fast lanes use the other half of the slots.
const SLOW_SHARE: usize = 2;

/// How much may be in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) total: usize,
    pub(crate) per_lane: usize,
}

/// A lane, as long as it has work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneId(u32);

/// The right to one attempt, given back by [`Lanes::finish`] or [`Lanes::release`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Slot {
    pub(crate) lane: LaneId,
    fast: bool,
}

/// How an attempt ended, as far as its lane is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) success: bool,
    pub(crate) outage: bool,
    pub(crate) duration: Duration,
    pub(crate) pause: Option<Duration>,
}

/// All lanes of one owner.
#[derive(Debug)]
pub(crate) struct Lanes {
    slots: Slots,
    breaker: Option<Breaker>,
    by_key: HashMap<Arc<str>, LaneId>,
    table: Vec<Option<Lane>>,
    free: Vec<LaneId>,
    fast: Class,
    slow: Class,
    /// Slow lanes at their share, until fast lanes leave room.
    held: BTreeSet<LaneId>,
    timers: BTreeSet<(Instant, LaneId)>,
    tickets: u64,
    open_circuits: usize,
}

#[derive(Debug, Default)]
struct Class {
    in_flight: usize,
    turns: VecDeque<(u64, LaneId)>,
}

#[derive(Debug)]
struct Lane {
    key: Arc<str>,
    due: Option<Instant>,
    place: Place,
    fast: bool,
    in_flight: usize,
    circuit: Circuit,
    paused_until: Option<Instant>,
    pace: Option<Pace>,
}

/// Where a lane waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// For something that will call it up.
    Nowhere,
    /// For its turn.
    Turn(u64),
    /// For a moment.
    Until(Instant),
}

impl Lanes {
    pub(crate) fn new(slots: Slots, breaker: Option<Breaker>) -> Self {
        Self {
            slots,
            breaker,
            by_key: HashMap::new(),
            table: Vec::new(),
            free: Vec::new(),
            fast: Class::default(),
            slow: Class::default(),
            held: BTreeSet::new(),
            timers: BTreeSet::new(),
            tickets: 0,
            open_circuits: 0,
        }
    }

    /// The lane of this key, which the caller is about to give work.
    pub(crate) fn open(&mut self, key: &Arc<str>, rate: Option<RateLimit>) -> LaneId {
        let id = match self.by_key.get(key) {
            Some(id) => *id,
            None => self.add(key),
        };
        let lane = self.lane(id);
        match (&mut lane.pace, rate) {
            (Some(pace), Some(rate)) => pace.set(rate),
            (pace, rate) => *pace = rate.map(Pace::new),
        }
        id
    }

    fn add(&mut self, key: &Arc<str>) -> LaneId {
        let lane = Lane {
            key: Arc::clone(key),
            due: None,
            place: Place::Nowhere,
            fast: false,
            in_flight: 0,
            circuit: Circuit::default(),
            paused_until: None,
            pace: None,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.table.push(None);
            LaneId(u32::try_from(self.table.len() - 1).unwrap_or(u32::MAX))
        });
        self.table[id.index()] = Some(lane);
        self.by_key.insert(Arc::clone(key), id);
        id
    }

    /// Says when the lane's earliest piece of work is due, if it has any.
    pub(crate) fn set_due(&mut self, id: LaneId, due: Option<Instant>, now: Instant) {
        self.lane(id).due = due;
        self.place(id, now);
    }

    /// The moment before which the lane takes no attempt, for other reasons than its work.
    pub(crate) fn not_before(&mut self, id: LaneId) -> Option<Instant> {
        self.lane(id).not_before()
    }

    /// Gives the lane whose turn it is a slot, if there is one. The caller must take the lane's earliest
    /// piece of work and call [`set_due`](Self::set_due).
    pub(crate) fn next(&mut self, now: Instant) -> Option<(Slot, Option<CircuitChange>)> {
        self.pass_timers(now);
        while self.fast.in_flight + self.slow.in_flight < self.slots.total {
            let id = self.take_turn()?;
            let crowded = self.is_crowded();
            let lane = self.lane(id);
            lane.place = Place::Nowhere;
            if !lane.fast && crowded && lane.in_flight >= SLOW_SHARE {
                self.held.insert(id);
                continue;
            }
            let change = lane.circuit.start();
            if let Some(pace) = &mut lane.pace {
                pace.take(now);
            }
            lane.in_flight += 1;
            let slot = Slot { lane: id, fast: lane.fast };
            self.class(slot.fast).in_flight += 1;
            self.count_circuit(change);
            return Some((slot, change));
        }
        None
    }

    /// Takes a slot back after an attempt.
    pub(crate) fn finish(&mut self, slot: Slot, end: Finish, now: Instant) -> Option<CircuitChange> {
        let breaker = self.breaker;
        let lane = self.lane(slot.lane);
        let fast = end.success && end.duration <= QUICK;
        if lane.fast != fast {
            lane.fast = fast;
            lane.leave_line();
        }
        if let Some(pause) = end.pause {
            let until = now + pause;
            lane.paused_until = Some(lane.paused_until.map_or(until, |earlier| earlier.max(until)));
        }
        let change = breaker.and_then(|rules| match (end.success, end.outage) {
            (true, _) => lane.circuit.succeed(&rules),
            (false, true) => lane.circuit.fail(&rules, now),
            (false, false) => None,
        });
        self.count_circuit(change);
        self.release(slot, now);
        change
    }

    /// Takes a slot back that was not used.
    #[expect(clippy::needless_pass_by_value, reason = "a slot is given back once")]
    pub(crate) fn release(&mut self, slot: Slot, now: Instant) {
        let Slot { lane, fast } = slot;
        self.lane(lane).in_flight -= 1;
        let was_crowded = self.is_crowded();
        self.class(fast).in_flight -= 1;
        if was_crowded && !self.is_crowded() {
            for id in std::mem::take(&mut self.held) {
                if self.table[id.index()].is_some() {
                    self.place(id, now);
                }
            }
        }
        self.place(lane, now);
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn open_circuits(&self) -> usize {
        self.open_circuits
    }

    /// The next moment at which a lane may get its turn without anything else happening.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether the lane's last attempt succeeded quickly.
    #[cfg(feature = "outbox")]
    pub(crate) fn is_fast(&self, key: &str) -> bool {
        let lane = self.by_key.get(key).and_then(|id| self.table[id.index()].as_ref());
        lane.is_some_and(|lane| lane.fast)
    }

    pub(crate) fn key(&self, id: LaneId) -> Option<&Arc<str>> {
        self.table.get(id.index())?.as_ref().map(|lane| &lane.key)
    }

    /// Fast lanes use at least the half that slow lanes may not have.
    fn is_crowded(&self) -> bool {
        self.fast.in_flight >= self.slots.total - self.slow_slots()
    }

    fn slow_slots(&self) -> usize {
        self.slots.total.div_ceil(2)
    }

    /// The lane that has waited longest for its turn and may have it.
    fn take_turn(&mut self) -> Option<LaneId> {
        let slow_has_room = self.slow.in_flight < self.slow_slots();
        let fast = self.first_turn(true);
        let slow = self.first_turn(false).filter(|_| slow_has_room);
        let is_fast = match (fast, slow) {
            (Some(fast), Some(slow)) => fast < slow,
            (fast, slow) => {
                fast.or(slow)?;
                fast.is_some()
            }
        };
        self.class(is_fast).turns.pop_front().map(|(_, id)| id)
    }

    /// The ticket of the first lane in line, without those that have left the line meanwhile.
    fn first_turn(&mut self, fast: bool) -> Option<u64> {
        loop {
            let (ticket, id) = *self.class(fast).turns.front()?;
            if self.table[id.index()].as_ref().is_some_and(|lane| lane.place == Place::Turn(ticket)) {
                return Some(ticket);
            }
            self.class(fast).turns.pop_front();
        }
    }

    fn pass_timers(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.timers.first() {
            if at > now {
                return;
            }
            self.timers.pop_first();
            self.lane(id).place = Place::Nowhere;
            if self.lane(id).is_idle() {
                self.forget(id);
            } else {
                self.place(id, now);
            }
        }
    }

    fn forget(&mut self, id: LaneId) {
        if let Some(lane) = self.table[id.index()].take() {
            self.by_key.remove(&lane.key);
            self.open_circuits -= usize::from(lane.circuit.not_before().is_some());
            self.free.push(id);
        }
    }

    fn count_circuit(&mut self, change: Option<CircuitChange>) {
        match change {
            Some(CircuitChange::Opened) => self.open_circuits += 1,
            Some(CircuitChange::HalfOpen) => self.open_circuits -= 1,
            Some(CircuitChange::Closed) | None => {}
        }
    }

    /// Puts a lane where it has to wait now.
    fn place(&mut self, id: LaneId, now: Instant) {
        let per_lane = self.slots.per_lane;
        let lane = self.lane(id);
        let place = lane.place_for(per_lane, now);
        let fast = lane.fast;
        let before = lane.place;
        match (before, place) {
            (Place::Until(before), Place::Until(after)) if before == after => return,
            (Place::Until(before), _) => {
                self.timers.remove(&(before, id));
            }
            _ => {}
        }
        let place = match place {
            Place::Turn(_) => {
                self.tickets += 1;
                let ticket = if let Place::Turn(ticket) = before { ticket } else { self.tickets };
                if before != Place::Turn(ticket) {
                    self.class(fast).turns.push_back((ticket, id));
                }
                Place::Turn(ticket)
            }
            Place::Until(at) => {
                self.timers.insert((at, id));
                place
            }
            Place::Nowhere => place,
        };
        self.lane(id).place = place;
    }

    fn class(&mut self, fast: bool) -> &mut Class {
        if fast { &mut self.fast } else { &mut self.slow }
    }

    fn lane(&mut self, id: LaneId) -> &mut Lane {
        self.table[id.index()].as_mut().expect("a lane with work or a slot is not forgotten")
    }
}

impl Lane {
    fn is_idle(&self) -> bool {
        self.due.is_none() && self.in_flight == 0
    }

    fn not_before(&self) -> Option<Instant> {
        let pace = self.pace.as_ref().and_then(Pace::not_before);
        self.paused_until.max(self.circuit.not_before()).max(pace)
    }

    /// Where the lane has to wait; the ticket of a turn is the caller's to draw.
    fn place_for(&self, per_lane: usize, now: Instant) -> Place {
        let Some(due) = self.due else {
            let forget_at = (now + IDLE).max(self.not_before().unwrap_or(now));
            return if self.is_idle() { Place::Until(forget_at) } else { Place::Nowhere };
        };
        let most = if self.circuit.admits_one() { 1 } else { per_lane };
        if self.in_flight >= most {
            return Place::Nowhere;
        }
        let at = due.max(self.not_before().unwrap_or(due));
        if at > now { Place::Until(at) } else { Place::Turn(0) }
    }

    /// Gives up its place in the line of its former class.
    fn leave_line(&mut self) {
        if let Place::Turn(_) = self.place {
            self.place = Place::Nowhere;
        }
    }
}

impl LaneId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lanes whose work never ends.
    struct Busy {
        lanes: Lanes,
        now: Instant,
    }

    impl Busy {
        fn new(total: usize, per_lane: usize) -> Self {
            Self { lanes: Lanes::new(Slots { total, per_lane }, None), now: Instant::now() }
        }

        fn lane(&mut self, key: &str) -> LaneId {
            let id = self.lanes.open(&key.into(), None);
            self.lanes.set_due(id, Some(self.now), self.now);
            id
        }

        /// A lane whose last attempt succeeded at once.
        fn fast_lane(&mut self, key: &str) -> LaneId {
            let id = self.lane(key);
            let slot = self.start(1).remove(0);
            assert_eq!(slot.lane, id);
            self.end(slot, true);
            id
        }

        fn start(&mut self, most: usize) -> Vec<Slot> {
            let mut slots = Vec::new();
            while slots.len() < most {
                let Some((slot, _)) = self.lanes.next(self.now) else { break };
                self.lanes.set_due(slot.lane, Some(self.now), self.now);
                slots.push(slot);
            }
            slots
        }

        fn end(&mut self, slot: Slot, success: bool) {
            let finish = Finish { success, outage: false, duration: Duration::ZERO, pause: None };
            self.lanes.finish(slot, finish, self.now);
        }
    }

    fn count(slots: &[Slot], lane: LaneId) -> usize {
        slots.iter().filter(|slot| slot.lane == lane).count()
    }

    #[test]
    fn slow_lanes_share_half_of_the_slots_in_turns() {
        let mut busy = Busy::new(9, 8);
        let [a, b] = ["a", "b"].map(|key| busy.lane(key));
        let slots = busy.start(100);
        assert_eq!((slots.len(), count(&slots, a), count(&slots, b)), (5, 3, 2));
    }

    #[test]
    fn slow_lanes_have_two_each_while_fast_ones_use_the_other_half() {
        let mut busy = Busy::new(16, 8);
        let fast = busy.fast_lane("fast");
        let mut running = busy.start(100);
        assert_eq!(count(&running, fast), 8);
        let slow = busy.lane("slow");
        let held = busy.start(100);
        assert_eq!((held.len(), count(&held, slow)), (2, 2));
        let other = busy.lane("other");
        assert_eq!(count(&busy.start(100), other), 2);
        // A fast lane that leaves one of its slots leaves room.
        busy.lanes.set_due(fast, None, busy.now);
        busy.end(running.pop().unwrap(), true);
        let freed = busy.start(100);
        assert_eq!((count(&freed, slow), count(&freed, other)), (2, 2));
    }

    #[test]
    fn a_failure_makes_a_lane_slow() {
        let mut busy = Busy::new(4, 4);
        let lane = busy.fast_lane("a");
        let mut slots = busy.start(100);
        assert_eq!(count(&slots, lane), 4);
        let tardy = Finish { success: true, outage: false, duration: QUICK * 2, pause: None };
        busy.lanes.finish(slots.pop().unwrap(), tardy, busy.now);
        busy.lanes.finish(slots.pop().unwrap(), tardy, busy.now);
        // Two of the four are in flight as a fast lane's; a slow one is held at its share.
        assert_eq!(busy.start(100).len(), 0);
    }

    #[test]
    fn an_idle_lane_is_forgotten_and_its_place_reused() {
        let mut busy = Busy::new(4, 4);
        let first = busy.lane("a");
        let slot = busy.start(1).remove(0);
        busy.lanes.set_due(first, None, busy.now);
        busy.end(slot, true);
        assert_eq!(busy.lanes.wake(), Some(busy.now + IDLE));
        busy.now += IDLE;
        assert!(busy.lanes.next(busy.now).is_none());
        assert_eq!((busy.lanes.wake(), busy.lanes.by_key.len()), (None, 0));
        assert_eq!(busy.lane("b"), first);
    }
}
