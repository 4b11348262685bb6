//! What a sender can be told, as data.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::{
    attempt::{Clock, Engine},
    breaker::Breaker,
    endpoint::check_timeout,
    names::{DEFAULT_PREFIX, HeaderNames, OwnHeaders},
    rate::RateLimit,
    seconds,
};
use crate::{
    Error, ErrorCode, Result, Timestamp,
    guard::{Guard, GuardOptions},
    retry::RetryPolicy,
    transport::{HttpOptions, HttpTransport, Identity, Proxy, Transport},
};

const MOST_IN_FLIGHT: usize = 65_536;

/// A sender's options, as they cross a language boundary: times are seconds, every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderOptions {
    /// When a failed delivery is attempted again, unless its endpoint says otherwise.
    pub retry: RetryPolicy,
    /// Opens private addresses, for development; see [`GuardOptions`].
    pub allow_private: bool,
    /// Opens these subnets.
    pub allow_subnets: Vec<String>,
    /// Opens these ports beside 80, 443 and those from 1024 on.
    pub allow_ports: Vec<u16>,
    /// Refuses `http`.
    pub https_only: bool,
    /// The deadline of one attempt, at most 60 s.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// How long a lookup, TCP and TLS may take together.
    #[serde(with = "seconds")]
    pub connect_timeout: Duration,
    /// How many attempts may be in flight.
    pub max_in_flight: usize,
    /// How many of them to one endpoint.
    pub max_in_flight_per_endpoint: usize,
    /// How many unfinished deliveries are held; one endpoint may have a quarter of them.
    pub max_queued: usize,
    /// How many bytes their payloads may hold; a payload that they share counts once.
    pub max_queued_bytes: usize,
    /// How many attempts per second an endpoint gets, unless it says otherwise.
    pub rate_limit: Option<RateLimit>,
    /// When an endpoint that keeps failing is left alone; `null` for never.
    pub breaker: Option<Breaker>,
    /// Root certificates beside the system's, as PEM texts.
    pub extra_roots: Vec<String>,
    /// The `User-Agent`; `hookseal/<version>` when none is given.
    pub user_agent: Option<String>,
    /// For mutual TLS: one PEM text with the certificate chain and its private key.
    pub identity: Option<Confidential>,
    /// A proxy for everything, `http://[user:password@]host[:port]`. It looks host names up, so only their
    /// text is judged then.
    pub proxy: Option<Confidential>,
    /// Offers HTTP/2 to `https` receivers.
    pub http2: bool,
    /// What the names of the sender's own headers begin with; a scheme's keep their names.
    pub header_prefix: String,
    /// Full names for some of them.
    pub header_names: HeaderNames,
}

/// A text that is, or may hold, a secret: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidential(String);

impl<T: Into<String>> From<T> for Confidential {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Confidential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            allow_private: false,
            allow_subnets: Vec::new(),
            allow_ports: Vec::new(),
            https_only: false,
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            max_in_flight: 256,
            max_in_flight_per_endpoint: 8,
            max_queued: 100_000,
            max_queued_bytes: 64 * 1024 * 1024,
            rate_limit: None,
            breaker: Some(Breaker::default()),
            extra_roots: Vec::new(),
            user_agent: None,
            identity: None,
            proxy: None,
            http2: false,
            header_prefix: DEFAULT_PREFIX.to_owned(),
            header_names: HeaderNames::default(),
        }
    }
}

impl SenderOptions {
    pub(crate) fn validate(&self) -> Result<()> {
        self.retry.validate()?;
        self.breaker.as_ref().map_or(Ok(()), Breaker::validate)?;
        check_timeout("timeout", self.timeout)?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        let slots = 1..=MOST_IN_FLIGHT;
        require(slots.contains(&self.max_in_flight), "max_in_flight must be between 1 and 65536")?;
        require(
            slots.contains(&self.max_in_flight_per_endpoint),
            "max_in_flight_per_endpoint must be between 1 and 65536",
        )?;
        let most = 1..=u32::MAX as usize / 8;
        require(most.contains(&self.max_queued), "max_queued must be between 1 and 536870911")?;
        require(most.contains(&self.max_queued_bytes), "max_queued_bytes must be between 1 and 536870911")
    }

    pub(crate) fn guard(&self) -> Result<Guard> {
        Guard::new(&GuardOptions {
            allow_private: self.allow_private,
            allow_subnets: self.allow_subnets.clone(),
            allow_ports: self.allow_ports.clone(),
            https_only: self.https_only,
        })
    }

    /// What makes attempts as these options say; over HTTP unless another transport is given.
    pub(crate) fn engine(
        &self,
        guard: Guard,
        transport: Option<Arc<dyn Transport>>,
        clock: Option<Clock>,
    ) -> Result<Engine> {
        // Read even when another transport is given, so that what can not be is always refused.
        let http = self.http(guard)?;
        let transport = match transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new(http)?),
        };
        Ok(Engine {
            transport,
            clock: clock.unwrap_or_else(|| Arc::new(Timestamp::now)),
            user_agent: self.user_agent()?,
            names: self.own_headers()?,
            timeout: self.timeout,
        })
    }

    fn http(&self, guard: Guard) -> Result<HttpOptions> {
        Ok(HttpOptions {
            guard,
            connect_timeout: self.connect_timeout,
            extra_roots: self.extra_roots.clone(),
            identity: self.identity.as_ref().map(|pem| Identity::from_pem(&pem.0)).transpose()?,
            proxy: self.proxy.as_ref().map(|url| Proxy::parse(&url.0)).transpose()?,
            http2: self.http2,
            ..HttpOptions::default()
        })
    }

    fn own_headers(&self) -> Result<OwnHeaders> {
        OwnHeaders::new(&self.header_prefix, &self.header_names)
    }

    fn user_agent(&self) -> Result<HeaderValue> {
        match &self.user_agent {
            None => Ok(HeaderValue::from_static(concat!("hookseal/", env!("CARGO_PKG_VERSION")))),
            Some(text) => HeaderValue::from_str(text).map_err(|_| {
                Error::new(ErrorCode::InvalidConfig, "user_agent holds a character that no header can carry")
            }),
        }
    }
}

fn require(holds: bool, message: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorCode::InvalidConfig, message)) }
}
