use std::time::Duration;

use super::*;
use crate::frame::{BINARY, TEXT};
use crate::load::wire::Say;

fn event(kind: &str, data: &str) -> Vec<u8> {
    frame(TEXT, format!("\u{1e}event: {kind}\ndata: {data}"))
}

fn joined(to: u64, number: u64, offset: u64) -> Vec<u8> {
    event("joined", &format!(r#"{{"to":{to},"room":"r{number}","number":{number},"position":"{EPOCH}-{offset}"}}"#))
}

/// A wire whose handshake is answered.
fn begin() -> (Box<dyn Wire>, usize) {
    let mut wire = open(&plan(Transport::WebSocket));
    wire.connected(Side::Down, Instant::now());
    let request = written(&mut *wire, Side::Down);
    assert!(request.starts_with("GET /chat/session HTTP/1.1\r\n"), "{request}");
    let answer = agree(&request, "Sec-WebSocket-Protocol: bowline.v1\r\n");
    assert!(Log::default().feed(&mut *wire, Side::Down, answer.as_bytes(), Instant::now()));
    (wire, answer.len())
}

#[test]
fn records_and_publications_come_whole_at_any_split() {
    let bytes = [
        event("open", OPEN),
        frame(TEXT, "hello"),
        event("ack", "1"),
        joined(2, 7, 119),
        frame(TEXT, "\u{1e}7.120 dinner is ready"),
        frame(TEXT, "\u{1e}7.121"),
        frame(BINARY, "bytes"),
        frame(TEXT, "\u{1e}7.121 again"),
        frame(TEXT, "\u{1e}\u{1e}separated"),
        event("presence", r#"{"room":"r7","presence":"missed"}"#),
        event("gap", &format!(r#"{{"room":"r7","from":"{EPOCH}-120","to":"{EPOCH}-131","reason":"slow"}}"#)),
        frame(TEXT, "\u{1e}7.132 "),
        frame(BINARY, "bin"),
        event("from", "1"),
        // What it has: joined, and the text with a separator; then what is new.
        frame(TEXT, "old"),
        frame(TEXT, "old"),
        frame(TEXT, "old"),
        frame(TEXT, "new"),
    ]
    .concat();
    let (log, counts) = at_any_split(begin, Side::Down, &bytes);
    let separated = "\u{1e}separated";
    assert_eq!(log, ["open", "hello", "joined", "dinner is ready", "bytes", separated, "gap of 10", "", "bin", "new"]);
    let payload = 5 + 15 + 5 + separated.len() + 3 + 3;
    assert_eq!((counts.received.payload, counts.requests, counts.connections), (payload as u64, 1, 1));
}

#[test]
fn what_is_wrong_is_told() {
    let opened = event("open", OPEN);
    for (bytes, part) in [
        (frame(TEXT, "early"), "before the session was opened"),
        (event("joined", "{}"), "joined"),
        ([opened.clone(), frame(TEXT, "\u{1e}7.1 x")].concat(), "isn't in"),
        ([opened.clone(), frame(TEXT, "\u{1e}7.0 x")].concat(), "header of a publication"),
        ([opened.clone(), frame(TEXT, "\u{1e}7.18446744073709551616 x")].concat(), "header of a publication"),
        ([opened.clone(), frame(TEXT, "\u{1e}7.1"), frame(TEXT, "x")].concat(), "binary publication is missing"),
        ([opened.clone(), event("superseded", "{}")].concat(), "superseded"),
        ([opened.clone(), event("from", "3")].concat(), "after record 3"),
        ([opened.clone(), event("news", "{}")].concat(), "unknown kind"),
        ([opened.clone(), event("close", r#"{"code":1000,"reason":"bye"}"#)].concat(), "1000 bye"),
        ([opened, event("failed", r#"{"to":1,"error":"room-full","text":"full"}"#)].concat(), "room-full (full)"),
    ] {
        let (mut wire, _) = begin();
        let mut log = Log::default();
        assert!(!log.feed(&mut *wire, Side::Down, &bytes, Instant::now()), "{part}: {log:?}");
        assert!(log.0.last().is_some_and(|last| last.contains(part)), "{part}: {log:?}");
    }
}

#[test]
fn it_acknowledges_after_64_records_or_a_second() {
    let now = Instant::now();
    let (mut wire, _) = begin();
    let feed = |wire: &mut dyn Wire, bytes: &[u8], now| assert!(Log::default().feed(wire, Side::Down, bytes, now));
    feed(&mut *wire, &[event("open", OPEN), joined(1, 7, 0), joined(2, 9, 5)].concat(), now);
    assert_eq!(wire.due(), Some(now + Duration::from_secs(1)));
    for offset in 1..62 {
        feed(&mut *wire, &frame(TEXT, format!("\u{1e}7.{offset} x")), now);
    }
    assert_eq!(wire.output(Side::Down), b"");
    feed(&mut *wire, &frame(TEXT, "\u{1e}7.62 x"), now);
    assert_eq!(unmasked(wire.output(Side::Down)), "\u{1e}event: ack\ndata: 2 7.62");
    written(&mut *wire, Side::Down);
    assert_eq!(wire.due(), None);
    feed(&mut *wire, &frame(TEXT, "one more"), now);
    wire.attend(now + Duration::from_millis(999));
    assert_eq!(wire.output(Side::Down), b"");
    wire.attend(now + Duration::from_secs(1));
    assert_eq!(unmasked(wire.output(Side::Down)), "\u{1e}event: ack\ndata: 3");
    assert_eq!(wire.due(), None);
}

#[test]
fn what_is_said_goes_as_the_protocol_has_it() {
    for (said, text, payload) in [
        (Say::Message("hello"), "hello", 5),
        (Say::Message("\u{1e}x"), "\u{1e}\u{1e}x", 2),
        (Say::Join("kitchen"), "\u{1e}event: join\ndata: {\"room\":\"kitchen\"}", 0),
        (
            Say::Publish { room: "kitchen", text: "dinner" },
            "\u{1e}event: publish\ndata: {\"room\":\"kitchen\",\"text\":\"dinner\"}",
            6,
        ),
    ] {
        let (mut wire, _) = begin();
        let before = wire.counts().sent.all();
        wire.say(said);
        let bytes = wire.output(Side::Down).to_vec();
        assert_eq!((unmasked(&bytes).as_str(), wire.counts().sent.all()), (text, before), "nothing is written yet");
        wire.wrote(Side::Down, bytes.len());
        assert_eq!(wire.counts().sent.all() - before, bytes.len() as u64);
        assert_eq!(wire.counts().sent.payload, payload);
    }
}

#[test]
fn it_is_in_128_rooms_and_no_more() {
    let (mut wire, _) = begin();
    let rooms: Vec<u8> = (1..=128).flat_map(|number| joined(number, number, 0)).collect();
    let mut log = Log::default();
    assert!(log.feed(&mut *wire, Side::Down, &[event("open", OPEN), rooms].concat(), Instant::now()));
    assert!(!log.feed(&mut *wire, Side::Down, &joined(129, 129, 0), Instant::now()));
    assert!(log.0.last().is_some_and(|last| last.contains("more than 128 rooms")), "{log:?}");
}
