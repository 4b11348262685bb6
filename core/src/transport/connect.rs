//! New connections: to judged addresses, within a time, with TLS where the URL asks for it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::{Extensions, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection, HttpConnector},
    },
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tower::Service;

use super::{Failure, progress, resolve::GuardedResolver};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<GuardedResolver>>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(resolver: GuardedResolver, tls: ClientConfig, limit: Duration) -> Self {
        let mut http = HttpConnector::new_with_resolver(resolver);
        http.set_nodelay(true);
        // Whoever asks for https gets its TLS from the connector around this one.
        http.enforce_http(false);
        Self { https: (http, tls).into(), limit }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Line>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.https.call(destination));
        Box::pin(async move {
            match connecting.await {
                Ok(stream) => Ok(TokioIo::new(Line { stream: TokioIo::new(stream?), heard: Arc::default() })),
                Err(_) => Err(Failure::new(progress::awaited(), "there was no connection in time").into()),
            }
        })
    }
}

/// A connection that notes whether anything has come over it since something was sent.
pub(super) struct Line {
    stream: TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>,
    heard: Arc<AtomicBool>,
}

/// What a [`Line`] notes.
#[derive(Debug, Clone)]
struct Heard(Arc<AtomicBool>);

/// Whether a part of the answer had come over the connection that this error is about. Of HTTP/2, where answers share a
/// connection, that is not known.
pub(super) fn has_heard(error: &legacy::Error) -> bool {
    let mut notes = Extensions::new();
    error.connect_info().inspect(|connected| connected.get_extras(&mut notes));
    notes.get().is_some_and(|Heard(heard)| heard.load(Relaxed))
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        if self.stream.inner().connected().is_negotiated_h2() {
            Connected::new().negotiated_h2()
        } else {
            Connected::new().extra(Heard(Arc::clone(&self.heard)))
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.heard.store(true, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard.store(false, Relaxed);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.heard.store(false, Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
