//! One error type, and the closed list of its codes.
//!
//! A code is the contract: the same lower_snake string in every language, listed with its kind in
//! `spec/errors.json`. A message is for people, may change, and never holds key material.

use std::{borrow::Cow, fmt};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: a stable [`code`](Error::code) and a message that says what to do.
///
/// ```
/// use hookseal::{ErrorCode, Secret};
///
/// let error = Secret::parse(" whsec_pasted_with_a_blank").unwrap_err();
/// assert_eq!(error.code(), ErrorCode::MalformedSecret);
/// assert_eq!(error.code().as_str(), "malformed_secret");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    message: Cow<'static, str>,
}

impl Error {
    /// Makes an error; `message` must not hold secrets.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// What an [`ErrorCode`] is about; bindings choose the exception class by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A received webhook was refused.
    Verification,
    /// A constructor was given something that can not work.
    Configuration,
    /// Refused before any attempt was made.
    Sending,
    /// The outbox's store.
    Store,
    /// Can come from any call.
    Any,
}

impl ErrorKind {
    /// The name used in `spec/errors.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Configuration => "configuration",
            Self::Sending => "sending",
            Self::Store => "store",
            Self::Any => "any",
        }
    }
}

macro_rules! error_codes {
    ($($kind:ident { $($(#[doc = $doc:literal])+ $name:ident = $text:literal $(, $retryable:ident)?;)+ })+) => {
        /// The closed list of error codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($($(#[doc = $doc])+ $name,)+)+ }

        impl ErrorCode {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The stable name, the same in every language.
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $text,)+)+ }
            }

            /// What the code is about.
            pub fn kind(self) -> ErrorKind {
                match self { $($(Self::$name)|+ => ErrorKind::$kind,)+ }
            }

            /// Whether the same call may succeed later.
            pub fn is_retryable(self) -> bool {
                match self { $($(Self::$name => error_codes!(@retryable $($retryable)?),)+)+ }
            }
        }
    };
    (@retryable retryable) => { true };
    (@retryable) => { false };
}

error_codes! {
    Verification {
        /// The signature header, or a header that the signature covers, is absent.
        MissingHeader = "missing_header";
        /// A header that verification reads is doubled or breaks its grammar.
        MalformedHeader = "malformed_header";
        /// The signature header is longer than 8,192 bytes.
        HeaderTooLarge = "header_too_large";
        /// More signatures or elements than any honest sender writes.
        TooManySignatures = "too_many_signatures";
        /// The scheme has a timestamp and the request has none.
        MissingTimestamp = "missing_timestamp";
        /// The request has two timestamps.
        DuplicateTimestamp = "duplicate_timestamp";
        /// The timestamp is not in its one canonical form.
        MalformedTimestamp = "malformed_timestamp";
        /// No signature of a version that this verifier accepts.
        UnsupportedVersion = "unsupported_version";
        /// No value of the judged version has the right length and alphabet.
        MalformedSignature = "malformed_signature";
        /// No key made any of the signatures over these bytes.
        NoMatchingSignature = "no_matching_signature";
        /// Authentic, but older than the tolerance.
        TimestampTooOld = "timestamp_too_old";
        /// Authentic, but further in the future than the tolerance.
        TimestampInFuture = "timestamp_in_future";
        /// Authentic, but accepted before.
        Replayed = "replayed";
        /// The body is longer than `max_body`.
        BodyTooLarge = "body_too_large";
        /// The body is not the raw bytes (languages with untyped bodies).
        BodyNotBytes = "body_not_bytes";
        /// The scheme signs the URL and none was given.
        MissingUrl = "missing_url";
    }
    Configuration {
        /// An empty or blank secret.
        EmptySecret = "empty_secret";
        /// A secret that can not be a key of this scheme.
        MalformedSecret = "malformed_secret";
        /// No scheme of that name.
        UnknownScheme = "unknown_scheme";
        /// A scheme document that breaks the rules.
        InvalidScheme = "invalid_scheme";
        /// An option that can not be used.
        InvalidConfig = "invalid_config";
    }
    Sending {
        /// A URL that can not be sent to.
        InvalidUrl = "invalid_url";
        /// A custom header that may not be sent.
        InvalidHeader = "invalid_header";
        /// An id, event type or payload that may not be sent.
        InvalidEvent = "invalid_event";
        /// An address that the egress guard keeps shut.
        BlockedAddress = "blocked_address";
        /// The payload is longer than the limit.
        PayloadTooLarge = "payload_too_large";
        /// The queue of the sender or of the endpoint is full.
        QueueFull = "queue_full", retryable;
        /// The sender was closed.
        Closed = "closed";
    }
    Store {
        /// The store can not be reached.
        StorageUnavailable = "storage_unavailable", retryable;
        /// The store is locked by others for too long.
        StorageBusy = "storage_busy", retryable;
        /// The store has no room left.
        StorageFull = "storage_full", retryable;
        /// The id exists with other content.
        Conflict = "conflict";
        /// Nothing has that id.
        NotFound = "not_found";
        /// The store was written by a newer version.
        UnsupportedSchema = "unsupported_schema";
    }
    Any {
        /// The object belongs to the parent of this forked process.
        Forked = "forked";
        /// A defect of this library.
        Internal = "internal";
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ErrorCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| Error::new(Self::InvalidConfig, format!("there is no error code {text:?}")))
    }
}
