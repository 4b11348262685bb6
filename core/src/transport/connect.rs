//! Resolve, dial, shake hands: within one limit, and knowing how far it came.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use ::http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::pki_types::ServerName;
use tower_service::Service;

use super::{
    Failure, classify,
    resolve::GuardedResolver,
    tls::Tls,
    wire::{Stream, Wire},
};
use crate::retry::{AttemptError, Phase};

tokio::task_local! {
    /// How far the connection of the attempt at hand is.
    static PROGRESS: Arc<Progress>;
}

/// Whether a name is being resolved, seen from the attempt that waits for it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    resolving: AtomicBool,
}

impl Progress {
    /// Runs a request under this progress.
    pub(super) async fn watch<F: Future>(self: &Arc<Self>, request: F) -> F::Output {
        PROGRESS.scope(Arc::clone(self), request).await
    }

    pub(super) fn phase(&self) -> Phase {
        if self.resolving.load(Relaxed) { Phase::Resolve } else { Phase::Connect }
    }
}

/// Notes that the connection at hand has come to this phase.
pub(super) fn enter(phase: Phase) {
    // A connection that is finished in the background has no attempt to tell.
    let _ = PROGRESS.try_with(|progress| progress.resolving.store(phase == Phase::Resolve, Relaxed));
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    http: HttpConnector<GuardedResolver>,
    tls: Tls,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(resolver: GuardedResolver, tls: Tls, limit: Duration) -> Self {
        let mut http = HttpConnector::new_with_resolver(resolver);
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(limit));
        Self { http, tls, limit }
    }

    async fn connect(mut self, uri: Uri) -> Result<Wire, Failure> {
        let is_tls = uri.scheme() == Some(&::http::uri::Scheme::HTTPS);
        let name = is_tls.then(|| server_name(&uri)).transpose()?;
        if uri.host().is_some_and(|host| host.parse::<std::net::Ipv4Addr>().is_err() && !host.starts_with('[')) {
            enter(Phase::Resolve);
        }
        let stream = self.http.call(uri).await.map_err(|error| classify::connecting(&error))?.into_inner();
        enter(Phase::Connect);
        let Some(name) = name else { return Ok(Wire::new(Stream::Plain(stream))) };
        let handshake = self.tls.connector()?.connect(name, stream).await;
        let stream = handshake.map_err(|error| classify::connecting(&error))?;
        Ok(Wire::new(Stream::Tls(Box::new(stream))))
    }
}

fn server_name(uri: &Uri) -> Result<ServerName<'static>, Failure> {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned())
        .map_err(|error| Failure::new(AttemptError::TlsNameMismatch, format!("no certificate can name it: {error}")))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Wire>, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            match tokio::time::timeout(connector.limit, connector.connect(uri)).await {
                Ok(result) => result.map(TokioIo::new),
                Err(_) => Err(Failure::new(AttemptError::ConnectTimeout, "no connection was made in time")),
            }
        })
    }
}
