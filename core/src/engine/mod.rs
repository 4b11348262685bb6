//! Everything about delivering but the queue: whose turn it is, and how one attempt is made.
//!
//! [`Lanes`] says which endpoint may have its next attempt now; [`Engine::attempt`] signs, judges, sends
//! and records one. What waits, and where, is the owner's business.

mod attempt;
mod breaker;
mod data;
mod endpoint;
mod event;
mod ids;
mod lanes;
mod names;
mod options;
mod rate;
pub(crate) mod seconds;
mod status;

#[cfg(feature = "outbox")]
pub(crate) use self::ids::new_id;
pub use self::{
    attempt::Attempt,
    breaker::Breaker,
    data::options_from_json,
    endpoint::{Endpoint, EndpointBuilder, EndpointOptions},
    event::Event,
    names::HeaderNames,
    options::{Confidential, SenderOptions},
    rate::RateLimit,
    status::Status,
};
pub(crate) use self::{
    attempt::{Clock, Engine, Shipment},
    breaker::CircuitChange,
    ids::Ids,
    lanes::{Finish, LaneId, Lanes, Slot, Slots},
};
