//! What the targets share: cuts, and an end that is driven by hand.

use std::{io::IoSlice, sync::Arc, time::Instant};

use bowline_core::{
    Limits, Role,
    buffer::Input,
    connection::{Config, Connection, Event, MAX_SLICES},
    handshake::Negotiated,
    message::deflate::{DeflateConfig, DeflateParams},
};
use bytes::BytesMut;

/// The longest message that the ends of these targets take; more would only be slow.
pub const MAX_MESSAGE: usize = 16 << 10;

/// Splits `data` into a head of `N` bytes, which decides how the rest is used, and the rest.
pub fn head<const N: usize>(data: &[u8]) -> Option<([u8; N], &[u8])> {
    data.split_first_chunk().map(|(head, rest)| (*head, rest))
}

/// `data` in pieces: of the length `cut` where it is not 0, else whole.
pub fn pieces(data: &[u8], cut: u8) -> Vec<&[u8]> {
    if cut == 0 { vec![data] } else { data.chunks(usize::from(cut)).collect() }
}

/// The end in `role`, with permessage-deflate where `takeover` says how.
pub fn end(role: Role, takeover: Option<bool>) -> Connection {
    let limits = Limits::default().max_message_size(MAX_MESSAGE).max_fragments(32).max_control_rate(8);
    let config = Config::default().limits(limits).keepalive(None).deflate(DeflateConfig::default().threshold(0));
    let negotiated = takeover.into_iter().fold(Negotiated::assumed(role), |negotiated, takeover| {
        negotiated.with_deflate(DeflateParams {
            server_no_context_takeover: !takeover,
            client_no_context_takeover: !takeover,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        })
    });
    Connection::new(&negotiated, Arc::new(config), Instant::now())
}

/// Takes what waits to be written.
pub fn drain(connection: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    while !connection.output().is_empty() {
        let output = connection.output();
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = output.fill_slices(&mut slices);
        let before = wire.len();
        slices[..count].iter().for_each(|slice| wire.extend_from_slice(slice));
        output.advance(wire.len() - before);
    }
    wire
}

/// What `connection` makes of `pieces`: its events, and its error, as text.
pub fn see(connection: Connection, pieces: &[&[u8]]) -> (Vec<Event>, String) {
    see_by(connection, pieces, false)
}

/// The same; `plain_first` asks for messages that stand in the input plainly first, as `WebSocket` does.
pub fn see_by(mut connection: Connection, pieces: &[&[u8]], plain_first: bool) -> (Vec<Event>, String) {
    // The clock stands still, so that the budget of control frames doesn't depend on how fast this runs.
    let now = Instant::now();
    let mut events = Vec::new();
    let mut waiting = 0;
    for piece in pieces {
        let mut input = Input::new(BytesMut::from(*piece));
        loop {
            let plain = if plain_first { connection.receive_plain(&mut input) } else { None };
            let result = match plain {
                Some(message) => Ok(Some(Event::Message(message))),
                None => connection.receive(&mut input, || now),
            };
            match result {
                Ok(Some(event)) => {
                    check(&event);
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(connection.is_closed() && connection.poll_timeout().is_none());
                    check_output(&mut connection, &mut waiting, true);
                    return (events, format!("{error:?}"));
                }
            }
            check_output(&mut connection, &mut waiting, false);
        }
        assert!(input.is_empty());
    }
    let closed = connection.is_closed();
    (events, format!("{closed} {:?}", connection.ended()))
}

fn check(event: &Event) {
    match event {
        Event::Message(message) => {
            assert!(message.len() <= MAX_MESSAGE);
            if let Some(text) = message.as_text() {
                assert_eq!(text.as_bytes(), &message.as_bytes()[..]);
            }
        }
        Event::Ping(payload) | Event::Pong(payload) => assert!(payload.len() <= 125),
        _ => {}
    }
}

/// A peer that reads nothing makes an end hold one Pong more than it has queued, and one Close.
fn check_output(connection: &mut Connection, waiting: &mut usize, failed: bool) {
    const FRAME: usize = 6 + 125;
    let len = connection.output().len();
    assert!(len <= 3 * FRAME, "{len} bytes wait");
    assert!(len >= *waiting, "nothing was written");
    *waiting = len;
    if failed {
        assert!(drain(connection).len() == len);
    }
}
