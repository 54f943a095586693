//! Pings, and who is taken for dead, through a session.

use std::{future::pending, time::Duration};

use bowline_core::connection::{Config, Event};
use bowline_server::{Hub, Session, io::Io};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    time::{Instant, sleep},
};

use crate::support::{client, next, serve};

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

async fn absent(session: Session) {
    let _session = session;
    pending::<()>().await;
}

/// As the documentation of `Keepalive` has it: every 20 s, give or take a tenth.
const PINGS: std::ops::RangeInclusive<u128> = 18_000..=22_010;

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_pinged_every_20_s_within_a_tenth() {
    for handler in [0, 1] {
        let hub = Hub::builder().build();
        let (near, far) = duplex(1_000);
        if handler == 0 {
            serve(&hub, Io::other(far), Config::default(), idle);
        } else {
            serve(&hub, Io::other(far), Config::default(), absent);
        }
        let mut client = client(near);
        let mut last = Instant::now();
        for _ in 0..100 {
            assert!(matches!(client.recv_event().await.unwrap(), Some(Event::Ping(_))));
            let waited = last.elapsed().as_millis();
            assert!(PINGS.contains(&waited), "{waited} ms");
            last = Instant::now();
        }
        assert_eq!(hub.session_count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_ends_within_40_s_and_a_tenth() {
    for handler in [0, 1] {
        for messages in [0, 1] {
            let hub = Hub::builder().build();
            let (mut near, far) = duplex(1_000);
            if handler == 0 {
                serve(&hub, Io::other(far), Config::default(), idle);
            } else {
                serve(&hub, Io::other(far), Config::default(), absent);
            }
            // A masked text of no bytes.
            near.write_all(&[0x81, 0x80, 0, 0, 0, 0].repeat(messages)).await.unwrap();
            let start = Instant::now();
            while hub.session_count() > 0 && start.elapsed() < Duration::from_secs(100) {
                sleep(Duration::from_millis(1)).await;
            }
            let waited = start.elapsed().as_millis();
            // And two seconds, in which it might close its end.
            assert!((38_000..44_000 + 2_100).contains(&waited), "{waited} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_traffic_is_life() {
    let hub = Hub::builder().build();
    let (mut near, far) = duplex(100_000);
    serve(&hub, Io::other(far), Config::default(), idle);
    // A message each 15 s, for ten minutes: never a Pong.
    for _ in 0..40 {
        sleep(Duration::from_secs(15)).await;
        near.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    }
    assert_eq!(hub.session_count(), 1);
    let mut wire = vec![0; 100_000];
    let read = near.read(&mut wire).await.unwrap();
    assert!(!wire[..read].windows(2).any(|bytes| bytes == [0x88, 2]), "no Close");
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_known() {
    let hub = Hub::builder().build();
    let (near, far) = duplex(1_000);
    serve(&hub, Io::other(far), Config::default(), |mut session: Session| async move {
        assert_eq!(session.round_trip(), None);
        while let Ok(Some(_)) = session.recv().await {
            let text = format!("{:?}", session.round_trip().map(|time| time.as_millis()));
            session.send(text).await.unwrap();
        }
    });
    // What the client does with a Ping, it does when it is polled.
    let mut client = client(near);
    sleep(Duration::from_secs(23)).await;
    client.send("?").await.unwrap();
    assert_eq!(next(&mut client).await, "None", "the Pong is behind it");
    client.send("?").await.unwrap();
    let text = next(&mut client).await;
    let taken: Option<u128> = text.trim_start_matches("Some(").trim_end_matches(')').parse().ok();
    // The Ping left after 18 to 22 s, and was answered after 23.
    assert!(taken.is_some_and(|taken| (990..5_010).contains(&taken)), "{text}");
}
