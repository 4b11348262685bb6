//! A name server on loopback that answers as a test says: over UDP, and over TCP what is too long for that.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::Name,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::GuardedResolver;
use crate::guard::Guard;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const LONGEST_DATAGRAM: usize = 512;
const TRUNCATED: u8 = 0x02;
/// Where a message has the name that was asked for.
const ASKED: [u8; 2] = [0xc0, 12];

/// What is said to a name.
pub(super) enum Reply {
    Code(u8),
    Addresses(Vec<IpAddr>),
    /// An alias of an alias, and what that stands for.
    Alias(IpAddr),
    /// An alias of itself.
    Loop,
    Silence,
}

impl Reply {
    pub(super) fn address(text: &str) -> Self {
        Self::Addresses(vec![text.parse().unwrap()])
    }
}

/// A resolver that asks a name server of this zone.
pub(super) async fn resolver(
    guard: Guard,
    limit: Duration,
    zone: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> GuardedResolver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
    let zone = Arc::new(zone);
    tokio::spawn(serve_datagrams(socket, Arc::clone(&zone)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_stream(stream, Arc::clone(&zone)));
        }
    });
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = port;
        connection
    });
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, connections.into());
    let mut config = ResolverConfig::from_name_servers(vec![server]);
    config.add_search(Name::from_ascii("corp.example.").unwrap());
    let resolver = GuardedResolver::new(Arc::new(guard), limit);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    resolver.configure(builder.options_mut());
    resolver.resolver.set(builder.build().unwrap()).ok().unwrap();
    resolver
}

async fn serve_datagrams(socket: UdpSocket, zone: Arc<impl Fn(&str) -> Reply>) {
    let mut query = [0; LONGEST_DATAGRAM];
    while let Ok((length, peer)) = socket.recv_from(&mut query).await {
        let Some(mut reply) = reply(&query[..length], &*zone) else { continue };
        if reply.len() > LONGEST_DATAGRAM {
            reply.truncate(question_end(&query));
            reply[2] |= TRUNCATED;
            reply[6..8].fill(0);
        }
        socket.send_to(&reply, peer).await.unwrap();
    }
}

async fn serve_stream(mut stream: TcpStream, zone: Arc<impl Fn(&str) -> Reply>) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        if let Some(reply) = reply(&query, &*zone) {
            stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    }
}

/// A message after RFC 1035, section 4.
fn reply(query: &[u8], zone: &impl Fn(&str) -> Reply) -> Option<Vec<u8>> {
    let end = question_end(query);
    let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
    let (code, addresses, aliases): (_, _, &[(&[u8], &[u8])]) = match zone(&name_of(&query[12..end - 5])) {
        Reply::Silence => return None,
        Reply::Code(code) => (code, Vec::new(), &[]),
        Reply::Addresses(addresses) => (0, addresses, &[]),
        Reply::Loop => (0, Vec::new(), &[(&ASKED, &ASKED)]),
        Reply::Alias(address) => {
            (0, vec![address], &[(&ASKED, b"\x01a\x07example\0"), (b"\x01a\x07example\0", b"\x01b\x07example\0")])
        }
    };
    let addresses: Vec<_> = addresses.into_iter().filter(|address| is_of(kind, address)).collect();
    let records = u16::try_from(addresses.len() + aliases.len()).unwrap();
    let mut message =
        [&query[..2], &[0x81, 0x80 | code, 0, 1], &records.to_be_bytes(), &[0; 4], &query[12..end]].concat();
    for (owner, target) in aliases {
        record(&mut message, owner, CNAME, target);
    }
    let owner = aliases.last().map_or(&ASKED[..], |(_, target)| target);
    for address in addresses {
        match address {
            IpAddr::V4(address) => record(&mut message, owner, A, &address.octets()),
            IpAddr::V6(address) => record(&mut message, owner, AAAA, &address.octets()),
        }
    }
    Some(message)
}

fn is_of(kind: u16, address: &IpAddr) -> bool {
    kind == if address.is_ipv4() { A } else { AAAA }
}

/// Behind the name's last byte, the type and the class.
fn question_end(query: &[u8]) -> usize {
    12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5
}

fn name_of(mut labels: &[u8]) -> String {
    let mut name = Vec::new();
    while let Some((length, rest)) = labels.split_first() {
        let (label, rest) = rest.split_at(usize::from(*length));
        name.push(std::str::from_utf8(label).unwrap());
        labels = rest;
    }
    name.join(".")
}

fn record(message: &mut Vec<u8>, owner: &[u8], kind: u16, data: &[u8]) {
    message.extend(owner);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 0]);
    message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    message.extend(data);
}
