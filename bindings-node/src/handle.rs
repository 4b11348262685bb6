//! Handles of the addon's objects. `ts/handle.ts` calls [`free`] when an object's owner is collected.

use std::any::Any;

use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::table;
pub(crate) use crate::table::keep;

/// Lends the object behind a handle.
#[inline]
pub(crate) fn with<T: Any, R>(handle: u32, borrow: impl FnOnce(&T) -> R) -> Result<R> {
    table::with(handle, borrow)
        .ok_or_else(|| Error::new(Status::InvalidArg, format!("{handle} is no handle of this kind")))
}

/// Clones the object behind a handle.
pub(crate) fn get<T: Any + Clone>(handle: u32) -> Result<T> {
    with(handle, T::clone)
}

/// Drops the object behind a handle.
#[napi]
pub fn free(handle: u32) {
    table::free(handle);
}
