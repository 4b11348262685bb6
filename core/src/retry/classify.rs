//! From an attempt's outcome to what happens next.

use std::{fmt, time::Duration};

use super::policy::{RetryOn, RetryPolicy};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The head of an answer came.
    Answer {
        /// Its status.
        status: u16,
        /// What [`parse_retry_after`](super::parse_retry_after) made of its `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No answer came.
    Failed(AttemptError),
}

/// What happens to a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Delivered,
    /// It is attempted again.
    Retry {
        /// No earlier than this after the end of the attempt.
        delay: Duration,
    },
    /// It is given up.
    Dead {
        /// Why.
        reason: Reason,
    },
}

/// Decides what an outcome means for a delivery that was accepted `age` ago, after its `attempt`-th
/// attempt (counted from 1). `seed` rules the jitter: one per delivery.
pub fn decide(policy: &RetryPolicy, attempt: u32, outcome: &Outcome, age: Duration, seed: u64) -> Decision {
    if outcome.is_success() {
        return Decision::Delivered;
    }
    if let Some(reason) = outcome.verdict(policy.retry_on) {
        return Decision::Dead { reason };
    }
    let delay = match outcome.pause(policy) {
        Some(floor) => policy.delay_from(floor, attempt, seed),
        None => policy.delay_after(attempt, seed),
    };
    match delay {
        None => Decision::Dead { reason: Reason::AttemptsExhausted },
        Some(delay) if age.saturating_add(delay) > policy.max_age => Decision::Dead { reason: Reason::MaxAge },
        Some(delay) => Decision::Retry { delay },
    }
}

impl Outcome {
    /// An answer without `Retry-After`.
    pub const fn answer(status: u16) -> Self {
        Self::Answer { status, retry_after: None }
    }

    /// Whether the receiver took the delivery.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answer { status: 200..=299, .. })
    }

    /// The code of what went wrong, if anything did.
    pub fn error(&self) -> Option<AttemptError> {
        match *self {
            Self::Failed(error) => Some(error),
            Self::Answer { status, .. } => match status {
                200..=299 => None,
                300..=399 => Some(AttemptError::RedirectNotFollowed),
                400..=599 => Some(AttemptError::HttpStatus),
                _ => Some(AttemptError::HttpProtocol),
            },
        }
    }

    /// For how long the receiver asks all deliveries to the endpoint to wait: the `Retry-After` of an
    /// answer that is worth another attempt, also where this delivery has none left.
    pub fn pause(&self, policy: &RetryPolicy) -> Option<Duration> {
        match *self {
            Self::Answer { retry_after, .. } if !self.is_success() && self.verdict(policy.retry_on).is_none() => {
                retry_after
            }
            _ => None,
        }
    }

    /// Whether it speaks for an endpoint that is down or overloaded: what a circuit breaker counts.
    pub fn is_outage(&self) -> bool {
        match self.error() {
            None
            | Some(
                AttemptError::RedirectNotFollowed
                | AttemptError::BlockedAddress
                | AttemptError::InvalidConfig
                | AttemptError::Internal,
            ) => false,
            Some(AttemptError::HttpStatus) => matches!(self, Self::Answer { status: 408 | 429 | 500..=599, .. }),
            Some(_) => true,
        }
    }

    /// The reason that ends a failed delivery at once, whatever attempts are left.
    fn verdict(&self, retry_on: RetryOn) -> Option<Reason> {
        let lasting = match (self, self.error()?) {
            (Self::Answer { status: 410, .. }, _) => return Some(Reason::Gone),
            (Self::Answer { status: 413, .. }, _) => return Some(Reason::PayloadRejected),
            (Self::Answer { status: 408 | 425 | 429 | 500..=599, .. }, _) => return None,
            (_, AttemptError::HttpStatus | AttemptError::RedirectNotFollowed) => Reason::Rejected,
            (_, AttemptError::BlockedAddress) => Reason::BlockedAddress,
            (_, AttemptError::Internal) => Reason::Internal,
            _ => return None,
        };
        (retry_on == RetryOn::Transient).then_some(lasting)
    }
}

/// Gives an enum of unit variants its stable names.
macro_rules! named {
    ($(#[$attribute:meta])* $type:ident { $($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+ }

        impl $type {
            /// Every one, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name, the same in every language.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named! {
    /// What went wrong in one attempt: the closed list of attempt codes.
    #[non_exhaustive]
    AttemptError {
        /// The host name does not exist.
        DnsNotFound = "dns_not_found",
        /// The name was not resolved in time.
        DnsTimeout = "dns_timeout",
        /// The name server failed or gave no usable answer.
        DnsFailure = "dns_failure",
        /// Nothing listens at the address and port.
        ConnectionRefused = "connection_refused",
        /// No connection was made in time.
        ConnectTimeout = "connect_timeout",
        /// The connection was closed before an answer came.
        ConnectionReset = "connection_reset",
        /// No route leads to the address.
        NetworkUnreachable = "network_unreachable",
        /// The certificate is outside its validity.
        TlsCertificateExpired = "tls_certificate_expired",
        /// The certificate has no trusted issuer.
        TlsCertificateUntrusted = "tls_certificate_untrusted",
        /// The certificate is for another name.
        TlsNameMismatch = "tls_name_mismatch",
        /// The TLS handshake failed otherwise.
        TlsHandshake = "tls_handshake",
        /// The request was not taken in full in time.
        WriteTimeout = "write_timeout",
        /// No answer came in time.
        ResponseTimeout = "response_timeout",
        /// The answer is not valid HTTP, or no final answer.
        HttpProtocol = "http_protocol",
        /// The head of the answer is larger than the limit.
        ResponseHeadTooLarge = "response_head_too_large",
        /// The answer is a redirect.
        RedirectNotFollowed = "redirect_not_followed",
        /// The answer's status is a failure.
        HttpStatus = "http_status",
        /// The name leads to an address that the egress guard keeps shut.
        BlockedAddress = "blocked_address",
        /// The attempt could not be signed: no key of the endpoint is live.
        InvalidConfig = "invalid_config",
        /// A defect of this library.
        Internal = "internal",
    }
}

named! {
    /// How far an attempt came.
    Phase {
        /// Looking up the name.
        Resolve = "resolve",
        /// TCP and TLS.
        Connect = "connect",
        /// Sending the request and reading the head of the answer.
        Exchange = "exchange",
        /// Reading the body of the answer.
        Body = "body",
    }
}

named! {
    /// Why a delivery is dead.
    #[non_exhaustive]
    Reason {
        /// The last attempt failed.
        AttemptsExhausted = "attempts_exhausted",
        /// The next permitted moment lies beyond the policy's `max_age`.
        MaxAge = "max_age",
        /// The receiver answered 410.
        Gone = "gone",
        /// The receiver answered 413.
        PayloadRejected = "payload_rejected",
        /// The receiver answered with a status that another attempt does not change.
        Rejected = "rejected",
        /// The egress guard refused the address.
        BlockedAddress = "blocked_address",
        /// A defect of this library.
        Internal = "internal",
    }
}
