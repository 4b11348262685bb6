//! Names to addresses, every one of them judged.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
    vec,
};

use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolverOpts},
    net::NetError,
};
use hyper_util::client::legacy::connect::dns::Name;
use reqwest::dns::{Addrs, Resolve, Resolving};
use tower::Service;

use super::{Failure, progress};
use crate::{guard::Guard, retry::AttemptError};

/// How many of a name's addresses are tried.
const MOST_DIALLED: usize = 8;

/// The system's resolver configuration and hosts file behind the egress guard: one forbidden address
/// refuses the name.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    guard: Arc<Guard>,
    judging: bool,
    limit: Duration,
    resolver: Arc<OnceLock<TokioResolver>>,
}

impl GuardedResolver {
    pub(super) fn new(guard: Arc<Guard>, limit: Duration) -> Self {
        Self { guard, judging: true, limit, resolver: Arc::default() }
    }

    /// Judges nothing: for a client that looks up the name of its proxy only.
    pub(super) fn unguarded(self) -> Self {
        Self { judging: false, ..self }
    }

    async fn lookup(&self, name: &str) -> Result<Vec<SocketAddr>, Failure> {
        let resolver = self.resolver()?;
        // The dot makes the name absolute: no search list is tried.
        let lookup = tokio::time::timeout(self.limit, resolver.lookup_ip(format!("{name}.")));
        let answer = match lookup.await {
            Err(_) => return Err(Failure::new(AttemptError::DnsTimeout, "the name servers did not answer in time")),
            Ok(Err(error)) => return Err(failure(&error)),
            Ok(Ok(answer)) => answer,
        };
        self.judge(answer.iter().map(|address| SocketAddr::new(address, 0)).collect())
    }

    fn judge(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Failure> {
        if addresses.is_empty() {
            return Err(Failure::new(AttemptError::DnsFailure, "the name has no address"));
        }
        if self.judging && addresses.iter().any(|address| !self.guard.allows(address.ip())) {
            return Err(Failure::new(AttemptError::BlockedAddress, "the name leads to an address that is kept shut"));
        }
        addresses.truncate(MOST_DIALLED);
        Ok(addresses)
    }

    fn resolver(&self) -> Result<&TokioResolver, Failure> {
        if let Some(resolver) = self.resolver.get() {
            return Ok(resolver);
        }
        let mut builder = TokioResolver::builder_tokio().map_err(|error| failure(&error))?;
        self.configure(builder.options_mut());
        let resolver = builder.build().map_err(|error| failure(&error))?;
        Ok(self.resolver.get_or_init(|| resolver))
    }

    fn configure(&self, options: &mut ResolverOpts) {
        options.timeout = self.limit;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    }
}

fn failure(error: &NetError) -> Failure {
    let code = match error {
        NetError::Timeout => AttemptError::DnsTimeout,
        error if error.is_nx_domain() => AttemptError::DnsNotFound,
        _ => AttemptError::DnsFailure,
    };
    Failure::new(code, error.to_string())
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = progress::resolving(resolver.lookup(name.as_str())).await?;
            Ok(addresses.into_iter())
        })
    }
}

/// For the client that speaks to a proxy.
impl Resolve for GuardedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = progress::resolving(resolver.lookup(name.as_str())).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
