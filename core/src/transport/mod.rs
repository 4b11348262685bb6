//! One POST, over the wire or scripted.
//!
//! A [`Transport`] makes exactly one exchange within one deadline and says how it ended: the head of an
//! answer, or an [`AttemptError`] and how far it came. Whether to try again is not its business.

mod classify;
mod client;
mod connect;
mod http;
mod identity;
mod progress;
mod proxy;
mod resolve;
mod scripted;
mod tls;

use std::{fmt, future::Future, pin::Pin, time::Duration};

use ::http::{HeaderMap, Uri};
use bytes::Bytes;
use url::Url;

#[cfg(feature = "postgres")]
pub(crate) use self::tls::plain_config;
pub use self::{
    http::{HttpOptions, HttpTransport},
    identity::Identity,
    proxy::Proxy,
    scripted::{Scripted, Step},
};
use crate::{
    Error, ErrorCode, Result,
    guard::parse_url,
    retry::{AttemptError, Phase},
};

/// Something that can make one exchange.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request and waits for the end of the exchange, at most for its timeout.
    fn send<'a>(&'a self, request: Request<'a>) -> Exchanging<'a>;
}

/// The future of an [`Exchange`].
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Exchange> + Send + 'a>>;

/// A POST to make.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where to.
    pub target: &'a Target,
    /// Who the client is, where the transport's own answer to that does not do.
    pub identity: Option<&'a Identity>,
    /// All headers but `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The payload.
    pub body: Bytes,
    /// From the first lookup to the last byte that is read.
    pub timeout: Duration,
}

/// How an exchange ended.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, if its head came.
    pub result: Result<Answer, Failure>,
    /// How far it came.
    pub phase: Phase,
    /// Whether the request was sent a second time because a kept-alive connection had gone stale.
    pub resent: bool,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status of the final answer.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The first bytes of its body, as they came over the wire.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub error: AttemptError,
    /// The cause in words, for the log of the sending side only.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(error: AttemptError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.message)
    }
}

impl std::error::Error for Failure {}

/// A URL that can be requested.
#[derive(Clone)]
pub struct Target {
    url: Url,
    uri: Uri,
}

impl Target {
    /// Parses a URL; see [`parse_url`].
    ///
    /// # Errors
    /// `invalid_url`.
    pub fn parse(text: &str) -> Result<Self> {
        let url = parse_url(text)?;
        // The client wants it in this form, whose rules are its own.
        let uri = url
            .as_str()
            .parse()
            .map_err(|error| Error::new(ErrorCode::InvalidUrl, format!("the URL can not be requested: {error}")))?;
        Ok(Self { url, uri })
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// Paths and queries of webhook URLs hold secrets, so only the origin is shown.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.url.origin().ascii_serialization())
    }
}
