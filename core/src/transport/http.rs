//! HTTP over guarded connections.

use std::{sync::Arc, time::Duration};

use ::http::{HeaderMap, Method, Response};
use tokio::time::{Instant, timeout_at};

use super::{
    Answer, Exchange, Exchanging, Failure, Identity, Proxy, Request, Transport,
    client::{Broken, Clients, Content, LARGEST_HEAD, MOST_HEADERS},
    progress::{Parcel, Progress},
    resolve::GuardedResolver,
};
use crate::{
    Result,
    guard::Guard,
    retry::{AttemptError, Phase},
};

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
    /// Shown where a server asks who the client is, unless a request brings its own.
    pub identity: Option<Identity>,
    /// The proxy that everything goes through.
    pub proxy: Option<Proxy>,
    /// Offers HTTP/2 to `https` servers.
    pub http2: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            connect_timeout: Duration::from_secs(5),
            resolve_timeout: Duration::from_secs(2),
            extra_roots: Vec::new(),
            identity: None,
            proxy: None,
            http2: false,
        }
    }
}

/// The transport that reaches the network: no redirects, no proxy from the environment, no
/// decompression. It belongs to the tokio runtime that it is first used on.
#[derive(Clone)]
pub struct HttpTransport {
    clients: Arc<Clients>,
}

impl HttpTransport {
    /// Makes a transport; nothing is opened or started yet.
    ///
    /// # Errors
    /// `invalid_config` for root certificates that are none.
    pub fn new(options: HttpOptions) -> Result<Self> {
        let resolver = GuardedResolver::new(Arc::new(options.guard.clone()), options.resolve_timeout);
        Self::assemble(options, resolver)
    }

    pub(super) fn assemble(options: HttpOptions, resolver: GuardedResolver) -> Result<Self> {
        Ok(Self { clients: Arc::new(Clients::new(options, resolver)?) })
    }

    async fn exchange(&self, request: Request<'_>) -> Exchange {
        if let Err(error) = self.clients.options().guard.judge(request.target.url()) {
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

    async fn post(&self, request: &Request<'_>, deadline: Instant) -> Result<Response<Content>, Interrupted> {
        let client = self.clients.client(request.identity).map_err(Interrupted::connecting)?;
        let progress = Arc::<Progress>::default();
        let mut message = ::http::Request::new(Parcel::new(request.body.clone(), Arc::clone(&progress)));
        *message.method_mut() = Method::POST;
        *message.uri_mut() = request.target.uri().clone();
        *message.headers_mut() = request.headers.clone();
        match timeout_at(deadline, progress.watch(client.send(message))).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(broken)) if broken.is_connected => Err(Interrupted::exchanging(broken, &progress)),
            Ok(Err(broken)) => Err(Interrupted::connecting(broken.failure)),
            Err(_) => Err(Interrupted::by_deadline(&progress)),
        }
    }
}

/// An exchange without an answer.
struct Interrupted {
    failure: Failure,
    phase: Phase,
    /// A kept-alive connection was gone before any of the answer came.
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

    fn exchanging(broken: Broken, progress: &Progress) -> Self {
        let Broken { failure, has_heard, .. } = broken;
        let stale = failure.error == AttemptError::ConnectionReset && !has_heard && !progress.has_dialled();
        Self { failure, phase: Phase::Exchange, stale }
    }

    fn by_deadline(progress: &Progress) -> Self {
        let (error, phase) = progress.overdue();
        Self { failure: Failure::new(error, "the attempt's deadline passed"), phase, stale: false }
    }
}

/// Judges the head, then reads of the body what is worth reading. Whatever happens to the body, the
/// status stands.
async fn read(mut response: Response<Content>, deadline: Instant) -> (Result<Answer, Failure>, Phase) {
    if let Some(failure) = judge_head(response.headers()) {
        return (Err(failure), Phase::Exchange);
    }
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut kept = Vec::new();
    // A deadline or a broken body ends the reading; what came until then is kept.
    let _ = timeout_at(deadline, read_body(response.into_body(), &mut kept)).await;
    (Ok(Answer { status, headers, body: kept.into() }), Phase::Body)
}

async fn read_body(mut content: Content, kept: &mut Vec<u8>) {
    let mut read = 0;
    while let Some(data) = content.next().await {
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
    (size > LARGEST_HEAD || headers.len() > MOST_HEADERS).then(|| {
        let message = format!("{} headers hold {size} bytes", headers.len());
        Failure::new(AttemptError::ResponseHeadTooLarge, message)
    })
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, request: Request<'a>) -> Exchanging<'a> {
        Box::pin(self.exchange(request))
    }
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTransport").field("options", self.clients.options()).finish_non_exhaustive()
    }
}
