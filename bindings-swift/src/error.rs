//! Codes cross as their names, so a new code changes nothing here.

use std::fmt;

/// What a call of the bridge can answer instead of a result.
#[derive(Debug, uniffi::Error)]
pub enum NativeError {
    /// The core refused.
    Webhook {
        /// Why.
        failure: NativeFailure,
    },
    /// The caller no longer waits.
    Cancelled,
}

/// An error of the core, as data.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeFailure {
    /// The stable name.
    pub code: String,
    /// The name of its kind.
    pub kind: String,
    /// The sentence for people.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl From<hookseal::Error> for NativeFailure {
    fn from(error: hookseal::Error) -> Self {
        let code = error.code();
        Self {
            code: code.as_str().to_owned(),
            kind: code.kind().as_str().to_owned(),
            message: error.message().to_owned(),
            retryable: error.is_retryable(),
        }
    }
}

impl From<hookseal::Error> for NativeError {
    fn from(error: hookseal::Error) -> Self {
        Self::Webhook { failure: error.into() }
    }
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { failure } => write!(f, "{}: {}", failure.code, failure.message),
            Self::Cancelled => f.write_str("the caller no longer waits"),
        }
    }
}

impl std::error::Error for NativeError {}
