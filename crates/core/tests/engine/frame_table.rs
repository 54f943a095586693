//! Every first byte, masked and not, in every state, for both roles, with and without permessage-deflate: what RFC 6455 and
//! RFC 7692 say of each is in `oracle`; here the engine is held to it, however the bytes are cut (threats.md F5, F6).

use bowline_core::{CloseCode, connection::Connection, error::ProtocolError};

use crate::{
    common::{CLOSE, FIN, PONG, ROLES, Seen, Setup, deflate_params, frame, frame_masked, see},
    oracle::{Before, Case, Outcome},
};

/// All cases.
fn table() -> impl Iterator<Item = Case> {
    let roles = ROLES.into_iter().flat_map(|role| [false, true].map(|deflate| (role, deflate)));
    roles.flat_map(|(role, deflate)| {
        let states = Before::ALL.into_iter().filter(move |before| deflate || !before.needs_deflate());
        let closing = states.flat_map(|before| [false, true].map(|closing| (before, closing)));
        closing.flat_map(move |(before, closing)| {
            (0..=255).flat_map(move |first| {
                [false, true].map(|masked| Case { role, deflate, before, closing, first, masked })
            })
        })
    })
}

fn setup(case: &Case) -> Setup {
    Setup::new(case.role).deflate(case.deflate.then(|| deflate_params(false)))
}

/// What the engine makes of the case, the frame cut at `cuts`.
fn run(case: &Case, cuts: &[usize]) -> Seen {
    let mut connection = setup(case).connection();
    if let Some((first, payload)) = case.before.opening() {
        let seen = see(&mut connection, &[&frame(case.role.peer(), first, payload)]);
        assert!(seen.events.is_empty() && seen.error.is_none(), "{case:?}");
    }
    if case.closing {
        begin_to_close(&mut connection);
    }
    let bytes = frame_masked(case.masked, case.first, case.payload());
    see(&mut connection, &crate::common::pieces(&bytes, cuts))
}

fn begin_to_close(connection: &mut Connection) {
    connection.close(Some(&CloseCode::NORMAL_CLOSURE.into()), std::time::Instant::now());
    let wire = crate::common::drain(connection, usize::MAX);
    assert_eq!(crate::common::frames(connection.role(), &wire), [(FIN | CLOSE, 1000_u16.to_be_bytes().to_vec())]);
}

fn assert_outcome(case: &Case, seen: &Seen) {
    let outcome = case.outcome();
    match &outcome {
        Outcome::Nothing => assert!(seen.events.is_empty() && seen.error.is_none(), "{case:?}: {seen:?}"),
        Outcome::Event(event) => {
            assert_eq!(seen.events, std::slice::from_ref(event), "{case:?}");
            assert_eq!(seen.error, None, "{case:?}");
        }
        Outcome::Fails(broken) => {
            let errors: Vec<_> = broken.iter().map(|error| format!("Protocol({error:?})")).collect();
            assert!(seen.error.as_ref().is_some_and(|error| errors.contains(error)), "{case:?}: {broken:?}: {seen:?}");
            assert!(seen.events.is_empty(), "{case:?}");
        }
    }
    // RFC 6455 §5.5.1: nothing is sent after a Close frame.
    let answer = if case.closing { None } else { outcome.answer() };
    match answer {
        None => assert_eq!(seen.sent, [], "{case:?}"),
        Some((PONG, payload)) => assert_eq!(seen.sent, [(FIN | PONG, payload)], "{case:?}"),
        Some((opcode, code)) => {
            let [(first, payload)] = &seen.sent[..] else { panic!("{case:?}: one Close frame: {seen:?}") };
            assert_eq!(*first, FIN | opcode, "{case:?}");
            assert_eq!(payload[..2], code, "{case:?}");
            let says_why = payload.len() > 2 && std::str::from_utf8(&payload[2..]).is_ok();
            assert_eq!(says_why, matches!(outcome, Outcome::Fails(_)), "{case:?}: {payload:?}");
        }
    }
    assert_eq!(seen.closed, outcome.closes(), "{case:?}");
}

#[test]
fn every_frame_in_every_state() {
    let mut count = 0;
    for case in table() {
        let whole = run(&case, &[]);
        assert_outcome(&case, &whole);
        assert_eq!(run(&case, &[1]), whole, "{case:?} byte by byte");
        let len = frame_masked(case.masked, case.first, case.payload()).len();
        for cut in 1..len {
            assert_eq!(run(&case, &[cut, usize::MAX]), whole, "{case:?} cut at {cut}");
        }
        count += 1;
    }
    // 256 first bytes, masked and not, open and closing, in three states without deflate and four with it, twice.
    assert_eq!(count, 256 * 2 * 2 * (3 + 4) * 2);
}

// RFC 6455 §5.5: 125 is the most that a control frame holds; whoever says more is refused by the second byte.
#[test]
fn rfc6455_5_5_long_control_frames() {
    for role in ROLES {
        for opcode in [0x8, 0x9, 0xA] {
            for len in [126, 127, 65_535, 65_536] {
                let header = crate::common::header(role.peer(), FIN | opcode, len);
                let seen = Setup::new(role).see(&header[..2], &[]);
                assert_eq!(seen.error, Some(format!("Protocol({:?})", ProtocolError::OversizedControl)));
                assert_eq!(seen.close_codes(), [1002]);
            }
        }
    }
}

// RFC 6455 §1.4 and §5.5.1: what comes after a Close frame is discarded, whatever it is.
#[test]
fn rfc6455_5_5_1_nothing_comes_after_close() {
    for role in ROLES {
        for first in 0..=255 {
            let close = frame(role.peer(), FIN | CLOSE, &[]);
            let bytes = [close.clone(), frame(role.peer(), first, b"lo")].concat();
            assert_eq!(Setup::new(role).see(&bytes, &[]), Setup::new(role).see(&close, &[]), "{first:#x}");
        }
    }
}
