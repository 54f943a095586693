//! Who comes and goes, as the others are told.

use bowline_core::Message;

use super::{Ground, lenient, name, numbers};
use crate::{
    room::{Next, PresenceEvent, Present, RoomOptions},
    session::SessionId,
};

fn told() -> RoomOptions {
    lenient().presence(true)
}

fn text(event: &PresenceEvent) -> String {
    event.to_message(&name()).as_text().expect("JSON").to_owned()
}

fn joined(session: SessionId) -> String {
    text(&PresenceEvent::Joined(Present { session, identity: None }))
}

fn left(session: SessionId) -> String {
    text(&PresenceEvent::Left(Present { session, identity: None }))
}

#[test]
fn events_are_json_as_documented() {
    let session = SessionId::random();
    let event = PresenceEvent::Joined(Present { session, identity: Some("an\"n".into()) });
    let value: serde_json::Value = serde_json::from_str(&text(&event)).expect("JSON");
    let expected =
        serde_json::json!({ "room": "a", "presence": "joined", "session": session.to_string(), "identity": "an\"n" });
    assert_eq!(value, expected);
    assert_eq!(PresenceEvent::Missed.to_message(&name()), Message::text(r#"{"room":"a","presence":"missed"}"#));
}

#[test]
fn members_are_told_of_others_in_order_and_not_of_themselves() {
    let mut ground = Ground::new(told());
    let [a, b, c] = [(); 3].map(|()| SessionId::random());
    let first = ground.session(a);
    let second = ground.session(b);
    let third = ground.session(c);
    ground.state.leave(second, ground.now);
    assert_eq!(ground.read(first), [joined(b), joined(c), left(b)]);
    assert_eq!(ground.read(third), [left(b)]);
    assert!(ground.read(first).is_empty());
}

#[test]
fn presence_takes_no_offset_and_nobody_misses_a_publication_for_it() {
    let mut ground = Ground::new(told().max_log_count(5));
    let first = ground.session(SessionId::random());
    ground.count(1..=5);
    let others: Vec<_> = (0..20).map(|_| ground.session(SessionId::random())).collect();
    assert_eq!((ground.state.log.head(), ground.state.log.len()), (5, 5));
    let seen = ground.read(first);
    assert_eq!((&seen[..5], seen.len()), (&numbers(1..=5)[..], 25));
    for other in others {
        ground.state.leave(other, ground.now);
    }
    assert_eq!(ground.read(first).len(), 20);
}

#[test]
fn events_count_as_no_publication() {
    let mut ground = Ground::new(told());
    let first = ground.session(SessionId::random());
    ground.session(SessionId::random());
    let next = ground.state.read(first);
    assert!(matches!(next, Next::Encoded(_, 0)), "{next:?}");
}

#[test]
fn a_member_that_is_slow_is_told_once_that_it_missed_some() {
    let mut ground = Ground::new(told().max_presence_log(3));
    let first = ground.session(SessionId::random());
    let names: Vec<_> = (0..3).map(|_| SessionId::random()).collect();
    let mut others: Vec<_> = names.iter().map(|name| ground.session(*name)).collect();
    assert_eq!(ground.read(first), names.iter().copied().map(joined).collect::<Vec<_>>(), "as many as are kept");
    others.extend((0..4).map(|_| ground.session(SessionId::random())));
    assert_eq!(ground.read(first), [text(&PresenceEvent::Missed)], "one more");
    ground.state.leave(others[0], ground.now);
    assert_eq!(ground.read(first), [left(names[0])]);
}

#[test]
fn a_room_without_presence_and_a_reader_that_does_not_ask_are_told_nothing() {
    let mut quiet = Ground::new(lenient());
    let first = quiet.session(SessionId::random());
    quiet.session(SessionId::random());
    assert!(quiet.read(first).is_empty());
    let mut ground = Ground::new(told());
    let reader = ground.reader(0);
    let session = ground.session(SessionId::random());
    assert!(ground.read(reader).is_empty());
    // Nor is anybody told of a reader without a session.
    ground.state.leave(reader, ground.now);
    assert!(ground.read(session).is_empty());
}
