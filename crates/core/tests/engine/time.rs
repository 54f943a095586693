//! What must happen in time, on a virtual clock: closing, unfinished messages, keepalive (threats.md F3, S2).

use std::time::{Duration, Instant};

use bowline_core::{
    Error, Limits, Role,
    buffer::Input,
    connection::{Connection, Event, Keepalive},
    error::Timeout,
};
use bytes::BytesMut;

use crate::common::{CLOSE, CONTINUATION, FIN, PING, PONG, Pair, ROLES, Setup, TEXT, drain, frame, frames};

const NANOSECOND: Duration = Duration::from_nanos(1);

fn receive(connection: &mut Connection, bytes: &[u8], now: Instant) -> Option<Event> {
    connection.receive(&mut Input::new(BytesMut::from(bytes)), || now).unwrap()
}

/// Nothing happens a nanosecond before `deadline`, and `timeout` at it.
fn assert_due(connection: &mut Connection, deadline: Instant, timeout: Timeout) {
    assert_eq!(connection.poll_timeout(), Some(deadline));
    connection.handle_timeout(deadline - NANOSECOND).unwrap();
    assert!(!connection.is_closed());
    let error = connection.handle_timeout(deadline).unwrap_err();
    assert!(matches!(error, Error::Timeout(error) if error == timeout), "{error:?}");
    assert!(connection.is_closed());
    assert_eq!(connection.poll_timeout(), None);
    assert_eq!(connection.ended().map(|ended| (ended.is_clean(), ended.code())), Some((false, 1006)));
}

// S2: a peer that never answers Close, or trickles after it.
#[test]
fn s2_close_is_answered_in_time_or_not_at_all() {
    for role in ROLES {
        let limits = Limits::default().close_timeout(Duration::from_secs(5));
        let mut connection = Setup::new(role).limits(limits).connection();
        let start = Instant::now();
        connection.close(None, start);
        for second in 1..5 {
            let trickle = frame(role.peer(), if second == 1 { TEXT } else { CONTINUATION }, b"x");
            assert_eq!(receive(&mut connection, &trickle, start + Duration::from_secs(second)), None);
        }
        assert_due(&mut connection, start + Duration::from_secs(5), Timeout::Close);
    }
}

#[test]
fn an_answered_close_is_due_no_more() {
    let mut pair = Pair::new(None, |config| config);
    let now = pair.now;
    pair.server.close(None, now);
    assert!(pair.server.poll_timeout().is_some());
    pair.carry(Role::Server, &[]).unwrap();
    pair.carry(Role::Client, &[]).unwrap();
    assert_eq!(pair.server.poll_timeout(), None);
    pair.wait(Duration::from_secs(60));
    let now = pair.now;
    pair.server.handle_timeout(now).unwrap();
    assert!(pair.server.ended().is_some_and(bowline_core::connection::Ended::is_clean));
}

// F3: a message must end in time, whatever else comes meanwhile.
#[test]
fn f3_a_message_begun_must_end_in_time() {
    for role in ROLES {
        let limits = Limits::default().message_timeout(Duration::from_secs(60));
        let mut connection = Setup::new(role).limits(limits).connection();
        let start = Instant::now();
        assert_eq!(receive(&mut connection, &frame(role.peer(), TEXT, b"x"), start), None);
        for second in 1..60 {
            let now = start + Duration::from_secs(second);
            assert!(receive(&mut connection, &frame(role.peer(), FIN | PING, b""), now).is_some());
            assert_eq!(receive(&mut connection, &frame(role.peer(), CONTINUATION, b"x"), now), None);
        }
        drain(&mut connection, usize::MAX);
        assert_due(&mut connection, start + Duration::from_secs(60), Timeout::Message);
        let sent = frames(role, &drain(&mut connection, usize::MAX));
        assert_eq!((sent[0].0, &sent[0].1[..2]), (FIN | CLOSE, &1008_u16.to_be_bytes()[..]));
    }
}

#[test]
fn a_message_that_ends_in_time_is_due_no_more() {
    let mut connection = Setup::new(Role::Server).connection();
    let now = Instant::now();
    let whole = frame(Role::Client, FIN | TEXT, b"one");
    // Cut in the middle of its only frame, then the end of it and the start of another.
    receive(&mut connection, &whole[..8], now);
    assert!(connection.poll_timeout().is_some());
    assert_eq!(receive(&mut connection, &whole[8..], now), Some(Event::Message("one".into())));
    assert_eq!(connection.poll_timeout(), None);
    assert_eq!(receive(&mut connection, &whole, now), Some(Event::Message("one".into())));
    assert_eq!(connection.poll_timeout(), None, "a whole message has no deadline");
}

#[test]
fn messages_in_pieces_may_take_any_time() {
    let mut connection = Setup::new(Role::Server).in_pieces().connection();
    receive(&mut connection, &frame(Role::Client, TEXT, b"x"), Instant::now());
    assert_eq!(connection.poll_timeout(), None);
}

fn keepalive(interval: u64, timeout: u64) -> Pair {
    let keepalive =
        Keepalive::default().ping_interval(Duration::from_secs(interval)).ping_timeout(Duration::from_secs(timeout));
    Pair::new(None, |config| config.keepalive(Some(keepalive)))
}

/// Waits for what is due at the server, and gives what it sends.
fn next(pair: &mut Pair) -> (Result<(), Error>, Vec<u8>) {
    pair.now = pair.server.poll_timeout().expect("something is due");
    let result = pair.server.handle_timeout(pair.now);
    (result, drain(&mut pair.server, usize::MAX))
}

// RFC 6455 §5.5.2: a Ping keeps the path open, and tells whether the peer lives.
#[test]
fn a_peer_that_answers_nothing_is_given_up_after_ping_timeout() {
    let mut pair = keepalive(20, 5);
    let start = pair.now;
    let (result, wire) = next(&mut pair);
    assert!(result.is_ok());
    assert_eq!(frames(Role::Server, &wire)[0].0, FIN | PING);
    let waited = pair.now - start;
    assert!((Duration::from_secs(18)..Duration::from_secs(22)).contains(&waited), "{waited:?}");
    let deadline = pair.now + Duration::from_secs(5);
    assert_due(&mut pair.server, deadline, Timeout::Pong);
}

#[test]
fn any_byte_is_life() {
    let mut pair = keepalive(20, 5);
    next(&mut pair).0.unwrap();
    receive(&mut pair.server, &frame(Role::Client, FIN | TEXT, b"x")[..1], pair.now);
    pair.wait(Duration::from_secs(5));
    pair.server.handle_timeout(pair.now).unwrap();
    assert!(pair.server.is_open());
}

#[test]
fn a_peer_that_answers_is_pinged_for_ever_and_measured() {
    let mut pair = keepalive(20, 30);
    for _ in 0..100 {
        let (result, wire) = next(&mut pair);
        result.unwrap();
        let now = pair.now + Duration::from_millis(70);
        for (first, payload) in frames(Role::Server, &wire) {
            assert_eq!(first, FIN | PING);
            receive(&mut pair.server, &frame(Role::Client, FIN | PONG, &payload), now);
            assert_eq!(pair.server.round_trip(), Some(Duration::from_millis(70)));
        }
    }
    assert!(pair.server.is_open());
}

// The answer to the latest Ping is still missing when the next one is due: the first deadline stands.
#[test]
fn a_timeout_longer_than_the_interval_holds() {
    let mut pair = keepalive(10, 25);
    next(&mut pair).0.unwrap();
    let deadline = pair.now + Duration::from_secs(25);
    let failed = loop {
        if let (Err(error), _) = next(&mut pair) {
            break error;
        }
    };
    assert!(matches!(failed, Error::Timeout(Timeout::Pong)), "{failed:?}");
    assert_eq!(pair.now, deadline);
}
