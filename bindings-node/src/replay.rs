//! The replay guard.

use hookseal::{ReplayGuard, Verified};
use napi::Result;
use napi_derive::napi;

use crate::{
    error::{Tagged, tagged},
    handle, seal,
};

/// A guard that remembers so many messages.
#[napi]
pub fn guard(capacity: f64) -> Tagged<u32> {
    tagged(|| ReplayGuard::new(seal::count("capacity", capacity)?).map(handle::keep))
}

/// Lets copies of a verified message in again.
#[napi]
pub fn guard_release(guard: u32, verified: u32) -> Result<()> {
    // The memory of the process never fails to forget.
    handle::with(guard, |guard: &ReplayGuard| {
        handle::with(verified, |verified: &Verified| drop(guard.release(verified)))
    })?
}
