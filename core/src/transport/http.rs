//! HTTP/1.1 over guarded connections.

use std::{sync::Arc, time::Duration};

use ::http::{HeaderMap, Method, header::HOST};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Answer, Exchange, Exchanging, Failure, Request, Transport, classify,
    connect::{Connector, Progress},
    resolve::GuardedResolver,
    tls::Tls,
    wire::{Parcel, Passage},
};
use crate::{
    Result,
    guard::Guard,
    retry::{AttemptError, Phase},
};

/// Node closes idle connections after 5 s by default; one that is younger is likely still open.
const POOL_IDLE: Duration = Duration::from_secs(4);
const MOST_HEADERS: usize = 100;
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_BODY_READ: usize = 64 * 1024;
const MOST_BODY_KEPT: usize = 16 * 1024;

/// What an [`HttpTransport`] is made of.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where requests may go.
    pub guard: Guard,
    /// How long a lookup, TCP and TLS may take together.
    pub connect_timeout: Duration,
    /// How long the lookup may take.
    pub resolve_timeout: Duration,
    /// Root certificates beside the system's, as PEM texts.
    pub extra_roots: Vec<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            connect_timeout: Duration::from_secs(5),
            resolve_timeout: Duration::from_secs(2),
            extra_roots: Vec::new(),
        }
    }
}

/// The transport that reaches the network: no redirects, no proxy from the environment, no
/// decompression. It belongs to the tokio runtime that it is first used on.
#[derive(Clone)]
pub struct HttpTransport {
    client: Client<Connector, Parcel>,
    guard: Arc<Guard>,
}

impl HttpTransport {
    /// Makes a transport; nothing is opened or started yet.
    ///
    /// # Errors
    /// `invalid_config` for root certificates that are none.
    pub fn new(options: HttpOptions) -> Result<Self> {
        let guard = Arc::new(options.guard);
        let resolver = GuardedResolver::new(Arc::clone(&guard), options.resolve_timeout);
        let connector = Connector::new(resolver, Tls::new(&options.extra_roots)?, options.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .http1_max_headers(MOST_HEADERS)
            .build(connector);
        Ok(Self { client, guard })
    }

    async fn exchange(&self, request: Request<'_>) -> Exchange {
        if let Err(error) = self.guard.judge(request.target.url()) {
            let failure = Failure::new(AttemptError::BlockedAddress, error.message().to_owned());
            return Exchange { result: Err(failure), phase: Phase::Resolve, resent: false };
        }
        let deadline = Instant::now() + request.timeout;
        let first = self.post(&request, deadline).await;
        let resent = matches!(first, Err(Interrupted { stale: true, .. }));
        let outcome = if resent { self.post(&request, deadline).await } else { first };
        match outcome {
            Ok(response) => {
                let (result, phase) = read(response, deadline).await;
                Exchange { result, phase, resent }
            }
            Err(Interrupted { failure, phase, .. }) => Exchange { result: Err(failure), phase, resent },
        }
    }

    async fn post(&self, request: &Request<'_>, deadline: Instant) -> Result<hyper::Response<Incoming>, Interrupted> {
        let passage = Arc::<Passage>::default();
        let mut message = hyper::Request::new(Parcel::new(request.body.clone(), Arc::clone(&passage)));
        *message.method_mut() = Method::POST;
        *message.uri_mut() = request.target.uri.clone();
        *message.headers_mut() = request.headers.clone();
        message.headers_mut().insert(HOST, request.target.host.clone());
        let connection = capture_connection(&mut message);
        message.body_mut().watch(connection);

        let progress = Arc::<Progress>::default();
        match timeout_at(deadline, progress.watch(self.client.request(message))).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(Interrupted::connecting(classify::connecting(&error))),
            Ok(Err(error)) => Err(Interrupted {
                failure: classify::exchanging(&error),
                phase: Phase::Exchange,
                stale: passage.met_silence(),
            }),
            Err(_) => Err(Interrupted::by_deadline(&passage, &progress)),
        }
    }
}

/// An exchange without an answer.
struct Interrupted {
    failure: Failure,
    phase: Phase,
    /// A kept-alive connection was gone before the answer's first byte.
    stale: bool,
}

impl Interrupted {
    fn connecting(failure: Failure) -> Self {
        let phase = match failure.error {
            AttemptError::DnsNotFound
            | AttemptError::DnsTimeout
            | AttemptError::DnsFailure
            | AttemptError::BlockedAddress => Phase::Resolve,
            _ => Phase::Connect,
        };
        Self { failure, phase, stale: false }
    }

    fn by_deadline(passage: &Passage, progress: &Progress) -> Self {
        let (error, phase) = match (passage.is_under_way(), progress.phase()) {
            (true, _) if passage.is_handed_over() => (AttemptError::ResponseTimeout, Phase::Exchange),
            (true, _) => (AttemptError::WriteTimeout, Phase::Exchange),
            (false, Phase::Resolve) => (AttemptError::DnsTimeout, Phase::Resolve),
            (false, _) => (AttemptError::ConnectTimeout, Phase::Connect),
        };
        Self { failure: Failure::new(error, "the attempt's deadline passed"), phase, stale: false }
    }
}

/// Judges the head, then reads of the body what is worth reading. Whatever happens to the body, the
/// status stands.
async fn read(response: hyper::Response<Incoming>, deadline: Instant) -> (Result<Answer, Failure>, Phase) {
    let (head, body) = response.into_parts();
    if let Some(failure) = judge_head(&head.headers) {
        return (Err(failure), Phase::Exchange);
    }
    let mut kept = Vec::new();
    // A deadline or a broken body ends the reading; what came until then is kept.
    let _ = timeout_at(deadline, read_body(body, &mut kept)).await;
    (Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: kept.into() }), Phase::Body)
}

async fn read_body(mut body: Incoming, kept: &mut Vec<u8>) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        // Copied, because a slice would hold the connection's whole buffer.
        kept.extend_from_slice(&data[..data.len().min(MOST_BODY_KEPT - kept.len())]);
        if read > MOST_BODY_READ {
            return;
        }
    }
}

fn judge_head(headers: &HeaderMap) -> Option<Failure> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (size > LARGEST_HEAD)
        .then(|| Failure::new(AttemptError::ResponseHeadTooLarge, format!("the headers hold {size} bytes")))
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, request: Request<'a>) -> Exchanging<'a> {
        Box::pin(self.exchange(request))
    }
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTransport").field("guard", &self.guard).finish_non_exhaustive()
    }
}
