//! Numbers that come, and when they are acknowledged, on a virtual clock.

use std::time::{Duration, Instant};

use bowline_core::session::{
    ACK_BYTES, ACK_DELAY, ACK_RECORDS, AttachError, ClientRecord, ClientSignal, Endpoint, Hole, Intake, Offered,
    RingBounds, ServerRecord, websocket,
};

#[test]
fn numbers_are_taken_once_and_in_order() {
    let mut intake = Intake::new();
    for (number, offered) in [
        (2, Offered::Hole),
        (u64::MAX, Offered::Hole),
        (1, Offered::New),
        (1, Offered::Duplicate),
        (0, Offered::Duplicate),
        (3, Offered::Hole),
        (2, Offered::New),
    ] {
        assert_eq!(intake.offer(number), offered, "{number}");
    }
    assert_eq!(intake.last(), 2);
}

/// On a WebSocket what came before is passed over, whichever way it came.
#[test]
fn records_without_numbers_count_from_where_their_carrier_begins() {
    let mut intake = Intake::new();
    assert_eq!((intake.next(), intake.next(), intake.last()), (Offered::New, Offered::New, 2));
    intake.attach(1).unwrap();
    // Meanwhile a POST brings the third.
    assert_eq!(intake.offer(3), Offered::New);
    assert_eq!((intake.next(), intake.next()), (Offered::Duplicate, Offered::Duplicate));
    assert_eq!((intake.next(), intake.last()), (Offered::New, 4));
    for from in [5, u64::MAX] {
        assert_eq!(intake.attach(from), Err(Hole { last: 4, from }));
    }
    assert_eq!((intake.next(), intake.last()), (Offered::New, 5));
}

#[test]
fn an_acknowledgement_is_due_with_64_records() {
    let (mut intake, now) = (Intake::new(), Instant::now());
    for number in 1..ACK_RECORDS {
        intake.offer(number.into());
        intake.received(|| now, 1);
    }
    assert_eq!(intake.take_ack(now), None);
    // The last one is a publication: it counts, and has no number here.
    intake.received(|| now, 1);
    assert_eq!(intake.take_ack(now), Some(u64::from(ACK_RECORDS) - 1));
    assert_eq!((intake.take_ack(now), intake.poll_timeout()), (None, None));
}

#[test]
fn an_acknowledgement_is_due_with_64_kib() {
    let (mut intake, now) = (Intake::new(), Instant::now());
    intake.next();
    intake.received(|| now, ACK_BYTES - 1);
    assert_eq!(intake.take_ack(now), None);
    intake.received(|| now, 1);
    assert_eq!(intake.take_ack(now), Some(1));
}

#[test]
fn an_acknowledgement_is_due_a_second_after_the_first_record_without_one() {
    let (mut intake, start) = (Intake::new(), Instant::now());
    assert_eq!((intake.poll_timeout(), intake.take_ack(start)), (None, None));
    intake.next();
    intake.received(|| start, 1);
    let just_before = start + ACK_DELAY - Duration::from_nanos(1);
    intake.next();
    intake.received(|| just_before, 1);
    assert_eq!(intake.poll_timeout(), Some(start + ACK_DELAY));
    assert_eq!(intake.take_ack(just_before), None);
    assert_eq!(intake.take_ack(start + ACK_DELAY), Some(2));
    // A cursor told it meanwhile: nothing is due.
    intake.received(|| just_before, ACK_BYTES);
    intake.acked_now();
    assert_eq!((intake.poll_timeout(), intake.take_ack(start + 2 * ACK_DELAY)), (None, None));
}

#[test]
fn what_was_superseded_neither_sends_nor_takes() {
    let mut server = Endpoint::<ServerRecord>::new(RingBounds::default());
    let record = |text: &str| ServerRecord::Message(text.into());
    let mut old = server.attach(0, 0).unwrap();
    server.ring.push(record("a"));
    server.ring.push(record("b"));
    assert_eq!(server.poll_send(&mut old), Some((1, &record("a"))));
    let mut new = server.attach(0, 0).unwrap();
    assert!(!server.is_current(&old) && server.is_current(&new));
    assert_eq!((server.poll_send(&mut old), old.sent()), (None, 1));
    assert_eq!(server.receive(&old, None), None);
    // Reading changes nothing: the new carrier begins with what is not acknowledged.
    assert_eq!(server.poll_send(&mut new), Some((1, &record("a"))));
    assert_eq!(server.poll_send(&mut new), Some((2, &record("b"))));
    assert_eq!(server.poll_send(&mut new), None);
    assert_eq!(server.receive(&new, None), Some(Offered::New));
    assert_eq!(server.receive(&new, Some(3)), Some(Offered::Hole));
    server.ring.ack(1).unwrap();
    let mut third = server.attach(server.ring.acked(), server.intake.last()).unwrap();
    assert_eq!((third.sent(), server.poll_send(&mut third)), (1, Some((2, &record("b")))));
}

/// The client had the answer to a `POST` before it had `open`, which was written before: what `open` says it lacks is gone.
#[test]
fn an_end_that_can_not_begin_where_the_other_counts_from_says_so() {
    let mut client = Endpoint::<ClientRecord>::new(RingBounds::default());
    let record = |number: u64| ClientRecord::Message(number.to_string().into());
    (1..=4).for_each(|number| assert_eq!(client.ring.push(record(number)), number));
    client.ring.ack(3).unwrap();
    let mut carrier = client.attach(1, 0).unwrap();
    let from = websocket::encode_signal(&ClientSignal::From(3));
    let fourth = websocket::encode_record(&record(4));
    assert_eq!([(); 3].map(|()| client.poll_message(&mut carrier)), [Some(from), Some(fourth), None]);
    // Over HTTP each has its number, and nothing need be said.
    let mut carrier = client.attach(1, 0).unwrap();
    assert_eq!(client.poll_send(&mut carrier), Some((4, &record(4))));

    let mut server = Endpoint::<ServerRecord>::new(RingBounds::default());
    (1..=3).for_each(|number| assert_eq!(server.intake.offer(number), Offered::New));
    let carrier = server.attach(0, 1).unwrap();
    server.handle_from(&carrier, 3).unwrap();
    assert_eq!((server.receive(&carrier, None), server.intake.last()), (Some(Offered::New), 4));
    assert_eq!(server.handle_from(&carrier, 5), Err(Hole { last: 4, from: 5 }));
    // What was superseded says nothing any more.
    let new = server.attach(0, 4).unwrap();
    assert_eq!(server.handle_from(&carrier, 1), Ok(()));
    assert_eq!(server.receive(&new, None), Some(Offered::New));
}

#[test]
fn a_carrier_that_lies_is_not_attached() {
    let mut client = Endpoint::<ClientRecord>::new(RingBounds::default());
    let carrier = client.attach(0, 0).unwrap();
    assert!(matches!(client.attach(1, 0), Err(AttachError::AheadOfSent(_))));
    assert!(matches!(client.attach(0, 1), Err(AttachError::Hole(_))));
    assert!(matches!(client.attach(u64::MAX, u64::MAX), Err(AttachError::AheadOfSent(_))));
    assert!(client.is_current(&carrier));
    assert_eq!(client.receive(&carrier, None), Some(Offered::New));
}
