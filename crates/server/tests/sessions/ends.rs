//! How sessions end.

use std::{
    future::pending,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame, Error, Message};
use bowline_server::{
    Hub, Session,
    handler::Outcome,
    room::{RoomOptions, Start},
};
use tokio::time::{sleep, timeout};

use crate::support::{PATIENCE, next, no_sessions, pair, rest, until};

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_closes_with_1000() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 1_000, |session: Session| async move {
        session.send("bye").await.unwrap();
    });
    assert_eq!(rest(&mut client).await, (vec!["bye".to_owned()], 1000));
    no_sessions(&hub).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_closes_with_1011_and_says_nothing_of_why() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 1_000, |session: Session| async move {
        session.send("bye").await.unwrap();
        Outcome::from(Err::<(), _>("a secret"))
    });
    assert_eq!(rest(&mut client).await, (vec!["bye".to_owned()], 1011));
    assert_eq!(client.ended().unwrap().frame().map(|frame| frame.reason().as_str().to_owned()), Some(String::new()));
    no_sessions(&hub).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_closes_with_counts() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 1_000, |session: Session| async move {
        session.close(CloseFrame::new(CloseCode::GOING_AWAY, "enough"));
    });
    assert_eq!(rest(&mut client).await.1, 1001);
    assert_eq!(client.ended().unwrap().frame().map(|frame| frame.reason().as_str().to_owned()), Some("enough".into()));
}

/// Panics in one message of a hundred, without the noise of the hook.
async fn fragile(mut session: Session) -> Result<(), Error> {
    while let Some(message) = session.recv().await? {
        if message.as_text() == Some("panic") {
            resume_unwind(Box::new("on purpose"));
        }
        if session.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_in_one_message_of_a_hundred_ends_only_its_own_session() {
    const SESSIONS: usize = 1_000;
    const MESSAGES: usize = 20;
    let hub = Hub::builder().build();
    let survivors = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..SESSIONS {
        let (_, mut client) = pair(&hub, 1_000, fragile);
        let survivors = Arc::clone(&survivors);
        clients.spawn(async move {
            for message in 0..MESSAGES {
                if ((number * MESSAGES + message) * 7).is_multiple_of(100) {
                    client.send("panic").await.unwrap();
                    assert_eq!(rest(&mut client).await, (vec![], 1011));
                    return;
                }
                let text = format!("{number} {message}");
                client.send(text.clone()).await.unwrap();
                assert_eq!(next(&mut client).await, text);
            }
            survivors.fetch_add(1, Ordering::Relaxed);
            client.close(None).await.unwrap();
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    assert_eq!(survivors.load(Ordering::Relaxed), SESSIONS * 4 / 5);
    no_sessions(&hub).await;
}

/// A closure may panic before there is a future.
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_at_once_ends_only_its_own_session() {
    let hub = Hub::builder().max_sessions(1).build();
    for _ in 0..3 {
        let (_, mut client) =
            pair(&hub, 1_000, |_: Session| -> std::future::Pending<()> { resume_unwind(Box::new("on purpose")) });
        assert_eq!(rest(&mut client).await, (vec![], 1011));
        no_sessions(&hub).await;
    }
}

/// What a handler holds may panic when it is dropped.
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_while_it_is_dropped_ends_only_its_own_session() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                resume_unwind(Box::new("on purpose"));
            }
        }
    }
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 1_000, |session: Session| async move {
        let _bomb = Bomb;
        drop(session);
    });
    assert_eq!(rest(&mut client).await.1, 1011);
    no_sessions(&hub).await;
}

/// It waits for something else, and never hears that its client has gone; what it held is given back nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_handler_never_receives_ends_with_its_client() {
    for closes in [true, false] {
        let hub = Hub::builder().build();
        let (handle, mut client) = pair(&hub, 1_000, |session: Session| async move {
            let room = session.hub().room("r").unwrap();
            session.join(&room, Start::Newest).unwrap();
            drop(room);
            session.send("joined").await.unwrap();
            pending::<()>().await;
        });
        assert_eq!(next(&mut client).await, "joined");
        client.send("nobody receives it").await.unwrap();
        if closes {
            let _ = timeout(PATIENCE, client.close(None)).await.expect("it ends");
        }
        drop(client);
        no_sessions(&hub).await;
        until(|| hub.room_count() == 0).await;
        assert!(handle.send("too late").is_err());
    }
}

/// What had come before the end is still there for a handler that was busy.
#[tokio::test(start_paused = true)]
async fn a_handler_that_was_busy_gets_what_came_before_the_end() {
    let hub = Hub::builder().build();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let (_, mut client) = pair(&hub, 1_000, move |mut session: Session| {
        let tell = tell.lock().unwrap().take();
        async move {
            sleep(Duration::from_secs(60)).await;
            let mut seen = Vec::new();
            while let Ok(Some(message)) = session.recv().await {
                seen.push(message);
            }
            let _ = tell.unwrap().send((seen, session.ended()));
        }
    });
    client.send("one").await.unwrap();
    client.send("two").await.unwrap();
    client.start_close(CloseFrame::from(CloseCode::GOING_AWAY));
    client.flush().await.unwrap();
    let (_, (seen, ended)) = tokio::join!(client.recv(), async { told.await.unwrap() });
    assert_eq!(seen, [Message::text("one"), Message::text("two")]);
    assert_eq!(ended.map(|ended| ended.code()), Some(1001));
}

#[tokio::test(start_paused = true)]
async fn nobody_can_do_anything_with_a_session_that_has_ended() {
    let hub = Hub::builder().room_options("*", RoomOptions::default().presence(true)).build();
    let (handle, client) =
        pair(&hub, 1_000, |mut session: Session| async move { while let Ok(Some(_)) = session.recv().await {} });
    let room = hub.room("r").unwrap();
    handle.join(&room, Start::Newest).unwrap();
    assert_eq!((room.member_count(), handle.rooms().len()), (1, 1));
    assert!(hub.session(handle.id()).is_some());
    drop(client);
    no_sessions(&hub).await;
    assert!(hub.session(handle.id()).is_none());
    assert_eq!((room.member_count(), handle.rooms().len()), (0, 0));
    assert!(
        matches!(handle.send("m"), Err(bowline_server::session::DirectError::Gone(message)) if message.message() == &Message::text("m"))
    );
    assert_eq!(handle.join(&room, Start::Newest), Err(bowline_server::room::JoinError::SessionEnded));
    assert!(!handle.leave(&room));
    handle.close(None);
}

#[tokio::test(start_paused = true)]
async fn so_many_sessions_are_taken_and_no_more() {
    let hub = Hub::builder().max_sessions(2).build();
    let wait = |mut session: Session| async move { while let Ok(Some(_)) = session.recv().await {} };
    let (_, first) = pair(&hub, 100, wait);
    let (_, _second) = pair(&hub, 100, wait);
    let refused = || {
        let (_client, server) = tokio::io::duplex(100);
        let server = crate::support::socket(
            bowline_server::io::Io::other(server),
            bowline_core::Role::Server,
            bowline_core::connection::Config::default(),
        );
        hub.serve(server, bowline_server::hub::Admission::default()).is_err()
    };
    assert!(refused());
    drop(first);
    until(|| hub.session_count() == 1).await;
    assert!(!refused());
    assert!(hub.session_count() <= 2);
}

/// However the runtime ends its task.
#[test]
fn sessions_end_with_their_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (hub, _client) = runtime.block_on(async {
        let hub = Hub::builder().build();
        let (_, mut client) = pair(&hub, 100, |session: Session| async move {
            session.send("here").await.unwrap();
            pending::<()>().await;
        });
        next(&mut client).await;
        (hub, client)
    });
    assert_eq!(hub.session_count(), 1);
    drop(runtime);
    assert_eq!(hub.session_count(), 0);
}
