//! How far an attempt is, noted wherever the HTTP client lets one look: in the connector, in the resolver and in
//! the body that it sends.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower::{
    Layer, Service,
    util::{Oneshot, ServiceExt as _},
};

use crate::retry::{AttemptError, Phase};

/// What is handed over at a time. hyper holds at most 16 pieces that the operating system did not take
/// (`MAX_BUF_LIST_BUFFERS` of its HTTP/1 writer), so that much of a payload counts as sent before it is.
const PIECE: usize = 16 * 1024;

tokio::task_local! {
    static CURRENT: Arc<Progress>;
}

/// How far the sending of one request is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    dialled: AtomicBool,
    resolving: AtomicBool,
    sending: AtomicBool,
    sent: AtomicBool,
}

impl Progress {
    /// Runs a request under this progress.
    pub(super) async fn watch<F: Future>(self: &Arc<Self>, request: F) -> F::Output {
        CURRENT.scope(Arc::clone(self), request).await
    }

    /// Whether a connection was dialled for the request.
    pub(super) fn has_dialled(&self) -> bool {
        self.dialled.load(Relaxed)
    }

    /// What the request waits for, as the error that it is when the wait is over.
    pub(super) fn overdue(&self) -> (AttemptError, Phase) {
        if self.sent.load(Relaxed) {
            (AttemptError::ResponseTimeout, Phase::Exchange)
        } else if self.sending.load(Relaxed) {
            (AttemptError::WriteTimeout, Phase::Exchange)
        } else if self.resolving.load(Relaxed) {
            (AttemptError::DnsTimeout, Phase::Resolve)
        } else {
            (AttemptError::ConnectTimeout, Phase::Connect)
        }
    }
}

/// Notes when a connection is dialled for the request at hand.
///
/// hyper-util clones its connector twice for every request, be there a connection or not. So this one shares it, and clones it
/// where it is used.
#[derive(Clone)]
pub(super) struct Dialling<S>(Arc<S>);

/// The layer of [`Dialling`].
#[derive(Clone, Copy)]
pub(super) struct NoteDialling;

impl<S> Layer<S> for NoteDialling {
    type Service = Dialling<S>;

    fn layer(&self, connector: S) -> Dialling<S> {
        Dialling(Arc::new(connector))
    }
}

impl<S: Service<D> + Clone, D> Service<D> for Dialling<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, D>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: D) -> Self::Future {
        note(|progress| &progress.dialled, true);
        S::clone(&self.0).oneshot(destination)
    }
}

/// What the request at hand waits for, as the error that it is when there is no connection in time.
pub(super) fn awaited() -> AttemptError {
    // A connection that is finished in the background has no request.
    CURRENT.try_with(|progress| progress.overdue().0).unwrap_or(AttemptError::ConnectTimeout)
}

/// Runs a lookup for the request at hand.
pub(super) async fn resolving<F: Future>(lookup: F) -> F::Output {
    note(|progress| &progress.resolving, true);
    let answer = lookup.await;
    note(|progress| &progress.resolving, false);
    answer
}

fn note(of: impl FnOnce(&Progress) -> &AtomicBool, value: bool) {
    // As above.
    let _ = CURRENT.try_with(|progress| of(progress).store(value, Relaxed));
}

/// The payload on its way, piece by piece. It is first asked for when its request has got a connection.
pub(super) struct Parcel {
    /// `None` once all of it, be it nothing, was handed over.
    rest: Option<Bytes>,
    progress: Arc<Progress>,
}

impl Parcel {
    pub(super) fn new(payload: Bytes, progress: Arc<Progress>) -> Self {
        Self { rest: Some(payload), progress }
    }
}

impl Body for Parcel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.sending.store(true, Relaxed);
        let Some(mut rest) = self.rest.take() else { return Poll::Ready(None) };
        let piece = rest.split_to(rest.len().min(PIECE));
        if rest.is_empty() {
            self.progress.sent.store(true, Relaxed);
        } else {
            self.rest = Some(rest);
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.as_ref().map_or(0, Bytes::len) as u64)
    }
}
