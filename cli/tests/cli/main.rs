//! The real binary, from the outside.

#![expect(clippy::unwrap_used, reason = "what fails in a test ends it")]

mod courier;
mod harness;
mod outbox;
mod seal;
mod vectors;
mod wrong_use;
