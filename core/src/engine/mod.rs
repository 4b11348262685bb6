//! Everything about delivering but the queue: whose turn it is, and how one attempt is made.
//!
//! [`Lanes`] says which endpoint may have its next attempt now; [`Engine::attempt`] signs, judges, sends
//! and records one. What waits, and where, is the owner's business.

mod attempt;
mod breaker;
mod endpoint;
mod lanes;
mod names;
mod rate;
pub(crate) mod seconds;

pub use self::{
    attempt::Attempt,
    breaker::Breaker,
    endpoint::{Endpoint, EndpointBuilder, EndpointOptions},
    names::HeaderNames,
    rate::RateLimit,
};
pub(crate) use self::{
    attempt::{Clock, Engine, Shipment},
    breaker::CircuitChange,
    endpoint::check_timeout,
    lanes::{Finish, LaneId, Lanes, Slot, Slots},
    names::{DEFAULT_PREFIX, OwnHeaders},
};
