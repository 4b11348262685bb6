//! Just enough HTTP/1.1 on a bare socket, so that a step can break it anywhere.

use std::{fmt::Write as _, io, time::Duration};

use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

const LARGEST_HEAD: usize = 64 * 1024;
const LARGEST_BODY: usize = 64 * 1024 * 1024;
const TLS_HANDSHAKE: u8 = 0x16;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// As received, in order; each character is one byte.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A connection in clear or under TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    number: u64,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: impl Stream + 'static, number: u64) -> Self {
        let _ = stream.tcp().set_nodelay(true);
        Self { stream: Box::new(stream), number, unread: Vec::new() }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next request, or `None` at the orderly end of the connection.
    pub(crate) async fn read_request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            if self.unread.first() == Some(&TLS_HANDSHAKE) {
                self.write(head(400, &[], Some(0), false).as_bytes()).await?;
                return Err(invalid("TLS on the port without it"));
            }
            if self.unread.len() > LARGEST_HEAD {
                return Err(invalid("the head is too large"));
            }
            if self.read_more().await? == 0 {
                return if self.unread.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        };
        let head: String = self.unread.drain(..end + 4).map(char::from).collect();
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let mut start = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(path), Some("HTTP/1.1")) = (start.next(), start.next(), start.next()) else {
            return Err(invalid("the request line"));
        };
        let headers = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| invalid("a header without a colon"))?;
        let body = self.read_body(&headers).await?;
        Ok(Some(Request { method: method.to_owned(), path: path.to_owned(), headers, body }))
    }

    async fn read_body(&mut self, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
        let header = |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if header("transfer-encoding").is_some_and(|(_, coding)| coding.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks().await;
        }
        match header("content-length") {
            None => Ok(Vec::new()),
            Some((_, length)) => {
                let length = length.parse().map_err(|_| invalid("the content length"))?;
                self.read_exactly(length).await
            }
        }
    }

    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk size"))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.read_exactly(size).await?);
            if !self.read_line().await?.is_empty() || body.len() > LARGEST_BODY {
                return Err(invalid("a chunk"));
            }
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Ok(line[..end].iter().copied().map(char::from).collect());
            }
            if self.unread.len() > LARGEST_HEAD || self.read_more().await? == 0 {
                return Err(invalid("a line without end"));
            }
        }
    }

    async fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > LARGEST_BODY {
            return Err(invalid("the body is too large"));
        }
        while self.unread.len() < length {
            if self.read_more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.unread).await
    }

    /// Waits until the sender closes; what it still sends is dropped.
    pub(crate) async fn wait_for_end(&mut self) {
        while matches!(self.stream.read(&mut [0; 4096]).await, Ok(1..)) {}
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Writes one byte after the other, so long apart.
    pub(crate) async fn drip(&mut self, bytes: &[u8], pause: Duration) -> io::Result<()> {
        for byte in bytes {
            self.write(&[*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Writes an answer of this receiver's own and keeps the connection.
    pub(crate) async fn write_json(&mut self, status: u16, value: &impl Serialize) -> io::Result<bool> {
        self.write_whole(status, "application/json", &serde_json::to_vec(value)?).await
    }

    pub(crate) async fn write_whole(&mut self, status: u16, content_type: &str, body: &[u8]) -> io::Result<bool> {
        let headers = [("content-type".to_owned(), content_type.to_owned())];
        self.write(head(status, &headers, Some(body.len()), true).as_bytes()).await?;
        self.write(body).await?;
        Ok(true)
    }

    pub(crate) async fn write_empty(&mut self, status: u16) -> io::Result<bool> {
        self.write(head(status, &[], None, true).as_bytes()).await?;
        Ok(true)
    }

    /// Makes the coming close a reset.
    pub(crate) fn close_by_reset(&self) -> io::Result<()> {
        self.stream.tcp().set_zero_linger()
    }

    /// Ends the answer and lets the sender read it before the socket goes.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let _ = tokio::time::timeout(Duration::from_secs(10), self.wait_for_end()).await;
        Ok(())
    }
}

/// An answer's head; `length` is left out where the status forbids a body.
pub(crate) fn head(status: u16, headers: &[(String, String)], length: Option<usize>, keep_alive: bool) -> String {
    let mut head = format!("HTTP/1.1 {status:03} \r\n");
    if let Some(length) = length {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    if !keep_alive {
        head.push_str("connection: close\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
