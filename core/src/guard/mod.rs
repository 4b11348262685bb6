//! Where may a webhook be sent?
//!
//! An endpoint's URL is written by a customer, and the sender stands inside a network. [`parse_url`]
//! refuses what is no plain HTTP URL, [`Guard::judge`] a scheme, port, name or literal address that
//! leads inwards, and [`Guard::allows`] each address that a name resolves to. All three are pure.

mod classes;
mod parse;
mod subnet;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

pub use self::parse::parse_url;
use self::subnet::Subnet;
use crate::{Error, ErrorCode, Result};

/// What a [`Guard`] opens beyond the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardOptions {
    /// Opens private and loopback addresses, local names and every port but 0: for development.
    pub allow_private: bool,
    /// Opens these subnets (`10.1.0.0/16`) and single addresses.
    pub allow_subnets: Vec<String>,
    /// Opens these ports beside 80, 443 and those from 1024 on.
    pub allow_ports: Vec<u16>,
    /// Refuses `http`.
    pub https_only: bool,
}

/// The egress rules. The default one opens only the public internet.
///
/// ```
/// use hookseal::{ErrorCode, guard::{Guard, parse_url}};
///
/// let guard = Guard::default();
/// assert!(guard.judge(&parse_url("https://hooks.example.com/in")?).is_ok());
/// let error = guard.judge(&parse_url("https://0x7f.1/")?).unwrap_err();
/// assert_eq!(error.code(), ErrorCode::BlockedAddress);
/// # Ok::<(), hookseal::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow_private: bool,
    allow_subnets: Vec<Subnet>,
    allow_ports: Vec<u16>,
    https_only: bool,
}

impl Guard {
    /// Makes the rules from options.
    ///
    /// # Errors
    /// `invalid_config` for a subnet that is none or can not be opened, and for port 0.
    pub fn new(options: &GuardOptions) -> Result<Self> {
        if options.allow_ports.contains(&0) {
            return Err(Error::new(ErrorCode::InvalidConfig, "allow_ports must not contain port 0"));
        }
        Ok(Self {
            allow_private: options.allow_private,
            allow_subnets: options.allow_subnets.iter().map(|text| Self::parse_subnet(text)).collect::<Result<_>>()?,
            allow_ports: options.allow_ports.clone(),
            https_only: options.https_only,
        })
    }

    /// Judges what can be judged before a name is resolved.
    ///
    /// # Errors
    /// `invalid_url` for the scheme, `blocked_address` for the port, the name or a literal address.
    pub fn judge(&self, url: &Url) -> Result<()> {
        match url.scheme() {
            "https" => {}
            "http" if !self.https_only => {}
            "http" => return Err(Error::new(ErrorCode::InvalidUrl, "http is switched off by https_only; use https")),
            other => return Err(Error::new(ErrorCode::InvalidUrl, format!("the scheme {other} can not be sent to"))),
        }
        match url.port_or_known_default() {
            Some(port) if self.allows_port(port) => {}
            port => return Err(blocked(format!("port {} is not open; see allow_ports", port.unwrap_or_default()))),
        }
        match url.host() {
            None => Err(Error::new(ErrorCode::InvalidUrl, "the URL has no host")),
            Some(Host::Domain(name)) if classes::is_local_name(name) && !self.allow_private => {
                Err(blocked(format!("{name} is a local name")))
            }
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.judge_literal(address.into()),
            Some(Host::Ipv6(address)) => self.judge_literal(address.into()),
        }
    }

    /// Whether a connection may be made to this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = classes::effective(address);
        if classes::is_tunnel(address) {
            return false;
        }
        if classes::is_shut(address) {
            return self.allow_subnets.iter().any(|subnet| subnet.is_single() && subnet.contains(address));
        }
        classes::is_public(address)
            || (self.allow_private && classes::is_private(address))
            || self.allow_subnets.iter().any(|subnet| subnet.contains(address))
    }

    fn allows_port(&self, port: u16) -> bool {
        matches!(port, 80 | 443 | 1024..) || (self.allow_private && port != 0) || self.allow_ports.contains(&port)
    }

    fn judge_literal(&self, address: IpAddr) -> Result<()> {
        if self.allows(address) {
            return Ok(());
        }
        Err(blocked(format!("{address} is not a public address")))
    }

    fn parse_subnet(text: &str) -> Result<Subnet> {
        let subnet: Subnet = text.parse()?;
        classes::check_openable(subnet)
            .map_err(|why| Error::new(ErrorCode::InvalidConfig, format!("allow_subnets: {text} {why}")))?;
        Ok(subnet)
    }
}

fn blocked(message: String) -> Error {
    Error::new(ErrorCode::BlockedAddress, message)
}
