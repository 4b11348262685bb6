//! Handing a request on to another local program.

use std::time::Duration;

use bytes::Bytes;
use hookseal::{Error, ErrorCode};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header, request::Parts, uri::Scheme};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(30);

/// Headers that belong to one connection; hyper writes its own.
const OF_CONNECTION: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
];

pub(super) struct Forward {
    host: String,
    port: u16,
    host_header: HeaderValue,
    path: Uri,
}

impl Forward {
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let invalid = |why: &str| Failure::from(Error::new(ErrorCode::InvalidUrl, format!("--forward: {why}")));
        let uri: Uri = url.parse().map_err(|_| invalid("this is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| invalid("the URL begins with http://"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(invalid("only http is forwarded to"));
        }
        if authority.as_str().contains('@') {
            return Err(invalid("the URL must not hold a user name"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| invalid("the host is not ASCII"))?,
            path: path.parse().map_err(|_| invalid("the path can not be requested"))?,
        })
    }

    pub(super) fn authority(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Sends the same method, headers and bytes, and gives the status of the answer.
    pub(super) async fn send(&self, head: &Parts, body: Bytes) -> Result<StatusCode, String> {
        match timeout(PATIENCE, self.exchange(head, body)).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(format!("not forwarded: {error}")),
            Err(_) => Err(format!("not forwarded: no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(
        &self,
        head: &Parts,
        body: Bytes,
    ) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = head.headers.clone();
        for name in OF_CONNECTION {
            request.headers_mut().remove(name);
        }
        request.headers_mut().insert(header::HOST, self.host_header.clone());
        let stream = TcpStream::connect(self.authority()).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await;
        connection.abort();
        Ok(answer?.status())
    }
}
