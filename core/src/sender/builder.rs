//! Makes a sender.

use std::{sync::Arc, time::Duration};

use super::{Owner, Sender, shared::Shared};
use crate::{
    Result, Timestamp,
    engine::{Breaker, Clock, HeaderNames, RateLimit, SenderOptions},
    retry::RetryPolicy,
    transport::Transport,
};

/// Chooses a [`Sender`]'s options.
#[derive(Default)]
#[must_use]
pub struct SenderBuilder {
    options: SenderOptions,
    runtime: Option<tokio::runtime::Handle>,
    clock: Option<Clock>,
    transport: Option<Arc<dyn Transport>>,
}

impl SenderBuilder {
    /// Sets all options at once.
    pub fn options(mut self, options: SenderOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets when a failed delivery is attempted again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = policy;
        self
    }

    /// Opens private and loopback addresses, local names and every port: for development.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.options.allow_private = allow;
        self
    }

    /// Sets the deadline of one attempt, at most 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how many attempts may be in flight.
    pub fn max_in_flight(mut self, attempts: usize) -> Self {
        self.options.max_in_flight = attempts;
        self
    }

    /// Sets how many attempts to one endpoint may be in flight.
    pub fn max_in_flight_per_endpoint(mut self, attempts: usize) -> Self {
        self.options.max_in_flight_per_endpoint = attempts;
        self
    }

    /// Sets how many unfinished deliveries are held.
    pub fn max_queued(mut self, deliveries: usize) -> Self {
        self.options.max_queued = deliveries;
        self
    }

    /// Sets how many payload bytes are held.
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.options.max_queued_bytes = bytes;
        self
    }

    /// Limits how many attempts per second each endpoint gets.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.options.rate_limit = Some(limit);
        self
    }

    /// Sets when an endpoint that keeps failing is left alone; `None` for never.
    pub fn breaker(mut self, breaker: Option<Breaker>) -> Self {
        self.options.breaker = breaker;
        self
    }

    /// Trusts the root certificates of this PEM text beside the system's.
    pub fn extra_root(mut self, pem: impl Into<String>) -> Self {
        self.options.extra_roots.push(pem.into());
        self
    }

    /// Shows this certificate to receivers that ask for one: a PEM text with the chain and its private key.
    pub fn identity(mut self, pem: impl Into<String>) -> Self {
        self.options.identity = Some(pem.into().into());
        self
    }

    /// Sends everything through this proxy; see [`SenderOptions::proxy`].
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.options.proxy = Some(url.into().into());
        self
    }

    /// Offers HTTP/2 to `https` receivers.
    pub fn http2(mut self, offer: bool) -> Self {
        self.options.http2 = offer;
        self
    }

    /// Sets the `User-Agent`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.options.user_agent = Some(user_agent.into());
        self
    }

    /// Sets what the names of the sender's own headers begin with, in place of `X-Webhook-`.
    pub fn header_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.header_prefix = prefix.into();
        self
    }

    /// Sets full names for some of them.
    pub fn header_names(mut self, names: HeaderNames) -> Self {
        self.options.header_names = names;
        self
    }

    /// Works on this runtime, so that [`Sender::enqueue`] can be called from outside of one.
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Takes the time that is signed from here; the system's clock when nothing is given.
    pub fn clock(mut self, clock: impl Fn() -> Result<Timestamp> + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sends through this; over HTTP when nothing is given.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Checks the options and makes the sender.
    ///
    /// # Errors
    /// `invalid_config`, naming the option.
    pub fn build(self) -> Result<Sender> {
        let options = self.options;
        options.validate()?;
        let guard = options.guard()?;
        let engine = options.engine(guard.clone(), self.transport, self.clock)?;
        Ok(Sender(Arc::new(Owner(Arc::new(Shared::new(options, guard, engine, self.runtime))))))
    }
}

impl std::fmt::Debug for SenderBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
