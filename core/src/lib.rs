#![doc = include_str!("../README.md")]

pub mod error;
pub mod message;
pub mod time;

pub use error::{Error, ErrorCode, ErrorKind, Result};
pub use message::{Message, MessageId};
pub use time::Timestamp;
