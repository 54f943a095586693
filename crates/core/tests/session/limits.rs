//! Bounds, at the bound and one past it; and what the protocol's text says of them.

use bowline_core::{
    Message,
    event_stream::{Parser, Piece},
    session::{
        ACK_BYTES, ACK_DELAY, ACK_RECORDS, AheadOfSent, Carrier, ClientRecord, Cursor, Endpoint, Intake, Publish, Ring,
        RingBounds, Secret, ServerRecord, events, max_event, websocket,
    },
};

fn message(size: usize) -> ServerRecord {
    ServerRecord::Message(vec![0; size].into())
}

#[test]
fn a_ring_holds_as_many_records_as_its_bound() {
    let mut ring = Ring::new(RingBounds { records: 3, bytes: 100 });
    for number in 1..=3 {
        assert!(ring.has_room(1));
        assert_eq!(ring.push(message(1)), number);
    }
    assert!(!ring.has_room(0));
    ring.ack(1).unwrap();
    assert!(ring.has_room(1));
}

#[test]
fn a_ring_holds_as_many_bytes_as_its_bound_and_always_one_record() {
    let mut ring = Ring::new(RingBounds { records: 3, bytes: 100 });
    ring.push(message(60));
    assert!(ring.has_room(40) && !ring.has_room(41) && !ring.has_room(usize::MAX));
    ring.ack(1).unwrap();
    assert!(ring.has_room(usize::MAX));
    ring.push(message(101));
    assert!(!ring.has_room(0));
    assert_eq!((ring.len(), ring.bytes()), (1, 101));
    let mut none = Ring::new(RingBounds { records: 0, bytes: 0 });
    assert!(none.has_room(1));
    none.push(message(1));
    assert!(!none.has_room(0));
}

/// The last record of a session never waits.
#[test]
fn a_close_goes_past_the_bounds() {
    let mut ring = Ring::new(RingBounds { records: 1, bytes: 1 });
    ring.push(message(1));
    assert_eq!(ring.push(ServerRecord::Close(bowline_core::CloseCode::GOING_AWAY.into())), 2);
    assert_eq!(ring.last(), 2);
}

#[test]
fn what_is_acknowledged_is_forgotten_and_what_is_behind_is_passed_over() {
    let mut ring = Ring::new(RingBounds::default());
    for size in 1..=5 {
        ring.push(message(size));
    }
    let numbers = |ring: &Ring<ServerRecord>, after| ring.after(after).map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers(&ring, 3), [4, 5]);
    assert_eq!(ring.after(3).map(|(_, record)| record.clone()).collect::<Vec<_>>(), [message(4), message(5)]);
    ring.ack(2).unwrap();
    ring.ack(1).unwrap();
    assert_eq!((ring.acked(), ring.last(), ring.bytes()), (2, 5, 12));
    assert_eq!(numbers(&ring, 0), [3, 4, 5]);
    assert_eq!((numbers(&ring, 5), numbers(&ring, u64::MAX)), (vec![], vec![]));
    assert_eq!(ring.ack(6), Err(AheadOfSent { acked: 6, last: 5 }));
    assert_eq!(ring.ack(u64::MAX), Err(AheadOfSent { acked: u64::MAX, last: 5 }));
    assert_eq!((ring.acked(), ring.len()), (2, 3));
    ring.ack(5).unwrap();
    assert_eq!((ring.is_empty(), ring.bytes(), ring.last()), (true, 0, 5));
    assert_eq!(ring.push(message(0)), 6);
}

/// What needs most on the wire for its size still fits an event, so that a receiver's bound hits nobody who keeps to the
/// bounds on messages.
#[test]
fn the_largest_of_each_kind_fits_an_event() {
    for max_message in [1 << 10, 1 << 20] {
        for character in ["\n", "\r", "\"", "\u{1}", "x", "é"] {
            let text = || character.repeat(max_message / character.len());
            // Names and keys are bounded by the server, at 255 bytes each.
            let name = || character.repeat(255 / character.len());
            let publish = |message| {
                let (room, key, idempotency_key) = (name(), Some(name()), Some(name()));
                ClientRecord::Publish(Box::new(Publish { room, message, key, idempotency_key }))
            };
            let binary = || Message::from(vec![0; max_message]);
            for record in [
                publish(text().into()),
                publish(binary()),
                ClientRecord::Message(text().into()),
                ClientRecord::Message(binary()),
            ] {
                let mut out = Vec::new();
                events::append_record(&mut out, u64::MAX, &record);
                let mut parser = Parser::new(max_event(max_message));
                parser.push(&out);
                let Ok(Some(Piece::Event(event))) = parser.next() else { panic!("{character:?}") };
                assert_eq!(events::read(&event), Ok(events::Item::Record { number: u64::MAX, record: record.clone() }));
                let encoded = websocket::encode_record(&record);
                assert!(encoded.len() <= max_event(max_message));
            }
        }
    }
}

#[test]
fn the_bounds_are_those_of_the_protocols_text() {
    const TEXT: &str = include_str!("../../PROTOCOL.md");
    let RingBounds { records, bytes } = RingBounds::default();
    let records = format!("{},{:03}", records / 1000, records % 1000);
    for claim in [
        format!("| a ring, each way | {records} records, {} KiB of payload, and always one message |", bytes >> 10),
        format!("{ACK_RECORDS} records or {} KiB", ACK_BYTES >> 10),
        format!("the first of them for {} s", ACK_DELAY.as_secs()),
        format!("| a cursor | {} rooms |", Cursor::MAX_ROOMS),
        format!("| an event, all its lines | 4/3 of a message and {} KiB |", max_event(0) >> 10),
        format!("`reason` has at most {} bytes", bowline_core::CloseFrame::MAX_REASON),
    ] {
        assert!(TEXT.contains(&claim), "{claim}");
    }
    assert_eq!(max_event(3 << 20), (4 << 20) + max_event(0));
    assert_eq!(max_event(usize::MAX), usize::MAX);
}

/// What stands in every session of a million, and in a ring for each record.
#[test]
fn the_sizes_are_what_a_million_sessions_reckon_with() {
    assert!(size_of::<Endpoint<ServerRecord>>() <= 160, "{}", size_of::<Endpoint<ServerRecord>>());
    assert!(size_of::<Intake>() <= 56, "{}", size_of::<Intake>());
    assert!(size_of::<Carrier>() <= 16);
    assert!(size_of::<Secret>() <= 32, "{}", size_of::<Secret>());
    assert!(size_of::<ServerRecord>() <= 96, "{}", size_of::<ServerRecord>());
    assert!(size_of::<ClientRecord>() <= 96, "{}", size_of::<ClientRecord>());
}
