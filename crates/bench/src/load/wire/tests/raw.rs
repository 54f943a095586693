use super::*;
use crate::frame::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};
use crate::load::wire::{LEAST_LONGEST, OVERHEAD, Say};

/// A wire that is open, and how many bytes that took.
fn begin() -> (Box<dyn Wire>, usize) {
    let mut wire = open(&plan(Transport::Raw));
    assert!(wire.wants(Side::Down) && !wire.wants(Side::Up));
    wire.connected(Side::Down, Instant::now());
    assert!(!wire.wants(Side::Down));
    let answer = agree(&written(&mut *wire, Side::Down), "");
    let mut log = Log::default();
    log.feed(&mut *wire, Side::Down, answer.as_bytes(), Instant::now());
    assert_eq!(log.0, ["open"]);
    (wire, answer.len())
}

#[test]
fn messages_come_whole_at_any_split() {
    let mut first = frame(TEXT, "frag");
    first[0] &= 0x7f;
    let bytes = [
        frame(TEXT, "one"),
        first,
        frame(PING, "still there?"),
        frame(CONTINUATION, "ments"),
        frame(BINARY, "two"),
        frame(TEXT, ""),
        frame(PONG, ""),
        frame(TEXT, "a".repeat(200)),
    ]
    .concat();
    let (log, counts) = at_any_split(begin, Side::Down, &bytes);
    assert_eq!(log, ["one", "fragments", "two", "", &"a".repeat(200)]);
    assert_eq!((counts.received.payload, counts.arrivals), (3 + 9 + 3 + 200, 1));
    assert_eq!((counts.requests, counts.connections), (1, 1));
    // The answer to the ping.
    assert_eq!(counts.sent.framing, 6 + 12);
}

#[test]
fn wrong_frames_say_what_is_wrong() {
    let longest = LEAST_LONGEST + OVERHEAD;
    let mut masked = Vec::new();
    crate::frame::write(&mut masked, TEXT, Some([1; 4]), b"x");
    let mut compressed = frame(TEXT, "x");
    compressed[0] |= crate::frame::RSV1;
    let mut unfinished = frame(TEXT, "x");
    unfinished[0] &= 0x7f;
    for (bytes, part) in [
        (masked, "masked"),
        (compressed, "compress"),
        (frame(CONTINUATION, "x"), "out of turn"),
        ([unfinished.clone(), frame(TEXT, "x")].concat(), "out of turn"),
        ([unfinished.clone(), frame(CONTINUATION, "x".repeat(longest))].concat(), "longer than any message"),
        (frame(11, "x"), "opcode 11"),
        (frame(PING, "x".repeat(126)), "longer than any message"),
        (frame(TEXT, "x".repeat(longest + 1)), "longer than any message"),
        (frame(CLOSE, [&1013_u16.to_be_bytes()[..], b"full"].concat()), "1013 full"),
    ] {
        let (mut wire, _) = begin();
        let mut log = Log::default();
        assert!(!log.feed(&mut *wire, Side::Down, &bytes, Instant::now()));
        assert!(log.0[0].contains(part), "{log:?}");
    }
    let (mut wire, _) = begin();
    assert!(Log::default().feed(&mut *wire, Side::Down, &frame(TEXT, "x".repeat(longest)), Instant::now()));
    assert!(wire.ended(Side::Down, Instant::now()).is_err());
}

#[test]
fn the_handshake_is_answered_at_any_split() {
    for (answer, part) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "403"),
        ("SSH-2.0-OpenSSH_9\r\n", "not HTTP"),
        ("HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n", "key"),
    ] {
        let begin = || {
            let mut wire = open(&plan(Transport::Raw));
            wire.connected(Side::Down, Instant::now());
            (wire, 0)
        };
        let mut log = Log::default();
        assert!(!log.feed(&mut *begin().0, Side::Down, answer.as_bytes(), Instant::now()));
        assert!(log.0[0].contains(part), "{log:?}");
    }
    let mut wire = open(&plan(Transport::Raw));
    wire.connected(Side::Down, Instant::now());
    let answer = agree(&written(&mut *wire, Side::Down), "");
    let mut log = Log::default();
    for byte in [answer.as_bytes(), &frame(TEXT, "at once")].concat().chunks(1) {
        assert!(log.feed(&mut *wire, Side::Down, byte, Instant::now()));
    }
    assert_eq!(log.0, ["open", "at once"]);
    assert_eq!(wire.counts().received.headers, answer.len() as u64);
}

#[test]
fn what_is_said_is_counted_byte_for_byte() {
    let (mut wire, _) = begin();
    let before = wire.counts().sent;
    wire.say(Say::Message("hello"));
    wire.say(Say::Publish { room: "r", text: &"x".repeat(300) });
    let backlog = wire.backlog();
    assert_eq!(wire.output(Side::Down)[..2], [0x81, 0x85]);
    assert_eq!(wire.output(Side::Down).len(), backlog);
    written(&mut *wire, Side::Down);
    let after = wire.counts().sent;
    assert_eq!((after.payload, after.all() - before.all()), (305, backlog as u64));
    assert_eq!(wire.backlog(), 0);
}

#[test]
fn pings_that_nobody_reads_the_answers_to_have_a_bound() {
    let (mut wire, _) = begin();
    let ping = frame(PING, "x".repeat(122));
    let mut log = Log::default();
    // An answer has 128 bytes.
    for _ in 0..512 {
        assert!(log.feed(&mut *wire, Side::Down, &ping, Instant::now()), "{log:?}");
    }
    assert!(!log.feed(&mut *wire, Side::Down, &ping, Instant::now()));
    assert!(log.0[0].contains("doesn't read"), "{log:?}");
}

#[test]
fn a_room_is_in_the_address() {
    for (url, room, line) in [
        ("ws://h/chat?x=1", None, "GET /chat?x=1 HTTP/1.1"),
        ("ws://h/chat/?x=1", Some("r1"), "GET /chat/rooms/r1 HTTP/1.1"),
        ("ws://h", Some("r1"), "GET /rooms/r1 HTTP/1.1"),
    ] {
        let plan = LoadPlan::new(url.parse().unwrap(), Transport::Raw, Traffic::Echo);
        let mut wire = Wires::new(&plan).open(0, room, Instant::now());
        wire.connected(Side::Down, Instant::now());
        assert_eq!(written(&mut *wire, Side::Down).lines().next(), Some(line));
    }
}
