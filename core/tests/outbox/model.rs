//! Random operations on an outbox, beside a model that does the same with a few lists in memory.

use std::collections::BTreeMap;

use hookseal::{
    ErrorCode, Event, SenderOptions, Status,
    outbox::{DeliveryFilter, Outbox, OutboxOptions, Publication, StoredDelivery, SubscriptionOptions},
};
use std::time::Duration;

use crate::kit::{Receiver, change, on_every_store, options};

const OPERATIONS: usize = 80;
const TRIES: u32 = 3;
const PATTERNS: [&str; 3] = ["*", "order.*", "user.new"];
const TYPES: [&str; 3] = ["order.paid", "order.late", "user.new"];

on_every_store! { random_operations_do_what_the_model_does }

/// Numbers that a seed determines (xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    fn one_of<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { Some(items[self.below(items.len())].clone()) }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Standing {
    Enabled,
    Paused,
    Disabled,
}

struct Subscription {
    id: String,
    pattern: &'static str,
    standing: Standing,
}

impl Subscription {
    fn wants(&self, kind: &str) -> bool {
        let stem = self.pattern.trim_end_matches('*');
        self.standing != Standing::Disabled && (kind == stem || (stem != self.pattern && kind.starts_with(stem)))
    }
}

#[derive(Clone)]
struct Stored {
    id: String,
    kind: &'static str,
    payload: usize,
    key: Option<usize>,
    /// Whom it was for when it was accepted, and who has no delivery yet.
    waiting: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Delivery {
    status: Status,
    reason: Option<&'static str>,
    attempts: i64,
    tries: u32,
    is_due: bool,
}

impl Delivery {
    fn end(&mut self, status: Status, reason: Option<&'static str>) {
        (self.status, self.reason) = (status, reason);
    }
}

/// An event's id and a subscription's.
type Place = (String, String);

#[derive(Default)]
struct Model {
    subscriptions: Vec<Subscription>,
    events: Vec<Stored>,
    deliveries: BTreeMap<Place, Delivery>,
    attempts: i64,
}

enum Answer {
    New,
    Duplicate(String),
    Conflict,
}

impl Model {
    fn publish(&mut self, id: &str, kind: &'static str, payload: usize, key: Option<usize>) -> Answer {
        let same = |event: &&Stored| event.id == id || (key.is_some() && event.key == key);
        let known: Vec<&Stored> = self.events.iter().filter(same).collect();
        match known[..] {
            [] => {}
            [one] if (one.kind, one.payload) == (kind, payload) => return Answer::Duplicate(one.id.clone()),
            _ => return Answer::Conflict,
        }
        let wanted = self.subscriptions.iter().filter(|it| it.wants(kind)).map(|it| it.id.clone()).collect();
        self.events.push(Stored { id: id.to_owned(), kind, payload, key, waiting: wanted });
        Answer::New
    }

    fn fan_out(&mut self) {
        for event in &mut self.events {
            for subscription in event.waiting.drain(..) {
                if self.subscriptions.iter().any(|it| it.id == subscription) {
                    let fresh = Delivery { status: Status::Pending, reason: None, attempts: 0, tries: 0, is_due: true };
                    self.deliveries.insert((event.id.clone(), subscription), fresh);
                }
            }
        }
    }

    fn standing(&self, subscription: &str) -> Option<Standing> {
        self.subscriptions.iter().find(|it| it.id == subscription).map(|it| it.standing)
    }

    /// What one run of a worker does while every receiver answers with this status; but for 410, after whose first
    /// a worker may or may not have others in hand.
    fn work(&mut self, answer: u16) {
        self.fan_out();
        let enabled: Vec<_> =
            self.subscriptions.iter().filter(|it| it.standing == Standing::Enabled).map(|it| it.id.clone()).collect();
        for ((_, subscription), delivery) in &mut self.deliveries {
            if delivery.status != Status::Pending || !delivery.is_due || !enabled.contains(subscription) {
                continue;
            }
            self.attempts += 1;
            delivery.attempts += 1;
            delivery.tries += 1;
            delivery.is_due = false;
            match answer {
                204 => delivery.end(Status::Delivered, None),
                413 => delivery.end(Status::Dead, Some("payload_rejected")),
                500 if delivery.tries == TRIES => delivery.end(Status::Dead, Some("attempts_exhausted")),
                500 => {}
                other => unreachable!("{other} is not in the script"),
            }
        }
    }
}

async fn all(outbox: &Outbox) -> BTreeMap<Place, StoredDelivery> {
    let mut found = BTreeMap::new();
    let mut cursor = None;
    loop {
        let page = outbox.deliveries(&DeliveryFilter::default(), 7, cursor.as_deref()).await.unwrap();
        for item in page.items {
            let place = (item.event_id.clone(), item.subscription.clone().unwrap());
            assert!(found.insert(place, item).is_none(), "an event has two deliveries to one subscription");
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

/// Lets the time pass that every failed delivery waits for; `false` where nobody else reaches the store.
async fn let_time_pass(uri: &str) -> bool {
    let sql = "UPDATE {p}deliveries SET due_at = 0 WHERE status = 'pending'; \
               UPDATE {p}lanes SET next_due = 0, paused_until = 0";
    change(uri, sql).await
}

struct Trial {
    outbox: Outbox,
    receiver: Receiver,
    model: Model,
    chance: Chance,
    uri: String,
    log: Vec<String>,
}

impl Trial {
    async fn new(uri: &str, seed: u64) -> Self {
        let never_open = SenderOptions { breaker: None, ..options().delivery };
        let options = OutboxOptions { delivery: never_open, disable_after: None, ..options() };
        let outbox = Outbox::open(uri, options).await.unwrap();
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        chance.below(1);
        Self {
            outbox,
            receiver: Receiver::start().await,
            model: Model::default(),
            chance,
            uri: uri.to_owned(),
            log: Vec::new(),
        }
    }

    async fn step(&mut self) {
        match self.chance.below(20) {
            0..=6 => self.publish().await,
            7 => self.subscribe().await,
            8..=11 => self.work().await,
            12 => self.work_with_gone().await,
            13 => self.retry_or_cancel().await,
            14 => {
                if let_time_pass(&self.uri).await {
                    self.log.push("time passes".to_owned());
                    self.model.deliveries.values_mut().for_each(|it| it.is_due |= it.status == Status::Pending);
                }
            }
            15 => {
                self.log.push("purge".to_owned());
                let dead = self.model.deliveries.values().filter(|it| it.status == Status::Dead).count() as u64;
                assert_eq!(self.outbox.purge_dead(Duration::ZERO).await.unwrap(), dead);
                self.model.deliveries.retain(|_, it| it.status != Status::Dead);
            }
            16 => self.retry_dead().await,
            _ => self.turn().await,
        }
    }

    async fn publish(&mut self) {
        let (id, payload) = (format!("evt_{}", self.chance.below(30)), self.chance.below(2));
        let kind = TYPES[self.chance.below(TYPES.len())];
        let key = (self.chance.below(4) == 0).then(|| self.chance.below(5));
        self.log.push(format!("publish {id} {kind} {payload} {key:?}"));
        let event = Event::json(kind, &serde_json::json!({ "n": payload })).unwrap().id(&id).unwrap();
        let mut publication = Publication::new(event);
        if let Some(key) = key {
            publication = publication.idempotency_key(format!("key {key}"));
        }
        let published = self.outbox.publish(publication).await;
        match self.model.publish(&id, kind, payload, key) {
            Answer::Conflict => assert_eq!(published.unwrap_err().code(), ErrorCode::Conflict),
            Answer::New => assert_eq!(published.map(|it| (it.id, it.duplicate)).unwrap(), (id, false)),
            Answer::Duplicate(known) => assert_eq!(published.map(|it| (it.id, it.duplicate)).unwrap(), (known, true)),
        }
    }

    async fn subscribe(&mut self) {
        if self.model.subscriptions.len() == 6 {
            return;
        }
        let pattern = PATTERNS[self.chance.below(PATTERNS.len())];
        let options = SubscriptionOptions {
            events: vec![pattern.to_owned()],
            retry: Some(hookseal::RetryPolicy::schedule(vec![Duration::from_secs(3600); TRIES as usize - 1])),
            ..self.receiver.subscription()
        };
        let id = self.outbox.subscribe(options).await.unwrap().id;
        self.log.push(format!("subscribe {pattern}: {id}"));
        self.model.subscriptions.push(Subscription { id, pattern, standing: Standing::Enabled });
    }

    async fn work(&mut self) {
        let answer = [204, 204, 500, 413][self.chance.below(4)];
        self.log.push(format!("work with {answer}"));
        self.receiver.answer(answer);
        self.model.work(answer);
        self.outbox.worker(1 + self.chance.below(8)).unwrap().run_until_idle().await.unwrap();
        assert_eq!(self.outbox.status().await.unwrap().events_waiting, 0);
    }

    /// The first 410 ends its delivery and the subscription; the others that were due stay, or end the same way.
    async fn work_with_gone(&mut self) {
        self.log.push("work with 410".to_owned());
        self.receiver.answer(410);
        self.model.fan_out();
        self.outbox.worker(1 + self.chance.below(8)).unwrap().run_until_idle().await.unwrap();
        let found = all(&self.outbox).await;
        for subscription in self.model.subscriptions.iter_mut().filter(|it| it.standing == Standing::Enabled) {
            let of_it = self.model.deliveries.iter_mut().filter(|((_, to), _)| *to == subscription.id);
            let due: Vec<_> = of_it.filter(|(_, it)| it.status == Status::Pending && it.is_due).collect();
            let had_work = !due.is_empty();
            let mut gone = 0;
            for (place, delivery) in due {
                if found[place].status == Status::Dead {
                    gone += 1;
                    delivery.attempts += 1;
                    delivery.tries += 1;
                    delivery.end(Status::Dead, Some("gone"));
                }
            }
            self.model.attempts += gone;
            assert_eq!(gone > 0, had_work, "{}", subscription.id);
            if had_work {
                subscription.standing = Standing::Disabled;
            }
        }
    }

    async fn retry_or_cancel(&mut self) {
        let places: Vec<_> = self.model.deliveries.keys().cloned().collect();
        let Some(place) = self.chance.one_of(&places) else { return };
        let id = all(&self.outbox).await[&place].id.clone();
        let has_endpoint = self.model.standing(&place.1).is_some();
        let delivery = self.model.deliveries.get_mut(&place).unwrap();
        if self.chance.below(2) == 0 {
            self.log.push(format!("retry {place:?}"));
            let retried = self.outbox.retry(&id).await;
            if delivery.status == Status::Pending || !has_endpoint {
                assert_eq!(retried.unwrap_err().code(), ErrorCode::NotFound);
            } else {
                assert_eq!(retried.unwrap().status, Status::Pending);
                delivery.end(Status::Pending, None);
                (delivery.tries, delivery.is_due) = (0, true);
            }
        } else {
            self.log.push(format!("cancel {place:?}"));
            let cancelled = self.outbox.cancel(&id).await;
            if delivery.status == Status::Pending {
                assert_eq!(cancelled.unwrap().status, Status::Cancelled);
                delivery.end(Status::Cancelled, None);
            } else {
                assert_eq!(cancelled.unwrap_err().code(), ErrorCode::NotFound);
            }
        }
    }

    async fn retry_dead(&mut self) {
        let dry_run = self.chance.below(2) == 0;
        self.log.push(format!("retry dead, dry run: {dry_run}"));
        let known: Vec<_> = self.model.subscriptions.iter().map(|it| it.id.clone()).collect();
        let dead = self.model.deliveries.iter_mut();
        let dead: Vec<_> = dead.filter(|((_, to), it)| it.status == Status::Dead && known.contains(to)).collect();
        assert_eq!(self.outbox.retry_dead(&DeliveryFilter::default(), dry_run).await.unwrap(), dead.len() as u64);
        if !dry_run {
            for (_, delivery) in dead {
                delivery.end(Status::Pending, None);
                (delivery.tries, delivery.is_due) = (0, true);
            }
        }
    }

    /// Pauses, resumes, disables or deletes a subscription.
    async fn turn(&mut self) {
        if self.model.subscriptions.is_empty() {
            return;
        }
        let at = self.chance.below(self.model.subscriptions.len());
        let subscription = &mut self.model.subscriptions[at];
        let id = subscription.id.clone();
        match self.chance.below(7) {
            0 => {
                self.log.push(format!("unsubscribe {id}"));
                self.outbox.unsubscribe(&id).await.unwrap();
                self.model.subscriptions.remove(at);
                let of_it = self.model.deliveries.iter_mut().filter(|((_, to), _)| *to == id);
                of_it
                    .filter(|(_, it)| it.status == Status::Pending)
                    .for_each(|(_, it)| it.end(Status::Cancelled, None));
            }
            1 | 2 => {
                self.log.push(format!("disable {id}"));
                self.outbox.disable(&id, "test").await.unwrap();
                subscription.standing = Standing::Disabled;
            }
            3 | 4 => {
                self.log.push(format!("pause {id}"));
                self.outbox.pause(&id).await.unwrap();
                subscription.standing = Standing::Paused;
            }
            _ => {
                self.log.push(format!("resume {id}"));
                self.outbox.resume(&id).await.unwrap();
                subscription.standing = Standing::Enabled;
            }
        }
    }

    async fn compare(&self) {
        let found = all(&self.outbox).await;
        let shown = |it: &StoredDelivery| (it.status, it.reason.map(hookseal::retry::Reason::as_str), it.attempts);
        let found: BTreeMap<_, _> = found.iter().map(|(place, it)| (place, shown(it))).collect();
        let wanted: BTreeMap<_, _> =
            self.model.deliveries.iter().map(|(place, it)| (place, (it.status, it.reason, it.attempts))).collect();
        assert_eq!(found, wanted, "after {:#?}", self.log);
        assert_eq!(i64::try_from(self.receiver.seen().await.len()).unwrap(), self.model.attempts);
        for subscription in &self.model.subscriptions {
            let standing = self.outbox.subscription(&subscription.id).await.unwrap().status.as_str();
            assert_eq!(standing, format!("{:?}", subscription.standing).to_lowercase(), "after {:#?}", self.log);
        }
    }
}

mod tests {
    use super::*;

    pub(super) async fn random_operations_do_what_the_model_does(uri: &str) {
        let full = std::env::var("HOOKSEAL_FULL").is_ok_and(|value| value == "1");
        let first = std::env::var("HOOKSEAL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seeds = first.map_or(1..if full { 60 } else { 5 }, |first: u64| first..first + 1);
        for seed in seeds {
            println!("HOOKSEAL_SEED={seed}");
            let uri = match uri.strip_suffix("outbox.db") {
                Some(folder) => format!("{folder}{seed}.db"),
                None if uri == "memory:" => uri.to_owned(),
                None => format!("{uri}_{seed}"),
            };
            let mut trial = Trial::new(&uri, seed).await;
            trial.subscribe().await;
            for _ in 0..OPERATIONS {
                trial.step().await;
                trial.compare().await;
            }
        }
    }
}
