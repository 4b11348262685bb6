//! The native half of the Node package: functions over integer handles, for `ts/` to call.
//!
//! Nothing here throws for what can be expected to fail. A function answers with its value or with a
//! [`error::Failure`], of which `ts/errors.ts` makes the exception.

#![expect(clippy::needless_pass_by_value, reason = "Node-API hands strings and lists over by value")]
#![expect(clippy::missing_errors_doc, reason = "an Err is a handle of another kind: a defect of the TypeScript half")]

pub mod convert;
pub mod diagnose;
pub mod direct;
pub mod error;
pub mod handle;
pub mod keys;
pub mod outbox;
pub mod replay;
pub mod runtime;
mod seal;
pub mod send;
pub mod sign;
mod table;
pub mod verify;
