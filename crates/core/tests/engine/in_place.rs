//! Payload that is read to where it belongs gives what payload that is received gives.

use std::time::Instant;

use bowline_core::{Role, buffer::Input, connection::Event};
use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use crate::common::{BINARY, CONTINUATION, FIN, Setup, TEXT, cases, frame};

/// The frames of a message, cut after `cut` bytes, with a Ping between them.
fn message(text: bool, payload: &[u8], cut: usize) -> Vec<u8> {
    let (head, tail) = payload.split_at(cut.min(payload.len()));
    let first = if text { TEXT } else { BINARY };
    let mut wire = frame(Role::Client, first, head);
    wire.extend(frame(Role::Client, FIN | 9, b"between"));
    wire.extend(frame(Role::Client, FIN | CONTINUATION, tail));
    wire
}

/// Feeds `wire` in steps of `cuts`, in place wherever the connection offers it; what came, and how much came in place.
fn in_place(setup: &Setup, mut wire: &[u8], cuts: &[usize]) -> (Vec<Event>, Option<String>, usize) {
    let mut connection = setup.connection();
    let (mut events, mut count) = (Vec::new(), 0);
    for &cut in cuts.iter().cycle() {
        if wire.is_empty() {
            break;
        }
        let (piece, rest) = wire.split_at(cut.min(wire.len()));
        if let Some(mut room) = connection.payload_room() {
            let (piece, _) = piece.split_at(piece.len().min(room.remaining_mut()));
            room.put_slice(piece);
            wire = &wire[piece.len()..];
            count += piece.len();
            match connection.received_in_place(piece.len()) {
                Ok(event) => events.extend(event),
                Err(error) => return (events, Some(format!("{error:?}")), count),
            }
            continue;
        }
        wire = rest;
        let mut input = Input::new(BytesMut::from(piece));
        loop {
            match connection.receive(&mut input, Instant::now) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(format!("{error:?}")), count),
            }
        }
    }
    (events, None, count)
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn in_place_equals_received(
        text: bool,
        size in 0_usize..300_000,
        cut in 0_usize..300_000,
        broken in prop::option::of(0_usize..300_000),
        cuts in prop::collection::vec(1_usize..100_000, 1..5),
    ) {
        let mut payload = "aé€🪢".repeat(size / 10 + 1).into_bytes();
        if let Some(broken) = broken && let Some(byte) = payload.get_mut(broken) {
            *byte = 0xff;
        }
        let wire = message(text, &payload, cut);
        let setup = Setup::new(Role::Server);
        let whole = setup.see(&wire, &[usize::MAX]);
        let (events, error, count) = in_place(&setup, &wire, &cuts);
        prop_assert_eq!(events, whole.events);
        prop_assert_eq!(error, whole.error);
        prop_assert!(count <= payload.len());
    }
}

#[test]
fn most_of_a_big_message_is_read_in_place_and_what_is_reserved_keeps_to_what_came() {
    let wire = frame(Role::Client, FIN | BINARY, &vec![7; 1 << 20]);
    let (events, error, count) = in_place(&Setup::new(Role::Server), &wire, &[4_096]);
    assert!(matches!(&events[..], [Event::Message(message)] if message.len() == 1 << 20));
    assert_eq!(error, None);
    assert!(count >= 900 << 10, "{count}");

    let mut connection = Setup::new(Role::Server).connection();
    let mut input = Input::new(BytesMut::from(&wire[..100]));
    assert!(connection.receive(&mut input, Instant::now).is_ok_and(|event| event.is_none()));
    let room = connection.payload_room().map(|room| room.remaining_mut());
    assert!(room.is_some_and(|room| room <= 64 << 10), "{room:?}");
}

#[test]
fn small_compressed_and_piecewise_payloads_are_not_read_in_place() {
    for (setup, first, len) in [
        (Setup::new(Role::Server), FIN | BINARY, 30_000),
        (Setup::new(Role::Server).in_pieces(), FIN | BINARY, 200_000),
        (Setup::new(Role::Server).deflate(Some(crate::common::deflate_params(false))), FIN | 0x40 | BINARY, 200_000),
    ] {
        let wire = frame(Role::Client, first, &vec![0; len]);
        let mut connection = setup.connection();
        let mut input = Input::new(BytesMut::from(&wire[..20]));
        while let Ok(Some(_)) = connection.receive(&mut input, Instant::now) {}
        assert!(connection.payload_room().is_none(), "{setup:?}");
    }
}
