//! Closes that something stands in the way of.

use std::{future::pending, time::Duration};

use bowline_core::{CloseCode, connection::Config};
use bowline_server::{
    Hub, Session,
    http::RateLimit,
    io::Io,
    room::{RoomOptions, Start},
    session::DirectError,
};
use tokio::{
    io::duplex,
    task::yield_now,
    time::{Instant, sleep},
};

use crate::support::{client, no_sessions, pair, rest, serve};

async fn deaf(session: Session) {
    let _session = session;
    pending::<()>().await;
}

/// A member that was overrun before its task ran once: nothing waits to be written, and nothing else wakes the task.
#[tokio::test(start_paused = true)]
async fn a_slow_consumer_that_never_answers_its_close_is_dropped_after_the_close_timeout() {
    let hub = Hub::builder().room_options("*", RoomOptions::default().max_log_count(2)).build();
    let room = hub.room("r").unwrap();
    let (_near, far) = duplex(1_000);
    let handle = serve(&hub, Io::other(far), Config::default().keepalive(None), deaf);
    // Its handler has run, and it waits.
    sleep(Duration::from_millis(1)).await;
    handle.join(&room, Start::Newest).unwrap();
    for _ in 0..3 {
        room.broadcast("m").unwrap();
    }
    let began = Instant::now();
    no_sessions(&hub).await;
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// The handler does something else, so that the task reads ahead of it.
#[tokio::test(start_paused = true)]
async fn whoever_sends_too_much_to_a_handler_that_does_not_receive_is_closed_in_good_order() {
    let hub = Hub::builder().session_rate(RateLimit::new().messages(1, 1)).build();
    let (_handle, mut client) = pair(&hub, 1_000, deaf);
    for text in ["taken", "over", "behind"] {
        client.send(text).await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(rest(&mut client).await, (vec![], CloseCode::POLICY_VIOLATION.get()));
    no_sessions(&hub).await;
    assert!(began.elapsed() < Duration::from_secs(1), "its answer is read: {:?}", began.elapsed());
}

/// Else whoever is to go could stay for as long as there is something to be sent.
#[tokio::test(start_paused = true)]
async fn what_is_sent_after_a_close_does_not_put_it_off() {
    let hub = Hub::builder().build();
    let (near, far) = duplex(10);
    let handle = serve(&hub, Io::other(far), Config::default().keepalive(None), deaf);
    let early = "long enough to wait for the client";
    handle.send(early).unwrap();
    handle.close(None);
    yield_now().await;
    let late = handle.send("late");
    assert!(
        matches!(&late, Err(DirectError::Gone(message)) if message.message().as_text() == Some("late")),
        "{late:?}"
    );
    assert_eq!(rest(&mut client(near)).await, (vec![early.to_owned()], 1000));
    no_sessions(&hub).await;
}
