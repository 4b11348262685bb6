//! The present moment, which tests may set.

use std::sync::atomic::{AtomicI64, Ordering};

use hookseal::{Error, Timestamp};
use pyo3::prelude::*;

use crate::{convert::timestamp, error::Result};

const RUNNING: i64 = i64::MIN;

static CLOCK: AtomicI64 = AtomicI64::new(RUNNING);

pub(crate) fn now() -> Result<Timestamp, Error> {
    match CLOCK.load(Ordering::Relaxed) {
        RUNNING => Timestamp::now(),
        frozen => Ok(Timestamp::from_unix(frozen)),
    }
}

/// Freezes the time, or lets it run with `None`; returns what was before.
#[pyfunction]
#[pyo3(signature = (at, /))]
pub(crate) fn set_clock(at: Option<&Bound<'_, PyAny>>) -> Result<Option<i64>> {
    let at = at.map(|at| timestamp(at, "at")).transpose()?.map_or(RUNNING, Timestamp::as_unix);
    let before = CLOCK.swap(at, Ordering::Relaxed);
    Ok((before != RUNNING).then_some(before))
}
