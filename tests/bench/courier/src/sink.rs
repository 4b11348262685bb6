//! A receiver that does as little as it can, in a process of its own: reads requests and answers 204.
//!
//! `/after/MS` answers after so many milliseconds, `/never` does not answer. It listens on many loopback addresses, so that
//! one sink can stand for many hosts.

use std::{
    io::{BufRead as _, BufReader, Read as _, stdin},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::Failure;

/// How many hosts it stands for.
const HOSTS: usize = 1_000;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const LENGTH: &[u8] = b"\r\ncontent-length:";

/// A running sink; it ends with this.
pub(crate) struct Sink {
    process: Child,
    port: u16,
}

impl Sink {
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("sink").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { process, port: line.trim().parse()? })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The URL of one of its many hosts.
    pub(crate) fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}:{}{path}", address(host), self.port)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Serves until standard input ends.
pub(crate) fn serve() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listeners = runtime.block_on(listen())?;
    println!("{}", listeners[0].local_addr()?.port());
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for listener in listeners {
            tasks.spawn(async move {
                loop {
                    let (connection, _) = listener.accept().await?;
                    // A connection that breaks is its sender's to report.
                    tokio::spawn(async { answer(connection).await.ok() });
                }
            });
        }
        tasks.join_next().await.ok_or("no listener")??
    })
}

/// One listener for each host, all on one port.
async fn listen() -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = vec![TcpListener::bind((address(0), 0)).await?];
    let port = listeners[0].local_addr()?.port();
    for host in 1..HOSTS {
        listeners.push(TcpListener::bind((address(host), port)).await?);
    }
    Ok(listeners)
}

fn address(host: usize) -> String {
    format!("127.0.{}.{}", host / 250, host % 250 + 1)
}

async fn answer(mut connection: TcpStream) -> Result<(), Failure> {
    connection.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4 * 1024);
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&buffer)? {
                break end;
            }
            if connection.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let path = buffer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if path == b"/never" {
            std::future::pending::<()>().await;
        }
        if let Some(time) = path.strip_prefix(b"/after/") {
            tokio::time::sleep(Duration::from_millis(std::str::from_utf8(time)?.parse()?)).await;
        }
        buffer.drain(..end);
        connection.write_all(ANSWER).await?;
    }
}

/// Where the first request ends, if it is complete.
fn end_of_request(buffer: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = &buffer[..head + 4];
    let length = match head.windows(LENGTH.len()).position(|bytes| bytes.eq_ignore_ascii_case(LENGTH)) {
        Some(at) => {
            let value = head[at + LENGTH.len()..].split(|byte| *byte == b'\r').next().unwrap_or_default();
            std::str::from_utf8(value)?.trim().parse()?
        }
        None => 0,
    };
    let end = head.len() + length;
    Ok((buffer.len() >= end).then_some(end))
}
