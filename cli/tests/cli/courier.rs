//! `send` and `listen`, over loopback.

use std::io::{BufRead as _, BufReader};

use crate::harness::{Listener, Ran, SECRET, command, post, run_with};
use serde_json::{Value, json};

fn send(url: &str, options: &[&str]) -> Ran {
    let fixed = ["send", url, "--type", "order.paid", "--data", r#"{"id":42}"#, "--allow-private"];
    run_with(&[&fixed[..], options].concat(), b"")
}

#[test]
fn what_is_sent_arrives_verified() {
    let listener = Listener::start(&["--count", "1", "--json"], Some(SECRET));
    let sent = send(&format!("{}/in?a=b", listener.url), &["--id", "evt_1", "-H", "X-Extra: é", "--json"]);
    assert_eq!(sent.status, 0, "{sent:?}");
    let delivery = sent.json();
    assert_eq!((&delivery["status"], &delivery["id"]), (&json!("delivered"), &json!("evt_1")));
    assert_eq!(delivery["attempts"][0]["status_code"], 200);

    let entry: Value = serde_json::from_str(&listener.end()).unwrap();
    assert_eq!(entry["path"], "/in?a=b");
    assert_eq!(entry["body"], r#"{"id":42}"#);
    assert_eq!(entry["ok"]["id"], "evt_1");
    assert_eq!(entry["ok"]["event_type"], "order.paid");
    assert_eq!(entry["ok"]["version"], "v2");
    assert!(entry["headers"].as_array().unwrap().contains(&json!(["x-extra", "é"])), "{entry}");
}

#[test]
fn attempts_are_told_in_words() {
    let listener = Listener::start(&["--count", "1"], Some(SECRET));
    let sent = send(&listener.url, &["--id", "evt_1"]);
    assert_eq!(sent.status, 0);
    assert!(sent.stdout.starts_with("attempt 1: 200 in ") && sent.stdout.ends_with("delivered evt_1\n"), "{sent:?}");
    assert_eq!(listener.end(), "200 POST /: verified v2 order.paid evt_1\n  {\"id\":42}\n");
}

#[test]
fn what_another_key_signed_is_refused() {
    let listener = Listener::start(&["--count", "1"], Some("another"));
    let sent = send(&listener.url, &["--id", "evt_1"]);
    assert_eq!(sent.status, 1);
    assert!(sent.stdout.ends_with("not delivered: evt_1 (rejected, 1 attempt)\n"), "{sent:?}");
    assert!(listener.end().starts_with("400 POST /: refused, no_matching_signature: "));
}

#[test]
fn a_receiver_that_is_away_is_tried_again() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let sent = send(&url, &["--schedule", "10ms,10ms", "--json"]);
    assert_eq!(sent.status, 1);
    let delivery = sent.json();
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("dead"), &json!("attempts_exhausted")));
    let errors: Vec<_> = delivery["attempts"].as_array().unwrap().iter().map(|it| it["error"].clone()).collect();
    assert_eq!(errors, ["connection_refused"; 3]);
}

#[test]
fn private_addresses_are_shut_unless_opened() {
    let refused = run_with(&["send", "http://127.0.0.1:9/", "--type", "a"], b"{}");
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.starts_with("error: blocked_address: "), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_send_says_what_was_not_delivered() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut child = command(&["send", &url, "--type", "a", "--id", "evt_1", "--data", "{}", "--allow-private"])
        .args(["--schedule", "1h"])
        .env("HOOKSEAL_SECRET", SECRET)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("attempt 1: connection_refused "));
    assert!(lines.next().unwrap().starts_with("  next attempt in "));
    interrupt(&child);
    assert_eq!(lines.next().unwrap(), "not delivered: evt_1 (interrupted, 1 attempt)");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn an_attempt_without_an_answer_does_not_hold_up_an_interrupt() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let child = command(&["send", &url, "--type", "a", "--id", "evt_1", "--data", "{}", "--allow-private", "--json"])
        .args(["--timeout", "60s"])
        .env("HOOKSEAL_SECRET", SECRET)
        .spawn()
        .unwrap();
    let connection = silent.accept().unwrap();
    interrupt(&child);
    let ran = Ran::from(child.wait_with_output().unwrap());
    drop(connection);
    assert_eq!((ran.status, ran.json()["status"].as_str()), (1, Some("pending")));
}

#[test]
fn without_a_secret_everything_is_taken_and_nothing_called_verified() {
    let listener = Listener::start(&["--count", "2"], None);
    assert_eq!(post(listener.authority(), &[], b"\x1b[2J\xff"), "HTTP/1.1 200 OK");
    assert_eq!(post(listener.authority(), &[], b"a\x1b[2Jb"), "HTTP/1.1 200 OK");
    let unchecked = "200 POST /in: not checked, there is no secret";
    let expected = format!("{unchecked}\n  (5 bytes that are no text)\n{unchecked}\n  a\\u{{1b}}[2Jb\n");
    assert_eq!(listener.end(), expected);
}

#[test]
fn a_large_body_is_answered_413() {
    let listener = Listener::start(&["--count", "2"], None);
    assert_eq!(post(listener.authority(), &[], &vec![b'a'; 1024 * 1024]), "HTTP/1.1 200 OK");
    assert_eq!(post(listener.authority(), &[], &vec![b'a'; 1024 * 1024 + 1]), "HTTP/1.1 413 Payload Too Large");
    let printed = listener.end();
    assert!(printed.contains("a … (1048576 bytes in all)\n413 POST /in: refused, body_too_large: "), "{printed}");
}

#[test]
fn a_forwarded_request_is_the_same_request() {
    let inner = Listener::start(&["--count", "1", "--json"], Some(SECRET));
    let outer = Listener::start(&["--count", "1", "--forward", &format!("{}/inner", inner.url)], Some(SECRET));
    let sent = send(&outer.url, &["--id", "evt_1"]);
    assert_eq!(sent.status, 0, "{sent:?}");
    let entry: Value = serde_json::from_str(&inner.end()).unwrap();
    assert_eq!((&entry["path"], &entry["ok"]["id"]), (&json!("/inner"), &json!("evt_1")));
    assert_eq!(outer.end(), "200 POST /: verified v2 order.paid evt_1\n  forwarded: 200\n  {\"id\":42}\n");
}

#[test]
fn the_status_of_the_forwarded_request_is_relayed() {
    let inner = Listener::start(&["--count", "1"], Some("another"));
    let outer = Listener::start(&["--count", "1", "--forward", &inner.url], None);
    assert_eq!(post(outer.authority(), &[], b"{}"), "HTTP/1.1 400 Bad Request");
    assert!(inner.end().starts_with("400 POST /: refused, missing_header: "));
    drop(outer);

    let away = format!("http://127.0.0.1:{}", free_port());
    let outer = Listener::start(&["--count", "1", "--forward", &away], None);
    assert_eq!(post(outer.authority(), &[], b"{}"), "HTTP/1.1 502 Bad Gateway");
}

#[test]
fn what_is_refused_is_not_forwarded() {
    let inner = Listener::start(&["--count", "1", "--json"], None);
    let outer = Listener::start(&["--count", "2", "--forward", &inner.url, "--scheme", "gitlab"], Some(SECRET));
    assert_eq!(post(outer.authority(), &[("X-Gitlab-Token", "wrong")], b"refused"), "HTTP/1.1 400 Bad Request");
    assert_eq!(post(outer.authority(), &[("X-Gitlab-Token", SECRET)], b"taken"), "HTTP/1.1 200 OK");
    let entry: Value = serde_json::from_str(&inner.end()).unwrap();
    assert_eq!(entry["body"], "taken");
}

#[test]
fn a_loop_is_refused() {
    let port = free_port().to_string();
    let refused = run_with(&["listen", "--port", &port, "--forward", &format!("http://localhost:{port}/")], b"");
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.starts_with("error: invalid_config: --forward leads back"), "{refused:?}");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}
