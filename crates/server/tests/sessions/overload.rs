//! Peers that ask for more than they take: S1, S2 and S3 of the threat table.

use std::time::Duration;

use bowline_core::{
    CloseCode, CloseFrame, Limits,
    connection::{Config, Event},
};
use bowline_server::{
    Hub, Session,
    io::Io,
    room::{RoomOptions, SlowConsumer, Start},
};
use tokio::{
    io::duplex,
    time::{Instant, timeout},
};

use crate::support::{PATIENCE, client, no_sessions, pair, serve, until};

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

#[tokio::test(start_paused = true)]
async fn s1_more_pings_than_allowed_are_a_policy_violation() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 100, idle);
    // A burst of a hundred is allowed.
    for number in 0..100 {
        client.ping(number.to_string()).await.unwrap();
        assert!(matches!(client.recv_event().await.unwrap(), Some(Event::Pong(_))));
    }
    client.ping("one too many").await.unwrap();
    assert_eq!(crate::support::rest(&mut client).await, (vec![], 1008));
    no_sessions(&hub).await;
}

/// The server goes on reading, keeps the latest Ping alone, and owes one Pong.
#[tokio::test(start_paused = true)]
async fn s1_a_flood_of_pings_from_a_peer_that_reads_nothing_leaves_one_pong() {
    let hub = Hub::builder().build();
    let (near, far) = duplex(10_000);
    let unlimited = Limits::default().max_control_rate(u32::MAX);
    serve(&hub, Io::other(far), Config::default().keepalive(None).limits(unlimited), idle);
    let mut client = client(near);
    const FLOOD: usize = 100_000;
    for number in 0..FLOOD {
        // Only written, never read.
        client.ping(number.to_string()).await.unwrap();
    }
    let mut pongs = Vec::new();
    while pongs.last().is_none_or(|pong: &bytes::Bytes| *pong != (FLOOD - 1).to_string()) {
        match timeout(PATIENCE, client.recv_event()).await.expect("the latest is answered").unwrap() {
            Some(Event::Pong(pong)) => pongs.push(pong),
            event => panic!("{event:?}"),
        }
    }
    // What fits into the pipe, and one.
    assert!(pongs.len() < 2_000, "{} Pongs", pongs.len());
}

/// A Ping's answer doesn't wait for what the room has in store.
#[tokio::test(start_paused = true)]
async fn a_pong_passes_a_full_room_backlog() {
    let (mut client, _hub) = behind().await;
    client.ping("now").await.unwrap();
    let mut bytes = 0;
    loop {
        match timeout(PATIENCE, client.recv_event()).await.expect("it is answered").unwrap() {
            Some(Event::Message(message)) => bytes += message.len(),
            Some(Event::Pong(_)) => break,
            event => panic!("{event:?}"),
        }
    }
    assert!(bytes <= BLOCK, "{bytes} bytes before the Pong");
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_close_passes_a_full_room_backlog() {
    let (mut client, hub) = behind().await;
    client.start_close(CloseFrame::from(CloseCode::GOING_AWAY));
    let mut bytes = 0;
    while let Some(message) = timeout(PATIENCE, client.recv()).await.expect("it is answered").unwrap() {
        bytes += message.len();
    }
    assert!(bytes <= BLOCK, "{bytes} bytes before the Close");
    assert_eq!(client.ended().unwrap().code(), 1001);
    no_sessions(&hub).await;
}

/// A block, and what is in the pipe.
const BLOCK: usize = (64 << 10) + 1_000;

/// A member that has read nothing of 250 KB in its room.
async fn behind() -> (crate::support::Client, Hub) {
    let hub =
        Hub::builder().room_options("*", RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest)).build();
    let room = hub.room("r").unwrap();
    let (handle, client) = pair(&hub, 1_000, idle);
    handle.join(&room, Start::Newest).unwrap();
    for _ in 0..250 {
        room.broadcast("x".repeat(1_000)).unwrap();
        tokio::task::yield_now().await;
    }
    (client, hub)
}

#[tokio::test(start_paused = true)]
async fn s2_a_peer_that_never_answers_a_close_is_dropped_after_close_timeout() {
    for trickles in [false, true] {
        let hub = Hub::builder().build();
        let (near, far) = duplex(10_000);
        let handle = serve(&hub, Io::other(far), Config::default(), idle);
        let start = Instant::now();
        handle.close(None);
        let mut client = client(near);
        let trickle = async {
            while trickles && client.feed("still talking").await.is_ok() && client.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = trickle => {}
            () = no_sessions(&hub) => {}
        }
        assert!((5_000..7_200).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}

/// It takes nothing at all: what is queued for it is bounded, and it is dropped after `write_timeout`.
#[tokio::test(start_paused = true)]
async fn s3_a_peer_that_takes_nothing_is_dropped_after_write_timeout() {
    let hub =
        Hub::builder().room_options("*", RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest)).build();
    let room = hub.room("r").unwrap();
    let (_peer, far) = duplex(100);
    let handle = serve(&hub, Io::other(far), Config::default().keepalive(None), idle);
    handle.join(&room, Start::Newest).unwrap();
    let start = Instant::now();
    while hub.session_count() > 0 {
        room.broadcast("x".repeat(1_000)).unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(start.elapsed() < PATIENCE);
    }
    assert!((10_000..10_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    until(|| room.member_count() == 0).await;
}
