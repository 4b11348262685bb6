//! A receiver in this process that answers 204 and says when something came.

use std::{future::Future, sync::Arc, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::Failure;

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

pub(crate) struct Sink {
    port: u16,
    arrivals: Arc<watch::Sender<(u64, Option<Instant>)>>,
}

impl Sink {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let arrivals = Arc::new(watch::channel((0, None)).0);
        let told = Arc::clone(&arrivals);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A connection that breaks is its sender's to report.
                tokio::spawn(serve(connection, Arc::clone(&told)));
            }
        });
        Ok(Self { port, arrivals })
    }

    pub(crate) fn url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}/{number}", self.port)
    }

    /// When the next request is in.
    pub(crate) fn next_arrival(&self) -> impl Future<Output = Instant> + use<> {
        let mut arrivals = self.arrivals.subscribe();
        let seen = arrivals.borrow_and_update().0;
        async move {
            let found = arrivals.wait_for(|(count, _)| *count > seen).await;
            found.ok().and_then(|found| found.1).unwrap_or_else(Instant::now)
        }
    }
}

async fn serve(mut connection: TcpStream, arrivals: Arc<watch::Sender<(u64, Option<Instant>)>>) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(4 * 1024);
    loop {
        let end = loop {
            if let Some(end) = end_of_request(&buffer) {
                break end;
            }
            if connection.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        buffer.drain(..end);
        arrivals.send_modify(|(count, at)| {
            *count += 1;
            *at = Some(Instant::now());
        });
        connection.write_all(ANSWER).await.ok()?;
    }
}

fn end_of_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let end = head + length.parse::<usize>().ok()?;
    (bytes.len() >= end).then_some(end)
}
