//! Named moments at which the tests of the outbox end the process, as a power cut would.
//!
//! `HOOKSEAL_CRASH=NAME:N` ends it when it passes the point of that name for the Nth time. Only the feature `crash-points`,
//! which no package turns on, has them.

use std::{
    env, process,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

static CHOSEN: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
    let chosen = env::var("HOOKSEAL_CRASH").ok()?;
    let (name, passes) = chosen.split_once(':')?;
    Some((name.to_owned(), AtomicU32::new(passes.parse().ok()?)))
});

pub(crate) fn pass(point: &str) {
    if let Some((name, left)) = &*CHOSEN {
        if name == point && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            process::abort();
        }
    }
}
