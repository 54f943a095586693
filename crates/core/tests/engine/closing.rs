//! The closing handshake (RFC 6455 §5.5.1, §7; threats.md F7).

use std::time::Instant;

use bowline_core::{
    CloseCode, CloseFrame, Error, Message, Role, SendError,
    connection::{Connection, Event},
    error::ProtocolError,
};

use crate::common::{CLOSE, FIN, PING, Pair, ROLES, Setup, TEXT, drain, frame, frames, see};

fn close_frame(role: Role, code: u16, reason: &[u8]) -> Vec<u8> {
    frame(role.peer(), FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

// RFC 6455 §7.4.1 and §7.4.2, and the IANA registry's 1012 to 1014: the codes that a frame may carry.
#[test]
fn rfc6455_7_4_every_close_code() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let seen = Setup::new(role).see(&close_frame(role, code, b"bye"), &[]);
            let reserved_or_unassigned = matches!(code, 0..1000 | 1004..=1006 | 1015..3000 | 5000..);
            if reserved_or_unassigned {
                assert_eq!(seen.error, Some(format!("Protocol({:?})", ProtocolError::InvalidCloseCode(code))));
                assert_eq!((seen.close_codes(), seen.code), (vec![1002], Some(1006)), "{code}");
            } else {
                let frame = CloseFrame::new(CloseCode::new(code).unwrap(), "bye");
                assert_eq!(seen.events, [Event::Close(Some(frame))]);
                assert_eq!((seen.close_codes(), seen.code), (vec![code], Some(code)));
            }
        }
    }
}

// RFC 6455 §5.5.1: the body, if there is one, is a code and then UTF-8.
#[test]
fn rfc6455_5_5_1_payloads() {
    let longest = [&1000_u16.to_be_bytes()[..], &[b'x'; 123]].concat();
    let cases: [(&[u8], Result<&str, ProtocolError>); 6] = [
        (b"", Ok("")),
        (b"\x03", Err(ProtocolError::TruncatedClosePayload)),
        (b"\x03\xe8", Ok("")),
        (&longest, Ok(str::from_utf8(&longest[2..]).unwrap())),
        (b"\x03\xe8\xc3\xa9", Ok("é")),
        (b"\x03\xe8\xc3", Err(ProtocolError::InvalidUtf8)),
    ];
    for role in ROLES {
        for (payload, expected) in &cases {
            let bytes = frame(role.peer(), FIN | CLOSE, payload);
            let seen = Setup::new(role).see(&bytes, &[]);
            match expected {
                Ok(reason) => {
                    let frame = (!payload.is_empty()).then(|| CloseFrame::new(CloseCode::NORMAL_CLOSURE, *reason));
                    assert_eq!(seen.events, [Event::Close(frame)]);
                    assert_eq!(seen.close_codes(), [if payload.is_empty() { 1005 } else { 1000 }]);
                }
                Err(error) => {
                    assert_eq!(seen.error, Some(format!("Protocol({error:?})")));
                    assert_eq!(seen.close_codes(), [error.close_code().get()]);
                }
            }
            assert_eq!(Setup::new(role).see(&bytes, &[1]), seen);
        }
    }
}

fn pair() -> Pair {
    Pair::new(None, |config| config)
}

fn how_it_ended(connection: &Connection) -> (bool, bool, u16) {
    let ended = connection.ended().expect("it has ended");
    (ended.by_peer(), ended.is_clean(), ended.code())
}

// RFC 6455 §7.1.4: clean where both ends sent a Close frame.
#[test]
fn rfc6455_7_1_4_a_clean_close_either_way() {
    for first in ROLES {
        let mut pair = pair();
        let now = pair.now;
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "moving");
        pair.end(first).close(Some(&frame), now);
        assert!(!pair.end(first).is_open() && !pair.end(first).is_closed());
        assert_eq!(pair.carry(first, &[1]).unwrap(), [Event::Close(Some(frame))]);
        assert_eq!(pair.carry(first.peer(), &[1]).unwrap(), [Event::Close(Some(CloseCode::GOING_AWAY.into()))]);
        assert_eq!(how_it_ended(pair.end(first)), (false, true, 1001));
        assert_eq!(how_it_ended(pair.end(first.peer())), (true, true, 1001));
        assert!(pair.carry(first, &[]).unwrap().is_empty(), "nothing follows the Close frames");
        assert!(pair.end(first).receive_eof().is_ok() && pair.end(first.peer()).receive_eof().is_ok());
    }
}

#[test]
fn both_ends_may_close_at_once() {
    let mut pair = pair();
    let now = pair.now;
    pair.client.close(Some(&CloseCode::NORMAL_CLOSURE.into()), now);
    pair.server.close(Some(&CloseCode::SERVICE_RESTART.into()), now);
    let wires = ROLES.map(|role| drain(pair.end(role), usize::MAX));
    for (role, wire) in ROLES.into_iter().zip(wires) {
        let seen = see(pair.end(role.peer()), &[&wire]);
        assert!(seen.closed && seen.error.is_none() && seen.sent.is_empty(), "one Close frame each: {seen:?}");
    }
    assert_eq!(how_it_ended(&pair.client), (false, true, 1012));
    assert_eq!(how_it_ended(&pair.server), (false, true, 1000));
}

// RFC 6455 §7.1.5: 1006 where the stream ended without a Close frame from the peer.
#[test]
fn rfc6455_7_1_5_an_end_without_close_is_abnormal() {
    for role in ROLES {
        let mut open = Setup::new(role).connection();
        assert!(matches!(open.receive_eof(), Err(Error::Abnormal)));
        assert_eq!(how_it_ended(&open), (true, false, 1006));
        assert!(drain(&mut open, usize::MAX).is_empty(), "nobody is there to tell");

        let mut closing = Setup::new(role).connection();
        closing.close(None, Instant::now());
        assert!(matches!(closing.receive_eof(), Err(Error::Abnormal)));
        assert_eq!(how_it_ended(&closing), (false, false, 1006), "this end closed first");
    }
}

// RFC 6455 §5.5.1: after its Close frame an end sends no data, but still takes what the peer sent before its own.
#[test]
fn rfc6455_5_5_1_messages_are_received_until_the_peers_close() {
    for role in ROLES {
        let bytes = [
            frame(role.peer(), FIN | TEXT, b"last words"),
            frame(role.peer(), FIN | PING, b""),
            close_frame(role, 1000, b""),
        ]
        .concat();
        let close = |connection: &mut Connection| connection.close(None, Instant::now());
        let seen = Setup::new(role).see_after(close, &bytes, &[]);
        assert_eq!(seen.events.len(), 3);
        assert_eq!(seen.messages(), [Message::text("last words")]);
        assert_eq!(seen.sent, [], "no Pong, and no second Close");
    }
}

#[test]
fn after_close_nothing_can_be_sent_and_the_message_comes_back() {
    let mut server = Setup::new(Role::Server).connection();
    server.close(None, Instant::now());
    let error = server.send("late").unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.into_rejected().unwrap().message(), &Message::text("late"));
    assert!(server.ping(bytes::Bytes::new()).is_err_and(|error: SendError<_>| error.is_closed()));
    server.close(Some(&CloseCode::GOING_AWAY.into()), Instant::now());
    assert_eq!(frames(Role::Server, &drain(&mut server, usize::MAX)), [(FIN | CLOSE, vec![])]);
}

// A Pong that is owed goes before Close, since nothing may follow that.
#[test]
fn a_pong_that_is_owed_goes_before_close() {
    for role in ROLES {
        let mut connection = Setup::new(role).connection();
        let pings = [frame(role.peer(), FIN | PING, b"1"), frame(role.peer(), FIN | PING, b"2")].concat();
        let mut input = bowline_core::buffer::Input::new(pings[..].into());
        while connection.receive(&mut input, Instant::now).unwrap().is_some() {}
        connection.close(None, Instant::now());
        let sent: Vec<u8> =
            frames(role, &drain(&mut connection, usize::MAX)).into_iter().map(|(first, _)| first & 0xf).collect();
        assert_eq!(sent, [0xA, 0xA, CLOSE]);
    }
}
