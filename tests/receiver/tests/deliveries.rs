//! The core's sender plays `spec/scenarios/deliveries*.json` against the receiver.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking; the runner reports its count"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use hookseal::{
    Attempt, Endpoint, EndpointOptions, Event, Sender, SenderOptions, Verifier,
    retry::{AttemptError, Phase, RetryPolicy},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};

const AT_ONCE: usize = 8;
const PAYLOAD: &[u8] = br#"{"id":42}"#;

#[derive(Deserialize)]
struct File {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    comment: String,
    policy: RetryPolicy,
    timeout: Option<f64>,
    server: Option<String>,
    expect: Value,
}

#[derive(Clone, Deserialize)]
struct Ready {
    port: u16,
    tls: BTreeMap<String, u16>,
}

impl Ready {
    /// The scheme, host and port that a test is played on.
    fn origin(&self, server: Option<&str>) -> String {
        match server {
            None => format!("http://127.0.0.1:{}", self.port),
            Some("clear") => format!("https://127.0.0.1:{}", self.port),
            Some(name) => format!("https://localhost:{}", self.tls[name]),
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn requests(&self, run: &str) -> Vec<Value> {
        let record: Value = serde_json::from_str(&self.get(&format!("/records/{run}"))).unwrap();
        record["requests"].as_array().unwrap().clone()
    }
}

/// Ends with its standard input.
struct Receiver(Child);

impl Receiver {
    fn start(scenarios: &Path) -> (Self, Ready) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hookseal-receiver"))
            .arg("--scenarios")
            .arg(scenarios)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), serde_json::from_str(&line).unwrap())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries() {
    play_all("deliveries.json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_over_tls() {
    play_all("deliveries-tls.json").await;
}

async fn play_all(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/scenarios").join(name);
    let file: File = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let (_receiver, ready) = Receiver::start(&path);
    let root = ready.get("/root.pem");
    let mut plays = JoinSet::new();
    let count = file.tests.len();
    let mut wrong = Vec::new();
    for test in file.tests {
        if plays.len() == AT_ONCE {
            wrong.extend(plays.join_next().await.unwrap().unwrap());
        }
        plays.spawn(play(test, ready.clone(), root.clone()));
    }
    wrong.extend(plays.join_all().await.into_iter().flatten());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 0);
    println!("scenarios: {count} in {name}");
}

/// Plays one, on a sender of its own, and says what is not as expected.
async fn play(test: Test, ready: Ready, root: String) -> Option<String> {
    let options = SenderOptions { allow_private: true, extra_roots: vec![root], ..SenderOptions::default() };
    let sender = Sender::new(options).unwrap();
    let endpoint = Endpoint::from_options(
        EndpointOptions {
            url: format!("{}/s/{}/run-{}/in", ready.origin(test.server.as_deref()), test.id, test.id),
            secrets: vec!["whsec_demo".to_owned()],
            timeout: test.timeout.map(Duration::from_secs_f64),
            retry: Some(test.policy.clone()),
            ..EndpointOptions::default()
        },
        None,
    )
    .unwrap();
    let delivery = sender.send(&endpoint, Event::bytes("order.paid", PAYLOAD).unwrap()).await.unwrap();

    let run = format!("run-{}", test.id);
    let requests = spawn_blocking(move || ready.requests(&run)).await.unwrap();
    for (index, request) in requests.iter().enumerate() {
        check_request(request, &delivery.id, index);
    }
    for attempt in &delivery.attempts {
        assert_eq!(attempt.phase, phase_of(attempt, test.server.as_deref()), "{}: {attempt:?}", test.id);
        assert!(attempt.response_body.len() <= 16 * 1024);
    }
    let mut expected = test.expect;
    expected["requests"] = expected.get("requests").cloned().unwrap_or(json!(expected["attempts"].as_array()?.len()));
    let seen = json!({
        "status": delivery.status,
        "reason": delivery.reason,
        "attempts": delivery.attempts.iter()
            .map(|attempt| json!({"status_code": attempt.status_code, "error": attempt.error}))
            .collect::<Vec<_>>(),
        "requests": requests.len(),
    });
    (seen != expected).then(|| format!("{} ({}): {seen}", test.id, test.comment))
}

fn check_request(request: &Value, id: &str, index: usize) {
    let headers: Vec<(String, String)> = serde_json::from_value(request["headers"].clone()).unwrap();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!(request["method"], "POST");
    assert_eq!(header("x-webhook-id"), Some(id));
    assert_eq!(header("accept-encoding"), None);
    // A request that is resent is the same attempt.
    let number: usize = header("x-webhook-attempt").unwrap().parse().unwrap();
    assert!((1..=index + 1).contains(&number));
    let verifier = Verifier::builder().secrets(["whsec_demo"]).unwrap().build().unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    verifier.verify(PAYLOAD, headers.as_slice()).unwrap();
}

fn phase_of(attempt: &Attempt, server: Option<&str>) -> Phase {
    match (attempt.error, server) {
        (Some(AttemptError::ResponseHeadTooLarge), _) => Phase::Exchange,
        _ if attempt.status_code.is_some() => Phase::Body,
        // In TLS 1.3 the server refuses after the client has finished its handshake.
        (_, None | Some("client_certificate")) => Phase::Exchange,
        (_, Some(_)) => Phase::Connect,
    }
}
