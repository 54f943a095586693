//! The connection machine: what RFC 6455 says that one end does after the opening handshake.
//!
//! ```text
//!              close()                    peer's Close
//!      ┌───► Closing ───────────────────────────┐
//!      │     (ours is queued)                   ▼
//!    Open ──────────────────────────────────► Closed
//!            peer's Close (answer is queued)
//!            or an error (Close with its code is queued)
//! ```
//!
//! It does no I/O and reads no clock. The caller feeds it ([`receive`](Connection::receive),
//! [`receive_eof`](Connection::receive_eof), [`handle_timeout`](Connection::handle_timeout)), commands it
//! ([`send`](Connection::send), [`ping`](Connection::ping), [`close`](Connection::close)), and after each of these drains
//! [`output`](Connection::output) and looks at [`poll_timeout`](Connection::poll_timeout).

mod config;
mod control;
mod deadlines;
mod output;
mod receive;
mod send;

use std::{sync::Arc, time::Instant};

pub use self::{
    config::{Config, Keepalive},
    output::{MAX_SLICES, Output},
    receive::Event,
};
use self::{control::ControlBudget, deadlines::Deadlines, send::Sending};
use crate::{
    Role,
    buffer::Input,
    close::CloseFrame,
    frame::Decoder,
    handshake::Negotiated,
    message::{Incoming, deflate::Deflate},
};

/// One end of a WebSocket after its opening handshake.
#[derive(Debug)]
// In this order, so that what each message touches lies in few cache lines.
#[repr(C)]
pub struct Connection {
    state: State,
    role: Role,
    in_pieces: bool,
    sending: Option<Box<Sending>>,
    output: Output,
    control: ControlBudget,
    incoming: Option<Box<Incoming>>,
    config: Arc<Config>,
    decoder: Decoder,
    deadlines: Deadlines,
    deflate: Option<Box<Deflate>>,
    subprotocol: Option<Box<str>>,
    ended: Option<Box<Ended>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closing,
    Closed,
}

impl Connection {
    /// A connection whose opening handshake ended `now`, with what it agreed on.
    #[must_use]
    pub fn new(negotiated: &Negotiated, config: Arc<Config>, now: Instant) -> Self {
        let role = negotiated.role();
        let deflate = negotiated
            .deflate()
            .map(|params| Box::new(Deflate::new(role, params, config.deflate.as_ref().unwrap_or(&Default::default()))));
        Self {
            role,
            state: State::Open,
            decoder: Decoder::new(role.peer(), deflate.is_some()),
            incoming: None,
            in_pieces: false,
            sending: None,
            deflate,
            subprotocol: negotiated.subprotocol().map(Box::from),
            output: Output::default(),
            control: ControlBudget::new(config.limits.max_control_rate),
            deadlines: Deadlines::new(config.keepalive, now),
            ended: None,
            config,
        }
    }

    /// The end that this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How it was configured.
    #[must_use]
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The subprotocol that the opening handshake agreed on (RFC 6455 §1.9).
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Whether messages can be sent: the closing handshake hasn't begun, and nothing has failed.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether the connection is over but for the output that is left.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_deref()
    }

    /// What is to be written. Write it in order, and [`advance`](Output::advance) past what was taken.
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        self.queue_pong();
        &mut self.output
    }

    /// Forgets what waits to be written: nobody is there to take it.
    pub fn discard_output(&mut self) {
        self.control.pong = None;
        self.output.clear();
    }

    /// This end gives up: what waits to be written can't be, so that the end is no clean one.
    pub fn abandon(&mut self) {
        self.state = State::Closed;
        self.deadlines.end();
        let ended = self.ended.get_or_insert_with(|| Box::new(Ended::new(false, false, None)));
        ended.clean = false;
    }

    /// Whether it is open and between messages either way, with nothing to be written and no compression: then nothing
    /// but what has not been received would be lost with it.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.is_open()
            && self.deflate.is_none()
            && self.incoming.is_none()
            && self.sending.is_none()
            && self.output.is_empty()
            && self.control.is_at_rest()
            && !self.decoder.is_mid_frame()
    }

    /// How many bytes wait to be written.
    #[inline]
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Whether `input` starts with a whole message, so that [`receive`](Self::receive) gives one without more bytes.
    #[inline]
    #[must_use]
    pub fn has_whole_message(&self, input: &Input) -> bool {
        self.decoder.has_whole_message(input.unread())
    }

    /// Nothing more is received or due; what is queued may still be written.
    fn end(&mut self, ended: Ended) {
        self.state = State::Closed;
        self.deadlines.end();
        self.ended = Some(Box::new(ended));
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    by_peer: bool,
    clean: bool,
    frame: Option<CloseFrame>,
}

impl Ended {
    /// An end as it was told by other means than this machine: by a session's records, or by another implementation.
    #[must_use]
    pub const fn new(by_peer: bool, clean: bool, frame: Option<CloseFrame>) -> Self {
        Self { by_peer, clean, frame }
    }

    /// Whether the peer closed first.
    #[must_use]
    pub const fn by_peer(&self) -> bool {
        self.by_peer
    }

    /// Whether both ends sent a Close frame, so that nothing sent before was lost (RFC 6455 §7.1.4).
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.clean
    }

    /// The peer's Close frame; `None` if it had no code, or none came.
    #[must_use]
    pub const fn frame(&self) -> Option<&CloseFrame> {
        self.frame.as_ref()
    }

    /// The close code as browsers tell it (RFC 6455 §7.1.5): 1005 for a Close frame without a code, 1006 for none.
    #[must_use]
    pub fn code(&self) -> u16 {
        match &self.frame {
            Some(frame) => frame.code().get(),
            None if self.clean => 1005,
            None => 1006,
        }
    }
}
