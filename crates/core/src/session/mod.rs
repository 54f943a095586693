//! Sessions that move between transports: the types, machines and codecs of the [`protocol`], without I/O.
//!
//! ```text
//! Ring ──► websocket::encode_record ──► a message ──► websocket::Decoder ──► Intake
//!      └─► events::append_record    ──► an event  ──► events::read       ──┘
//! ```
//!
//! Each end is an [`Endpoint`]: a [`Ring`] of what it sent and an [`Intake`] for what it gets; carriers come and go.

mod cursor;
mod endpoint;
mod error;
pub mod events;
mod id;
mod intake;
mod record;
mod ring;
mod secret;
pub mod websocket;

use http::HeaderName;

pub use self::{
    cursor::{Cursor, InvalidCursor, RoomNumber},
    endpoint::{AttachError, Carrier, Counted, Endpoint},
    error::{AheadOfSent, BadRecord, Hole},
    id::{InvalidSessionId, SessionId},
    intake::{ACK_BYTES, ACK_DELAY, ACK_RECORDS, Intake, Offered},
    record::{
        ClientRecord, ClientSignal, FailedReason, Form, JoinStart, Member, Open, Presence, PresenceChange, Publish,
        Record, ServerRecord, ServerSignal, Signal, UnknownReason,
    },
    ring::{Kept, Ring, RingBounds},
    secret::{InvalidSecret, Node, Secret},
};

#[doc = include_str!("../../PROTOCOL.md")]
pub mod protocol {}

/// The version of the protocol: in `open`, and in the header [`VERSION_HEADER`].
pub const VERSION: u64 = 1;

/// The WebSocket subprotocol of a session.
pub const SUBPROTOCOL: &str = "bowline.v1";

/// What a client offers as a second subprotocol, with the session's secret behind it, to attach to a session that there is.
pub const SESSION_SUBPROTOCOL_PREFIX: &str = "bowline.session.";

/// The header of every request: `new`, or the session's secret.
pub const SESSION_HEADER: HeaderName = HeaderName::from_static("bowline-session");

/// The header of a request that acknowledges: a [`Cursor`].
pub const CURSOR_HEADER: HeaderName = HeaderName::from_static("bowline-cursor");

/// The header that tells which version is spoken.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("bowline-version");

/// The header of an answer whose carrier was superseded before it was answered.
pub const CARRIER_HEADER: HeaderName = HeaderName::from_static("bowline-carrier");

/// The most bytes of an event in a session whose messages have at most `max_message`: for
/// [`Parser::new`](crate::event_stream::Parser::new). Writers keep to it by base64, where text would take more.
#[must_use]
pub const fn max_event(max_message: usize) -> usize {
    max_message.div_ceil(3).saturating_mul(4).saturating_add(MAX_EVENT_OVERHEAD)
}

/// What an event may have besides 4/3 of a message.
const MAX_EVENT_OVERHEAD: usize = 8 << 10;
