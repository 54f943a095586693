//! Control frames: Pings and their Pongs, and the budget of them (RFC 6455 §5.5; threats.md S1).

use std::time::{Duration, Instant};

use bowline_core::{
    Error, Limits, Message, Role,
    buffer::Input,
    connection::{Connection, Event},
    error::{Limit, LimitExceeded},
};
use bytes::BytesMut;
use proptest::prelude::*;

use crate::common::{BINARY, CONTINUATION, FIN, PING, PONG, ROLES, Setup, TEXT, drain, frame, frames};

const RATE: u32 = 50;

fn ping(connection: &mut Connection, payload: &[u8], now: Instant) -> Result<Option<Event>, Error> {
    let bytes = frame(connection.role().peer(), FIN | PING, payload);
    connection.receive(&mut Input::new(BytesMut::from(&bytes[..])), || now)
}

fn limited(role: Role) -> Connection {
    Setup::new(role).limits(Limits::default().max_control_rate(RATE)).connection()
}

// RFC 6455 §5.5: control frames may come in the middle of a fragmented message.
#[test]
fn rfc6455_5_5_control_frames_between_fragments() {
    for role in ROLES {
        let peer = role.peer();
        let bytes = [
            frame(peer, TEXT, b"bow"),
            frame(peer, FIN | PING, b"1"),
            frame(peer, CONTINUATION, b""),
            frame(peer, FIN | PONG, b"2"),
            frame(peer, FIN | CONTINUATION, b"line"),
        ]
        .concat();
        let seen = Setup::new(role).see(&bytes, &[]);
        let events =
            [Event::Ping((&b"1"[..]).into()), Event::Pong((&b"2"[..]).into()), Event::Message("bowline".into())];
        assert_eq!(seen.events, events);
        assert_eq!(seen.sent, [(FIN | PONG, b"1".to_vec())]);
    }
}

// RFC 6455 §5.5.3: of several Pings, only the latest need be answered; sixteen at once are, each.
#[test]
fn s1_a_flood_of_pings_at_a_peer_that_reads_nothing_costs_seventeen_pongs() {
    for role in ROLES {
        let mut connection = Setup::new(role).connection();
        connection.send(Message::binary(vec![1; 100_000])).unwrap();
        let now = Instant::now();
        for n in 0..100_000_u32 {
            ping(&mut connection, &n.to_be_bytes(), now).unwrap();
            assert!(connection.output().len() < 100_200, "{n}");
        }
        let sent = frames(role, &drain(&mut connection, 1_000));
        let pongs: Vec<_> = sent.iter().filter(|(first, _)| *first == FIN | PONG).map(|(_, payload)| payload).collect();
        let answered: Vec<_> = (0..16).chain([99_999]).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        assert_eq!(pongs, answered.iter().collect::<Vec<_>>());
    }
}

// An end that always has something to send still answers: the peer may take its silence for death.
#[test]
fn a_pong_is_sent_though_the_output_never_runs_dry() {
    for role in ROLES {
        let mut connection = Setup::new(role).connection();
        let (mut wire, now) = (Vec::new(), Instant::now());
        for n in 0..20_u8 {
            connection.send(Message::binary(vec![n; 1_000])).unwrap();
            ping(&mut connection, &[n], now).unwrap();
            let output = connection.output();
            let count = output.len() - 1;
            wire.extend_from_slice(&output.as_single().unwrap()[..count]);
            output.advance(count);
        }
        wire.extend(drain(&mut connection, usize::MAX));
        let pongs = frames(role, &wire).iter().filter(|(first, _)| *first == FIN | PONG).count();
        assert!(pongs >= 10, "{pongs} of 20");
    }
}

#[test]
fn a_pong_never_cuts_a_message_sent_in_pieces() {
    let mut server = Setup::new(Role::Server).connection();
    let piece = |data: &'static [u8], last| bowline_core::message::Piece {
        kind: bowline_core::message::Kind::Binary,
        data: data.into(),
        last,
    };
    server.send_piece(piece(b"bow", false)).unwrap();
    ping(&mut server, b"?", Instant::now()).unwrap();
    server.send_piece(piece(b"line", true)).unwrap();
    let sent = [(BINARY, b"bow".to_vec()), (FIN | PONG, b"?".to_vec()), (FIN | CONTINUATION, b"line".to_vec())];
    assert_eq!(frames(Role::Server, &drain(&mut server, usize::MAX)), sent);
}

#[test]
fn s1_the_budget_of_control_frames_is_a_burst_of_twice_the_rate() {
    for role in ROLES {
        let (mut connection, now) = (limited(role), Instant::now());
        for _ in 0..2 * RATE {
            ping(&mut connection, b"", now).unwrap();
        }
        let error = ping(&mut connection, b"", now).unwrap_err();
        let exceeded = LimitExceeded { limit: Limit::ControlFrames, max: RATE.into() };
        assert!(matches!(error, Error::Limit(error) if error == exceeded), "{error:?}");
        let sent = frames(role, &drain(&mut connection, usize::MAX));
        assert_eq!(sent.last().unwrap().1[..2], 1008_u16.to_be_bytes());
    }
}

#[test]
fn the_budget_is_earned_again_at_the_rate() {
    let (mut connection, mut now) = (limited(Role::Server), Instant::now());
    for _ in 0..2 * RATE {
        ping(&mut connection, b"", now).unwrap();
    }
    now += Duration::from_secs(1);
    for _ in 0..RATE {
        ping(&mut connection, b"", now).unwrap();
    }
    assert!(ping(&mut connection, b"", now).is_err());
}

#[test]
fn messages_and_close_are_not_counted() {
    let mut connection = Setup::new(Role::Server).limits(Limits::default().max_control_rate(0)).connection();
    let bytes = [frame(Role::Client, FIN | TEXT, b""), frame(Role::Client, FIN | 8, b"")].concat();
    let seen = crate::common::see(&mut connection, &[&bytes]);
    assert_eq!(seen.events, [Event::Message("".into()), Event::Close(None)]);
    assert!(ping(&mut limited_to_none(), b"", Instant::now()).is_err());
}

fn limited_to_none() -> Connection {
    Setup::new(Role::Server).limits(Limits::default().max_control_rate(0)).connection()
}

proptest! {
    // However unevenly they come: a peer that keeps the rate over each stretch of a second and two is never refused.
    #[test]
    fn a_peer_that_keeps_the_rate_is_never_refused(jitter in prop::collection::vec(0..40_u64, 300)) {
        let (mut connection, start) = (limited(Role::Server), Instant::now());
        for (n, jitter) in (0_u64..).zip(jitter) {
            // Pairs every 41 ms, give or take: 48 a second.
            let now = start + Duration::from_millis(n * 41 + jitter);
            for _ in 0..2 {
                prop_assert!(ping(&mut connection, b"", now).is_ok(), "the pair {n}");
                drain(&mut connection, usize::MAX);
            }
        }
    }
}
