//! D-15, D-16, D-24: answers without measure leave no trace in memory, in a process of its own.

#![cfg(all(feature = "send", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hookseal::{
    guard::{Guard, GuardOptions},
    retry::AttemptError,
    transport::{HttpOptions, HttpTransport, Request, Target, Transport},
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const ROUNDS: usize = 200;
const SLACK: usize = 8 << 20;

/// A server that writes the head, then the same again and again until the client hangs up.
async fn without_end(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
                stream.write_all(head.as_bytes()).await.unwrap();
                while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
            });
        }
    });
    address
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn answers_without_end_leave_no_trace() {
    let guard = Guard::new(&GuardOptions { allow_private: true, ..GuardOptions::default() }).unwrap();
    let transport = HttpTransport::new(HttpOptions { guard, ..HttpOptions::default() }).unwrap();
    let too_large = Err(AttemptError::ResponseHeadTooLarge);
    let servers = [
        (without_end("HTTP/1.1 200 OK\r\n\r\n").await, Ok(200)),
        (
            without_end("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000000\r\n\r\n").await,
            Ok(200),
        ),
        (without_end("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n").await, Ok(500)),
        (without_end("HTTP/1.1 200 OK\r\nx-long: ").await, too_large),
        (without_end("HTTP/1.1 200 ").await, too_large),
    ];
    let mut used = Vec::new();
    for round in 0..ROUNDS {
        for (address, expected) in &servers {
            let target = Target::parse(&format!("http://{address}/")).unwrap();
            let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
            let request = Request { target: &target, identity: None, headers, body, timeout: Duration::from_secs(30) };
            let result = transport.send(request).await.result;
            let seen = result.as_ref().map(|answer| answer.status).map_err(|failure| failure.error);
            assert_eq!(seen, *expected, "{result:?}");
            assert!(result.map_or(0, |answer| answer.body.len()) <= 16 * 1024);
        }
        if round % (ROUNDS / 4) == 0 {
            used.push(resident());
        }
    }
    assert!(resident() < used[1] + SLACK, "{used:?}, then {}", resident());
}
