//! How a hub behaves.

use std::{fmt, sync::Arc, time::Duration};

use bowline_core::{
    Message,
    connection::Config,
    session::{Node, RingBounds},
};

use super::Hub;
use crate::{
    handler::{ErasedHandler, Handler, erase},
    http::RateLimit,
    room::{Gap, Patterns, Room, RoomOptions},
    session::{OutboxBounds, Overflow},
};

/// How a gap is told on a raw WebSocket, which has no other place for it than among the messages; `None` for not at all.
pub(crate) type GapMessage = fn(&Room, &Gap) -> Option<Message>;

/// What a [`Hub`] is made of.
#[derive(Clone)]
pub(crate) struct HubConfig {
    pub(crate) connection: Arc<Config>,
    pub(crate) handler: Arc<dyn ErasedHandler>,
    pub(crate) patterns: Patterns,
    pub(crate) max_rooms: usize,
    pub(crate) max_rooms_per_session: usize,
    pub(crate) max_sessions: usize,
    pub(crate) outbox: OutboxBounds,
    pub(crate) flush_timeout: Duration,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) gap_message: GapMessage,
    pub(crate) session_ttl: Duration,
    pub(crate) session_ring: RingBounds,
    pub(crate) node: Node,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            connection: Arc::default(),
            handler: erase(echo),
            patterns: Patterns::default(),
            max_rooms: 100_000,
            max_rooms_per_session: 128,
            max_sessions: 1_000_000,
            outbox: OutboxBounds { count: 1_024, bytes: 256 << 10, overflow: Overflow::DropNewest },
            flush_timeout: Duration::from_secs(30),
            rate: None,
            gap_message: gap_as_json,
            session_ttl: Duration::from_secs(60),
            session_ring: RingBounds::default(),
            node: Node::random(),
        }
    }
}

/// Sends every message back.
pub(crate) async fn echo(mut session: crate::session::Session) -> Result<(), bowline_core::Error> {
    drop(session.take_request());
    while let Some(message) = session.recv().await? {
        if session.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Builds a [`Hub`]. Setters take and return `self`.
#[derive(Clone, Default)]
pub struct HubBuilder {
    pub(crate) config: HubConfig,
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder").finish_non_exhaustive()
    }
}

impl HubBuilder {
    /// What is run for each session. Default: every message is sent back.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler) -> Self {
        self.config.handler = erase(handler);
        self
    }

    /// Limits, keepalive and compression of the WebSockets. Default [`Config::default`].
    #[must_use]
    pub fn connection(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config.connection = config.into();
        self
    }

    /// How rooms behave whose name fits `pattern`, in which `*` stands for any text. The first pattern that fits decides;
    /// `*` alone is for those that no other fits. Default [`RoomOptions::default`] for all.
    #[must_use]
    pub fn room_options(mut self, pattern: &str, options: RoomOptions) -> Self {
        self.config.patterns.add(pattern, options);
        self
    }

    /// Bounds the rooms that are open. Default 100,000. Past it no other can be opened (status 503). Worst-case memory:
    /// some 500 B each and its log. `usize::MAX` turns it off.
    #[must_use]
    pub const fn max_rooms(mut self, max: usize) -> Self {
        self.config.max_rooms = max;
        self
    }

    /// Bounds the rooms that a session is in. Default 128: a peer that may join what it likes can hold so many open.
    /// Past it a join fails with [`JoinError::TooManyRooms`](crate::room::JoinError). Worst-case memory: 130 B each.
    /// `usize::MAX` turns it off.
    #[must_use]
    pub const fn max_rooms_per_session(mut self, max: usize) -> Self {
        self.config.max_rooms_per_session = max;
        self
    }

    /// Bounds the sessions. Default 1,000,000: the descriptors of the process bound them before. Past it a request is
    /// answered with 503. Worst-case memory: 2 KiB each while idle, and 3 KiB where it goes from carrier to carrier. `usize::MAX` turns it off.
    #[must_use]
    pub const fn max_sessions(mut self, max: usize) -> Self {
        self.config.max_sessions = max;
        self
    }

    /// Bounds the direct messages that wait for a session, in number and bytes. Default 1,024 and 256 KiB. Past either,
    /// [`overflow`](Self::overflow) decides. Worst-case memory: the bytes and 100 B a message.
    #[must_use]
    pub const fn max_outbox(mut self, messages: usize, bytes: usize) -> Self {
        self.config.outbox.count = messages;
        self.config.outbox.bytes = bytes;
        self
    }

    /// What becomes of a direct message that the outbox has no room for. Default [`Overflow::DropNewest`]: it comes back.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.config.outbox.overflow = overflow;
        self
    }

    /// Bounds how long a session that is to be closed may take over what it was sent and published before. Default 30 s: at
    /// the outbox's 256 KiB, that is a client of 70 kbit/s; `write_timeout` is sooner where it takes nothing at all. Past it
    /// the connection is dropped without a Close. A session that goes from carrier to carrier has at least its
    /// [`session_ttl`](Self::session_ttl). Costs a timer while it runs; what it bounds is what waits for the session.
    /// `Duration::MAX` turns it off: then a client that takes a byte now and then puts its Close off for as long as it likes.
    #[must_use]
    pub const fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.config.flush_timeout = timeout;
        self
    }

    /// Bounds how many messages and bytes a second a session may send. Default none: an application knows what its clients
    /// do. Past it the session is closed with 1008 and the reason `rate limit`, and the message over it is not received.
    /// Worst-case memory: 100 B a session.
    #[must_use]
    pub const fn session_rate(mut self, limit: RateLimit) -> Self {
        self.config.rate = Some(limit);
        self
    }

    /// How a raw WebSocket is told that it misses publications, among its messages and where they would have stood; `None`
    /// tells it nothing. Default: a text in JSON, `{"gap":{"room":"…","from":"…","to":"…","reason":"slow"}}`, whose
    /// places are those of [`Gap`].
    #[must_use]
    pub fn gap_message(mut self, tell: fn(&Room, &Gap) -> Option<Message>) -> Self {
        self.config.gap_message = tell;
        self
    }

    /// How long a session that goes from carrier to carrier (`bowline.v1`) is kept without one. Default 60 s: long enough for
    /// a phone in a tunnel, short enough for what waits for it. Past it the session ends: its handler's
    /// [`recv`](crate::session::Session::recv) fails with [`Timeout::Carrier`](bowline_core::error::Timeout::Carrier), and it
    /// leaves its rooms. As long a session that was closed is kept for a client that doesn't say that it knows. At least 1 s.
    #[must_use]
    pub fn session_ttl(mut self, ttl: Duration) -> Self {
        self.config.session_ttl = ttl.max(Duration::from_secs(1));
        self
    }

    /// Bounds what is kept of a session (`bowline.v1`), each way, in records and bytes of payload: what was sent and its
    /// client has not acknowledged, and what came and its handler has not received. Default 1,024 and 256 KiB; one message
    /// always fits. Past it whoever sends waits. Worst-case memory: twice the bytes, or one message each way, and 100 B a
    /// record.
    #[must_use]
    pub fn session_ring(mut self, records: usize, bytes: usize) -> Self {
        self.config.session_ring = RingBounds { records: records.max(1), bytes };
        self
    }

    /// What this process is called in the secrets of its sessions, so that a router in front can tell by them which of several
    /// has a session. Default: eight random characters.
    #[must_use]
    pub const fn node(mut self, node: Node) -> Self {
        self.config.node = node;
        self
    }

    /// The hub. Within a runtime of tokio it sweeps its rooms every five seconds, and lets big fan-outs yield. The runtime
    /// must have its timers (`enable_time`): without them the task that sweeps panics, and what is too old goes only when
    /// something is published, as it does without a runtime; and no session can be served.
    #[must_use]
    pub fn build(self) -> Hub {
        Hub::new(self.config)
    }
}

fn gap_as_json(room: &Room, gap: &Gap) -> Option<Message> {
    let gap = serde_json::json!({ "gap": {
        "room": room.name().as_str(),
        "from": gap.from.to_string(),
        "to": gap.to.to_string(),
        "reason": gap.reason.as_str(),
    }});
    Some(Message::text(gap.to_string()))
}
