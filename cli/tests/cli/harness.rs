//! Runs the real binary.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_hookseal");
pub(crate) const SECRET: &str = "whsec_a-secret-for-tests";

/// Far longer than any answer takes: a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with these arguments and without the caller's secrets.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOOKSEAL_") {
            command.env_remove(name);
        }
    }
    command
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it exits by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    command(arguments).output().unwrap().into()
}

/// Runs it with the secret of the tests in the environment, and this on standard input.
pub(crate) fn run_with(arguments: &[&str], stdin: &[u8]) -> Ran {
    finish(command(arguments).env("HOOKSEAL_SECRET", SECRET), stdin)
}

pub(crate) fn finish(command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A command that refuses its arguments ends without reading.
    let _ = pipe.write_all(stdin);
    drop(pipe);
    child.wait_with_output().unwrap().into()
}

/// `hookseal listen`, ready.
pub(crate) struct Listener {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Listener {
    pub(crate) fn start(arguments: &[&str], secret: Option<&str>) -> Self {
        let mut command = command(&["listen"]);
        command.args(arguments);
        if let Some(secret) = secret {
            command.env("HOOKSEAL_SECRET", secret);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let at = first.find("http://").unwrap_or_else(|| panic!("{first:?}"));
        let url = first[at..].trim_end_matches(['\n', '"', '}']).to_owned();
        Self { child, lines, url }
    }

    /// The host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Waits for its end (it was started with `--count`): what it printed after the first line.
    pub(crate) fn end(mut self) -> String {
        let mut printed = String::new();
        self.lines.read_to_string(&mut printed).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {printed}");
        printed
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// POSTs by hand, so that any header can be sent; gives the answer's status line.
pub(crate) fn post(authority: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "POST /in HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len()).unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(b"\r\n").unwrap();
    stream.write_all(body).unwrap();
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).unwrap();
    status.trim_end().to_owned()
}

/// An empty folder of its own for a test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
