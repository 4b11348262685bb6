//! A receiver that does as little as it can, in a process of its own: reads requests and answers 204.
//!
//! `/after/MS` answers after so many milliseconds, `/never` does not answer. It goes by as many names as there are
//! numbers, so that one sink can stand for many hosts.

use std::{
    io::{BufRead as _, BufReader, Read as _, stdin},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::Failure;

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

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of one of its many hosts. Names under `localhost` are this machine's (RFC 6761, section 6.3).
    pub(crate) fn url(&self, host: usize, path: &str) -> String {
        format!("http://host{host}.localhost:{}{path}", self.port)
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
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        loop {
            let (connection, _) = listener.accept().await?;
            // A connection that breaks is its sender's to report.
            tokio::spawn(async { answer(connection).await.ok() });
        }
    })
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
