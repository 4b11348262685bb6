//! The program under test. It may die, hang or babble; each question still gets one answer in bounded time.

use std::{ffi::OsString, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{failure::Failure, output::printable};

const LONGEST_ANSWER: u64 = 1024 * 1024;
const MOST_LOSSES_IN_A_ROW: u32 = 5;
const QUOTED: usize = 200;

pub(super) struct Program {
    words: Vec<OsString>,
    patience: Duration,
    running: Option<Running>,
    losses_in_a_row: u32,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Why there is no answer, and whether the program can go on.
struct Silence {
    why: String,
    is_lost: bool,
}

impl Program {
    /// Starts the program; `words` are its name and its arguments.
    pub(super) fn start(words: Vec<OsString>, patience: Duration) -> Result<Self, Failure> {
        let mut program = Self { words, patience, running: None, losses_in_a_row: 0 };
        match program.spawn() {
            Ok(running) => program.running = Some(running),
            Err(why) => return Err(Failure::misuse(why)),
        }
        Ok(program)
    }

    /// Whether it was lost so often that asking on is pointless.
    pub(super) fn is_given_up(&self) -> bool {
        self.losses_in_a_row >= MOST_LOSSES_IN_A_ROW
    }

    /// Its answer, or why there is none. A program that was lost is started again for the next question.
    pub(super) async fn ask(&mut self, question: &Value) -> Result<Value, String> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.spawn()?,
        };
        let answer = timeout(self.patience, running.ask(question)).await.unwrap_or_else(|_| {
            Err(Silence { why: format!("no answer within {} s", self.patience.as_secs_f64()), is_lost: true })
        });
        match answer {
            Ok(answer) => {
                self.losses_in_a_row = 0;
                self.running = Some(running);
                Ok(answer)
            }
            Err(silence) => {
                if silence.is_lost {
                    self.losses_in_a_row += 1;
                } else {
                    self.running = Some(running);
                }
                Err(silence.why)
            }
        }
    }

    /// Ends it, and says what it printed beyond its answers.
    pub(super) async fn finish(self) -> Result<(), String> {
        let Some(Running { mut child, stdin, mut stdout }) = self.running else { return Ok(()) };
        drop(stdin);
        let mut rest = Vec::new();
        let ended = timeout(self.patience, async {
            let read = (&mut stdout).take(LONGEST_ANSWER).read_to_end(&mut rest).await;
            read.is_ok() && child.wait().await.is_ok()
        })
        .await;
        if !rest.trim_ascii().is_empty() {
            return Err(format!("more lines than questions: {}", quote(&rest)));
        }
        match ended {
            Ok(true) => Ok(()),
            _ => Err(format!("it did not end within {} s after its input", self.patience.as_secs_f64())),
        }
    }

    fn spawn(&self) -> Result<Running, String> {
        let name = self.words.first().map(|name| name.to_string_lossy()).unwrap_or_default();
        let mut child = Command::new(self.words.first().map_or_else(Default::default, OsString::as_os_str))
            .args(self.words.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{name} can not be started: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Running { child, stdin, stdout: BufReader::new(stdout) }),
            _ => Err(format!("{name} has no pipes")),
        }
    }
}

impl Running {
    async fn ask(&mut self, question: &Value) -> Result<Value, Silence> {
        let line = format!("{question}\n");
        if self.stdin.write_all(line.as_bytes()).await.is_err() || self.stdin.flush().await.is_err() {
            return Err(self.ended().await);
        }
        let mut answer = Vec::new();
        let read = (&mut self.stdout).take(LONGEST_ANSWER).read_until(b'\n', &mut answer).await;
        if read.is_err() || answer.is_empty() {
            return Err(self.ended().await);
        }
        if answer.last() != Some(&b'\n') && answer.len() as u64 >= LONGEST_ANSWER {
            return Err(Silence { why: "an answer of more than 1 MiB".to_owned(), is_lost: true });
        }
        serde_json::from_slice(&answer)
            .map_err(|_| Silence { why: format!("not JSON: {}", quote(&answer)), is_lost: false })
    }

    async fn ended(&mut self) -> Silence {
        let how = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        Silence { why: format!("the program ended ({how})"), is_lost: true }
    }
}

/// The beginning of what a program printed, on one line.
fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.trim_ascii());
    printable(&text.chars().take(QUOTED).collect::<String>())
}
