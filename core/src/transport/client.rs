//! The HTTP clients of one transport: one for all, and one for each client certificate of an endpoint's own.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, Once, OnceLock, PoisonError},
    time::Duration,
};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use reqwest::{redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;
use tower::Layer as _;

use super::{
    Failure, HttpOptions, Identity, Proxy, classify,
    connect::{Connector, has_heard},
    progress::{Dialling, NoteDialling, Parcel},
    resolve::GuardedResolver,
    tls,
};
use crate::{Result, retry::AttemptError};

/// Node closes idle connections after 5 s by default; one that is younger is likely still open.
const POOL_IDLE: Duration = Duration::from_secs(4);
pub(super) const MOST_HEADERS: usize = 100;
pub(super) const LARGEST_HEAD: usize = 16 * 1024;
/// What is larger is a protocol error; this leaves room to see that a head is too large.
const LARGEST_HTTP2_HEAD: u32 = 64 * 1024;
/// How many clients of single identities are kept.
const MOST_IDENTITIES: usize = 256;

/// Sends requests, over connections that it keeps.
pub(super) enum Client {
    Direct(Box<legacy::Client<Dialling<Connector>, Parcel>>),
    /// reqwest brings what speaking to proxies takes, and costs as much again as the client that it is made of.
    Proxied(reqwest::Client),
}

/// The body of an answer.
pub(super) enum Content {
    Direct(Incoming),
    Proxied(reqwest::Body),
}

/// Why there is no answer.
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Whether there was a connection.
    pub(super) is_connected: bool,
    /// Whether a part of the answer is known to have come.
    pub(super) has_heard: bool,
}

impl Client {
    pub(super) async fn send(&self, request: Request<Parcel>) -> Result<Response<Content>, Broken> {
        match self {
            Self::Direct(client) => {
                let answer = client.request(request).await;
                answer.map(|answer| answer.map(Content::Direct)).map_err(|error| {
                    let is_connected = !error.is_connect();
                    let failure = if is_connected {
                        classify::exchanging(&error)
                    } else {
                        classify::connecting(&error, AttemptError::Internal)
                    };
                    Broken { failure, is_connected, has_heard: has_heard(&error) }
                })
            }
            Self::Proxied(client) => {
                let request = request.map(reqwest::Body::wrap).try_into().map_err(Broken::unsent)?;
                let answer = client.execute(request).await;
                answer.map(|answer| Response::from(answer).map(Content::Proxied)).map_err(|error| {
                    let is_connected = !error.is_connect();
                    let failure = if is_connected {
                        classify::exchanging(&error)
                    } else if error.is_timeout() {
                        classify::connecting(&error, AttemptError::ConnectTimeout)
                    } else {
                        // The type that says that a proxy refused to connect can not be named.
                        classify::connecting(&error, AttemptError::NetworkUnreachable)
                    };
                    Broken { failure, is_connected, has_heard: false }
                })
            }
        }
    }
}

impl Broken {
    #[expect(clippy::needless_pass_by_value, reason = "it ends here")]
    fn unsent(error: reqwest::Error) -> Self {
        Self { failure: no_client(&error), is_connected: false, has_heard: false }
    }
}

impl Content {
    /// The next piece; none at the end, or where the body breaks off.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = std::future::poll_fn(|context| match self {
                Self::Direct(body) => Pin::new(body).poll_frame(context).map(|frame| frame?.ok()),
                Self::Proxied(body) => Pin::new(body).poll_frame(context).map(|frame| frame?.ok()),
            });
            // What is no data are trailers.
            if let Ok(data) = frame.await?.into_data() {
                return Some(data);
            }
        }
    }
}

/// Clients are made when they are first used, because that reads the system's root certificates.
pub(super) struct Clients {
    options: HttpOptions,
    extra_roots: RootCertStore,
    resolver: GuardedResolver,
    roots: OnceLock<Arc<RootCertStore>>,
    common: OnceLock<Result<Arc<Client>, Failure>>,
    of_identities: Mutex<HashMap<[u8; 32], Kept>>,
    proxy_warning: Once,
}

struct Kept {
    client: Arc<Client>,
    last_used: Instant,
}

impl Clients {
    pub(super) fn new(options: HttpOptions, resolver: GuardedResolver) -> Result<Self> {
        Ok(Self {
            extra_roots: tls::extra_roots(&options.extra_roots)?,
            resolver: if options.proxy.is_some() { resolver.unguarded() } else { resolver },
            options,
            roots: OnceLock::new(),
            common: OnceLock::new(),
            of_identities: Mutex::default(),
            proxy_warning: Once::new(),
        })
    }

    pub(super) fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// The client that shows this identity. Connections of different identities are never shared.
    pub(super) fn client(&self, identity: Option<&Identity>) -> Result<Arc<Client>, Failure> {
        let Some(identity) = identity else {
            return self.common.get_or_init(|| self.make(self.options.identity.as_ref())).clone();
        };
        let mut kept = self.of_identities.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(kept) = kept.get_mut(&identity.digest()) {
            kept.last_used = now;
            return Ok(Arc::clone(&kept.client));
        }
        let client = self.make(Some(identity))?;
        if kept.len() >= MOST_IDENTITIES {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.last_used).map(|(digest, _)| *digest);
            oldest.map(|digest| kept.remove(&digest));
        }
        kept.insert(identity.digest(), Kept { client: Arc::clone(&client), last_used: now });
        Ok(client)
    }

    fn make(&self, identity: Option<&Identity>) -> Result<Arc<Client>, Failure> {
        let roots = self.roots.get_or_init(|| Arc::new(tls::with_system(self.extra_roots.clone())));
        let tls = tls::config(Arc::clone(roots), identity, self.options.http2).map_err(|error| no_client(&error))?;
        Ok(Arc::new(match &self.options.proxy {
            None => Client::Direct(Box::new(self.direct(tls))),
            Some(proxy) => Client::Proxied(self.proxied(tls, proxy).map_err(|error| no_client(&error))?),
        }))
    }

    fn direct(&self, tls: ClientConfig) -> legacy::Client<Dialling<Connector>, Parcel> {
        let connector = Connector::new(self.resolver.clone(), tls, self.options.connect_timeout);
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http2_max_header_list_size(LARGEST_HTTP2_HEAD)
            .build(NoteDialling.layer(connector))
    }

    fn proxied(&self, tls: ClientConfig, proxy: &Proxy) -> reqwest::Result<reqwest::Client> {
        self.proxy_warning.call_once(|| {
            tracing::warn!(?proxy, "deliveries go through a proxy: what host names lead to is for it to judge");
        });
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(self.resolver.clone())
            .connector_layer(NoteDialling)
            .no_proxy()
            .proxy(proxy.for_everything()?)
            .http2_max_header_list_size(LARGEST_HTTP2_HEAD)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(self.options.connect_timeout)
            .tcp_keepalive(None);
        // How long a peer may be silent is for the attempt's deadline to say.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let builder = builder.tcp_user_timeout(None);
        if self.options.http2 { builder } else { builder.http1_only() }.build()
    }
}

fn no_client(error: &dyn fmt::Display) -> Failure {
    Failure::new(AttemptError::Internal, format!("no HTTP client can be made: {error}"))
}
