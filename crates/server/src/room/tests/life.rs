//! How rooms come to be, and vanish.

use std::time::{Duration, Instant};

use crate::{
    Hub,
    hub::RoomError,
    room::{JoinError, Publication, RoomName, RoomOptions, Start},
};

const MINUTE: Duration = Duration::from_secs(60);

fn hub(options: RoomOptions) -> Hub {
    Hub::builder().room_options("*", options).build()
}

fn name() -> RoomName {
    "r".parse().expect("a name")
}

/// What the sweep does, `after` from now.
fn sweep(hub: &Hub, after: Duration) {
    hub.rooms().sweep_all(Instant::now() + after);
}

#[test]
fn a_room_without_history_vanishes_with_its_last_member() {
    let hub = hub(RoomOptions::default());
    let reader = hub.room("r").unwrap().subscribe(Start::Newest).unwrap();
    let other = hub.room("r").unwrap().subscribe(Start::Newest).unwrap();
    other.room().broadcast("m").unwrap();
    drop(reader);
    assert_eq!(hub.room_count(), 1);
    drop(other);
    assert_eq!((hub.room_count(), hub.open_room(&name()).is_none()), (0, true));
}

#[test]
fn a_room_that_nobody_joins_vanishes_once_its_handle_is_dropped() {
    let hub = hub(RoomOptions::default());
    let room = hub.room("r").unwrap();
    let copy = room.clone();
    drop(room);
    sweep(&hub, MINUTE);
    assert_eq!(hub.room_count(), 1, "a handle is held");
    copy.broadcast("m").unwrap();
    drop(copy);
    sweep(&hub, Duration::ZERO);
    assert_eq!(hub.room_count(), 0);
}

#[test]
fn a_room_with_history_vanishes_after_empty_timeout() {
    let hub = hub(RoomOptions::default().history(10).empty_timeout(MINUTE));
    let reader = hub.room("r").unwrap().subscribe(Start::Newest).unwrap();
    let known = reader.room().broadcast("m").unwrap().position;
    drop(reader);
    sweep(&hub, MINUTE - Duration::from_secs(1));
    assert_eq!(hub.room_count(), 1);
    // Whoever comes back in time finds its place.
    let reader = hub.room("r").unwrap().subscribe(Start::After(known)).unwrap();
    assert_eq!(reader.position(), known);
    sweep(&hub, 2 * MINUTE);
    assert_eq!(hub.room_count(), 1, "somebody is there");
    drop(reader);
    sweep(&hub, MINUTE + Duration::from_secs(1));
    assert_eq!(hub.room_count(), 0);
}

/// Nothing has been said yet, but there is a place to come back to.
#[test]
fn a_room_with_history_outlives_its_members_though_nothing_was_said() {
    let hub = hub(RoomOptions::default().history(10).max_log_age(Duration::from_secs(1)).empty_timeout(MINUTE));
    let reader = hub.room("r").unwrap().subscribe(Start::Newest).unwrap();
    let known = reader.position();
    drop(reader);
    sweep(&hub, MINUTE - Duration::from_secs(1));
    assert_eq!(hub.room("r").unwrap().position(), known);
    sweep(&hub, MINUTE + Duration::from_secs(1));
    assert_eq!(hub.room_count(), 0);
}

/// Its log begins anew, and whoever knew the old one is told.
#[test]
fn a_room_that_vanished_comes_back_with_another_epoch() {
    let hub = hub(RoomOptions::default());
    let reader = hub.room("r").unwrap().subscribe(Start::Newest).unwrap();
    let known = reader.room().broadcast("m").unwrap().position;
    drop(reader);
    let room = hub.room("r").unwrap();
    assert_ne!(room.position().epoch, known.epoch);
    let mut reader = room.subscribe(Start::After(known)).unwrap();
    let entry = reader.try_read();
    assert!(matches!(entry, Some(crate::room::Entry::Gap(gap)) if gap.from == known), "{entry:?}");
}

#[test]
fn so_many_rooms_are_open_and_no_more() {
    let hub = Hub::builder().max_rooms(2).build();
    let (a, _b) = (hub.room("a").unwrap(), hub.room("b").unwrap());
    assert_eq!(hub.room("c").unwrap_err(), RoomError::TooMany);
    assert!(hub.room("a").is_ok(), "it is open already");
    assert_eq!(hub.room_count(), 2);
    drop(a);
    sweep(&hub, Duration::ZERO);
    assert_eq!(hub.room_count(), 1);
    assert!(hub.room("c").is_ok());
}

#[test]
fn names_that_are_none_open_nothing() {
    let hub = hub(RoomOptions::default());
    assert!(matches!(hub.room(""), Err(RoomError::Name(_))));
    assert!(matches!(hub.room("a\nb"), Err(RoomError::Name(_))));
    assert!(hub.room("n".repeat(255).as_str()).is_ok());
    assert!(matches!(hub.room("n".repeat(256).as_str()), Err(RoomError::Name(_))));
}

#[test]
fn options_go_by_the_name() {
    let hub = Hub::builder()
        .room_options("big:*", RoomOptions::default().max_members(2))
        .room_options("*", RoomOptions::default().max_members(1))
        .build();
    let (big, small) = (hub.room("big:1").unwrap(), hub.room("small").unwrap());
    let _in = [&big, &big, &small].map(|room| room.subscribe(Start::Newest).unwrap());
    assert_eq!(big.subscribe(Start::Newest).unwrap_err(), JoinError::RoomFull);
    assert_eq!(small.subscribe(Start::Newest).unwrap_err(), JoinError::RoomFull);
    assert_eq!((big.member_count(), small.member_count()), (2, 1));
}

#[test]
fn history_is_what_latecomers_get() {
    let hub = hub(RoomOptions::default().history(2));
    let room = hub.room("r").unwrap();
    assert!(room.history(9).is_empty());
    for text in ["a", "b", "c"] {
        room.broadcast(Publication::new(text)).unwrap();
    }
    let texts = |count| {
        room.history(count).into_iter().map(|(_, message)| message.as_text().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((texts(0).len(), texts(1), texts(9)), (0, vec!["c".to_owned()], vec!["b".into(), "c".into()]));
    let mut reader = room.subscribe(Start::Last(9)).unwrap();
    assert!(matches!(reader.try_read(), Some(crate::room::Entry::Publication(at, _)) if at.offset == 2));
}

/// S15: joins without end. What a peer can make the hub hold is bounded by how many rooms it may be in at once.
#[test]
fn s15_a_million_joins_leave_nothing() {
    let joins = if std::env::var_os("BOWLINE_LONG").is_some() { 1_000_000 } else { 100_000 };
    let hub = Hub::builder().max_rooms(200).build();
    let mut held = std::collections::VecDeque::new();
    for number in 0..joins {
        let room = hub.room(format!("{number:0>255}").as_str()).expect("no more than 129 are held");
        held.push_back(room.subscribe(Start::Newest).unwrap());
        drop(room);
        if held.len() > 128 {
            held.pop_front();
        }
        assert!(hub.room_count() <= 129);
    }
    drop(held);
    assert_eq!(hub.room_count(), 0);
}

/// Rooms open, are joined and vanish on several threads; nobody is left in one that is no longer the hub's.
#[test]
fn whoever_joins_a_room_is_in_the_one_that_others_find() {
    let hub = hub(RoomOptions::default().max_log_count(usize::MAX).max_log_bytes(usize::MAX));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..5_000 {
                    let room = hub.room("r").unwrap();
                    // Gone between the two: the hub is asked again.
                    let Ok(mut reader) = room.subscribe(Start::Newest) else { continue };
                    drop(room);
                    let text = format!("{:?} {round}", std::thread::current().id());
                    hub.open_room(&name()).expect("somebody is in it").broadcast(text.clone()).unwrap();
                    let found = std::iter::from_fn(|| reader.try_read())
                        .any(|entry| matches!(entry, crate::room::Entry::Publication(_, message) if message.as_text() == Some(&*text)));
                    assert!(found);
                }
            });
        }
    });
    sweep(&hub, Duration::ZERO);
    assert_eq!(hub.room_count(), 0);
}
