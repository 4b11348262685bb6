//! A connection that knows what passed over it, and the body that is sent.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A TCP or TLS connection.
pub(super) struct Wire {
    stream: Stream,
    line: Arc<Line>,
}

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is known of a connection from outside.
#[derive(Debug, Default)]
pub(super) struct Line {
    heard: AtomicU64,
    stuck: AtomicBool,
}

impl Line {
    /// How many bytes came from the peer, without those of TLS itself.
    fn heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }

    /// Whether the peer does not take what was last written.
    fn is_stuck(&self) -> bool {
        self.stuck.load(Relaxed)
    }

    fn note_write<T>(&self, progress: Poll<T>) -> Poll<T> {
        self.stuck.store(progress.is_pending(), Relaxed);
        progress
    }
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, line: Arc::default() }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().extra(Arc::clone(&self.line))
    }
}

macro_rules! with_stream {
    ($self:expr, $stream:ident => $call:expr) => {
        match &mut $self.stream {
            Stream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let progress = with_stream!(self, stream => stream.poll_read(cx, buffer));
        self.line.heard.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        progress
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = with_stream!(self, stream => stream.poll_write(cx, bytes));
        self.line.note_write(progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = with_stream!(self, stream => stream.poll_write_vectored(cx, slices));
        self.line.note_write(progress)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = with_stream!(self, stream => stream.poll_flush(cx));
        self.line.note_write(progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(cx))
    }
}

/// The payload on its way. It is first asked for when its request has got a connection and no byte of
/// the request has left, so that is when [`Passage`] looks at the connection.
pub(super) struct Parcel {
    payload: Option<Bytes>,
    passage: Arc<Passage>,
    connection: Option<CaptureConnection>,
}

/// What one request saw of its connection.
#[derive(Debug, Default)]
pub(super) struct Passage {
    line: std::sync::OnceLock<(Arc<Line>, u64)>,
}

impl Passage {
    /// Whether the request had a kept-alive connection and not one byte came back over it.
    pub(super) fn met_silence(&self) -> bool {
        self.line.get().is_some_and(|(line, before)| *before > 0 && line.heard() == *before)
    }

    /// Whether the request had a connection to go over.
    pub(super) fn is_under_way(&self) -> bool {
        self.line.get().is_some()
    }

    /// Whether the whole request was handed over to the operating system.
    pub(super) fn is_handed_over(&self) -> bool {
        self.line.get().is_some_and(|(line, _)| !line.is_stuck())
    }
}

impl Parcel {
    pub(super) fn new(payload: Bytes, passage: Arc<Passage>) -> Self {
        Self { payload: Some(payload), passage, connection: None }
    }

    pub(super) fn watch(&mut self, connection: CaptureConnection) {
        self.connection = Some(connection);
    }

    fn note_connection(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut extras = ::http::Extensions::new();
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.get_extras(&mut extras);
        }
        if let Some(line) = extras.remove::<Arc<Line>>() {
            let heard = line.heard();
            // A parcel is polled by one connection only, so the cell is still empty.
            let _ = self.passage.line.set((line, heard));
        }
    }
}

impl Body for Parcel {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.note_connection();
        Poll::Ready(self.payload.take().filter(|payload| !payload.is_empty()).map(|payload| Ok(Frame::data(payload))))
    }

    fn is_end_stream(&self) -> bool {
        self.payload.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.payload.as_ref().map_or(0, Bytes::len) as u64)
    }
}
