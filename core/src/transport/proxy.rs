//! The way out through a proxy that was asked for; what the environment says is never heeded.

use std::fmt;

use url::Url;

use crate::{Error, ErrorCode, Result};

/// An HTTP proxy: `https` goes through `CONNECT`, `http` in absolute form.
///
/// Its own address is not judged. Names go to it unresolved, so the egress guard then judges the scheme,
/// the port, the name and a literal address, and not what a name leads to.
#[derive(Clone)]
pub struct Proxy(Url);

impl Proxy {
    /// Parses `http://[user:password@]host[:port]`.
    ///
    /// # Errors
    /// `invalid_config`, which shows nothing of the text.
    pub fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| invalid(&error))?;
        if url.scheme() != "http" {
            return Err(invalid(&"only http:// proxies are spoken to"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(&"it must hold nothing after host and port"));
        }
        if url.port() == Some(0) {
            return Err(invalid(&"port 0 can not be connected to"));
        }
        Ok(Self(url))
    }

    pub(super) fn for_everything(&self) -> reqwest::Result<reqwest::Proxy> {
        reqwest::Proxy::all(self.0.clone())
    }
}

/// Without the user's name and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.0.origin().ascii_serialization())
    }
}

fn invalid(error: &dyn fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidConfig, format!("proxy: {error}; it is written http://[user:password@]host[:port]"))
}
