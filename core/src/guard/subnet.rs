//! Addresses of both families as one number line.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{Error, ErrorCode, Result};

/// A range of addresses; IPv4 lives at `::ffff:0:0/96`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnet {
    network: u128,
    prefix: u32,
}

impl Subnet {
    pub(super) const fn v4(network: [u8; 4], prefix: u32) -> Self {
        let [a, b, c, d] = network;
        Self { network: Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().to_bits(), prefix: 96 + prefix }
    }

    /// A range named by the leading groups of its addresses.
    pub(super) const fn v6<const N: usize>(leading: [u16; N], prefix: u32) -> Self {
        let mut network = 0;
        let mut group = 0;
        while group < N {
            network |= (leading[group] as u128) << (112 - 16 * group);
            group += 1;
        }
        Self { network, prefix }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        self.covers(to_number(address))
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.covers(other.network) || other.covers(self.network)
    }

    /// Whether it holds all of `other`.
    pub(super) fn holds(self, other: Self) -> bool {
        self.prefix <= other.prefix && self.covers(other.network)
    }

    pub(super) fn is_single(self) -> bool {
        self.prefix == 128
    }

    /// Whether it holds the address of this number.
    pub(super) fn covers(self, number: u128) -> bool {
        (number ^ self.network).leading_zeros() >= self.prefix
    }
}

impl FromStr for Subnet {
    type Err = Error;

    /// Reads `10.1.0.0/16`, `fd12::/16`, or one address.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::new(ErrorCode::InvalidConfig, format!("allow_subnets: {text:?} is no subnet"));
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u32>().map_err(|_| invalid())?))
            }
            Some(_) => return Err(invalid()),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits {
            return Err(invalid());
        }
        let subnet = Self { network: to_number(address), prefix: 128 - bits + prefix };
        let beyond = u128::MAX.checked_shr(subnet.prefix).unwrap_or_default();
        if subnet.network & beyond != 0 {
            return Err(Error::new(
                ErrorCode::InvalidConfig,
                format!("allow_subnets: {text} has bits set beyond its prefix"),
            ));
        }
        Ok(subnet)
    }
}

pub(super) fn to_number(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    address.to_bits()
}
