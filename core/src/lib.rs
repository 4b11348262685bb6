#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod diagnose;
mod encoding;
pub mod error;
pub mod headers;
pub mod message;
mod public_url;
pub mod replay;
pub mod ring;
pub mod scheme;
pub mod secret;
pub mod sign;
pub mod time;
pub mod verify;

#[cfg(feature = "send")]
mod engine;
#[cfg(feature = "send")]
pub mod guard;
#[cfg(feature = "outbox")]
pub mod outbox;
#[cfg(feature = "send")]
pub mod retry;
#[cfg(feature = "send")]
pub mod sender;
#[cfg(feature = "outbox")]
mod store;
#[cfg(feature = "send")]
pub mod transport;

#[cfg(feature = "send")]
pub use engine::{Attempt, Breaker, Endpoint, EndpointBuilder, EndpointOptions, HeaderNames, RateLimit};
pub use error::{Error, ErrorCode, ErrorKind, Result};
pub use headers::HeaderSource;
pub use message::{Message, MessageId};
pub use replay::{ReplayGuard, ReplayStore};
#[cfg(feature = "send")]
pub use retry::{Jitter, RetryOn, RetryPolicy};
pub use ring::{Key, KeyRing, KeyStats};
pub use scheme::Scheme;
pub use secret::Secret;
#[cfg(feature = "send")]
pub use sender::{Delivery, Event, Handle, Notice, NoticeKind, Notices, Sender, SenderBuilder, SenderOptions, Status};
pub use sign::{SignedHeaders, Signer};
pub use time::Timestamp;
pub use verify::{Verified, Verifier};
