//! The tables: which addresses and names are what.
//!
//! IPv4 is judged by a deny list and IPv6 by an allow list, since most of IPv6 is not in use. Sources:
//! the IANA special-purpose address registries (RFC 6890), and the address plans of the clouds where
//! a line names one.

use std::net::{IpAddr, Ipv4Addr};

use super::subnet::{Subnet, to_number};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> Subnet {
    Subnet::v4([a, b, c, d], prefix)
}

const AZURE_HOST: Subnet = v4(168, 63, 129, 16, 32);

/// IPv4 that is not the public internet.
const NOT_PUBLIC_V4: [Subnet; 19] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 31, 196, 0, 24),
    v4(192, 52, 193, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(192, 175, 48, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    AZURE_HOST,
];

/// The global unicast space of IPv6, and what in it is not the public internet.
const GLOBAL_UNICAST: Subnet = Subnet::v6([0x2000], 3);
const NOT_PUBLIC_V6: [Subnet; 6] = [
    Subnet::v6([0x2001], 23),
    Subnet::v6([0x2001, 0x0db8], 32),
    SIX_TO_FOUR,
    Subnet::v6([0x2620, 0x004f, 0x8000], 48),
    Subnet::v6([0x3ffe], 16),
    Subnet::v6([0x3fff], 20),
];

/// What `allow_private` opens.
const PRIVATE: [Subnet; 7] = [
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    Subnet::v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    Subnet::v6([0xfc00], 7),
];

/// Link-local addresses and cloud metadata services: shut unless listed one by one.
const SHUT: [Subnet; 7] = [
    v4(169, 254, 0, 0, 16),
    Subnet::v6([0xfe80], 10),
    AZURE_HOST,
    v4(100, 100, 100, 200, 32),                              // Alibaba Cloud
    v4(192, 0, 0, 192, 32),                                  // Oracle Cloud
    Subnet::v6([0xfd00, 0x0ec2], 32),                        // AWS
    Subnet::v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254], 128), // Google Cloud
];

const MAPPED: Subnet = Subnet::v6([0, 0, 0, 0, 0, 0xffff], 96);
const NAT64: Subnet = Subnet::v6([0x0064, 0xff9b], 96);
const SIX_TO_FOUR: Subnet = Subnet::v6([0x2002], 16);

/// IPv6 that leads to IPv4 addresses which can not be judged from here: never open.
const TUNNELS: [Subnet; 3] = [Subnet::v6([0x0064, 0xff9b, 0x0001], 48), SIX_TO_FOUR, Subnet::v6([0x2001, 0x0000], 32)];

const LOCAL_DOMAINS: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// The address that a packet ends at: the embedded IPv4 of a mapped or NAT64 address.
pub(super) fn effective(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if MAPPED.contains(address) || NAT64.contains(address) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !contains(&NOT_PUBLIC_V4, address),
        IpAddr::V6(_) => GLOBAL_UNICAST.contains(address) && !contains(&NOT_PUBLIC_V6, address),
    }
}

pub(super) fn is_private(address: IpAddr) -> bool {
    contains(&PRIVATE, address)
}

pub(super) fn is_shut(address: IpAddr) -> bool {
    contains(&SHUT, address)
}

pub(super) fn is_tunnel(address: IpAddr) -> bool {
    contains(&TUNNELS, address)
}

/// Refuses a subnet that could never have an effect.
pub(super) fn check_openable(subnet: Subnet) -> Result<(), &'static str> {
    if TUNNELS.iter().any(|tunnel| tunnel.overlaps(subnet)) {
        return Err("overlaps 64:ff9b:1::/48, 2002::/16 or 2001::/32, which stay shut");
    }
    if NAT64.overlaps(subnet) || (MAPPED.overlaps(subnet) && !MAPPED.holds(subnet)) {
        return Err("holds embedded IPv4 addresses; list those as IPv4");
    }
    if !subnet.is_single() && SHUT.iter().any(|shut| shut.holds(subnet)) {
        return Err("holds link-local or metadata addresses; list them one by one");
    }
    Ok(())
}

/// Whether a host name, in lower case, has a meaning only in its own network.
pub(super) fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || name == "home.arpa" || LOCAL_DOMAINS.iter().any(|domain| name.ends_with(domain))
}

fn contains(table: &[Subnet], address: IpAddr) -> bool {
    let number = to_number(address);
    table.iter().any(|subnet| subnet.covers(number))
}
