//! Where deliveries go, and with which headers and keys.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::{rate::RateLimit, seconds};
use crate::{
    Error, ErrorCode, Result, Scheme, Signer,
    retry::RetryPolicy,
    transport::{Identity, Target},
};

const LONGEST_ID: usize = 2_048;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Headers that the sender writes itself, or that belong to one connection.
const RESERVED: [HeaderName; 15] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
];
const OUR_PREFIX: &str = "x-webhook-";

/// A receiver: a URL, and what its deliveries are signed and sent with. Cheap to clone.
///
/// ```
/// use hookseal::Endpoint;
///
/// let endpoint = Endpoint::new("https://hooks.example.com/in", ["whsec_demo"])?;
/// assert_eq!(endpoint.url(), "https://hooks.example.com/in");
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<Parts>);

struct Parts {
    target: Target,
    key: Arc<str>,
    signer: Signer,
    identity: Option<Identity>,
    headers: HeaderMap,
    timeout: Option<Duration>,
    retry: Option<RetryPolicy>,
    rate_limit: Option<RateLimit>,
}

impl Endpoint {
    /// An endpoint under the scheme `hookseal`; `secrets` are its live secrets, newest first.
    ///
    /// # Errors
    /// `invalid_url`, `empty_secret`, `malformed_secret`, `invalid_config`.
    pub fn new<S: Into<String>>(url: &str, secrets: impl IntoIterator<Item = S>) -> Result<Self> {
        Self::builder(url, Signer::builder().secrets(secrets)?.build()?).build()
    }

    /// An endpoint with more than a URL.
    pub fn builder(url: impl Into<String>, signer: Signer) -> EndpointBuilder {
        EndpointBuilder { options: EndpointOptions { url: url.into(), ..EndpointOptions::default() }, signer }
    }

    /// An endpoint from data. `signer` stands in place of the options' `secrets` and `scheme`.
    ///
    /// # Errors
    /// `invalid_url`, `invalid_header`, `empty_secret`, `malformed_secret`, `unknown_scheme`,
    /// `invalid_scheme`, `invalid_config`.
    pub fn from_options(options: EndpointOptions, signer: Option<Signer>) -> Result<Self> {
        let signer = match signer {
            Some(signer) if options.secrets.is_empty() && options.scheme.is_none() => signer,
            Some(_) => return Err(invalid_config("a signer stands in place of secrets and scheme; give one of them")),
            None => options.signer()?,
        };
        let target = Target::parse(&options.url)?;
        let key = match &options.id {
            Some(id) if (1..=LONGEST_ID).contains(&id.len()) => id.as_str().into(),
            Some(_) => return Err(invalid_config("the endpoint's id must be 1 to 2,048 bytes long")),
            None => target.url().as_str().into(),
        };
        if let Some(timeout) = options.timeout {
            check_timeout("timeout", timeout)?;
        }
        if let Some(retry) = &options.retry {
            retry.validate()?;
        }
        Ok(Self(Arc::new(Parts {
            headers: options.header_map(&signer)?,
            identity: options.identity.as_deref().map(Identity::from_pem).transpose()?,
            target,
            key,
            signer,
            timeout: options.timeout,
            retry: options.retry,
            rate_limit: options.rate_limit,
        })))
    }

    /// The URL, as parsed.
    pub fn url(&self) -> &str {
        self.target().url().as_str()
    }

    /// What its deliveries share their turns, limits and circuit by: the given id, or the URL.
    pub fn id(&self) -> &str {
        &self.0.key
    }

    pub(crate) fn key(&self) -> &Arc<str> {
        &self.0.key
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.0.identity.as_ref()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.0.timeout
    }

    pub(crate) fn retry(&self) -> Option<&RetryPolicy> {
        self.0.retry.as_ref()
    }

    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        self.0.rate_limit
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("target", self.target()).finish_non_exhaustive()
    }
}

/// An endpoint as it crosses a language boundary; times are seconds.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointOptions {
    /// Where to POST.
    pub url: String,
    /// Plain live secrets, newest first.
    pub secrets: Vec<String>,
    /// A scheme's name, or a scheme document.
    pub scheme: Option<serde_json::Value>,
    /// Extra request headers.
    pub headers: BTreeMap<String, String>,
    /// A name of its own; without one the URL tells endpoints apart.
    pub id: Option<String>,
    /// The deadline of one attempt.
    #[serde(with = "seconds::option")]
    pub timeout: Option<Duration>,
    /// Its own retry policy.
    pub retry: Option<RetryPolicy>,
    /// Its own rate limit.
    pub rate_limit: Option<RateLimit>,
    /// User name and password for `Authorization: Basic`.
    pub basic_auth: Option<(String, String)>,
    /// The token for `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// For mutual TLS, in place of the sender's: one PEM text with the certificate chain and its private key.
    pub identity: Option<String>,
}

impl EndpointOptions {
    fn signer(&self) -> Result<Signer> {
        Signer::builder().scheme(self.scheme()?).secrets(self.secrets.iter().map(String::as_str))?.build()
    }

    pub(crate) fn scheme(&self) -> Result<Scheme> {
        match &self.scheme {
            None => Ok(Scheme::default()),
            Some(serde_json::Value::String(name)) => Scheme::named(name),
            Some(document) => Scheme::from_json(&document.to_string()),
        }
    }

    fn header_map(&self, signer: &Signer) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed = parse_name(name, signer)?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| invalid_header(name, "its value holds a character that no header can carry"))?;
            if headers
                .try_insert(parsed, value)
                .map_err(|_| invalid_header(name, "there are too many headers"))?
                .is_some()
            {
                return Err(invalid_header(name, "it is given twice"));
            }
        }
        if let Some(mut value) = self.authorization()? {
            value.set_sensitive(true);
            if headers.insert(header::AUTHORIZATION, value).is_some() {
                return Err(invalid_header("authorization", "it is given as a header and as basic_auth or bearer"));
            }
        }
        Ok(headers)
    }

    fn authorization(&self) -> Result<Option<HeaderValue>> {
        let value = match (&self.basic_auth, &self.bearer) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(invalid_config("give basic_auth or bearer, not both")),
            (Some((user, _)), None) if user.contains(':') => {
                return Err(invalid_config("the user name of basic_auth must not contain ':'"));
            }
            (Some((user, password)), None) => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            (None, Some(token)) => format!("Bearer {token}"),
        };
        let value = HeaderValue::from_str(&value)
            .map_err(|_| invalid_header("authorization", "the token holds a character that no header can carry"))?;
        Ok(Some(value))
    }
}

/// Headers, secrets, the identity and the path of the URL are confidential.
impl fmt::Debug for EndpointOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointOptions").finish_non_exhaustive()
    }
}

/// Makes an [`Endpoint`].
#[derive(Debug)]
#[must_use]
pub struct EndpointBuilder {
    options: EndpointOptions,
    signer: Signer,
}

impl EndpointBuilder {
    /// Gives it a name of its own; without one the URL tells endpoints apart.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.options.id = Some(id.into());
        self
    }

    /// Adds a request header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.insert(name.into(), value.into());
        self
    }

    /// Sets the deadline of one attempt, at most 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Gives it a retry policy of its own.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = Some(policy);
        self
    }

    /// Limits how many attempts it gets per second.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.options.rate_limit = Some(limit);
        self
    }

    /// Sends `Authorization: Basic`.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.options.basic_auth = Some((user.into(), password.into()));
        self
    }

    /// Sends `Authorization: Bearer`.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.options.bearer = Some(token.into());
        self
    }

    /// Shows this certificate where the receiver asks for one: a PEM text with the chain and its private key.
    pub fn identity(mut self, pem: impl Into<String>) -> Self {
        self.options.identity = Some(pem.into());
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// `invalid_url`, `invalid_header`, `invalid_config`.
    pub fn build(self) -> Result<Endpoint> {
        Endpoint::from_options(self.options, Some(self.signer))
    }
}

/// Refuses a deadline of nothing or of more than a minute.
pub(crate) fn check_timeout(field: &str, timeout: Duration) -> Result<()> {
    if timeout > Duration::ZERO && timeout <= LONGEST_TIMEOUT {
        return Ok(());
    }
    Err(Error::new(ErrorCode::InvalidConfig, format!("{field} must be more than 0 and at most 60 seconds")))
}

pub(super) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(name)
}

fn parse_name(name: &str, signer: &Signer) -> Result<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid_header(name, "its name is no token"))?;
    let is_ours = parsed.as_str().starts_with(OUR_PREFIX)
        || is_reserved(&parsed)
        || signer.header_names().any(|ours| parsed.as_str().eq_ignore_ascii_case(ours));
    if is_ours {
        return Err(invalid_header(name, "the sender writes it, or it belongs to the connection"));
    }
    Ok(parsed)
}

pub(super) fn invalid_header(name: &str, why: &str) -> Error {
    Error::new(ErrorCode::InvalidHeader, format!("the header {name:?} can not be sent: {why}"))
}

fn invalid_config(message: &'static str) -> Error {
    Error::new(ErrorCode::InvalidConfig, message)
}
