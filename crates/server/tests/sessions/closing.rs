//! Closes that something stands in the way of.

use std::{future::pending, time::Duration};

use bowline_core::{CloseCode, CloseFrame, Limits, connection::Config};
use bowline_server::{
    Hub, Session,
    http::RateLimit,
    hub::Drain,
    io::Io,
    room::{RoomOptions, Start},
    session::{DirectError, SessionHandle},
};
use tokio::{
    io::{AsyncReadExt as _, DuplexStream, duplex},
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

/// A session with a kilobyte to be written, and its client, which has room for a byte.
fn trickled(hub: &Hub) -> (DuplexStream, SessionHandle) {
    let (near, far) = duplex(1);
    let limits = Limits::default().write_timeout(Duration::from_secs(2));
    let config = Config::default().keepalive(None).limits(limits);
    let handle =
        serve(hub, Io::other(far), config, |mut session: Session| async move { session.recv().await.map(drop) });
    handle.send("x".repeat(1_000)).unwrap();
    (near, handle)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_trickles_puts_its_close_off_for_the_flush_timeout_and_no_longer() {
    const TIMEOUT: Duration = Duration::from_secs(30);
    for closes in [true, false] {
        let hub = Hub::builder().build();
        let (mut near, handle) = trickled(&hub);
        // However long nobody wants it to end.
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            near.read_u8().await.unwrap();
        }
        let began = Instant::now();
        let drains = tokio::spawn({
            let hub = hub.clone();
            // As a drain does, too.
            async move { if closes { 0 } else { hub.drain(Drain::default().deadline(Duration::MAX)).await } }
        });
        if closes {
            handle.close(None);
        }
        while began.elapsed() < TIMEOUT - Duration::from_secs(1) {
            sleep(Duration::from_secs(1)).await;
            near.read_u8().await.unwrap();
        }
        assert_eq!(hub.session_count(), 1, "it has until then");
        no_sessions(&hub).await;
        assert!((TIMEOUT..TIMEOUT + Duration::from_millis(200)).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert_eq!(drains.await.unwrap(), 0);
    }
}

/// A client that reads is told everything, and the code, whatever the time.
#[tokio::test(start_paused = true)]
async fn a_close_within_the_flush_timeout_comes_after_all_that_was_sent() {
    let hub = Hub::builder().flush_timeout(Duration::from_secs(1)).build();
    let (near, handle) = trickled(&hub);
    handle.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, ""));
    sleep(Duration::from_millis(900)).await;
    let (texts, code) = rest(&mut client(near)).await;
    assert_eq!((texts.concat().len(), code), (1_000, 1008));
}

/// One that takes a byte now and then has stalled by no measure, and could put its Close off for days.
#[tokio::test(start_paused = true)]
async fn an_abort_waits_for_no_client() {
    let hub = Hub::builder().flush_timeout(Duration::MAX).build();
    let (mut near, handle) = trickled(&hub);
    handle.close(None);
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        near.read_u8().await.unwrap();
    }
    assert_eq!(hub.session_count(), 1, "it is told what was sent to it, however slowly");
    handle.abort();
    yield_now().await;
    yield_now().await;
    assert_eq!(hub.session_count(), 0);
    // A byte may have been on its way.
    let rest = near.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(rest <= 1, "{rest}");
}
