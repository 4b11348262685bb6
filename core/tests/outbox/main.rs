//! The outbox's promises, and what becomes of them when things fail, on every store that is there.

#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "says what was skipped")]

#[cfg(unix)]
mod disk;
mod kit;
mod model;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
mod promises;
mod upgrade;
