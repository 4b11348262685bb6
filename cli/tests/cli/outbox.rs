//! `outbox`, on SQLite and over loopback.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Listener, Ran, SECRET, command, run, run_with};

fn outbox(store: &str, words: &[&str], stdin: &[u8]) -> Ran {
    let (name, rest) = words.split_first().unwrap();
    run_with(&[&["outbox", name, store], rest, &["--allow-private", "--json"]].concat(), stdin)
}

fn store(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("outbox.db").display())
}

#[test]
fn what_is_published_is_delivered_by_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let listener = Listener::start(&["--count", "1", "--json"], Some(SECRET));
    let subscribed = outbox(&store, &["subscribe", &listener.url, "--events", "order.*"], b"");
    assert_eq!(subscribed.json()["status"], "enabled", "{subscribed:?}");
    assert!(subscribed.json().get("secret").is_none(), "it was given, and is not told again");

    let event = ["publish", "--type", "order.paid", "--id", "evt_1", "--data", r#"{"id":42}"#];
    assert_eq!(outbox(&store, &event, b"").json(), json!({"id": "evt_1", "duplicate": false}));
    assert_eq!(outbox(&store, &event, b"").json(), json!({"id": "evt_1", "duplicate": true}));
    let other = ["publish", "--type", "order.paid", "--id", "evt_1", "--data", "{}"];
    let conflict = outbox(&store, &other, b"");
    assert_eq!((conflict.status, &conflict.json()["error"]["code"]), (1, &json!("conflict")));

    let worked = outbox(&store, &["work", "--until-idle"], b"");
    assert_eq!((worked.status, &worked.json()["delivered"]), (0, &json!(1)), "{worked:?}");
    let entry: Value = serde_json::from_str(&listener.end()).unwrap();
    assert_eq!((&entry["ok"]["event_type"], &entry["body"]), (&json!("order.paid"), &json!(r#"{"id":42}"#)));
    assert_eq!(outbox(&store, &["status"], b"").json()["delivered"], 1);
    let listed = outbox(&store, &["deliveries", "--status", "delivered"], b"").json();
    assert_eq!((&listed["items"][0]["event_id"], &listed["items"][0]["id"]), (&json!("evt_1"), &entry["ok"]["id"]));
    assert_eq!(outbox(&store, &["retry-dead", "--dry-run"], b"").json(), json!({"count": 0}));
}

#[test]
fn each_line_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        r#"{"type":"order.paid","id":"evt_1","payload":{"a": 1}}"#,
        r#"{"type":"order.paid","id":"evt_1","payload":{"a": 1}}"#,
        r#"{"type":"order.paid","id":"evt_1","payload":{"a":1}}"#,
        r#"{"type":"order.paid","payload":1,"unknown":2}"#,
        "no event",
    ];
    let published = outbox(&store(folder.path()), &["publish", "--lines"], lines.join("\n").as_bytes());
    let answers: Vec<Value> = published.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[..2], [json!({"id":"evt_1","duplicate":false}), json!({"id":"evt_1","duplicate":true})]);
    let codes: Vec<_> = answers[2..].iter().map(|it| &it["error"]["code"]).collect();
    assert_eq!(codes, ["conflict", "invalid_event", "invalid_event"]);
    assert_eq!(published.status, 1);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_worker_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let listener = Listener::start(&["--count", "1"], Some(SECRET));
    outbox(&store, &["subscribe", &listener.url], b"");
    outbox(&store, &["publish", "--type", "order.paid", "--data", "{}"], b"");
    let worker = command(&["outbox", "work", &store, "--allow-private", "--json"]).spawn().unwrap();
    listener.end(); // it has arrived
    let told = std::process::Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = Ran::from(worker.wait_with_output().unwrap());
    assert_eq!(ended.status, 0, "{ended:?}");
    let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["delivered"], &last["in_hand"]), (&json!(1), &json!(0)));
}

#[test]
fn wrong_use_is_told_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.db");
    fs::write(&broken, "this is no database, and must stay as it is").unwrap();
    for (store, status, code) in [
        ("mysql://u:CANARY@h/d".to_owned(), 2, "invalid_config"),
        ("memory:?prefix=No".to_owned(), 2, "invalid_config"),
        (format!("sqlite:{}/no/folder.db", folder.path().display()), 1, "storage_unavailable"),
        (format!("sqlite:{}", broken.display()), 1, "storage_unavailable"),
    ] {
        let ran = outbox(&store, &["status"], b"");
        assert_eq!((ran.status, &ran.json()["error"]["code"]), (status, &json!(code)), "{store}");
        assert!(!format!("{ran:?}").contains("CANARY"));
    }
    assert_eq!(fs::read_to_string(&broken).unwrap(), "this is no database, and must stay as it is");
    assert_eq!(run(&["outbox", "deliveries", "memory:", "--status", "lost"]).status, 2);
    assert_eq!(run(&["outbox", "publish", "memory:"]).status, 2);
}
