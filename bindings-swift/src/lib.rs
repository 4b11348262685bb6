//! What the Swift package `Hookseal` calls: a thin layer of UniFFI over the core. It is private to the package; the
//! public classes are written in Swift.

#![expect(clippy::missing_errors_doc, reason = "each export names the core's function, which documents its errors")]
#![expect(clippy::needless_pass_by_value, reason = "UniFFI hands values over")]

pub mod convert;
pub mod diagnose;
pub mod error;
pub mod keys;
pub mod outbox;
mod packed;
pub mod runtime;
pub mod send;
pub mod verify;

uniffi::setup_scaffolding!();
