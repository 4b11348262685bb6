//! The receiver, seen from a bare socket.

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SCENARIOS: &str = r#"{"tests": [
    {"id": "two", "steps": [{"status": 503, "headers": [["retry-after", "1"]], "body": "no"}, {"status": 204, "keep_alive": true}]},
    {"id": "before", "steps": [{"close": "before_head"}]},
    {"id": "head", "steps": [{"close": "mid_head"}]},
    {"id": "body", "steps": [{"body": "0123456789", "close": "mid_body"}]},
    {"id": "reset", "steps": [{"close": "before_head", "reset": true}]},
    {"id": "raw", "steps": [{"raw": "220 ESMTP\r\n"}, {"raw_base64": "AAEC/w=="}]},
    {"id": "early", "steps": [{"informational": [103], "body": "ab", "repeat": 3}]},
    {"id": "hold", "steps": [{"hold": true}]}
]}"#;

struct Receiver {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
}

impl Receiver {
    fn start(scenarios: &Path) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hookseal-receiver"))
            .arg("--scenarios")
            .arg(scenarios)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("a pipe")?).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)?;
        let port = ready["port"].as_u64().and_then(|port| port.try_into().ok()).ok_or("a port")?;
        Ok(Self { stdin: child.stdin.take(), child, port })
    }

    fn connect(&self) -> Outcome<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(stream)
    }

    /// Everything that comes back on one connection until its end.
    fn exchange(&self, request: &str) -> Outcome<Vec<u8>> {
        let mut stream = self.connect()?;
        stream.write_all(request.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn post(&self, path: &str) -> Outcome<String> {
        let answer = self.exchange(&format!("POST {path} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}"))?;
        Ok(String::from_utf8(answer)?)
    }

    fn get(&self, path: &str) -> Outcome<Value> {
        let answer = String::from_utf8(self.exchange(&format!("GET {path} HTTP/1.1\r\n\r\n"))?)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("a head")?;
        Ok(serde_json::from_str(body)?)
    }

    fn end(mut self) -> Outcome {
        drop(self.stdin.take());
        assert!(self.child.wait()?.success());
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn write_file(name: &str, content: &str) -> Outcome<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content)?;
    Ok(path)
}

fn start(name: &str) -> Outcome<Receiver> {
    Receiver::start(&write_file(name, SCENARIOS)?)
}

#[test]
fn steps_are_played_in_order_for_each_run_and_the_last_repeats() -> Outcome {
    let receiver = start("order.json")?;
    let first = receiver.post("/s/two/a/hook?x=1")?;
    assert!(first.starts_with("HTTP/1.1 503 \r\ncontent-length: 2\r\nconnection: close\r\n"), "{first}");
    assert!(first.ends_with("retry-after: 1\r\n\r\nno"), "{first}");
    for _ in 0..2 {
        assert_eq!(receiver.post("/s/two/a")?, "HTTP/1.1 204 \r\n\r\n");
    }
    assert!(receiver.post("/s/two/b")?.starts_with("HTTP/1.1 503 "));
    let steps: Vec<_> = receiver.get("/records/a")?["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|request| request["step"].as_u64())
        .collect();
    assert_eq!(steps, [Some(0), Some(1), Some(1)]);
    assert_eq!(receiver.get("/records/unknown")?["requests"], Value::Array(Vec::new()));
    receiver.end()
}

#[test]
fn a_request_is_recorded_as_received() -> Outcome {
    let receiver = start("record.json")?;
    receiver.exchange(
        "POST /s/two/a HTTP/1.1\r\nX-One: 1\r\nx-two:  \u{e9} \r\nX-One: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n{\"\r\n3;note\r\na\":\r\n2\r\n1}\r\n0\r\n\r\n",
    )?;
    let record = &receiver.get("/records/a")?["requests"][0];
    assert_eq!(record["method"], "POST");
    assert_eq!(record["path"], "/s/two/a");
    assert_eq!(
        record["headers"],
        serde_json::json!([
            ["X-One", "1"],
            ["x-two", "\u{c3}\u{a9}"],
            ["X-One", "3"],
            ["Transfer-Encoding", "chunked"]
        ])
    );
    assert_eq!(record["body"], "eyJhIjoxfQ==");
    assert!(record["arrived"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    receiver.end()
}

#[test]
fn a_kept_connection_serves_the_next_request_and_keeps_its_number() -> Outcome {
    let receiver = start("keep.json")?;
    receiver.post("/s/two/a")?;
    let request = "POST /s/two/a HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(receiver.exchange(&request.repeat(2))?, b"HTTP/1.1 204 \r\n\r\n".repeat(2));
    let requests = &receiver.get("/records/a")?["requests"];
    assert_ne!(requests[0]["connection"], requests[1]["connection"]);
    assert_eq!(requests[1]["connection"], requests[2]["connection"]);
    receiver.end()
}

#[test]
fn answers_end_where_the_step_says() -> Outcome {
    let receiver = start("close.json")?;
    assert_eq!(receiver.post("/s/before/before")?, "");
    let head = receiver.post("/s/head/head")?;
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("\r\n\r\n"), "{head}");
    let body = receiver.post("/s/body/body")?;
    assert!(body.contains("content-length: 10\r\n") && body.ends_with("\r\n\r\n01234"), "{body}");
    assert_eq!(receiver.post("/s/raw/raw")?, "220 ESMTP\r\n");
    assert_eq!(receiver.exchange("POST /s/raw/raw HTTP/1.1\r\n\r\n")?, [0, 1, 2, 255]);
    let early = receiver.post("/s/early/early")?;
    assert!(early.starts_with("HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 \r\ncontent-length: 6\r\n"), "{early}");
    assert!(early.ends_with("ababab"), "{early}");
    let reset = receiver.post("/s/reset/reset").err().ok_or("no reset")?;
    let kind = reset.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(kind, Some(std::io::ErrorKind::ConnectionReset));
    receiver.end()
}

#[test]
fn a_held_request_waits_for_the_sender() -> Outcome {
    let receiver = start("hold.json")?;
    let mut stream = receiver.connect()?;
    stream.write_all(b"POST /s/hold/a HTTP/1.1\r\n\r\n")?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    assert!(stream.read(&mut [0; 1]).is_err());
    assert_eq!(receiver.get("/records/a")?["requests"].as_array().map(Vec::len), Some(1));
    receiver.end()
}

#[test]
fn the_sink_counts() -> Outcome {
    let receiver = start("sink.json")?;
    for _ in 0..3 {
        assert_eq!(receiver.post("/sink")?, "HTTP/1.1 204 \r\n\r\n");
    }
    assert_eq!(receiver.get("/sink")?["count"], 3);
    assert!(receiver.post("/s/unknown/a")?.starts_with("HTTP/1.1 404 "));
    receiver.end()
}

#[test]
fn a_broken_request_ends_its_own_connection_only() -> Outcome {
    let receiver = start("broken.json")?;
    for request in [
        "nonsense\r\n\r\n",
        "POST /sink HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /sink HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST /sink HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        "POST /sink HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "POST /sink HTTP/1.1\r\ncontent-length: 5\r\n\r\nab",
    ] {
        assert_eq!(receiver.exchange(request)?, b"", "{request}");
    }
    assert_eq!(receiver.get("/sink")?["count"], 0);
    receiver.end()
}

#[test]
fn a_file_that_can_not_be_played_is_refused() -> Outcome {
    for (name, content) in [
        ("json.json", "{"),
        ("steps.json", r#"{"tests": [{"id": "a", "steps": []}]}"#),
        ("field.json", r#"{"tests": [{"id": "a", "steps": [{"statsu": 200}]}]}"#),
        ("delay.json", r#"{"tests": [{"id": "a", "steps": [{"delay": -1}]}]}"#),
        ("slow.json", r#"{"tests": [{"id": "a", "steps": [{"slow_head": -1}]}]}"#),
        ("endless.json", r#"{"tests": [{"id": "a", "steps": [{"endless": true}]}]}"#),
        ("base64.json", r#"{"tests": [{"id": "a", "steps": [{"raw_base64": "?"}]}]}"#),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_hookseal-receiver"))
            .arg("--scenarios")
            .arg(write_file(name, content)?)
            .stdin(Stdio::null())
            .output()?;
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{name}");
    }
    Ok(())
}
