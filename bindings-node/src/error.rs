//! Failures as data: `ts/errors.ts` chooses the class by `kind`.

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use hookseal::{Error, ErrorCode, Result};
use napi::Either;
use napi_derive::napi;

/// An expected failure.
#[napi(object)]
#[derive(Clone, Debug)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// The code's kind in `spec/errors.json`.
    pub kind: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The sentence for people.
    pub message: String,
}

/// A value, or why there is none.
#[napi]
pub type Tagged<T> = Either<T, Failure>;

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let code = error.code();
        Self {
            code: code.as_str().to_owned(),
            kind: code.kind().as_str().to_owned(),
            retryable: code.is_retryable(),
            message: error.message().to_owned(),
        }
    }
}

/// Calls into the core; a panic there becomes `internal` and the process lives.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(defect(panic.as_ref())))
}

/// [`guarded`], as a tagged result.
pub(crate) fn tagged<T>(call: impl FnOnce() -> Result<T>) -> Tagged<T> {
    match guarded(call) {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(Failure::from(&error)),
    }
}

/// The failure of that code with that message, for what the TypeScript half finds wrong itself.
#[napi]
pub fn failure_of(code: String, message: String) -> Failure {
    let code = code.parse().unwrap_or(ErrorCode::Internal);
    Failure::from(&Error::new(code, message))
}

thread_local! {
    static LAST: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// Keeps the failure of a function that answers with a bare number or string.
pub(crate) fn set_last(error: Error) {
    LAST.set(Some(error));
}

/// The failure of the last call that said only that it failed.
#[napi]
pub fn last_failure() -> Failure {
    let error = LAST.take().unwrap_or_else(|| Error::new(ErrorCode::Internal, "nothing has failed"));
    Failure::from(&error)
}

fn defect(panic: &(dyn Any + Send)) -> Error {
    let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorCode::Internal, format!("a defect in hookseal: {}", what.unwrap_or("unknown")))
}
