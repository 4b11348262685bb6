//! The present moment, which tests may set.

use std::sync::atomic::{AtomicI64, Ordering};

use hookseal::{Error, Timestamp};
use pyo3::prelude::*;

use crate::{convert::timestamp, error::Result};

const RUNNING: i64 = i64::MIN;

static CLOCK: AtomicI64 = AtomicI64::new(RUNNING);

pub(crate) fn now() -> Result<Timestamp, Error> {
    match CLOCK.load(Ordering::Relaxed) {
        RUNNING => present(),
        frozen => Ok(Timestamp::from_unix(frozen)),
    }
}

/// The second that the system's clock shows.
///
/// On Linux that of the last timer tick, which costs a fourth of reading the exact clock, unless a tick (10 ms at the most)
/// may hide that the second has ended.
#[inline]
fn present() -> Result<Timestamp, Error> {
    #[cfg(target_os = "linux")]
    {
        const SURELY_SAME: std::ffi::c_long = 980_000_000;
        let mut tick = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes to the place that it is given and to nothing else.
        let is_read = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut tick) } == 0;
        if is_read && tick.tv_sec > 0 && tick.tv_nsec < SURELY_SAME {
            return Ok(Timestamp::from_unix(tick.tv_sec));
        }
    }
    Timestamp::now()
}

/// Freezes the time, or lets it run with `None`; returns what was before.
#[pyfunction]
#[pyo3(signature = (at, /))]
pub(crate) fn set_clock(at: Option<&Bound<'_, PyAny>>) -> Result<Option<i64>> {
    let at = at.map(|at| timestamp(at, "at")).transpose()?.map_or(RUNNING, Timestamp::as_unix);
    let before = CLOCK.swap(at, Ordering::Relaxed);
    Ok((before != RUNNING).then_some(before))
}
