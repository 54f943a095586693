//! The session without I/O.

use bowline_core::{
    CloseCode,
    position::{Epoch, Gap, GapReason, Position},
    session::{FailedReason, Node, Record as _, RoomNumber, ServerRecord, ServerSignal},
};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::{receive::Place, *};

fn session() -> Session {
    Session::new(Bounds { ring: RingBounds::default(), mailbox_count: 10, mailbox_bytes: 1_000 })
}

fn open(ack: u64, from: u64) -> Open {
    let secret = Secret::mint(&"a".parse::<Node>().expect("a name"));
    let id = SessionId::random();
    Open { session: Some(secret), id, ack, from, ttl: Duration::from_secs(60), heartbeat: None }
}

fn opened() -> Session {
    let mut session = session();
    assert_eq!(session.attach(&open(0, 0)).expect("new"), 0);
    session
}

/// What is sent, as the kind and data of events, or the text of messages.
fn sent(session: &mut Session) -> Vec<String> {
    std::iter::from_fn(|| session.poll_message())
        .map(|message| message.as_text().unwrap_or("binary").replace("\u{1e}event: ", "").replace("\ndata:", ""))
        .collect()
}

fn told(session: &mut Session) -> Vec<String> {
    let show = |delivery| match delivery {
        Delivery::Event(Event::Message(message)) => message.as_text().unwrap_or("binary").to_owned(),
        Delivery::Event(Event::SessionLost) => "lost".to_owned(),
        Delivery::Event(Event::Joined { room, .. }) => format!("joined {room}"),
        Delivery::Event(Event::Left { room }) => format!("left {room}"),
        Delivery::Event(Event::Publication { room, position, .. }) => format!("{room} {}", position.offset),
        Delivery::Room(_, RoomEvent::Publication { position, .. }) => format!("{}", position.offset),
        Delivery::Room(_, RoomEvent::Gap(gap)) => {
            format!("gap {} to {} {}", gap.from.offset, gap.to.offset, gap.reason.as_str())
        }
        Delivery::Room(_, RoomEvent::Left { why }) => format!("left {}", why.is_some()),
        Delivery::End(mailbox) => {
            mailbox.end();
            "end".to_owned()
        }
        other => format!("{other:?}"),
    };
    std::iter::from_fn(|| session.poll_delivery()).map(show).collect()
}

fn send(session: &mut Session, text: &str) -> oneshot::Receiver<Result<(), SendError>> {
    let (acked, told) = oneshot::channel();
    session.command(Command::Send { message: text.into(), acked: Some(acked) });
    told
}

type Joining = oneshot::Receiver<Result<JoinedRoom, RequestError>>;

fn join(session: &mut Session, room: &str) -> Joining {
    let (answer, told) = oneshot::channel();
    session.command(Command::Join { room: room.into(), start: JoinStart::Newest, answer });
    told
}

fn record(session: &mut Session, record: ServerRecord) {
    session.receive(Item::Record(None, record), Instant::now()).expect("it makes sense");
}

fn signal(session: &mut Session, signal: ServerSignal) {
    session.receive(Item::Signal(signal), Instant::now()).expect("it makes sense");
}

fn publication(session: &mut Session, place: Place) {
    session.receive(Item::Publication(place, "p".into()), Instant::now()).expect("it makes sense");
}

fn joined(to: Option<u64>, number: u64, position: Position) -> ServerRecord {
    ServerRecord::Joined { to, room: "r".to_owned(), number: RoomNumber(number), position }
}

fn at(epoch: Epoch, offset: u64) -> Position {
    Position { epoch, offset }
}

/// In room `r` as number 7, at offset 10.
fn in_room() -> (Session, Epoch, Arc<Mailbox<RoomEvent>>) {
    let mut session = opened();
    let joining = join(&mut session, "r");
    assert_eq!(sent(&mut session), ["join {\"room\":\"r\"}"]);
    let epoch = Epoch::random();
    record(&mut session, joined(Some(1), 7, at(epoch, 10)));
    let (mailbox, position) = joining.now_or_never().expect("answered").expect("open").expect("joined");
    assert_eq!(position, at(epoch, 10));
    (session, epoch, mailbox)
}

#[test]
fn publications_come_once_and_in_order_by_number_and_by_place() {
    let (mut session, epoch, _mailbox) = in_room();
    for offset in [10, 11, 11, 9, 12] {
        publication(&mut session, Place::Number(RoomNumber(7), offset));
    }
    for offset in [12, 13, 17, 16] {
        publication(&mut session, Place::Position(at(epoch, offset)));
    }
    // Of rooms that this session isn't in.
    publication(&mut session, Place::Number(RoomNumber(8), 99));
    publication(&mut session, Place::Position(at(Epoch::random(), 99)));
    assert_eq!(told(&mut session), ["11", "12", "13", "17"]);
    assert_eq!(session.cursor().to_string(), "1 7.17");
}

#[test]
fn a_gap_is_told_once_from_where_the_application_stands() {
    let (mut session, epoch, _mailbox) = in_room();
    publication(&mut session, Place::Number(RoomNumber(7), 12));
    let gap = |from, to| ServerSignal::Gap {
        room: "r".to_owned(),
        gap: Gap { from: at(epoch, from), to: at(epoch, to), reason: GapReason::Slow },
        number: None,
    };
    signal(&mut session, gap(10, 20));
    // Read again by another carrier.
    signal(&mut session, gap(10, 20));
    signal(&mut session, gap(5, 15));
    publication(&mut session, Place::Number(RoomNumber(7), 20));
    publication(&mut session, Place::Number(RoomNumber(7), 21));
    assert_eq!(told(&mut session), ["12", "gap 12 to 20 slow", "21"]);
}

#[test]
fn another_epoch_is_another_number_and_one_gap() {
    let (mut session, old, _mailbox) = in_room();
    let new = Epoch::random();
    let gap = ServerSignal::Gap {
        room: "r".to_owned(),
        gap: Gap { from: at(old, 10), to: at(new, 0), reason: GapReason::Epoch },
        number: Some(RoomNumber(9)),
    };
    signal(&mut session, gap.clone());
    signal(&mut session, gap);
    // What was on its way of the log before.
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    publication(&mut session, Place::Position(at(old, 12)));
    // Until the server knows, it tells the gap with each poll.
    assert_eq!(session.cursor().to_string(), "1 9.0");
    let later = Instant::now() + Duration::from_secs(2);
    assert_eq!(session.take_ack(later).map(|ack| ack.to_string()).as_deref(), Some("1 9.0"));
    session.attach(&open(1, 1)).expect("the same");
    assert_eq!(session.cursor().to_string(), "1 9.0");
    session.confirmed(&session.cursor());
    assert_eq!(session.cursor().to_string(), "1");
    publication(&mut session, Place::Number(RoomNumber(9), 1));
    assert_eq!(told(&mut session), ["gap 10 to 0 epoch", "1"]);
    assert_eq!(session.cursor().to_string(), "1 9.1");
}

#[test]
fn a_lost_session_is_joined_again_where_it_was_left_off() {
    let (mut session, epoch, _mailbox) = in_room();
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    session.lose();
    assert_eq!(told(&mut session), ["11", "lost"]);
    assert!(session.secret().is_none() && session.cursor().to_string() == "0");
    session.attach(&open(0, 0)).expect("new");
    assert_eq!(sent(&mut session), [format!("join {{\"room\":\"r\",\"after\":\"{}\"}}", at(epoch, 11))]);
    // Whether the server says so by where it was joined, or by a gap, or by both: it is told once.
    for (position, by_gap) in [(11, false), (15, false), (11, true), (15, true)] {
        let (mut session, epoch, _mailbox) = in_room();
        publication(&mut session, Place::Number(RoomNumber(7), 11));
        session.lose();
        session.attach(&open(0, 0)).expect("new");
        sent(&mut session);
        told(&mut session);
        record(&mut session, joined(Some(1), 3, at(epoch, position)));
        if by_gap {
            let gap = Gap { from: at(epoch, 11), to: at(epoch, 15), reason: GapReason::Expired };
            signal(&mut session, ServerSignal::Gap { room: "r".to_owned(), gap, number: None });
        }
        publication(&mut session, Place::Number(RoomNumber(3), 16));
        let expected: &[&str] =
            if (position, by_gap) == (11, false) { &["16"] } else { &["gap 11 to 15 expired", "16"] };
        assert_eq!(told(&mut session), expected, "joined at {position}, gap {by_gap}");
    }
}

#[test]
fn a_room_that_cannot_be_joined_again_ends() {
    let (mut session, _, mailbox) = in_room();
    session.lose();
    session.attach(&open(0, 0)).expect("new");
    sent(&mut session);
    told(&mut session);
    record(&mut session, ServerRecord::Failed { to: 1, error: FailedReason::Forbidden, text: "no more".to_owned() });
    let next = || mailbox.poll_next(&std::task::Context::from_waker(std::task::Waker::noop()));
    assert_eq!(next(), std::task::Poll::Pending, "what is told of it comes before its end");
    assert_eq!(told(&mut session), ["left true", "end"]);
    assert_eq!(next(), std::task::Poll::Ready(None));
}

#[test]
fn what_was_sent_is_unknown_and_what_was_not_goes_to_the_next_session() {
    let mut session = opened();
    let (a, b) = (send(&mut session, "a"), send(&mut session, "b"));
    assert_eq!(sent(&mut session), ["a", "b"]);
    signal(&mut session, ServerSignal::Ack(1));
    a.now_or_never().expect("told").expect("told").expect("acknowledged");
    let c = send(&mut session, "c");
    let r = join(&mut session, "r");
    let (answer, left) = oneshot::channel();
    session.command(Command::Leave { room: "other".into(), answer: Some(answer) });
    session.lose();
    let error = b.now_or_never().expect("told").expect("told").expect_err("unknown");
    assert_eq!(error.reason(), SendErrorReason::Unknown);
    // A new session is in no room, and this one needs no leaving.
    left.now_or_never().expect("told").expect("told").expect("left");
    session.attach(&open(0, 0)).expect("new");
    assert_eq!(sent(&mut session), ["c", "join {\"room\":\"r\"}"]);
    signal(&mut session, ServerSignal::Ack(1));
    c.now_or_never().expect("told").expect("told").expect("acknowledged");
    record(&mut session, joined(Some(2), 1, at(Epoch::random(), 0)));
    assert!(r.now_or_never().expect("answered").expect("open").is_ok());
}

#[test]
fn a_room_left_and_joined_again_is_the_second_one() {
    let (mut session, epoch, _mailbox) = in_room();
    let (answer, left) = oneshot::channel();
    session.command(Command::Leave { room: "r".into(), answer: Some(answer) });
    let again = join(&mut session, "r");
    assert_eq!(sent(&mut session), ["leave {\"room\":\"r\"}", "join {\"room\":\"r\"}"]);
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    assert_eq!(told(&mut session), Vec::<String>::new(), "nothing comes after it was left");
    record(&mut session, ServerRecord::Left { to: Some(2), room: "r".to_owned() });
    left.now_or_never().expect("told").expect("told").expect("left");
    record(&mut session, joined(Some(3), 7, at(epoch, 12)));
    assert!(again.now_or_never().expect("answered").expect("open").is_ok());
    publication(&mut session, Place::Number(RoomNumber(7), 13));
    assert_eq!(told(&mut session), ["13"]);
}

#[test]
fn a_room_that_nobody_wants_any_more_is_left() {
    let mut session = opened();
    drop(join(&mut session, "r"));
    sent(&mut session);
    record(&mut session, joined(Some(1), 7, at(Epoch::random(), 10)));
    assert_eq!(sent(&mut session), ["leave {\"room\":\"r\"}"]);
}

#[test]
fn rooms_of_the_servers_application_are_told_by_the_clients_events() {
    let mut session = opened();
    record(&mut session, joined(None, 7, at(Epoch::random(), 10)));
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    record(&mut session, ServerRecord::Left { to: None, room: "r".to_owned() });
    publication(&mut session, Place::Number(RoomNumber(7), 12));
    assert_eq!(told(&mut session), ["joined r", "r 11", "left r"]);
}

#[test]
fn a_join_that_crosses_the_applications_own_keeps_the_room() {
    let failed = ServerRecord::Failed { to: 1, error: FailedReason::JoinedAlready, text: "in it".to_owned() };
    let mut session = opened();
    let joining = join(&mut session, "r");
    sent(&mut session);
    let epoch = Epoch::random();
    record(&mut session, joined(None, 7, at(epoch, 10)));
    record(&mut session, failed.clone());
    let (_mailbox, position) = joining.now_or_never().expect("answered").expect("open").expect("joined");
    assert_eq!(position, at(epoch, 10));
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    assert_eq!(told(&mut session), ["joined r", "11"]);
    // So too in the session after this one.
    session.lose();
    session.attach(&open(0, 0)).expect("new");
    sent(&mut session);
    record(&mut session, joined(None, 3, at(epoch, 12)));
    record(&mut session, failed);
    publication(&mut session, Place::Number(RoomNumber(3), 13));
    assert_eq!(told(&mut session), ["lost", "gap 11 to 12 expired", "joined r", "13"]);
}

#[test]
fn what_waits_for_a_room_comes_before_its_end() {
    for by_client in [false, true] {
        let (mut session, _, _mailbox) = in_room();
        publication(&mut session, Place::Number(RoomNumber(7), 11));
        if by_client {
            session.end();
            assert_eq!(told(&mut session), ["11", "end"]);
        } else {
            record(&mut session, ServerRecord::Left { to: None, room: "r".to_owned() });
            assert_eq!(told(&mut session), ["11", "left false", "end"]);
        }
    }
}

#[test]
fn a_cursor_names_what_the_server_may_not_know() {
    let (mut session, _, _mailbox) = in_room();
    assert_eq!(session.cursor().to_string(), "1");
    publication(&mut session, Place::Number(RoomNumber(7), 11));
    let cursor = session.cursor();
    assert_eq!(cursor.to_string(), "1 7.11");
    // On a WebSocket it is told once; by the next carrier again, for it may not have arrived.
    let later = Instant::now() + Duration::from_secs(2);
    assert_eq!(session.take_ack(later).map(|ack| ack.to_string()).as_deref(), Some("1 7.11"));
    publication(&mut session, Place::Number(RoomNumber(7), 12));
    assert_eq!(session.take_ack(later).map(|ack| ack.to_string()).as_deref(), Some("1 7.12"));
    record(&mut session, ServerRecord::Message("m".into()));
    assert_eq!(session.take_ack(later).map(|ack| ack.to_string()).as_deref(), Some("2"));
    session.attach(&open(1, 2)).expect("the same");
    assert_eq!(session.cursor().to_string(), "2 7.12");
    session.confirmed(&session.cursor());
    assert_eq!(session.cursor().to_string(), "2");
}

#[test]
fn what_makes_no_sense_is_the_carriers_fault_or_the_sessions() {
    let mut session = opened();
    let item = Item::Record(Some(3), ServerRecord::from_message("m".into()));
    assert!(matches!(session.receive(item, Instant::now()), Err(Broken::Carrier(_))), "a hole");
    assert!(matches!(session.attach(&open(0, 5)), Err(Broken::Carrier(_))), "a hole before it");
    assert!(matches!(session.acked(1), Err(Broken::Lost(_))), "acknowledged and never sent");
    let mut fresh = self::session();
    assert!(matches!(fresh.attach_blindly(), Err(Broken::Carrier(_))), "nobody said which session");
}

#[test]
fn the_servers_last_record_is_told() {
    let mut session = opened();
    record(&mut session, ServerRecord::Close(CloseCode::GOING_AWAY.into()));
    assert_eq!(session.take_closed(), Some(CloseCode::GOING_AWAY.into()));
    assert_eq!(session.take_closed(), None);
}
