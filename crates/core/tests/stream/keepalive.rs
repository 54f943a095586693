//! Pings, and who is taken for dead, on a paused clock.

use std::time::Duration;

use bowline_core::{
    CloseCode, Error, Limits, Role,
    connection::{Config, Event, Keepalive},
    error::Timeout,
};
use tokio::{
    io::duplex,
    time::{Instant, sleep},
};

use crate::{
    common::{Peer, pair, scripted, socket, untimed},
    scripted::Scripted,
};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_pings_every_20_s_within_a_tenth() {
    let (mut client, mut server) = pair(1_000, Config::default());
    let answers = tokio::spawn(async move { client.recv().await });
    let mut last = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..200 {
        // The client pings as well; those come as Pings.
        while !matches!(server.recv_event().await.unwrap(), Some(Event::Pong(_))) {}
        waits.push(last.elapsed());
        last = Instant::now();
    }
    // Timers tick by the millisecond.
    let bounds = Duration::from_millis(18_000)..=Duration::from_millis(22_002);
    assert!(waits.iter().all(|wait| bounds.contains(wait)), "{waits:?}");
    let spread = *waits.iter().max().unwrap() - *waits.iter().min().unwrap();
    assert!(spread > Duration::from_secs(2), "no jitter: {spread:?}");
    assert_eq!(server.round_trip(), Some(Duration::ZERO));
    answers.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_told_1011_and_given_up() {
    let (mut server, io) = scripted(Scripted::default(), Config::default());
    let start = Instant::now();
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Pong))));
    let waited = start.elapsed();
    // Ping at 18 to 22 s, 20 s for an answer, and 2 s for the dead peer to close its end.
    assert!((Duration::from_secs(40)..Duration::from_millis(44_010)).contains(&waited), "{waited:?}");
    let seen = Peer::client().understand(&io.script().written());
    let Some(Event::Close(Some(frame))) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(frame.code(), CloseCode::INTERNAL_ERROR);
    assert!(seen[..seen.len() - 1].iter().all(|event| matches!(event, Event::Ping(_))), "{seen:?}");
    let ended = server.ended().unwrap();
    assert!(!ended.is_clean() && !ended.by_peer() && ended.code() == 1006, "{ended:?}");
    assert!(io.script().shut_down);
    assert_eq!(server.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_life() {
    let (mut server, io) = scripted(Scripted::default(), Config::default());
    // One message of a byte each 15 s, for ten minutes: never a Pong.
    let wire = Peer::client().messages(&["0123456789012345678901234567890123".into()]);
    let unhurried = Config::default().limits(Limits::default().message_timeout(Duration::MAX));
    let (mut slow, slow_io) = scripted(Scripted::default(), unhurried);
    let feed = async {
        for byte in wire {
            sleep(Duration::from_secs(15)).await;
            slow_io.script().incoming.push_back(byte);
            slow_io.script().wake();
        }
    };
    let (received, ()) = tokio::join!(slow.recv(), feed);
    assert_eq!(received.unwrap().unwrap().len(), 34);
    // And the other, to which nothing came, is over by now.
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Pong))));
    drop(io);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_away_does_not_take_the_peer_for_dead() {
    let (client, server) = duplex(1_000);
    let mut client = socket(client, Role::Client, untimed());
    let mut server = socket(server, Role::Server, Config::default());
    let answers = tokio::spawn(async move { client.recv().await });
    for _ in 0..5 {
        let waited = tokio::time::timeout(Duration::from_secs(25), server.recv()).await;
        assert!(waited.is_err(), "{waited:?}");
        sleep(Duration::from_secs(300)).await;
    }
    answers.abort();
}

#[tokio::test(start_paused = true)]
async fn a_longer_timeout_than_interval_still_finds_the_dead() {
    let keepalive = Keepalive::default().ping_interval(Duration::from_secs(1)).ping_timeout(Duration::from_secs(5));
    let (mut server, _io) = scripted(Scripted::default(), Config::default().keepalive(Some(keepalive)));
    let start = Instant::now();
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Pong))));
    assert!((5_900..8_200).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_round_trip_is_measured() {
    let keepalive = Keepalive::default().ping_interval(Duration::from_secs(1));
    let (mut server, io) = scripted(Scripted::default(), Config::default().keepalive(Some(keepalive)));
    assert_eq!(server.round_trip(), None);
    let task = tokio::spawn(async move {
        while server.round_trip().is_none() {
            server.recv_event().await.unwrap();
        }
        server.round_trip()
    });
    while io.script().writes.is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(70)).await;
    let mut client = Peer::client();
    let pings = io.script().written();
    // Taking a Ping in queues its Pong.
    let pong = client.wire(|client| {
        let mut input = bowline_core::buffer::Input::new(pings[..].into());
        client.receive(&mut input, std::time::Instant::now).unwrap();
    });
    io.script().incoming.extend(pong);
    io.script().wake();
    let measured = task.await.unwrap().unwrap();
    assert!((70..80).contains(&measured.as_millis()), "{measured:?}");
}

#[tokio::test(start_paused = true)]
async fn without_keepalive_nothing_is_sent_and_nobody_is_dead() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let waited = tokio::time::timeout(Duration::from_secs(1_000_000), server.recv()).await;
    assert!(waited.is_err());
    assert!(io.script().writes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_begun_must_end_in_time() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let mut client = Peer::client();
    let wire = client.messages(&[vec![7; 100].into()]);
    io.script().incoming.extend(&wire[..50]);
    let start = Instant::now();
    let trickle = tokio::spawn({
        let io = io.clone();
        async move {
            loop {
                sleep(Duration::from_secs(7)).await;
                io.script().incoming.push_back(b'x');
                io.script().wake();
            }
        }
    });
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Message))));
    trickle.abort();
    assert!((60..=62).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let seen = client.understand(&io.script().written());
    let [Event::Close(Some(frame))] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(frame.code(), CloseCode::POLICY_VIOLATION);
}

#[tokio::test(start_paused = true)]
async fn pings_within_a_message_do_not_give_it_more_time() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let mut client = Peer::client();
    // A first fragment, and then Pings for ever.
    io.script().incoming.extend([0x01, 0x80, 0, 0, 0, 0]);
    let start = Instant::now();
    let pings = tokio::spawn({
        let io = io.clone();
        async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                io.script().incoming.extend(client.ping("still here"));
                io.script().wake();
            }
        }
    });
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Message))));
    pings.abort();
    assert!((60..=62).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}
