//! What is printed of a request. Everything in it was written by a stranger.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hookseal::{Error, ErrorCode, Scheme, Verified};
use http::{HeaderName, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    commands::verify::describe,
    failure::Failure,
    output::{Output, Tone, error_json, printable},
};

pub(super) type Entries = mpsc::Receiver<Entry>;

const SHOWN_BODY: usize = 2_000;

pub(super) struct Entry {
    pub(super) head: Parts,
    pub(super) body: Bytes,
    pub(super) judgement: Judgement,
    pub(super) forwarded: Option<Result<StatusCode, String>>,
    pub(super) status: StatusCode,
}

pub(super) enum Judgement {
    Verified(Verified),
    Refused(Error),
    /// There is no secret to check it with.
    Unchecked,
}

impl Judgement {
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(error) if error.code() == ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::Verified(_) | Self::Unchecked => StatusCode::OK,
        }
    }
}

impl Entry {
    pub(super) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        if output.is_json() {
            return output.json(&self.json());
        }
        let request = printable(&format!("{} {}", self.head.method, self.head.uri));
        output.line(format_args!("{} {request}: {}", self.status.as_u16(), self.verdict(output)))?;
        match &self.forwarded {
            Some(Ok(status)) => output.line(format_args!("  forwarded: {}", status.as_u16()))?,
            Some(Err(why)) => output.line(format_args!("  {}", output.paint(Tone::Bad, &printable(why))))?,
            None => {}
        }
        if self.body.is_empty() {
            return Ok(());
        }
        output.line(format_args!("  {}", output.paint(Tone::Quiet, &shown(&self.body))))
    }

    fn verdict(&self, output: &Output) -> String {
        match &self.judgement {
            Judgement::Unchecked => output.paint(Tone::Quiet, "not checked, there is no secret"),
            Judgement::Refused(error) => {
                output.paint(Tone::Bad, &format!("refused, {}", printable(&error.to_string())))
            }
            Judgement::Verified(verified) => {
                let facts = [Some(verified.version()), verified.event_type(), verified.id()];
                let facts: Vec<_> = facts.into_iter().flatten().filter(|fact| !fact.is_empty()).collect();
                output.paint(Tone::Good, format!("verified {}", facts.join(" ")).trim_end())
            }
        }
    }

    fn json(&self) -> Value {
        let mut entry = json!({
            "method": self.head.method.as_str(),
            "path": self.head.uri.to_string(),
            "headers": self.headers(),
            "status": self.status.as_u16(),
        });
        match std::str::from_utf8(&self.body) {
            Ok(text) => entry["body"] = text.into(),
            Err(_) => entry["body_base64"] = STANDARD.encode(&self.body).into(),
        }
        match &self.judgement {
            Judgement::Verified(verified) => entry["ok"] = describe(verified),
            Judgement::Refused(error) => entry["error"] = error_json(error)["error"].take(),
            Judgement::Unchecked => {}
        }
        match &self.forwarded {
            Some(Ok(status)) => entry["forwarded"] = json!({ "status": status.as_u16() }),
            Some(Err(why)) => entry["forwarded"] = json!({ "error": why }),
            None => {}
        }
        entry
    }

    fn headers(&self) -> Vec<[String; 2]> {
        let value = |name: &HeaderName, value: &[u8]| {
            if is_confidential(name) { "[REDACTED]".to_owned() } else { String::from_utf8_lossy(value).into_owned() }
        };
        self.head.headers.iter().map(|(name, it)| [name.to_string(), value(name, it.as_bytes())]).collect()
    }
}

/// Whether the header's value is itself a secret: credentials, and the token of schemes that compare one.
fn is_confidential(name: &HeaderName) -> bool {
    let is_token =
        |scheme: &Scheme| !scheme.signs_body() && scheme.header_names().any(|it| it.lower() == name.as_str());
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
        || Scheme::names().filter_map(|name| Scheme::named(name).ok()).any(|scheme| is_token(&scheme))
}

fn shown(body: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(body) else { return format!("({} bytes that are no text)", body.len()) };
    let start: String = text.chars().take(SHOWN_BODY).collect();
    let rest = if start.len() < text.len() { format!(" … ({} bytes in all)", text.len()) } else { String::new() };
    printable(&start) + &rest
}
