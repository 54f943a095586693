//! Each record and signal comes back from each codec as it was sent.

use std::time::Duration;

use bowline_core::{
    CloseCode, CloseFrame, Limits, Message, Role, Utf8Bytes,
    buffer::Input,
    connection::{Config, Connection, Event as Frame},
    event_stream::{Event, Parser, Piece},
    handshake::Negotiated,
    message::Encoding,
    position::{Epoch, Gap, GapReason, Position},
    session::{
        ClientRecord, ClientSignal, Cursor, FailedReason, JoinStart, Member, Open, Presence, PresenceChange, Publish,
        Record, RoomNumber, Secret, ServerRecord, ServerSignal, SessionId, Signal, events, max_event, websocket,
    },
};
use bytes::BytesMut;
use proptest::prelude::*;

fn place(offset: u64) -> Position {
    Position { epoch: Epoch::random(), offset }
}

fn texts() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(vec!["\u{1e}", "\r", "\n", "\"", "\\", "\0", "\u{2028}", "7.1 ", "event: x", "é"]);
    let word = prop_oneof![mark.prop_map(str::to_owned), any::<String>()];
    proptest::collection::vec(word, 0..5).prop_map(|words| words.concat())
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![texts().prop_map(Message::from), any::<Vec<u8>>().prop_map(Message::from)]
}

fn closes() -> impl Strategy<Value = CloseFrame> {
    let code = any::<u16>().prop_map(|code| CloseCode::new(code).unwrap_or(CloseCode::GOING_AWAY));
    (code, texts()).prop_map(|(code, reason)| CloseFrame::new(code, reason))
}

fn of_clients() -> impl Strategy<Value = ClientRecord> {
    let start = prop_oneof![
        Just(JoinStart::Newest),
        any::<u64>().prop_map(JoinStart::History),
        any::<u64>().prop_map(|offset| JoinStart::After(place(offset))),
    ];
    let keys = (any::<Option<String>>(), any::<Option<String>>());
    let publish = (texts(), messages(), keys).prop_map(|(room, message, (key, idempotency_key))| {
        ClientRecord::Publish(Box::new(Publish { room, message, key, idempotency_key }))
    });
    prop_oneof![
        messages().prop_map(ClientRecord::Message),
        (texts(), start).prop_map(|(room, start)| ClientRecord::Join { room, start }),
        texts().prop_map(|room| ClientRecord::Leave { room }),
        publish,
        texts().prop_map(|room| ClientRecord::Members { room }),
        closes().prop_map(ClientRecord::Close),
    ]
}

fn members() -> impl Strategy<Value = Member> {
    proptest::option::of(texts()).prop_map(|identity| Member { session: SessionId::random(), identity })
}

fn of_servers() -> impl Strategy<Value = ServerRecord> {
    let joined = (any::<Option<u64>>(), texts(), any::<u64>(), any::<u64>()).prop_map(|(to, room, number, offset)| {
        ServerRecord::Joined { to, room, number: RoomNumber(number), position: place(offset) }
    });
    let failed = (any::<u64>(), prop::sample::select(FailedReason::ALL), texts());
    prop_oneof![
        messages().prop_map(ServerRecord::Message),
        joined,
        (any::<Option<u64>>(), texts()).prop_map(|(to, room)| ServerRecord::Left { to, room }),
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(to, offset, duplicate)| ServerRecord::Published {
            to,
            position: place(offset),
            duplicate
        }),
        (any::<u64>(), texts(), proptest::collection::vec(members(), 0..3))
            .prop_map(|(to, room, members)| ServerRecord::Members { to, room, members }),
        failed.prop_map(|(to, error, text)| ServerRecord::Failed { to, error, text }),
        closes().prop_map(ServerRecord::Close),
    ]
}

fn signals() -> impl Strategy<Value = ServerSignal> {
    let millis = any::<u32>().prop_map(|millis| Duration::from_millis(millis.into()));
    let open = (any::<bool>(), any::<u64>(), any::<u64>(), millis.clone(), proptest::option::of(millis));
    let open = open.prop_map(|(new, ack, from, ttl, heartbeat)| {
        let session = new.then(|| Secret::mint(&"node-1".parse().unwrap()));
        ServerSignal::Open(Open { session, id: SessionId::random(), ack, from, ttl, heartbeat })
    });
    let reasons = prop::sample::select(vec![GapReason::Slow, GapReason::Expired, GapReason::Epoch]);
    let gap = (texts(), any::<u64>(), any::<u64>(), any::<Option<u64>>(), reasons);
    let gap = gap.prop_map(|(room, from, to, number, reason)| {
        let from = place(from);
        let epoch = if number.is_some() { Epoch::random() } else { from.epoch };
        let gap = Gap { from, to: Position { epoch, offset: to }, reason };
        ServerSignal::Gap { room, gap, number: number.map(RoomNumber) }
    });
    let change = prop_oneof![
        members().prop_map(PresenceChange::Joined),
        members().prop_map(PresenceChange::Left),
        Just(PresenceChange::Missed),
    ];
    prop_oneof![
        open,
        any::<u64>().prop_map(ServerSignal::Ack),
        any::<u64>().prop_map(ServerSignal::From),
        gap,
        (texts(), change).prop_map(|(room, change)| ServerSignal::Presence(Presence { room, change })),
        Just(ServerSignal::Superseded),
    ]
}

/// The events that were written.
fn parsed(bytes: &[u8]) -> Vec<Event> {
    let mut parser = Parser::new(max_event(1 << 20));
    parser.push(bytes);
    let next = || match parser.next().unwrap() {
        Some(Piece::Event(event)) => Some(event),
        None => None,
        other => panic!("{other:?}"),
    };
    std::iter::from_fn(next).collect()
}

fn record_comes_back<R: Record>(record: &R, number: u64) {
    let mut out = Vec::new();
    events::append_record(&mut out, number, record);
    let [event] = &parsed(&out)[..] else { panic!("one event") };
    assert_eq!(events::read(event), Ok(events::Item::Record { number, record: record.clone() }));
    let mut decoder = websocket::Decoder::<R>::new();
    let item = decoder.receive(websocket::encode_record(record));
    assert_eq!(item, Ok(Some(websocket::Item::Record(record.clone()))));
}

fn signal_comes_back<R: Record<Signal = S>, S: Signal>(signal: &S) {
    let mut out = Vec::new();
    events::append_signal(&mut out, signal);
    let [event] = &parsed(&out)[..] else { panic!("one event") };
    assert_eq!(events::read::<R>(event), Ok(events::Item::Signal(signal.clone())));
    let mut decoder = websocket::Decoder::<R>::new();
    let item = decoder.receive(websocket::encode_signal(signal));
    assert_eq!(item, Ok(Some(websocket::Item::Signal(signal.clone()))));
}

/// What a client reads of frames.
fn read_frames(wire: &[u8]) -> Vec<Message> {
    let config = Config::default().limits(Limits::default()).keepalive(None);
    let mut client = Connection::new(&Negotiated::assumed(Role::Client), config.into(), std::time::Instant::now());
    let mut input = Input::new(BytesMut::from(wire));
    let mut messages = Vec::new();
    while let Some(frame) = client.receive(&mut input, std::time::Instant::now).unwrap() {
        let Frame::Message(message) = frame else { panic!("{frame:?}") };
        messages.push(message);
    }
    messages
}

proptest! {
    #[test]
    fn records_of_clients_come_back(record in of_clients(), number in 1_u64..) {
        record_comes_back(&record, number);
    }

    #[test]
    fn records_of_servers_come_back(record in of_servers(), number in 1_u64..) {
        record_comes_back(&record, number);
    }

    #[test]
    fn signals_of_servers_come_back(signal in signals()) {
        signal_comes_back::<ServerRecord, _>(&signal);
    }

    #[test]
    fn signals_of_clients_come_back_from_a_web_socket(direct: u64, rooms in proptest::collection::vec(any::<(u64, u64)>(), 0..9)) {
        let rooms = rooms.into_iter().map(|(number, offset)| (RoomNumber(number), offset)).collect();
        signal_comes_back::<ClientRecord, _>(&ClientSignal::Ack(Cursor { direct, rooms }));
        signal_comes_back::<ClientRecord, _>(&ClientSignal::From(direct));
    }

    #[test]
    fn publications_come_back(sent in proptest::collection::vec((any::<u64>(), 1_u64.., messages()), 1..5)) {
        let mut wire = Vec::new();
        for (number, offset, message) in &sent {
            websocket::append_publication(Encoding::PLAIN, RoomNumber(*number), *offset, message, &mut wire).unwrap();
        }
        let mut decoder = websocket::Decoder::<ServerRecord>::new();
        let came = read_frames(&wire).into_iter().filter_map(|message| decoder.receive(message).unwrap());
        let expected = sent.iter().map(|(number, offset, message)| {
            websocket::Item::Publication { number: RoomNumber(*number), offset: *offset, message: message.clone() }
        });
        prop_assert!(came.eq(expected));
        for (_, offset, message) in sent {
            let (position, mut out) = (place(offset), Vec::new());
            events::append_publication(&mut out, position, &message);
            prop_assert_eq!(events::read(&parsed(&out)[0]), Ok(events::Item::<ServerRecord>::Publication { position, message }));
        }
    }
}

/// A message that goes as it is is the same bytes, and one that was escaped is a part of the bytes that came.
#[test]
fn messages_are_not_copied() {
    let same = |a: &Message, b: &Message| a.as_bytes().as_ptr() == b.as_bytes().as_ptr();
    for message in [Message::from("text"), Message::from(vec![1, 2])] {
        assert!(same(&websocket::encode_record(&ServerRecord::Message(message.clone())), &message));
        let item = websocket::Decoder::<ClientRecord>::new().receive(message.clone());
        assert!(
            matches!(item, Ok(Some(websocket::Item::Record(ClientRecord::Message(came)))) if same(&came, &message))
        );
    }
    for (text, skipped) in [("\u{1e}\u{1e}escaped", 1), ("\u{1e}7.120 published", 7)] {
        let text = Utf8Bytes::from(text);
        let item = websocket::Decoder::<ServerRecord>::new().receive(text.clone().into()).unwrap().unwrap();
        let (websocket::Item::Record(ServerRecord::Message(message)) | websocket::Item::Publication { message, .. }) =
            item
        else {
            panic!("a message")
        };
        assert_eq!(message.as_bytes().as_ptr(), text.as_bytes()[skipped..].as_ptr());
    }
}

/// The overhead that the protocol promises.
#[test]
fn a_message_takes_no_byte_more_on_a_web_socket_or_one() {
    for (text, more) in [("", 0), ("hello", 0), ("\u{1e}", 1), ("\u{1e}\u{1e}7.1 x", 1)] {
        let encoded = websocket::encode_record(&ServerRecord::Message(text.into()));
        assert_eq!(encoded.len() - text.len(), more, "{text:?}");
    }
    assert_eq!(websocket::encode_record(&ServerRecord::Message(vec![0x1e, 0x1e].into())).len(), 2);
}
