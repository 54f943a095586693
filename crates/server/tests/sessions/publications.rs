//! What a session gets of the rooms that it is in.

use std::{future::pending, time::Duration};

use bowline_core::{CloseCode, CloseFrame, Limits, connection::Config};
use bowline_server::{
    Hub, Session,
    io::Io,
    room::{JoinError, Publication, Room, RoomOptions, SlowConsumer, Start},
    session::SessionHandle,
};
use tokio::{
    io::{DuplexStream, duplex},
    time::{sleep, timeout},
};

use crate::support::{client, next, no_sessions, pair, rest, serve, text};

fn hub(options: RoomOptions) -> (Hub, Room) {
    let hub = Hub::builder().room_options("*", options).build();
    let room = hub.room("r").unwrap();
    (hub, room)
}

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_receives_gets_its_publications() {
    let (hub, room) = hub(RoomOptions::default());
    let (handle, mut client) = pair(&hub, 1_000, |session: Session| async move {
        let _session = session;
        pending::<()>().await;
    });
    handle.join(&room, Start::Newest).unwrap();
    for number in 0..100 {
        room.broadcast(number.to_string()).unwrap();
        assert_eq!(next(&mut client).await, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_may_be_in_many_rooms_at_once() {
    // More than there are bits to tell them by.
    const ROOMS: usize = 128;
    let hub = Hub::builder().build();
    let rooms: Vec<_> = (0..=ROOMS).map(|number| hub.room(format!("r{number}").as_str()).unwrap()).collect();
    let (handle, mut client) = pair(&hub, 1_000, idle);
    for room in &rooms[..ROOMS] {
        handle.join(room, Start::Newest).unwrap();
    }
    assert_eq!(handle.join(&rooms[ROOMS], Start::Newest), Err(JoinError::TooManyRooms));
    assert_eq!(handle.join(&rooms[0], Start::Newest), Err(JoinError::AlreadyJoined));
    let mut expected = Vec::new();
    for round in 0..5 {
        for (number, room) in rooms.iter().enumerate() {
            room.broadcast(format!("{number} {round}")).unwrap();
            if number < ROOMS {
                expected.push((number, round));
            }
        }
    }
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let text = next(&mut client).await;
        let (number, round) = text.split_once(' ').unwrap();
        seen.push((number.parse().unwrap(), round.parse().unwrap()));
    }
    // In order within each room; a sort that keeps that order shows it.
    seen.sort_by_key(|(number, _): &(usize, usize)| *number);
    expected.sort_by_key(|(number, _)| *number);
    assert_eq!(seen, expected);
    assert!(handle.leave(&rooms[0]) && !handle.leave(&rooms[0]));
    handle.join(&rooms[ROOMS], Start::Newest).unwrap();
    rooms[0].broadcast("left").unwrap();
    rooms[ROOMS].broadcast("joined").unwrap();
    assert_eq!(next(&mut client).await, "joined");
}

#[tokio::test(start_paused = true)]
async fn others_are_passed_over_and_nobody_else() {
    let (hub, room) = hub(RoomOptions::default());
    let (first, mut first_client) = pair(&hub, 1_000, idle);
    let (second, mut second_client) = pair(&hub, 1_000, idle);
    first.join(&room, Start::Newest).unwrap();
    second.join(&room, Start::Newest).unwrap();
    room.except(first.id(), "from the first").unwrap();
    room.broadcast(Publication::new("from the second").except(second.id())).unwrap();
    room.broadcast("for all").unwrap();
    assert_eq!([next(&mut first_client).await, next(&mut first_client).await], ["from the second", "for all"]);
    assert_eq!([next(&mut second_client).await, next(&mut second_client).await], ["from the first", "for all"]);
}

/// A session whose peer takes `size` bytes and then no more, in the room.
fn slow(hub: &Hub, room: &Room, size: usize) -> (SessionHandle, DuplexStream) {
    let (near, far) = duplex(size);
    let config = Config::default().keepalive(None).limits(Limits::default().write_timeout(Duration::MAX));
    let handle = serve(hub, Io::other(far), config, idle);
    handle.join(room, Start::Newest).unwrap();
    (handle, near)
}

async fn flood(room: &Room, numbers: std::ops::Range<u32>) {
    for number in numbers {
        room.broadcast(format!("{number:05}")).unwrap();
        // The session's task may write what it can.
        tokio::task::yield_now().await;
    }
}

/// What a client gets that begins to read: numbers in order, and gaps as a raw client is told them.
async fn read_all(near: DuplexStream, room: &Room) -> (Vec<u32>, Vec<(u64, u64)>, Option<CloseFrame>) {
    let mut client = client(near);
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    while let Ok(Ok(Some(message))) = timeout(Duration::from_secs(1), client.recv()).await {
        let text = text(&message);
        match text.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => gaps.push(gap(&text, room)),
        }
    }
    (numbers, gaps, client.ended().and_then(|ended| ended.frame().cloned()))
}

/// `{"gap":{"room":"…","from":"…","to":"…","reason":"slow"}}`
fn gap(text: &str, room: &Room) -> (u64, u64) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let gap = &value["gap"];
    assert_eq!((value.as_object().unwrap().len(), gap.as_object().unwrap().len()), (1, 4), "{text}");
    assert_eq!((gap["room"].as_str(), gap["reason"].as_str()), (Some(room.name().as_str()), Some("slow")));
    let place = |name: &str| {
        let place: bowline_server::room::Position = gap[name].as_str().unwrap().parse().unwrap();
        assert_eq!(place.epoch, room.position().epoch);
        place.offset
    };
    (place("from"), place("to"))
}

/// Numbers and gaps together are all offsets, each once. Number `n` has the offset `n + 1`.
fn assert_whole(numbers: &[u32], gaps: &[(u64, u64)], total: u64) {
    let mut offsets: Vec<u64> = numbers.iter().map(|number| u64::from(*number) + 1).collect();
    assert!(offsets.is_sorted(), "{numbers:?}");
    offsets.extend(gaps.iter().flat_map(|(from, to)| from + 1..=*to));
    offsets.sort_unstable();
    assert_eq!(offsets, (1..=total).collect::<Vec<_>>(), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_told_one_gap_for_a_hole_and_goes_on_with_the_oldest() {
    let (hub, room) = hub(RoomOptions::default().max_log_count(20).slow_consumer(SlowConsumer::SkipToOldest));
    let (_handle, near) = slow(&hub, &room, 70);
    flood(&room, 0..500).await;
    let (numbers, gaps, _) = read_all(near, &room).await;
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].1, 480);
    assert_whole(&numbers, &gaps, 500);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_goes_on_with_the_newest_where_the_room_says_so() {
    let (hub, room) = hub(RoomOptions::default().max_log_count(20).slow_consumer(SlowConsumer::SkipToNewest));
    let (_handle, near) = slow(&hub, &room, 70);
    flood(&room, 0..500).await;
    let later = room.clone();
    let publishes = tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        flood(&later, 500..503).await;
    });
    let (numbers, gaps, _) = read_all(near, &room).await;
    publishes.await.unwrap();
    assert_eq!((gaps.len(), gaps[0].1), (1, 500));
    assert_whole(&numbers, &gaps, 503);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_disconnected_with_1013_by_default() {
    let (hub, room) = hub(RoomOptions::default().max_log_count(20));
    let (_handle, near) = slow(&hub, &room, 70);
    flood(&room, 0..500).await;
    let (numbers, gaps, frame) = read_all(near, &room).await;
    assert_eq!(frame, Some(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer")));
    assert!(gaps.is_empty());
    // Nothing comes after the hole.
    assert!(numbers.len() < 100 && numbers.iter().copied().eq(0..u32::try_from(numbers.len()).unwrap()), "{numbers:?}");
    no_sessions(&hub).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_steps_over_what_was_superseded() {
    let (hub, room) = hub(RoomOptions::default().slow_consumer(SlowConsumer::KeepLatest));
    let (_handle, near) = slow(&hub, &room, 70);
    for number in 0..5_000_u32 {
        room.broadcast(Publication::new(format!("{number:05}")).key((number % 7).to_string())).unwrap();
        tokio::task::yield_now().await;
    }
    let (numbers, gaps, _) = read_all(near, &room).await;
    assert!(gaps.is_empty() && numbers.is_sorted() && numbers.len() < 100, "{gaps:?} {numbers:?}");
    assert_eq!(numbers[numbers.len() - 7..], (4_993..5_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_publisher_waits_for_a_slow_member_where_the_room_pushes_back() {
    let (hub, room) = hub(RoomOptions::default().max_log_count(20).slow_consumer(SlowConsumer::Backpressure));
    let (_handle, near) = slow(&hub, &room, 70);
    let publisher = room.clone();
    let publishes = tokio::spawn(async move {
        for number in 0..500_u32 {
            publisher.publish(format!("{number:05}")).await.unwrap();
        }
    });
    sleep(Duration::from_secs(10)).await;
    assert!(!publishes.is_finished());
    let (numbers, gaps, _) = read_all(near, &room).await;
    publishes.await.unwrap();
    assert!(gaps.is_empty() && numbers.into_iter().eq(0..500));
}

/// A stalled member is given up after `write_timeout`, and the publisher goes on.
#[tokio::test(start_paused = true)]
async fn a_publisher_waits_no_longer_than_write_timeout_for_a_member_that_stalls() {
    let (hub, room) = hub(RoomOptions::default().max_log_count(20).slow_consumer(SlowConsumer::Backpressure));
    let (_near, far) = duplex(70);
    let handle = serve(&hub, Io::other(far), Config::default().keepalive(None), idle);
    handle.join(&room, Start::Newest).unwrap();
    let start = tokio::time::Instant::now();
    for number in 0..500 {
        room.publish(number.to_string()).await.unwrap();
    }
    assert!((10_000..10_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    no_sessions(&hub).await;
}

/// The close was asked for before; what comes after it must not hold it up.
#[tokio::test(start_paused = true)]
async fn a_close_is_not_held_up_by_a_room_that_never_rests() {
    let (hub, room) = hub(RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest));
    let (handle, near) = slow(&hub, &room, 300);
    let publishes = tokio::spawn({
        let room = room.clone();
        async move {
            for number in 0_u32.. {
                room.broadcast(format!("{number:05}{}", "x".repeat(1_000))).unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        }
    });
    sleep(Duration::from_millis(100)).await;
    handle.close(CloseFrame::from(CloseCode::GOING_AWAY));
    let published = room.position().offset;
    // It reads, but more slowly than is published.
    let mut client = client(near);
    let mut got = 0;
    let code = timeout(Duration::from_secs(60), async {
        while let Ok(Some(_)) = client.recv().await {
            got += 1;
            sleep(Duration::from_millis(2)).await;
        }
        client.ended().unwrap().code()
    });
    let code = code.await.expect("the Close comes");
    publishes.abort();
    assert_eq!(code, 1001);
    assert!(got >= published, "what was published before is delivered: {got} of {published}");
}

#[tokio::test(start_paused = true)]
async fn what_was_published_before_the_close_comes_before_it() {
    let (hub, room) = hub(RoomOptions::default());
    let (handle, mut client) = pair(&hub, 100, idle);
    handle.join(&room, Start::Newest).unwrap();
    for number in 0..200 {
        room.broadcast(number.to_string()).unwrap();
    }
    handle.close(None);
    let (texts, code) = rest(&mut client).await;
    assert_eq!((texts.len(), code), (200, 1000));
}

#[tokio::test(start_paused = true)]
async fn a_room_in_which_there_is_much_keeps_no_other_waiting() {
    let hub = Hub::builder().build();
    let [busy, quiet] = ["busy", "quiet"].map(|name| hub.room(name).unwrap());
    let (handle, mut client) = pair(&hub, 1_000, idle);
    handle.join(&busy, Start::Newest).unwrap();
    handle.join(&quiet, Start::Newest).unwrap();
    // Each is a block of its own.
    for _ in 0..4 {
        busy.broadcast("x".repeat(60_000)).unwrap();
    }
    quiet.broadcast("quiet").unwrap();
    let mut lengths = Vec::new();
    for _ in 0..5 {
        lengths.push(next(&mut client).await.len());
    }
    assert_eq!(lengths, [60_000, 5, 60_000, 60_000, 60_000]);
}
