//! What the outbox promises while nothing is broken but its receivers.

use std::{collections::BTreeMap, time::Duration};

use hookseal::{
    EndpointOptions, ErrorCode, Event, RateLimit, SenderOptions, Status, Timestamp, Verifier,
    outbox::{DeliveryFilter, Outbox, OutboxOptions, Publication, SubscriptionOptions, SubscriptionStatus},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::kit::{Receiver, Running, SECRET, change, event, on_every_store, options, soon};

on_every_store! {
    an_event_reaches_whom_it_is_for
    an_id_is_stored_once
    an_idempotency_key_is_an_event
    a_failed_delivery_is_retried_and_dies
    gone_disables_the_subscription
    dead_letters_are_retried_and_purged
    deliveries_of_a_paused_subscription_wait
    an_ordering_key_keeps_order
    an_ordering_key_keeps_order_over_a_lost_worker
    what_is_scheduled_outlives_its_process
    lists_have_cursors
    a_lost_worker_loses_nothing
    only_what_workers_do_not_survive_is_given_up
    a_stale_outcome_is_refused
    a_stale_outcome_changes_nothing
    what_another_key_reads_is_given_back
    a_worker_runs_until_it_is_stopped
    a_subscription_that_keeps_failing_is_disabled
    a_rotated_secret_signs_beside_the_old_one
    an_inline_delivery_needs_no_subscription
    what_is_cancelled_is_not_sent
    operational_events_are_events
    two_workers_share_without_a_double_claim
    a_rate_limit_is_one_for_all_workers
    wrong_use_is_refused
}

mod tests {
    use super::*;

    async fn open(uri: &str) -> Outbox {
        Outbox::open(uri, options()).await.unwrap()
    }

    async fn statuses(outbox: &Outbox) -> BTreeMap<&'static str, usize> {
        let page = outbox.deliveries(&DeliveryFilter::default(), 1000, None).await.unwrap();
        let mut counts = BTreeMap::new();
        for item in page.items {
            *counts.entry(item.status.as_str()).or_default() += 1;
        }
        counts
    }

    pub(super) async fn an_event_reaches_whom_it_is_for(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let all = outbox.subscribe(receiver.subscription()).await.unwrap();
        let orders = SubscriptionOptions { events: vec!["order.*".into()], ..receiver.subscription() };
        let orders = outbox.subscribe(orders).await.unwrap();
        let eu =
            SubscriptionOptions { filters: [("region".to_owned(), "eu".to_owned())].into(), ..receiver.subscription() };
        let eu = outbox.subscribe(eu).await.unwrap();
        let acme = SubscriptionOptions { tenant: Some("acme".into()), ..receiver.subscription() };
        let acme = outbox.subscribe(acme).await.unwrap();

        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        outbox.publish(Publication::new(event("user.new", "evt_2")).metadata("region", "eu")).await.unwrap();
        outbox.publish(Publication::new(event("order.paid", "evt_3")).tenant("acme")).await.unwrap();
        let counts = outbox.worker(16).unwrap().run_until_idle().await.unwrap();
        assert_eq!((counts.delivered, counts.dead, counts.stale), (5, 0, 0));

        let page = outbox.deliveries(&DeliveryFilter::default(), 100, None).await.unwrap();
        let mut got: Vec<_> =
            page.items.iter().map(|it| (it.event_id.as_str(), it.subscription.clone().unwrap())).collect();
        got.sort();
        let mut wanted = vec![
            ("evt_1", all.id.clone()),
            ("evt_1", orders.id),
            ("evt_2", all.id),
            ("evt_2", eu.id),
            ("evt_3", acme.id),
        ];
        wanted.sort();
        assert_eq!(got, wanted);

        let verifier = Verifier::builder().secrets([SECRET]).unwrap().build().unwrap();
        for seen in receiver.seen().await {
            let verified = verifier.verify(&seen.body, &seen.headers).unwrap();
            assert!(page.items.iter().any(|it| verified.id() == Some(it.id.as_str())));
        }
    }

    pub(super) async fn an_id_is_stored_once(uri: &str) {
        let outbox = open(uri).await;
        let first = outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let again = outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        assert_eq!((first.duplicate, again.duplicate, again.id.as_str()), (false, true, "evt_1"));
        let other = Event::json("order.paid", &serde_json::json!({"id": "other"})).unwrap().id("evt_1").unwrap();
        assert_eq!(outbox.publish(other).await.unwrap_err().code(), ErrorCode::Conflict);
        assert_eq!(outbox.status().await.unwrap().events_waiting, 1);
    }

    pub(super) async fn an_idempotency_key_is_an_event(uri: &str) {
        let outbox = open(uri).await;
        let body = |id: &str| Event::bytes("order.paid", "{}").unwrap().id(id).unwrap();
        let with_key = |id: &str| Publication::new(body(id)).idempotency_key("k");
        assert!(!outbox.publish(with_key("evt_1")).await.unwrap().duplicate);
        let again = outbox.publish(with_key("evt_2")).await.unwrap();
        assert_eq!((again.id.as_str(), again.duplicate), ("evt_1", true));
        assert!(!outbox.publish(with_key("evt_3").tenant("acme")).await.unwrap().duplicate, "keys are the tenant's");
        let changed = Publication::new(event("order.paid", "evt_4")).idempotency_key("k");
        assert_eq!(outbox.publish(changed).await.unwrap_err().code(), ErrorCode::Conflict);
    }

    pub(super) async fn a_failed_delivery_is_retried_and_dies(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        receiver.answer(500);
        let options = SubscriptionOptions { retry: Some(soon(3)), ..receiver.subscription() };
        outbox.subscribe(options).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(4).unwrap();
        while worker.counts().dead == 0 {
            worker.run_until_idle().await.unwrap();
        }
        let delivery = outbox.deliveries(&DeliveryFilter::default(), 10, None).await.unwrap().items.remove(0);
        assert_eq!((delivery.status, delivery.attempts), (Status::Dead, 3));
        assert_eq!(delivery.reason.unwrap().as_str(), "attempts_exhausted");
        let attempts = outbox.attempts(&delivery.id).await.unwrap();
        let numbers: Vec<_> = attempts.iter().map(|it| it["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(attempts.iter().all(|it| it["status_code"] == 500 && it["error"] == "http_status"));
        let seen = receiver.seen().await;
        assert!(seen.iter().all(|it| it.header("x-webhook-id") == delivery.id), "one id for all attempts");
        assert_eq!(seen.iter().map(|it| it.header("x-webhook-attempt")).collect::<Vec<_>>(), ["1", "2", "3"]);
    }

    pub(super) async fn gone_disables_the_subscription(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        receiver.answer(410);
        let id = outbox.subscribe(receiver.subscription()).await.unwrap().id;
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(4).unwrap();
        worker.run_until_idle().await.unwrap();
        let subscription = outbox.subscription(&id).await.unwrap();
        assert_eq!((subscription.status, subscription.reason.as_deref()), (SubscriptionStatus::Disabled, Some("gone")));
        outbox.publish(event("order.paid", "evt_2")).await.unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!(statuses(&outbox).await, [("dead", 1)].into());
        receiver.answer(204);
        outbox.resume(&id).await.unwrap();
        outbox.publish(event("order.paid", "evt_3")).await.unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!(statuses(&outbox).await, [("dead", 1), ("delivered", 1)].into());
    }

    pub(super) async fn dead_letters_are_retried_and_purged(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        receiver.answer(413);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        for (kind, id) in [("order.paid", "evt_1"), ("order.late", "evt_2"), ("user.new", "evt_3")] {
            outbox.publish(event(kind, id)).await.unwrap();
        }
        let worker = outbox.worker(4).unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!(statuses(&outbox).await, [("dead", 3)].into());
        receiver.answer(204);
        let orders = DeliveryFilter { event_type: Some("order.*".into()), ..DeliveryFilter::default() };
        assert_eq!(outbox.retry_dead(&orders, true).await.unwrap(), 2);
        assert_eq!(statuses(&outbox).await, [("dead", 3)].into(), "a dry run changes nothing");
        assert_eq!(outbox.retry_dead(&orders, false).await.unwrap(), 2);
        worker.run_until_idle().await.unwrap();
        assert_eq!(statuses(&outbox).await, [("dead", 1), ("delivered", 2)].into());
        assert_eq!(outbox.purge_dead(Duration::from_secs(3600)).await.unwrap(), 0);
        assert_eq!(outbox.purge_dead(Duration::ZERO).await.unwrap(), 1);
        assert_eq!(statuses(&outbox).await, [("delivered", 2)].into());
    }

    pub(super) async fn deliveries_of_a_paused_subscription_wait(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let id = outbox.subscribe(receiver.subscription()).await.unwrap().id;
        outbox.pause(&id).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(4).unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!((statuses(&outbox).await, receiver.seen().await.len()), ([("pending", 1)].into(), 0));
        outbox.resume(&id).await.unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!((statuses(&outbox).await, receiver.seen().await.len()), ([("delivered", 1)].into(), 1));
    }

    pub(super) async fn an_ordering_key_keeps_order(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        for number in 0..20 {
            let id = format!("evt_{number:02}");
            outbox.publish(Publication::new(event("order.paid", &id)).ordering_key("order 7")).await.unwrap();
        }
        let worker = outbox.worker(8).unwrap();
        while worker.counts().delivered < 20 {
            worker.run_until_idle().await.unwrap();
        }
        let bodies: Vec<_> =
            receiver.seen().await.iter().map(|it| String::from_utf8(it.body.clone()).unwrap()).collect();
        let mut sorted = bodies.clone();
        sorted.sort();
        assert_eq!(bodies, sorted);
    }

    /// The first with its key is attempted again before the second is attempted at all.
    pub(super) async fn an_ordering_key_keeps_order_over_a_lost_worker(uri: &str) {
        let receiver = Receiver::start().await;
        let (outbox, held, id) = open_held(uri, &receiver).await;
        for id in ["evt_1", "evt_2"] {
            outbox.publish(Publication::new(event("order.paid", id)).ordering_key("order 7")).await.unwrap();
        }
        lose_a_worker(uri, &outbox, &held, 1).await;
        outbox.update_subscription(&id, receiver.subscription()).await.unwrap();
        let running = Running::start(&outbox, 8);
        running.until(|counts| counts.delivered == 2).await;
        running.stop().await;
        let bodies: Vec<_> = receiver.seen().await.into_iter().map(|it| it.body).collect();
        assert_eq!(bodies, [br#"{"id":"evt_1"}"#, br#"{"id":"evt_2"}"#]);
    }

    pub(super) async fn what_is_scheduled_outlives_its_process(uri: &str) {
        if uri == "memory:" {
            return;
        }
        let receiver = Receiver::start().await;
        let due = Timestamp::from_unix(Timestamp::now().unwrap().as_unix() + 2);
        let outbox = open(uri).await;
        outbox.subscribe(receiver.subscription()).await.unwrap();
        outbox.publish(Publication::new(event("order.paid", "evt_1")).deliver_at(due)).await.unwrap();
        assert_eq!(outbox.worker(1).unwrap().run_until_idle().await.unwrap().attempts, 0);
        drop(outbox);

        let outbox = open(uri).await;
        let running = Running::start(&outbox, 1);
        running.until(|counts| counts.delivered == 1).await;
        assert!(Timestamp::now().unwrap() >= due);
        running.stop().await;
    }

    pub(super) async fn lists_have_cursors(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        for number in 0..5 {
            outbox.publish(event("order.paid", &format!("evt_{number}"))).await.unwrap();
        }
        outbox.worker(4).unwrap().run_until_idle().await.unwrap();
        let filter = DeliveryFilter { status: Some(Status::Delivered), ..DeliveryFilter::default() };
        let mut ids = Vec::new();
        let mut cursor = None;
        loop {
            let page = outbox.deliveries(&filter, 2, cursor.as_deref()).await.unwrap();
            ids.extend(page.items.into_iter().map(|it| it.id));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
            let other = DeliveryFilter::default();
            let error = outbox.deliveries(&other, 2, cursor.as_deref()).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidConfig);
        }
        let total = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((total, ids.len()), (5, 5));
        for forged in ["", "1", "ffff.0011223344556677", "x.y"] {
            assert!(outbox.deliveries(&filter, 2, Some(forged)).await.is_err(), "{forged}");
        }
    }

    pub(super) async fn a_lost_worker_loses_nothing(uri: &str) {
        let receiver = Receiver::start().await;
        let (outbox, held, id) = open_held(uri, &receiver).await;
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        lose_a_worker(uri, &outbox, &held, 1).await;
        outbox.update_subscription(&id, receiver.subscription()).await.unwrap();
        let running = Running::start(&outbox, 1);
        running.until(|counts| counts.delivered == 1).await;
        running.stop().await;
        assert_eq!(statuses(&outbox).await, [("delivered", 1)].into());
    }

    fn short_leases() -> OutboxOptions {
        OutboxOptions {
            lease: Duration::from_millis(600),
            poll: Duration::from_millis(20),
            delivery: SenderOptions { timeout: Duration::from_millis(500), ..options().delivery },
            ..options()
        }
    }

    /// An outbox of short leases, with one subscription whose receiver does not answer.
    async fn open_held(uri: &str, receiver: &Receiver) -> (Outbox, TcpListener, String) {
        let outbox = Outbox::open(uri, short_leases()).await.unwrap();
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", held.local_addr().unwrap());
        let id = outbox.subscribe(SubscriptionOptions { url, ..receiver.subscription() }).await.unwrap().id;
        (outbox, held, id)
    }

    /// A worker whose runtime ends half way is as good as killed: what it had is free again when its lease ends.
    async fn lose_a_worker(uri: &str, outbox: &Outbox, held: &TcpListener, with: i64) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // What it has of the store ends with it.
        let (uri, shared) = (uri.to_owned(), outbox.clone());
        runtime.spawn(async move {
            let own = if uri == "memory:" { shared } else { Outbox::open(&uri, short_leases()).await.unwrap() };
            own.worker(1).unwrap().run().await
        });
        let _connection = held.accept().await.unwrap();
        runtime.shutdown_background();
        assert_eq!(outbox.status().await.unwrap().in_flight, with);
    }

    pub(super) async fn only_what_workers_do_not_survive_is_given_up(uri: &str) {
        if uri == "memory:" {
            return; // nobody else can end a lease
        }
        let receiver = Receiver::start().await;
        let (outbox, held, id) = open_held(uri, &receiver).await;
        for id in ["evt_1", "evt_2"] {
            outbox.publish(event("order.paid", id)).await.unwrap();
        }
        for _ in 0..6 {
            // The first is attempted, and the second waits.
            lose_a_worker(uri, &outbox, &held, 2).await;
            assert_eq!(statuses(&outbox).await, [("pending", 2)].into());
            change(uri, "UPDATE {p}deliveries SET due_at = 0 WHERE claim IS NOT NULL").await;
        }
        outbox.update_subscription(&id, receiver.subscription()).await.unwrap();
        let running = Running::start(&outbox, 1);
        running.until(|counts| counts.delivered + counts.dead == 2).await;
        running.stop().await;
        let page = outbox.deliveries(&DeliveryFilter::default(), 10, None).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|it| (it.event_id.as_str(), it.status, it.reason)).collect();
        let given_up = Some(hookseal::retry::Reason::Internal);
        assert_eq!(found, [("evt_2", Status::Delivered, None), ("evt_1", Status::Dead, given_up)]);
    }

    pub(super) async fn a_stale_outcome_is_refused(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", held.local_addr().unwrap());
        let id = outbox.subscribe(SubscriptionOptions { url, ..receiver.subscription() }).await.unwrap().id;
        outbox.publish(event("order.paid", "evt_2")).await.unwrap();
        let running = Running::start(&outbox, 4);
        let (mut stream, _) = held.accept().await.unwrap();
        // The subscription goes while its receiver thinks, and with it the delivery.
        outbox.unsubscribe(&id).await.unwrap();
        let mut request = vec![0; 65_536];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
        running.until(|counts| counts.stale == 1 && counts.delivered == 2).await;
        running.stop().await;
        assert_eq!(statuses(&outbox).await, [("cancelled", 1), ("delivered", 2)].into());
    }

    pub(super) async fn a_stale_outcome_changes_nothing(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", held.local_addr().unwrap());
        let id = outbox.subscribe(SubscriptionOptions { url, ..receiver.subscription() }).await.unwrap().id;
        let own = SubscriptionOptions { events: vec!["hookseal.*".into()], ..receiver.subscription() };
        outbox.subscribe(own).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let running = Running::start(&outbox, 4);
        let (mut stream, _) = held.accept().await.unwrap();
        let delivery = outbox.deliveries(&DeliveryFilter::default(), 10, None).await.unwrap().items.remove(0);
        outbox.cancel(&delivery.id).await.unwrap();
        let mut request = vec![0; 65_536];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 410 X\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        running.until(|counts| counts.stale == 1).await;
        running.stop().await;
        assert_eq!(outbox.subscription(&id).await.unwrap().status, SubscriptionStatus::Enabled);
        assert_eq!(outbox.attempts(&delivery.id).await.unwrap(), Vec::<serde_json::Value>::new());
        let status = outbox.status().await.unwrap();
        assert_eq!((status.events_waiting, status.pending, receiver.seen().await.len()), (0, 0, 0), "nobody was told");
    }

    /// Five workers with a wrong key would else be taken for five that did not survive it.
    pub(super) async fn what_another_key_reads_is_given_back(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        if !outbox.status().await.unwrap().durable {
            return; // nobody else can open it
        }
        let other = OutboxOptions { encryption_key: Some("ff".repeat(32)), ..options() };
        let other = Outbox::open(uri, other).await.unwrap();
        let counts = other.worker(4).unwrap().run_until_idle().await.unwrap();
        assert_eq!((counts.attempts, counts.in_hand, receiver.seen().await.len()), (0, 0, 0));
        let status = other.status().await.unwrap();
        assert_eq!((status.pending, status.in_flight), (1, 0), "given back, and due when a lease has passed");
    }

    pub(super) async fn a_worker_runs_until_it_is_stopped(uri: &str) {
        let outbox = open(uri).await;
        let worker = outbox.worker(1).unwrap();
        let running = worker.run();
        worker.stop();
        running.await.unwrap();
        assert_eq!(worker.run().await.unwrap_err().code(), ErrorCode::Closed);
    }

    pub(super) async fn a_subscription_that_keeps_failing_is_disabled(uri: &str) {
        let quick = OutboxOptions { disable_after: Some(Duration::from_millis(1)), ..options() };
        let (outbox, receiver) = (Outbox::open(uri, quick).await.unwrap(), Receiver::start().await);
        receiver.answer(500);
        let options = SubscriptionOptions { retry: Some(soon(10)), ..receiver.subscription() };
        let id = outbox.subscribe(options).await.unwrap().id;
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(1).unwrap();
        while outbox.subscription(&id).await.unwrap().status == SubscriptionStatus::Enabled {
            worker.run_until_idle().await.unwrap();
        }
        assert_eq!(outbox.subscription(&id).await.unwrap().reason.as_deref(), Some("failing"));
        assert!(worker.counts().dead == 0 && worker.counts().retrying >= 1, "{:?}", worker.counts());
    }

    pub(super) async fn a_rotated_secret_signs_beside_the_old_one(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let id = outbox.subscribe(receiver.subscription()).await.unwrap().id;
        let new = outbox.rotate_secret(&id, None, Duration::from_secs(3600)).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        outbox.worker(4).unwrap().run_until_idle().await.unwrap();
        let seen = receiver.seen().await.remove(0);
        for secret in [SECRET, new.expose()] {
            let verifier = Verifier::builder().secrets([secret]).unwrap().build().unwrap();
            verifier.verify(&seen.body, &seen.headers).unwrap();
        }
        assert_eq!(outbox.secrets(&id).await.unwrap().len(), 2);
        outbox.rotate_secret(&id, None, Duration::ZERO).await.unwrap();
    }

    pub(super) async fn an_inline_delivery_needs_no_subscription(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let endpoint = || EndpointOptions {
            url: receiver.url.clone(),
            secrets: vec![SECRET.to_owned()],
            ..EndpointOptions::default()
        };
        outbox.deliver(endpoint(), event("order.paid", "evt_1")).await.unwrap();
        assert!(outbox.deliver(endpoint(), event("order.paid", "evt_1")).await.unwrap().duplicate);
        outbox.worker(4).unwrap().run_until_idle().await.unwrap();
        assert_eq!((statuses(&outbox).await, receiver.seen().await.len()), ([("delivered", 1)].into(), 1));
        let secret_in_url = EndpointOptions { url: "http://169.254.169.254/".into(), ..endpoint() };
        let refused = outbox.deliver(secret_in_url, event("order.paid", "evt_2")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::BlockedAddress);
    }

    pub(super) async fn what_is_cancelled_is_not_sent(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let id = outbox.subscribe(receiver.subscription()).await.unwrap().id;
        outbox.pause(&id).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(4).unwrap();
        worker.run_until_idle().await.unwrap();
        let delivery = outbox.deliveries(&DeliveryFilter::default(), 10, None).await.unwrap().items.remove(0);
        assert_eq!(outbox.cancel(&delivery.id).await.unwrap().status, Status::Cancelled);
        assert_eq!(outbox.cancel(&delivery.id).await.unwrap_err().code(), ErrorCode::NotFound);
        outbox.resume(&id).await.unwrap();
        worker.run_until_idle().await.unwrap();
        assert_eq!(receiver.seen().await.len(), 0);
        assert_eq!(outbox.retry(&delivery.id).await.unwrap().status, Status::Pending);
        worker.run_until_idle().await.unwrap();
        assert_eq!(receiver.seen().await.len(), 1);
    }

    pub(super) async fn operational_events_are_events(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let watcher = Receiver::start().await;
        receiver.answer(410);
        outbox.subscribe(receiver.subscription()).await.unwrap();
        let own = SubscriptionOptions { events: vec!["hookseal.*".into()], ..watcher.subscription() };
        let own = outbox.subscribe(own).await.unwrap();
        outbox.publish(event("order.paid", "evt_1")).await.unwrap();
        let worker = outbox.worker(4).unwrap();
        worker.run_until_idle().await.unwrap();
        worker.run_until_idle().await.unwrap();
        outbox.send_test(&own.id).await.unwrap();
        worker.run_until_idle().await.unwrap();
        let mut kinds: Vec<_> = watcher.seen().await.iter().map(|it| it.header("x-webhook-event").to_owned()).collect();
        kinds.sort();
        assert_eq!(kinds, ["hookseal.delivery.dead", "hookseal.endpoint.disabled", "hookseal.test"]);
    }

    pub(super) async fn two_workers_share_without_a_double_claim(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        for _ in 0..5 {
            outbox.subscribe(receiver.subscription()).await.unwrap();
        }
        for number in 0..40 {
            outbox.publish(event("order.paid", &format!("evt_{number}"))).await.unwrap();
        }
        let (one, other) = (Running::start(&outbox, 8), Running::start(&outbox, 8));
        one.until(|counts| counts.delivered + other.worker.counts().delivered >= 200).await;
        let stale = one.stop().await.stale + other.stop().await.stale;
        let mut ids: Vec<_> = receiver.seen().await.iter().map(|it| it.header("x-webhook-id").to_owned()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), receiver.seen().await.len()), (200, 200));
        assert_eq!(stale, 0);
    }

    pub(super) async fn a_rate_limit_is_one_for_all_workers(uri: &str) {
        let (outbox, receiver) = (open(uri).await, Receiver::start().await);
        let limit = RateLimit::with_burst(0.01, 3).unwrap();
        let options = SubscriptionOptions { rate_limit: Some(limit), ..receiver.subscription() };
        outbox.subscribe(options).await.unwrap();
        for number in 0..10 {
            outbox.publish(event("order.paid", &format!("evt_{number}"))).await.unwrap();
        }
        for _ in 0..3 {
            outbox.worker(8).unwrap().run_until_idle().await.unwrap();
        }
        assert_eq!(receiver.seen().await.len(), 3);
    }

    pub(super) async fn wrong_use_is_refused(uri: &str) {
        let outbox = open(uri).await;
        let code = |result: Result<(), hookseal::Error>| result.unwrap_err().code();
        let to = |url: &str| SubscriptionOptions { url: url.into(), ..SubscriptionOptions::default() };
        assert_eq!(code(outbox.subscribe(to("ftp://a.example")).await.map(drop)), ErrorCode::InvalidUrl);
        assert_eq!(code(outbox.subscribe(to("http://169.254.169.254/")).await.map(drop)), ErrorCode::BlockedAddress);
        let bad = SubscriptionOptions { events: vec!["a*".into()], ..to("http://127.0.0.1:9/") };
        assert_eq!(code(outbox.subscribe(bad).await.map(drop)), ErrorCode::InvalidConfig);
        assert_eq!(code(outbox.subscription("sub_x").await.map(drop)), ErrorCode::NotFound);
        assert_eq!(code(outbox.unsubscribe("sub_x").await), ErrorCode::NotFound);
        assert_eq!(code(outbox.pause("sub_x").await.map(drop)), ErrorCode::NotFound);
        assert_eq!(code(outbox.delivery("msg_x").await.map(drop)), ErrorCode::NotFound);
        assert_eq!(code(outbox.attempts("msg_x").await.map(drop)), ErrorCode::NotFound);
        assert_eq!(code(outbox.retry("msg_x").await.map(drop)), ErrorCode::NotFound);
        assert_eq!(code(outbox.worker(0).map(drop)), ErrorCode::InvalidConfig);
        let empty = Publication::new(event("a", "evt_1")).tenant("");
        assert_eq!(code(outbox.publish(empty).await.map(drop)), ErrorCode::InvalidConfig);
    }
}
