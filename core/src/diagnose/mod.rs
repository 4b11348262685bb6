//! Why did a signature not match? A development tool.
//!
//! Most refused webhooks are not forged: a framework has parsed and printed the body again, or a secret was read by
//! another scheme's rule. [`diagnose`] repeats the verification with the inputs altered in the ways that accidents alter
//! them, through the same public [`Verifier`], and names the alteration that makes it pass. A finding is a hint for a
//! developer and never an acceptance; keep it off the path of real requests.

mod json;

use serde_json::{Value, json};

use crate::{
    Error, ErrorCode, KeyRing, Result, Scheme, Secret, Timestamp, Verifier,
    headers::{Found, HeaderSource},
};

/// A likely cause, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of accident: a stable name such as `body_reserialized`.
    pub cause: &'static str,
    /// What happened and what to do.
    pub message: String,
}

/// What `verify` was called with.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The body's bytes.
    pub body: &'a [u8],
    /// All headers of the request, as pairs.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The receiver's public URL, where it is known.
    pub url: Option<&'a str>,
    /// When it was received.
    pub now: Timestamp,
}

/// Names likely causes for a refused verification, the likeliest first; none when it passes, and none when no known
/// accident explains it: then the secret is another one, or the message is not what was signed.
///
/// ```
/// use hookseal::{Message, Scheme, Secret, Signer, Timestamp, diagnose::{Received, diagnose}};
///
/// let now = Timestamp::from_unix(1_700_000_000);
/// let signed = Signer::new(Secret::parse("whsec_demo")?)?.sign_at(&Message::new(r#"{"id": 42}"#), now)?;
/// let headers: Vec<_> = signed.iter().map(|(name, value)| (name, value.as_bytes())).collect();
/// let received = Received { body: br#"{"id":42}"#, headers: &headers, url: None, now };
///
/// let findings = diagnose(&received, &["whsec_demo"], &Scheme::default());
/// assert_eq!(findings[0].cause, "body_reserialized");
/// # Ok::<(), hookseal::Error>(())
/// ```
pub fn diagnose<S: AsRef<str>>(received: &Received<'_>, secrets: &[S], scheme: &Scheme) -> Vec<Finding> {
    let texts: Vec<&str> = secrets.iter().map(AsRef::as_ref).collect();
    let case = Case { received: *received, secrets: &texts, scheme };
    match case.verify() {
        Ok(()) => Vec::new(),
        Err(error) => case.explain(&error),
    }
}

struct Case<'a> {
    received: Received<'a>,
    secrets: &'a [&'a str],
    scheme: &'a Scheme,
}

/// How a secret's text may have been meant.
type Reading = fn(&str) -> Result<Secret>;

impl Case<'_> {
    fn verify(&self) -> Result<()> {
        let builder = Verifier::builder().scheme(self.scheme.clone()).secrets(self.secrets.iter().copied())?;
        let Received { body, headers, url, now } = self.received;
        builder.build()?.verify_url_at(body, headers, url, now).map(|_| ())
    }

    fn explain(&self, error: &Error) -> Vec<Finding> {
        match error.code() {
            ErrorCode::TimestampTooOld | ErrorCode::TimestampInFuture => vec![finding(
                "clock",
                format!(
                    "The message is authentic, but {}. Check this machine's clock; a consumer of a queue passes the time of arrival as now.",
                    error.message()
                ),
            )],
            ErrorCode::EmptySecret | ErrorCode::MalformedSecret => {
                let mut findings = vec![finding("secret", format!("{}.", sentence(error.message())))];
                findings.extend(self.secret_findings());
                findings
            }
            ErrorCode::MissingUrl => {
                vec![finding("url", "The scheme signs the receiver's public URL; pass it as url.".into())]
            }
            _ => [
                self.body_findings(),
                self.secret_findings(),
                self.url_findings(),
                self.scheme_findings(),
                self.other_scheme_findings(),
            ]
            .concat(),
        }
    }

    fn body_findings(&self) -> Vec<Finding> {
        let body = self.received.body;
        let mut findings = Vec::new();
        let mut try_body = |cause, altered: Option<Vec<u8>>, message: &str| {
            if altered.is_some_and(|altered| altered != body && self.passes_with_body(&altered)) {
                findings.push(finding(cause, message.to_owned()));
            }
        };
        let newline = "Verify the bytes as they came from the socket.";
        let without = body.strip_suffix(b"\n").map(|it| it.strip_suffix(b"\r").unwrap_or(it));
        try_body(
            "body_final_newline",
            without.map(<[u8]>::to_vec),
            &format!("A line break was added to the end of the body. {newline}"),
        );
        for end in [&b"\n"[..], b"\r\n"] {
            let message = format!("The body's final line break was cut off. {newline}");
            try_body("body_final_newline", Some([body, end].concat()), &message);
        }
        let lf = replace(body, b"\r\n", b"\n");
        let message = format!("The body's line ends were changed between CRLF and LF. {newline}");
        try_body("body_line_ends", Some(replace(&lf, b"\n", b"\r\n")), &message);
        try_body("body_line_ends", Some(lf), &message);
        let message = "A byte order mark was cut from or added to the body; decoding to text does that. Verify the bytes, not text.";
        try_body("body_byte_order_mark", Some([b"\xef\xbb\xbf", body].concat()), message);
        try_body("body_byte_order_mark", body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec), message);
        if json::spellings(body).iter().any(|it| it != body && self.passes_with_body(it)) {
            findings.push(finding(
                "body_reserialized",
                "The body was parsed and printed again before it was verified: the same JSON in another spelling matches. Pass the raw body, \
                 not what the framework parsed."
                    .into(),
            ));
        }
        findings.dedup();
        findings
    }

    fn secret_findings(&self) -> Vec<Finding> {
        let readings: [(&'static str, Reading, &str); 6] = [
            (
                "secret_blanks",
                |text| Secret::parse(bare(text)),
                "The secret has blanks, a line break or quotes around it; pass what is between them.",
            ),
            (
                "secret_derivation",
                |text| Secret::utf8(text),
                "The sender uses the whole text of the secret, prefix and all, as the key: use Secret.utf8, or the sender's scheme.",
            ),
            (
                "secret_derivation",
                |text| Secret::base64(text),
                "The sender decodes the secret from base64 (after whsec_): use Secret.base64, or the sender's scheme.",
            ),
            (
                "secret_derivation",
                |text| Secret::hex(text),
                "The sender decodes the secret from hexadecimal: use Secret.hex.",
            ),
            (
                "secret_derivation",
                |text| Secret::utf8(strip(text)),
                "The sender uses the text after whsec_ as it is; pass the secret without the prefix, by Secret.utf8.",
            ),
            (
                "secret_blanks",
                |text| Secret::utf8(bare(text)),
                "The secret has blanks, a line break or quotes around it; pass what is between them.",
            ),
        ];
        let mut findings: Vec<Finding> = Vec::new();
        for (cause, reading, message) in readings {
            if findings.iter().all(|finding| finding.cause != cause) && self.passes_with_secrets(reading) {
                findings.push(finding(cause, message.to_owned()));
            }
        }
        findings
    }

    fn url_findings(&self) -> Vec<Finding> {
        let Some(url) = self.received.url.filter(|_| self.scheme.signs_url()) else { return Vec::new() };
        let scheme_changed = url.strip_prefix("http://").map(|rest| format!("https://{rest}"));
        let scheme_changed =
            scheme_changed.or_else(|| url.strip_prefix("https://").map(|rest| format!("http://{rest}")));
        let slash = url.strip_suffix('/').map_or_else(|| format!("{url}/"), str::to_owned);
        let query = url.split_once('?').map(|(before, _)| before.to_owned());
        [scheme_changed, Some(slash), query]
            .into_iter()
            .flatten()
            .find(|altered| {
                let received = Received { url: Some(altered), ..self.received };
                Case { received, ..*self }.passes(self.scheme, None)
            })
            .map(|altered| {
                finding(
                    "url",
                    format!("The sender signed another URL: {altered}. Pass the URL exactly as it is registered."),
                )
            })
            .into_iter()
            .collect()
    }

    /// The same scheme with one thing changed.
    fn scheme_findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for (cause, document, message) in variants(self.scheme) {
            let is_new = findings.iter().all(|finding| finding.cause != cause);
            let passes = || Scheme::from_json(&document.to_string()).is_ok_and(|scheme| self.passes(&scheme, None));
            if is_new && passes() {
                findings.push(finding(cause, message));
            }
        }
        findings
    }

    /// Other built-in schemes: those that match, else those whose header is there while this one's is not.
    fn other_scheme_findings(&self) -> Vec<Finding> {
        let has = |scheme: &Scheme| {
            scheme.header_names().next().is_some_and(|name| self.received.headers.header(name) != Found::Absent)
        };
        let others: Vec<Scheme> = Scheme::names()
            .filter(|name| *name != self.scheme.name())
            .filter_map(|name| Scheme::named(name).ok())
            .filter(|scheme| has(scheme))
            .collect();
        let matching = others.iter().filter(|scheme| scheme.signs_body() && self.passes(scheme, None));
        let mut findings: Vec<_> = matching
            .map(|scheme| {
                finding(
                    "other_scheme",
                    format!("The message matches the scheme {:?}; verify with that one.", scheme.name()),
                )
            })
            .collect();
        if findings.is_empty() && !has(self.scheme) && !others.is_empty() {
            let names: Vec<_> = others.iter().map(Scheme::name).collect();
            findings.push(finding(
                "other_scheme",
                format!(
                    "The header of {:?} is missing, but that of {} is there; choose the sender's scheme.",
                    self.scheme.name(),
                    names.join(", ")
                ),
            ));
        }
        findings
    }

    fn passes_with_body(&self, body: &[u8]) -> bool {
        Case { received: Received { body, ..self.received }, ..*self }.passes(self.scheme, None)
    }

    fn passes_with_secrets(&self, reading: Reading) -> bool {
        self.passes(self.scheme, Some(reading))
    }

    /// Whether the message would be authentic, whatever its age, with one secret at a time.
    fn passes(&self, scheme: &Scheme, reading: Option<Reading>) -> bool {
        let reading = reading.unwrap_or(|text| Secret::parse(text));
        self.secrets.iter().any(|text| {
            let verifier = reading(text).map(KeyRing::from).and_then(|ring| {
                Verifier::builder().scheme(scheme.clone()).keys(ring).dangerously_ignore_timestamp().build()
            });
            let Received { body, headers, url, now } = self.received;
            verifier.is_ok_and(|verifier| verifier.verify_url_at(body, headers, url, now).is_ok())
        })
    }
}

/// The scheme's document with one thing changed, the likelier changes first.
fn variants(scheme: &Scheme) -> Vec<(&'static str, Value, String)> {
    let Ok(document) = serde_json::from_str::<Value>(scheme.to_json()) else { return Vec::new() };
    let mut all = Vec::new();
    let mut change = |cause, message: String, change: &dyn Fn(&mut Value)| {
        let mut changed = document.clone();
        change(&mut changed);
        if changed != document {
            all.push((cause, changed, message));
        }
    };
    for (encoding, other) in [("hex", "base64"), ("base64", "hex")] {
        change("encoding", format!("The signature is written in {encoding}, where the scheme has {other}."), &|it| {
            each_version(it, &|version| version["encoding"] = json!(encoding));
        });
    }
    for (unit, word) in [("seconds", "seconds"), ("milliseconds", "milliseconds"), ("rfc3339", "an RFC 3339 date")] {
        change("timestamp_unit", format!("The sender writes the timestamp as {word}."), &|it| {
            if it.get("timestamp").is_some() {
                it["timestamp"]["unit"] = json!(unit);
            }
        });
    }
    for content in [
        "{timestamp}.{body}",
        "{timestamp}:{body}",
        "{timestamp},{body}",
        "{timestamp}{body}",
        "{timestamp}\n{body}",
        "{timestamp} {body}",
    ] {
        change("separator", format!("The sender signs {content:?}, which is not what the scheme signs."), &|it| {
            if it.get("timestamp").is_some() {
                set_content(it, content);
            }
        });
    }
    change("timestamp_not_signed", "The sender signs the body alone, without the timestamp.".into(), &|it| {
        // Without a place for the timestamp its element is an unknown one, which is ignored.
        if it.as_object_mut().is_some_and(|fields| fields.remove("timestamp").is_some()) {
            if let Some(fields) = it.as_object_mut() {
                fields.remove("also_writes");
            }
            set_content(it, "{body}");
        }
    });
    for algorithm in ["hmac-sha256", "hmac-sha512", "hmac-sha1"] {
        change("algorithm", format!("The sender signs with {algorithm}."), &|it| {
            each_version(it, &|version| version["algorithm"] = json!(algorithm));
        });
    }
    all
}

fn set_content(document: &mut Value, content: &str) {
    document["content"] = json!(content);
    each_version(document, &|version| {
        if let Some(fields) = version.as_object_mut() {
            fields.remove("content");
        }
    });
}

fn each_version(document: &mut Value, change: &dyn Fn(&mut Value)) {
    if let Some(versions) = document.get_mut("versions").and_then(Value::as_array_mut) {
        for version in versions {
            change(version);
        }
    }
}

fn bare(text: &str) -> &str {
    let text = text.trim().trim_matches(['"', '\'', '`']).trim();
    text.strip_prefix("v1,").unwrap_or(text)
}

fn strip(text: &str) -> &str {
    text.strip_prefix("whsec_").unwrap_or(text)
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn finding(cause: &'static str, message: String) -> Finding {
    Finding { cause, message }
}
