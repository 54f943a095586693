//! A client for Bowline's sessions: one acknowledged stream of messages each way, whatever carries it.

mod builder;
mod carrier;
mod client;
mod command;
mod config;
mod driver;
mod error;
mod event;
mod exchange;
mod mailbox;
mod net;
mod policy;
mod queue;
mod session;
mod transport;

pub use bowline_core::{
    position::{Gap, GapReason, Position},
    session::{JoinStart, Member, PresenceChange, RingBounds},
    stream::TlsConfig,
};

pub use self::{
    builder::Builder,
    client::{Client, Publication, RoomHandle, Sender},
    command::Published,
    error::{ConfigError, RequestError, SendError, SendErrorReason},
    event::{Closed, Event, RoomEvent},
    exchange::Exchange,
    net::Proxy,
    policy::Backoff,
    queue::Overflow,
    transport::{Transport, UnknownTransport},
};
