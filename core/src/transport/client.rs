//! The HTTP clients of one transport: two for all, and up to two for each client certificate of an endpoint's own.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, Once, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{Client, redirect, retry};
use rustls::RootCertStore;
use tokio::time::Instant;
use url::Host;

use super::{Failure, HttpOptions, Identity, Target, progress::NoteDialling, resolve::GuardedResolver, tls};
use crate::{Result, retry::AttemptError};

/// Node closes idle connections after 5 s by default; one that is younger is likely still open.
const POOL_IDLE: Duration = Duration::from_secs(4);
pub(super) const MOST_HEADERS: usize = 100;
pub(super) const LARGEST_HEAD: usize = 16 * 1024;
/// What is larger is a protocol error; this leaves room to see that a head is too large.
const LARGEST_HTTP2_HEAD: u32 = 64 * 1024;
/// How many clients of single identities are kept.
const MOST_IDENTITIES: usize = 256;

/// Clients are made when they are first used, because that reads the system's root certificates.
pub(super) struct Clients {
    options: HttpOptions,
    extra_roots: RootCertStore,
    resolver: GuardedResolver,
    roots: OnceLock<Arc<RootCertStore>>,
    /// For addresses, and for names: see [`make`](Self::make).
    common: [OnceLock<Result<Client, Failure>>; 2],
    of_identities: Mutex<HashMap<([u8; 32], bool), Kept>>,
    proxy_warning: Once,
}

struct Kept {
    client: Client,
    last_used: Instant,
}

impl Clients {
    pub(super) fn new(options: HttpOptions, resolver: GuardedResolver) -> Result<Self> {
        Ok(Self {
            extra_roots: tls::extra_roots(&options.extra_roots)?,
            resolver: if options.proxy.is_some() { resolver.unguarded() } else { resolver },
            options,
            roots: OnceLock::new(),
            common: Default::default(),
            of_identities: Mutex::default(),
            proxy_warning: Once::new(),
        })
    }

    pub(super) fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// The client for this target that shows this identity. Connections of different identities are never shared.
    pub(super) fn client(&self, target: &Target, identity: Option<&Identity>) -> Result<Client, Failure> {
        let is_named = matches!(target.url().host(), Some(Host::Domain(_))) && self.options.proxy.is_none();
        let Some(identity) = identity else {
            let common = &self.common[usize::from(is_named)];
            return common.get_or_init(|| self.make(is_named, self.options.identity.as_ref())).clone();
        };
        let key = (identity.digest(), is_named);
        let mut kept = self.of_identities.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(kept) = kept.get_mut(&key) {
            kept.last_used = now;
            return Ok(kept.client.clone());
        }
        let client = self.make(is_named, Some(identity))?;
        if kept.len() >= MOST_IDENTITIES {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.last_used).map(|(key, _)| *key);
            oldest.map(|key| kept.remove(&key));
        }
        kept.insert(key, Kept { client: client.clone(), last_used: now });
        Ok(client)
    }

    /// That a connection is dialled for a request is seen by the resolver where it looks a name up, and else by a layer of the
    /// connector, which reqwest keeps in boxes that it clones six times for every request.
    fn make(&self, is_named: bool, identity: Option<&Identity>) -> Result<Client, Failure> {
        let roots = self.roots.get_or_init(|| Arc::new(tls::with_system(self.extra_roots.clone())));
        let tls = tls::config(Arc::clone(roots), identity, self.options.http2).map_err(|error| no_client(&error))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(self.resolver.clone())
            .no_proxy()
            .http2_max_header_list_size(LARGEST_HTTP2_HEAD)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(self.options.connect_timeout)
            .tcp_keepalive(None);
        if !is_named {
            builder = builder.connector_layer(NoteDialling);
        }
        // How long a peer may be silent is for the attempt's deadline to say.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(None);
        }
        if !self.options.http2 {
            builder = builder.http1_only();
        }
        if let Some(proxy) = &self.options.proxy {
            self.proxy_warning.call_once(|| {
                tracing::warn!(?proxy, "deliveries go through a proxy: what host names lead to is for it to judge");
            });
            builder = builder.proxy(proxy.for_everything().map_err(|error| no_client(&error))?);
        }
        builder.build().map_err(|error| no_client(&error))
    }
}

fn no_client(error: &dyn fmt::Display) -> Failure {
    Failure::new(AttemptError::Internal, format!("no HTTP client can be made: {error}"))
}
