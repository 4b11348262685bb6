//! Core errors become the package's own exception classes, chosen by the code's kind.

use hookseal::{Error, ErrorCode, ErrorKind};
use pyo3::{import_exception, prelude::*};

import_exception!(hookseal.errors, WebhookError);
import_exception!(hookseal.errors, VerificationError);
import_exception!(hookseal.errors, ConfigError);
import_exception!(hookseal.errors, SendError);
import_exception!(hookseal.errors, StoreError);

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a call failed: for a reason of the core's, or with an exception that Python raised.
pub(crate) enum Failure {
    Core(Error),
    Python(PyErr),
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Core(Error::new(code, message.into()))
    }

    /// The same, naming the item of a list that it is about.
    pub(crate) fn at_item(self, index: usize) -> Self {
        match self {
            Self::Core(error) => Self::new(error.code(), format!("item {index}: {}", error.message())),
            other @ Self::Python(_) => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Core(error) => exception(&error),
            Failure::Python(error) => error,
        }
    }
}

/// The codes that can be raised; for the tests of the boundary.
#[pyfunction]
pub(crate) fn error_codes() -> Vec<&'static str> {
    ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
}

/// The exception of a code; for the tests of the boundary.
#[pyfunction]
#[pyo3(signature = (code, message, /))]
pub(crate) fn error_of(code: &str, message: String) -> Result<PyErr> {
    Ok(exception(&Error::new(code.parse()?, message)))
}

pub(crate) fn exception(error: &Error) -> PyErr {
    let fields = (error.code().as_str(), error.message().to_owned(), error.is_retryable());
    match error.code().kind() {
        ErrorKind::Verification => VerificationError::new_err(fields),
        ErrorKind::Configuration => ConfigError::new_err(fields),
        ErrorKind::Sending => SendError::new_err(fields),
        ErrorKind::Store => StoreError::new_err(fields),
        _ => WebhookError::new_err(fields),
    }
}
