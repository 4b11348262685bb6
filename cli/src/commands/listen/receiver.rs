//! One request, from its head to its answer.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use hookseal::{Error, ErrorCode, Timestamp, Verifier};
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::{sync::mpsc, time::timeout};

use super::{
    entry::{Entries, Entry, Judgement},
    forward::Forward,
};
use crate::commands::verify::Rules;

const LARGEST_BODY: usize = 1024 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Beyond this many unprinted requests, answers wait for the printer.
const UNPRINTED: usize = 64;

pub(super) struct Receiver {
    verifier: Option<Verifier>,
    url: Option<String>,
    largest_body: usize,
    forward: Option<Forward>,
    entries: mpsc::Sender<Entry>,
}

impl Receiver {
    pub(super) fn new(verifier: Option<Verifier>, rules: Rules, forward: Option<Forward>) -> (Self, Entries) {
        let (entries, receiver) = mpsc::channel(UNPRINTED);
        let largest_body = rules.max_body.unwrap_or(LARGEST_BODY);
        (Self { verifier, url: rules.url, largest_body, forward, entries }, receiver)
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let (body, judgement) = match self.read(body).await {
            Ok(body) => {
                let judgement = self.judge(&head, &body);
                (body, judgement)
            }
            Err(error) => (Bytes::new(), Judgement::Refused(error)),
        };
        let forwarded = match &self.forward {
            Some(forward) if !judgement.is_refusal() => Some(forward.send(&head, body.clone()).await),
            _ => None,
        };
        let status = match &forwarded {
            Some(Ok(status)) => *status,
            Some(Err(_)) => StatusCode::BAD_GATEWAY,
            None => judgement.status(),
        };
        let entry = Entry { head, body, judgement, forwarded, status };
        drop(self.entries.send(entry).await); // Nobody counts any more: the answer still goes out.
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Error> {
        let unreadable = |message: String| Error::new(ErrorCode::InvalidConfig, message);
        match timeout(BODY_PATIENCE, Limited::new(body, self.largest_body).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Error::new(ErrorCode::BodyTooLarge, format!("the body is longer than {} bytes", self.largest_body)))
            }
            Ok(Err(error)) => Err(unreadable(format!("the body did not arrive: {error}"))),
            Err(_) => Err(unreadable(format!("the body took longer than {} s", BODY_PATIENCE.as_secs()))),
        }
    }

    fn judge(&self, head: &Parts, body: &[u8]) -> Judgement {
        let Some(verifier) = &self.verifier else { return Judgement::Unchecked };
        Timestamp::now()
            .and_then(|now| verifier.verify_url_at(body, &head.headers, self.url.as_deref(), now))
            .map_or_else(Judgement::Refused, Judgement::Verified)
    }
}
