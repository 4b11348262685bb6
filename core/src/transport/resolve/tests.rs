//! Names that lead inwards, astray or nowhere.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ::http::HeaderMap;
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    scripted::{Reply, resolver},
    *,
};
use crate::{
    guard::GuardOptions,
    retry::Phase,
    transport::{Exchange, HttpOptions, HttpTransport, Request, Target, Transport},
};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

fn ip(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

fn open(subnets: &[&str]) -> Guard {
    let allow_subnets = subnets.iter().map(|&text| text.to_owned()).collect();
    Guard::new(&GuardOptions { allow_subnets, ..GuardOptions::default() }).unwrap()
}

async fn post(transport: &HttpTransport, url: &str, timeout: Duration) -> Exchange {
    let target = Target::parse(url).unwrap();
    let body = Bytes::from_static(b"{}");
    transport.send(Request { target: &target, identity: None, headers: HeaderMap::new(), body, timeout }).await
}

fn transport(resolver: GuardedResolver) -> HttpTransport {
    let guard = Guard::clone(&resolver.guard);
    HttpTransport::assemble(HttpOptions { guard, connect_timeout: LONG, ..HttpOptions::default() }, resolver).unwrap()
}

#[tokio::test]
async fn every_answer_is_judged() {
    let last = |range: std::ops::RangeInclusive<u8>| range.map(|last| ip(&format!("1.1.1.{last}")));
    let resolver = resolver(Guard::default(), LONG, move |name| match name {
        "public.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("2606:4700:4700::1111")]),
        "inward.example" => Reply::address("127.0.0.1"),
        "mixed.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("10.0.0.1")]),
        "families.example" => Reply::Addresses(vec![ip("1.1.1.1"), ip("::1")]),
        "mapped.example" => Reply::address("::ffff:169.254.169.254"),
        "alias-out.example" => Reply::Alias(ip("1.1.1.1")),
        "alias-in.example" => Reply::Alias(ip("192.168.0.1")),
        "late.example" => Reply::Addresses(last(1..=20).chain([ip("10.0.0.1")]).collect()),
        _ => Reply::Addresses(last(1..=20).collect()),
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
async fn as_many_answers_as_one_message_holds_are_judged() {
    // 16 bytes each, in a message of at most 65,535.
    let full = |inward: bool| {
        let public = (0..4_000_u32).map(|number| std::net::Ipv4Addr::from_bits(0x0808_0000 + number).into());
        Reply::Addresses(public.chain(inward.then(|| ip("10.0.0.1"))).collect())
    };
    let resolver = resolver(Guard::default(), LONG, move |name| full(name == "inward.example")).await;
    assert_eq!(resolver.lookup("public.example").await.unwrap().len(), MOST_DIALLED);
    let failure = resolver.lookup("inward.example").await.unwrap_err();
    assert_eq!(failure.error, AttemptError::BlockedAddress);
}

#[tokio::test]
async fn a_name_that_turns_inward_is_refused_at_its_next_lookup() {
    let asked = AtomicUsize::new(0);
    // Both families are asked for each time.
    let resolver = resolver(Guard::default(), LONG, move |_| {
        Reply::address(if asked.fetch_add(1, SeqCst) < 2 { "1.1.1.1" } else { "127.0.0.1" })
    })
    .await;
    assert_eq!(resolver.lookup("rebinding.example").await.unwrap().len(), 1);
    let failure = resolver.lookup("rebinding.example").await.unwrap_err();
    assert_eq!(failure.error, AttemptError::BlockedAddress);
}

#[tokio::test]
async fn names_that_do_not_resolve_say_why() {
    let resolver = resolver(Guard::default(), SHORT, |name| match name {
        "servfail.example" => Reply::Code(2),
        "nxdomain.example" => Reply::Code(3),
        "refused.example" => Reply::Code(5),
        "empty.example" => Reply::Addresses(Vec::new()),
        "loop.example" => Reply::Loop,
        _ => Reply::Silence,
    })
    .await;
    for (name, error) in [
        ("servfail", AttemptError::DnsFailure),
        ("nxdomain", AttemptError::DnsNotFound),
        ("refused", AttemptError::DnsFailure),
        ("empty", AttemptError::DnsFailure),
        ("loop", AttemptError::DnsFailure),
        ("silent", AttemptError::DnsTimeout),
    ] {
        let failure = resolver.lookup(&format!("{name}.example")).await.unwrap_err();
        assert_eq!(failure.error, error, "{name}: {failure}");
    }
}

#[tokio::test]
async fn no_search_list_is_tried() {
    let resolver = resolver(Guard::default(), LONG, |name| match name {
        "db" => Reply::Code(3),
        _ => Reply::address("1.1.1.1"),
    })
    .await;
    assert_eq!(resolver.lookup("db").await.unwrap_err().error, AttemptError::DnsNotFound);
}

#[tokio::test]
async fn a_request_ends_as_its_lookup_does() {
    let resolver = resolver(Guard::default(), SHORT, |name| match name {
        "inward.example" => Reply::address("127.0.0.1"),
        "nxdomain.example" => Reply::Code(3),
        _ => Reply::Silence,
    })
    .await;
    let transport = transport(resolver);
    for (name, timeout, error) in [
        ("inward", LONG, AttemptError::BlockedAddress),
        ("nxdomain", LONG, AttemptError::DnsNotFound),
        ("silent", LONG, AttemptError::DnsTimeout),
        ("silent", SHORT / 2, AttemptError::DnsTimeout),
    ] {
        let exchange = post(&transport, &format!("https://{name}.example/"), timeout).await;
        let failure = exchange.result.unwrap_err();
        assert_eq!((failure.error, exchange.phase), (error, Phase::Resolve), "{name}: {failure}");
    }
}

/// 127.0.0.1 stands for what must not be reached, and 127.0.0.2, on the same port, for the internet.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_byte_goes_inwards_by_literal_name_redirect_or_rebinding() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let outside = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    tokio::spawn(async move {
        let location = format!("http://127.0.0.1:{port}/latest/meta-data");
        let answer =
            format!("HTTP/1.1 307 There\r\nlocation: {location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        while let Ok((mut stream, _)) = outside.accept().await {
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let turned = AtomicUsize::new(0);
    let resolver = resolver(open(&["127.0.0.2"]), LONG, move |name| match name {
        "rebinding.example" if turned.fetch_add(1, SeqCst) >= 2 => Reply::address("127.0.0.1"),
        "rebinding.example" | "public.example" => Reply::address("127.0.0.2"),
        "mixed.example" => Reply::Addresses(vec![ip("127.0.0.2"), ip("127.0.0.1")]),
        "alias.example" => Reply::Alias(ip("127.0.0.1")),
        "metadata.example" => Reply::address("169.254.169.254"),
        _ => Reply::address("127.0.0.1"),
    })
    .await;
    let transport = transport(resolver);
    for host in ["public.example", "rebinding.example", "127.0.0.2"] {
        let answer = post(&transport, &format!("http://{host}:{port}/"), LONG).await.result.unwrap();
        assert_eq!(answer.status, 307, "{host}");
    }
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "metadata.google.internal",
        "inward.example",
        "metadata.example",
        "mixed.example",
        "alias.example",
        "rebinding.example",
    ] {
        let exchange = post(&transport, &format!("http://{host}:{port}/"), LONG).await;
        let failure = exchange.result.unwrap_err();
        assert_eq!((failure.error, exchange.phase), (AttemptError::BlockedAddress, Phase::Resolve), "{host}");
    }
    // Whoever had knocked would be in the backlog.
    let knocked = inside.into_std().unwrap().accept();
    assert_eq!(knocked.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_connection_goes_where_its_one_lookup_was_judged() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let asked = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&asked);
    let resolver = resolver(open(&["127.0.0.1"]), LONG, move |_| {
        counter.fetch_add(1, SeqCst);
        Reply::address("127.0.0.1")
    })
    .await;
    let transport = transport(resolver);
    let url = format!("http://rebinding.example:{port}/");
    let served = async {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            stream.read_buf(&mut request).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let (exchange, ()) = tokio::join!(post(&transport, &url, LONG), served);
    assert_eq!(exchange.result.unwrap().status, 204);
    assert_eq!(asked.load(SeqCst), 2, "once for each family");
}

#[tokio::test]
async fn where_one_family_leads_nowhere_the_other_is_taken() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let both = |_: &str| Reply::Addresses(vec![ip("::1"), ip("127.0.0.1")]);
    let transport = transport(resolver(open(&["127.0.0.1", "::1"]), LONG, both).await);
    let url = format!("http://both.example:{port}/");
    let served = async {
        let (mut stream, _) = server.accept().await.unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let (exchange, ()) = tokio::join!(post(&transport, &url, LONG), served);
    assert_eq!(exchange.result.unwrap().status, 204);
}
