//! What a worker has in hand.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use tokio::{task::JoinSet, time::Instant};

use super::{
    super::{
        claim::{Room, Taken},
        outcome::Outcome,
    },
    AHEAD, Counts, PORTION,
};
use crate::{
    Endpoint, Error, RetryPolicy,
    engine::{Breaker, LaneId, Lanes, Shipment, Slots},
};

/// How many attempts to one endpoint this worker makes at once, and how many rows it has of one that is not known to be quick.
const PER_LANE: usize = 8;
const PER_SLOW_LANE: usize = 2;
/// How many endpoints are remembered as quick.
const MOST_QUICK: usize = 1_000;

pub(super) struct State {
    most_in_hand: usize,
    pub(super) lanes: Lanes,
    pub(super) waiting: HashMap<LaneId, VecDeque<Work>>,
    /// How many rows of a lane are still to be attempted.
    in_hand: HashMap<Arc<str>, usize>,
    quick: HashSet<Arc<str>>,
    /// How many rows this worker has, with those whose outcome is still to be written.
    pub(super) total: usize,
    /// When what a claim has taken falls due again, and how many rows of it are left.
    pub(super) leases: HashMap<Arc<str>, (Instant, usize)>,
    pub(super) endpoints: HashMap<Arc<str>, (i64, Known)>,
    /// Outcomes that are still to be written, and whether that is under way.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) is_recording: bool,
    /// Why an outcome was given up.
    pub(super) failure: Option<Error>,
    pub(super) tasks: JoinSet<()>,
    pub(super) counts: Counts,
}

/// An endpoint with its policy.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) endpoint: Endpoint,
    pub(super) policy: RetryPolicy,
}

pub(super) struct Work {
    pub(super) taken: Taken,
    pub(super) lane: Arc<str>,
    pub(super) shipment: Shipment,
    pub(super) policy: RetryPolicy,
    pub(super) taken_at: Instant,
}

impl Work {
    pub(super) fn into_row(self) -> (Taken, Arc<str>) {
        (self.taken, self.lane)
    }
}

impl State {
    pub(super) fn new(concurrency: usize, breaker: Option<Breaker>) -> Self {
        Self {
            most_in_hand: concurrency * AHEAD,
            lanes: Lanes::new(Slots { total: concurrency, per_lane: PER_LANE }, breaker),
            waiting: HashMap::new(),
            in_hand: HashMap::new(),
            quick: HashSet::new(),
            total: 0,
            leases: HashMap::new(),
            endpoints: HashMap::new(),
            outcomes: Vec::new(),
            is_recording: false,
            failure: None,
            tasks: JoinSet::new(),
            counts: Counts::default(),
        }
    }

    /// How many rows can be taken, if it is worth while.
    pub(super) fn room(&self) -> Option<Room> {
        let total = self.most_in_hand.saturating_sub(self.total);
        if total * PORTION < self.most_in_hand {
            return None;
        }
        let known = self.in_hand.keys().chain(self.quick.iter().filter(|lane| !self.in_hand.contains_key(*lane)));
        let lanes = known.map(|lane| (Arc::clone(lane), self.room_in(lane))).collect();
        Some(Room { total, lanes, other: PER_SLOW_LANE, most: PER_LANE * AHEAD })
    }

    fn room_in(&self, lane: &str) -> usize {
        let most = if self.quick.contains(lane) { PER_LANE * AHEAD } else { PER_SLOW_LANE };
        most.saturating_sub(self.in_hand.get(lane).copied().unwrap_or_default())
    }

    /// One row more.
    pub(super) fn add(&mut self, lane: &Arc<str>) {
        *self.in_hand.entry(Arc::clone(lane)).or_default() += 1;
        self.total += 1;
    }

    /// One row less that is still to be attempted; answers with whether there may be many more of its lane from now on.
    pub(super) fn attempted(&mut self, lane: &Arc<str>) -> bool {
        if let Some(count) = self.in_hand.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                self.in_hand.remove(lane);
            }
        }
        if !self.lanes.is_fast(lane) {
            self.quick.remove(lane);
        } else if self.quick.len() < MOST_QUICK || self.quick.contains(lane) {
            return self.quick.insert(Arc::clone(lane));
        } else {
            self.quick.clear();
        }
        false
    }

    /// Whether there are few outcomes to write and more to come.
    pub(super) fn may_gather(&self, few: usize) -> bool {
        let count = self.outcomes.len();
        count > 0 && count < few && count < self.total
    }

    /// One row less.
    pub(super) fn settle(&mut self, claim: &Arc<str>) {
        self.total -= 1;
        if let Some((_, left)) = self.leases.get_mut(claim) {
            *left -= 1;
            if *left == 0 {
                self.leases.remove(claim);
            }
        }
    }
}
