//! What all tests share: a wire format written from RFC 6455 alone, and ends that are driven by hand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bowline_core::{
    Error, Limits, Message, Role,
    buffer::Input,
    connection::{Config, Connection, Event, MAX_SLICES},
    handshake::Negotiated,
    message::{
        Piece,
        deflate::{DeflateConfig, DeflateParams},
    },
};
use bytes::BytesMut;

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// RFC 6455 §5.2's names of the first byte's bits.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as `sender` sends it, masked if that is a client.
pub(crate) fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame_masked(sender == Role::Client, first, payload)
}

/// A frame, masked or not.
pub(crate) fn frame_masked(masked: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header_masked(masked, first, payload.len() as u64);
    if masked {
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// The header of a frame that says it has `len` bytes of payload.
pub(crate) fn header(sender: Role, first: u8, len: u64) -> Vec<u8> {
    header_masked(sender == Role::Client, first, len)
}

fn header_masked(masked: bool, first: u8, len: u64) -> Vec<u8> {
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap()),
        126..=0xffff => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    if masked {
        bytes.extend_from_slice(&KEY);
    }
    bytes
}

/// The frames in what `sender` sent, each with its first byte: whole ones, with minimal lengths and masked as they must be.
pub(crate) fn frames(sender: Role, mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, ..] = *bytes {
        assert_eq!(second & 0x80 != 0, sender == Role::Client, "RFC 6455 §5.1: a client masks, a server doesn't");
        let (len, size) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(bytes[2..4].try_into().unwrap())), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()), 10),
            short => (u64::from(short), 2),
        };
        let mut body = bytes[size..].to_vec();
        if sender == Role::Client {
            let key: [u8; 4] = body[..4].try_into().unwrap();
            body = body[4..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        }
        body.truncate(usize::try_from(len).unwrap());
        assert_eq!(body.len() as u64, len, "all of the payload");
        let shortest = header(sender, first, len);
        assert_eq!(bytes[..size], shortest[..size], "RFC 6455 §5.2: the shortest length");
        bytes = &bytes[shortest.len() + body.len()..];
        frames.push((first, body));
    }
    assert!(bytes.is_empty(), "half a header");
    frames
}

/// Takes all that waits to be written, `step` bytes a write.
pub(crate) fn drain(connection: &mut Connection, step: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    loop {
        let output = connection.output();
        if output.is_empty() {
            return wire;
        }
        let mut slices = [std::io::IoSlice::new(&[]); MAX_SLICES];
        let count = output.fill_slices(&mut slices);
        let before = wire.len();
        for slice in &slices[..count] {
            let room = step - (wire.len() - before);
            wire.extend_from_slice(&slice[..room.min(slice.len())]);
        }
        output.advance(wire.len() - before);
    }
}

/// What an end is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) role: Role,
    pub(crate) deflate: Option<DeflateParams>,
    pub(crate) limits: Limits,
    pub(crate) in_pieces: bool,
}

impl Setup {
    /// Plain, with default limits but for control frames, of which tests send many at one instant.
    pub(crate) fn new(role: Role) -> Self {
        Self { role, deflate: None, limits: Limits::default().max_control_rate(u32::MAX), in_pieces: false }
    }

    pub(crate) fn deflate(self, deflate: Option<DeflateParams>) -> Self {
        Self { deflate, ..self }
    }

    pub(crate) fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn in_pieces(self) -> Self {
        Self { in_pieces: true, ..self }
    }

    /// No keepalive: what is sent is what the test makes it send.
    pub(crate) fn config(&self) -> Config {
        Config::default().limits(self.limits.clone()).keepalive(None).deflate(DeflateConfig::default().threshold(0))
    }

    pub(crate) fn connection(&self) -> Connection {
        let negotiated = Negotiated::assumed(self.role);
        let negotiated = self.deflate.into_iter().fold(negotiated, Negotiated::with_deflate);
        let mut connection = Connection::new(&negotiated, Arc::new(self.config()), Instant::now());
        connection.receive_in_pieces(self.in_pieces);
        connection
    }

    /// What a fresh end makes of `bytes`, cut into pieces of `cuts` bytes, again and again.
    pub(crate) fn see(&self, bytes: &[u8], cuts: &[usize]) -> Seen {
        self.see_after(|_| (), bytes, cuts)
    }

    /// The same, after something was done to it.
    pub(crate) fn see_after(&self, before: impl Fn(&mut Connection), bytes: &[u8], cuts: &[usize]) -> Seen {
        let mut connection = self.connection();
        before(&mut connection);
        drain(&mut connection, usize::MAX);
        see(&mut connection, &pieces(bytes, cuts))
    }
}

/// permessage-deflate with the largest windows.
pub(crate) const fn deflate_params(takeover: bool) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    }
}

/// `data` in pieces of `cuts` bytes, again and again; no cuts leave it whole.
pub(crate) fn pieces<'a>(mut data: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if data.len() <= *cut {
            break;
        }
        let (piece, rest) = data.split_at(*cut);
        pieces.push(piece);
        data = rest;
    }
    pieces.push(data);
    pieces
}

/// All that can be seen of an end from outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) events: Vec<Event>,
    /// As `Debug` prints it: an [`Error`] can't be compared.
    pub(crate) error: Option<String>,
    /// What it sent, with each frame's first byte.
    pub(crate) sent: Vec<(u8, Vec<u8>)>,
    pub(crate) closed: bool,
    /// The code that browsers would tell.
    pub(crate) code: Option<u16>,
}

impl Seen {
    pub(crate) fn messages(&self) -> Vec<Message> {
        let message = |event: &Event| if let Event::Message(message) = event { Some(message.clone()) } else { None };
        self.events.iter().filter_map(message).collect()
    }

    /// The close codes in the Close frames that were sent; 1005 for one without a code.
    pub(crate) fn close_codes(&self) -> Vec<u16> {
        let closes = self.sent.iter().filter(|(first, _)| *first == FIN | CLOSE);
        closes.map(|(_, payload)| payload.first_chunk().map_or(1005, |&code| u16::from_be_bytes(code))).collect()
    }

    /// With the pieces of each message joined: where they are cut depends on how the bytes came.
    pub(crate) fn joined(mut self) -> Self {
        let mut open: Option<Piece> = None;
        let mut events = Vec::new();
        for event in self.events {
            let Event::Piece(piece) = event else {
                events.push(event);
                continue;
            };
            let data = open.take().map_or_else(Vec::new, |open| open.data.to_vec());
            let joined = Piece { data: [&data, &piece.data[..]].concat().into(), ..piece };
            if joined.last { events.push(Event::Piece(joined)) } else { open = Some(joined) }
        }
        events.extend(open.map(Event::Piece));
        self.events = events;
        self
    }
}

/// Feeds `pieces` to `connection`, writes whatever it wants written at once, and stops at its first error.
pub(crate) fn see(connection: &mut Connection, pieces: &[&[u8]]) -> Seen {
    let (mut events, mut wire, mut error) = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        let mut input = Input::new(BytesMut::from(*piece));
        error = loop {
            let result = connection.receive(&mut input, Instant::now);
            wire.extend(drain(connection, usize::MAX));
            match result {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        if error.is_some() {
            assert!(connection.is_closed() && connection.poll_timeout().is_none(), "an error ends the connection");
            break;
        }
        assert!(input.is_empty(), "what it has not understood it keeps itself");
    }
    Seen {
        events,
        error: error.map(|error: Error| format!("{error:?}")),
        sent: frames(connection.role(), &wire),
        closed: connection.is_closed(),
        code: connection.ended().map(bowline_core::connection::Ended::code),
    }
}

/// Two ends on a virtual clock, and a pipe between them that moves when it is told to.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    pub(crate) now: Instant,
}

impl Pair {
    /// `change` may alter what both ends are configured with.
    pub(crate) fn new(deflate: Option<DeflateParams>, change: impl Fn(Config) -> Config) -> Self {
        let now = Instant::now();
        let [client, server] = ROLES.map(|role| {
            let config = change(Setup::new(role).config());
            let negotiated = deflate.into_iter().fold(Negotiated::assumed(role), Negotiated::with_deflate);
            Connection::new(&negotiated, Arc::new(config), now)
        });
        Self { client, server, now }
    }

    pub(crate) const fn end(&mut self, role: Role) -> &mut Connection {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Carries what `from` has written to the other end, in pieces of `cuts` bytes.
    pub(crate) fn carry(&mut self, from: Role, cuts: &[usize]) -> Result<Vec<Event>, Error> {
        let wire = drain(self.end(from), usize::MAX);
        let (now, mut events) = (self.now, Vec::new());
        for piece in pieces(&wire, cuts) {
            let mut input = Input::new(BytesMut::from(piece));
            while let Some(event) = self.end(from.peer()).receive(&mut input, || now)? {
                events.push(event);
            }
        }
        Ok(events)
    }
}
