//! Names to addresses, every one of them judged.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolverOpts},
    net::NetError,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = progress::resolving(resolver.lookup(name.as_str())).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use ::http::HeaderMap;
    use bytes::Bytes;
    use hickory_resolver::{
        config::{ConnectionConfig, NameServerConfig, ResolverConfig},
        net::runtime::TokioRuntimeProvider,
        proto::rr::Name,
    };
    use tokio::net::UdpSocket;

    use super::*;
    use crate::{
        retry::Phase,
        transport::{HttpOptions, HttpTransport, Request, Target, Transport},
    };

    const A: u16 = 1;
    const CNAME: u16 = 5;
    const AAAA: u16 = 28;

    /// What the name server of the tests says to a name.
    enum Reply {
        Code(u8),
        Addresses(Vec<IpAddr>),
        /// An alias, and what that stands for.
        Alias(IpAddr),
        Silence,
    }

    async fn resolver(limit: Duration, zone: impl Fn(&str) -> Reply + Send + 'static) -> GuardedResolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut connection = ConnectionConfig::udp();
        connection.port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut query).await {
                let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap();
                let name = labels(&query[12..end]).join(".");
                let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
                assert!(length >= end + 5);
                if let Some(reply) = reply(&query[..2], &query[12..end + 5], kind, zone(&name)) {
                    socket.send_to(&reply, peer).await.unwrap();
                }
            }
        });
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
        let mut config = ResolverConfig::from_name_servers(vec![server]);
        config.add_search(Name::from_ascii("corp.example.").unwrap());
        let resolver = GuardedResolver::new(Arc::default(), limit);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        resolver.configure(builder.options_mut());
        resolver.resolver.set(builder.build().unwrap()).ok().unwrap();
        resolver
    }

    fn labels(mut question: &[u8]) -> Vec<&str> {
        let mut labels = Vec::new();
        while let Some((length, rest)) = question.split_first() {
            let (label, rest) = rest.split_at(usize::from(*length));
            labels.push(std::str::from_utf8(label).unwrap());
            question = rest;
        }
        labels
    }

    /// A message after RFC 1035, section 4.
    fn reply(id: &[u8], question: &[u8], kind: u16, reply: Reply) -> Option<Vec<u8>> {
        let (code, addresses, alias) = match reply {
            Reply::Silence => return None,
            Reply::Code(code) => (code, Vec::new(), false),
            Reply::Addresses(addresses) => (0, addresses, false),
            Reply::Alias(address) => (0, vec![address], true),
        };
        let addresses: Vec<_> = addresses.into_iter().filter(|address| address.is_ipv4() == (kind == A)).collect();
        let records = addresses.len() + usize::from(alias);
        let mut message = [id, &[0x81, 0x80 | code, 0, 1, 0, u8::try_from(records).unwrap(), 0, 0, 0, 0]].concat();
        message.extend(question);
        let mut owner = [0xc0, 12].to_vec();
        if alias {
            let target = b"\x05other\x07example\0";
            record(&mut message, &owner, CNAME, target);
            owner = target.to_vec();
        }
        for address in addresses {
            match address {
                IpAddr::V4(address) => record(&mut message, &owner, A, &address.octets()),
                IpAddr::V6(address) => record(&mut message, &owner, AAAA, &address.octets()),
            }
        }
        Some(message)
    }

    fn record(message: &mut Vec<u8>, owner: &[u8], kind: u16, data: &[u8]) {
        message.extend(owner);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 0]);
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn every_answer_is_judged() {
        let resolver = resolver(Duration::from_secs(5), |name| match name {
            "public.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("2606:4700:4700::1111")]),
            "inward.example" => Reply::Addresses(vec![ip("127.0.0.1")]),
            "mixed.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("10.0.0.1")]),
            "families.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("::1")]),
            "mapped.example" => Reply::Addresses(vec![ip("::ffff:169.254.169.254")]),
            "alias-out.example" => Reply::Alias(ip("1.1.1.1")),
            "alias-in.example" => Reply::Alias(ip("192.168.0.1")),
            "late.example" => {
                Reply::Addresses((1..=20).map(|last| ip(&format!("1.1.1.{last}"))).chain([ip("10.0.0.1")]).collect())
            }
            _ => Reply::Addresses((1..=20).map(|last| ip(&format!("1.1.1.{last}"))).collect()),
        })
        .await;
        let mut public = resolver.lookup("public.example").await.unwrap();
        public.sort();
        assert_eq!(public.iter().map(SocketAddr::ip).collect::<Vec<_>>(), [ip("1.1.1.1"), ip("2606:4700:4700::1111")]);
        assert_eq!(resolver.lookup("alias-out.example").await.unwrap().len(), 1);
        assert_eq!(resolver.lookup("many.example").await.unwrap().len(), MOST_DIALLED);
        for name in ["inward", "mixed", "families", "mapped", "alias-in", "late"] {
            let failure = resolver.lookup(&format!("{name}.example")).await.unwrap_err();
            assert_eq!(failure.error, AttemptError::BlockedAddress, "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_inward_is_refused_at_its_next_lookup() {
        let asked = AtomicUsize::new(0);
        // Both families are asked for each time.
        let resolver = resolver(Duration::from_secs(5), move |_| {
            Reply::Addresses(vec![if asked.fetch_add(1, SeqCst) < 2 { ip("1.1.1.1") } else { ip("127.0.0.1") }])
        })
        .await;
        assert_eq!(resolver.lookup("rebinding.example").await.unwrap().len(), 1);
        let failure = resolver.lookup("rebinding.example").await.unwrap_err();
        assert_eq!(failure.error, AttemptError::BlockedAddress);
    }

    #[tokio::test]
    async fn names_that_do_not_resolve_say_why() {
        let resolver = resolver(Duration::from_millis(300), |name| match name {
            "servfail.example" => Reply::Code(2),
            "nxdomain.example" => Reply::Code(3),
            "refused.example" => Reply::Code(5),
            "empty.example" => Reply::Addresses(Vec::new()),
            _ => Reply::Silence,
        })
        .await;
        for (name, error) in [
            ("servfail", AttemptError::DnsFailure),
            ("nxdomain", AttemptError::DnsNotFound),
            ("refused", AttemptError::DnsFailure),
            ("empty", AttemptError::DnsFailure),
            ("silent", AttemptError::DnsTimeout),
        ] {
            let failure = resolver.lookup(&format!("{name}.example")).await.unwrap_err();
            assert_eq!(failure.error, error, "{name}: {failure}");
        }
    }

    #[tokio::test]
    async fn no_search_list_is_tried() {
        let resolver = resolver(Duration::from_secs(5), |name| match name {
            "db" => Reply::Code(3),
            _ => Reply::Addresses(vec![ip("1.1.1.1")]),
        })
        .await;
        assert_eq!(resolver.lookup("db").await.unwrap_err().error, AttemptError::DnsNotFound);
    }

    #[tokio::test]
    async fn a_request_ends_as_its_lookup_does() {
        let limit = Duration::from_millis(300);
        let resolver = resolver(limit, |name| match name {
            "inward.example" => Reply::Addresses(vec![ip("127.0.0.1")]),
            "nxdomain.example" => Reply::Code(3),
            _ => Reply::Silence,
        })
        .await;
        let options = HttpOptions { connect_timeout: Duration::from_secs(30), ..HttpOptions::default() };
        let transport = HttpTransport::assemble(options, resolver).unwrap();
        for (name, timeout, error) in [
            ("inward", Duration::from_secs(30), AttemptError::BlockedAddress),
            ("nxdomain", Duration::from_secs(30), AttemptError::DnsNotFound),
            ("silent", Duration::from_secs(30), AttemptError::DnsTimeout),
            ("silent", limit / 2, AttemptError::DnsTimeout),
        ] {
            let target = Target::parse(&format!("https://{name}.example/")).unwrap();
            let request =
                Request { target: &target, identity: None, headers: HeaderMap::new(), body: Bytes::new(), timeout };
            let exchange = transport.send(request).await;
            let failure = exchange.result.unwrap_err();
            assert_eq!((failure.error, exchange.phase), (error, Phase::Resolve), "{name}: {failure}");
        }
    }
}
