//! What a handler receives and sends, and from where.

use std::{future::pending, sync::Arc, time::Duration};

use bowline_core::{Error, Limits, Message, connection::Config};
use bowline_server::{Hub, Session, io::Io};
use tokio::{
    io::duplex,
    time::{Instant, sleep, timeout},
};

use crate::support::{Counting, PATIENCE, client, next, no_sessions, pair, rest, serve};

async fn echo(mut session: Session) -> Result<(), Error> {
    while let Some(message) = session.recv().await? {
        session.send(message).await.map_err(|_| Error::Closed)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_come_and_go_in_order() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 500, echo);
    for round in 0..50 {
        let texts: Vec<_> = (0..round).map(|number| format!("{round} {number}")).collect();
        for text in &texts {
            client.feed(text.clone()).await.unwrap();
        }
        client.flush().await.unwrap();
        for text in texts {
            assert_eq!(next(&mut client).await, text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_works_from_another_task() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 100, |session: Session| async move { tokio::spawn(echo(session)).await.unwrap() });
    for number in 0..1_000 {
        client.send(number.to_string()).await.unwrap();
        assert_eq!(next(&mut client).await, number.to_string());
    }
    client.close(None).await.unwrap();
    no_sessions(&hub).await;
}

/// On real threads, so that the connection's task and the other one run at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_works_from_another_thread() {
    let hub = Hub::builder().build();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (_, mut client) =
            pair(&hub, 300, |session: Session| async move { tokio::spawn(echo(session)).await.unwrap() });
        clients.spawn(async move {
            for number in 0..500 {
                client.feed(format!("{number}a")).await.unwrap();
                client.send(format!("{number}b")).await.unwrap();
                assert_eq!(next(&mut client).await, format!("{number}a"));
                assert_eq!(next(&mut client).await, format!("{number}b"));
            }
            client.close(None).await.unwrap();
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    no_sessions(&hub).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_select_over_receiving_and_other_things() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 200, |mut session: Session| async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        loop {
            tokio::select! {
                message = session.recv() => match message {
                    Ok(Some(message)) => session.send(message).await.unwrap(),
                    _ => return,
                },
                _ = ticks.tick() => {}
            }
        }
    });
    for number in 0..200 {
        client.send(number.to_string()).await.unwrap();
        sleep(Duration::from_millis(number % 13)).await;
        assert_eq!(next(&mut client).await, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_send_several_at_once() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 50, |session: Session| async move {
        let big = || Message::from("x".repeat(100_000));
        let (a, b, c) = tokio::join!(session.send(big()), session.send(big()), session.send(big()));
        a.and(b).and(c).unwrap();
    });
    let (texts, code) = rest(&mut client).await;
    assert_eq!((texts.len(), code), (3, 1000));
}

/// Each of them waits for room, and each is woken.
#[tokio::test(start_paused = true)]
async fn several_tasks_may_send_through_one_session() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 50, |session: Session| async move {
        let session = Arc::new(session);
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let session = Arc::clone(&session);
                tokio::spawn(async move {
                    for _ in 0..5 {
                        session.send("x".repeat(50_000)).await.unwrap();
                        session.flush().await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let (texts, code) = rest(&mut client).await;
    assert_eq!((texts.len(), code), (50, 1000));
}

/// The peer takes nothing for a while; nobody may burn a processor meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_waits_is_idle() {
    let hub = Hub::builder().build();
    let (near, far) = duplex(100);
    let (far, writes) = Counting::new(far);
    serve(&hub, Io::other(far), Config::default(), |session: Session| async move {
        session.send("x".repeat(1_000)).await.unwrap();
        session.flush().await.unwrap();
        session.send("flushed").await.unwrap();
    });
    sleep(Duration::from_millis(300)).await;
    let tried = writes();
    assert!(tried < 50, "{tried} writes to a peer that takes nothing");
    let mut client = client(near);
    assert_eq!(rest(&mut client).await, (vec!["x".repeat(1_000), "flushed".into()], 1000));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_blocked_by_a_peer_that_reads_nothing_fails_once_write_timeout_has_passed() {
    for elsewhere in [false, true] {
        let hub = Hub::builder().build();
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::sync::Mutex::new(Some(tell));
        let limits = Limits::default().write_timeout(Duration::from_secs(10));
        let config = Config::default().keepalive(None).limits(limits);
        let (_peer, far) = duplex(1_000);
        serve(&hub, Io::other(far), config, move |session: Session| {
            let tell = tell.lock().unwrap().take();
            let sends = async move {
                let start = Instant::now();
                let mut sent = 0;
                while session.send("x".repeat(10_000)).await.is_ok() {
                    sent += 1;
                }
                let _ = tell.unwrap().send((sent, start.elapsed()));
            };
            async move { if elsewhere { tokio::spawn(sends).await.unwrap() } else { sends.await } }
        });
        let (sent, waited) = timeout(PATIENCE, told).await.expect("it fails").unwrap();
        assert_eq!(sent, 7, "as many as max_write_buffer takes");
        assert!((10_000..10_100).contains(&waited.as_millis()), "{waited:?}");
        no_sessions(&hub).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_comes_back_from_a_session_that_is_closing() {
    let hub = Hub::builder().build();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let (_, mut client) = pair(&hub, 1_000, move |mut session: Session| {
        let tell = tell.lock().unwrap().take();
        async move {
            session.close(None);
            while let Ok(Some(_)) = session.recv().await {}
            let rejected = session.send("late").await.unwrap_err();
            let _ = tell.unwrap().send(rejected.into_rejected());
            pending::<()>().await;
        }
    });
    assert_eq!(rest(&mut client).await.1, 1000);
    let message = told.await.unwrap().expect("it comes back");
    assert_eq!(message.message(), &Message::text("late"));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_the_handler_waits_for_something_else() {
    let hub = Hub::builder().build();
    let (_, mut client) = pair(&hub, 1_000, |session: Session| async move {
        let _session = session;
        pending::<()>().await;
    });
    for payload in ["a", "b", "c"] {
        client.ping(payload).await.unwrap();
        let event = timeout(PATIENCE, client.recv_event()).await.expect("it is answered").unwrap();
        assert!(matches!(event, Some(bowline_core::connection::Event::Pong(pong)) if pong == payload));
    }
}

/// They stand behind messages that nobody receives, up to a bound.
#[tokio::test(start_paused = true)]
async fn pings_behind_so_many_messages_are_answered_and_no_more() {
    for (count, len, is_answered) in [(16, 1, true), (17, 1, false), (1, 16 << 10, true), (2, 16 << 10, false)] {
        let hub = Hub::builder().build();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let told = std::sync::Mutex::new(Some(told));
        let (_, mut client) = pair(&hub, 100_000, move |mut session: Session| {
            let told = told.lock().unwrap().take();
            async move {
                let _ = told.unwrap().await;
                for _ in 0..count {
                    let message = session.recv().await.unwrap().unwrap();
                    assert_eq!(message.len(), len);
                }
                pending::<()>().await;
            }
        });
        for _ in 0..count {
            client.feed("x".repeat(len)).await.unwrap();
        }
        client.ping("behind").await.unwrap();
        let answered = timeout(Duration::from_secs(1), client.recv_event()).await;
        assert_eq!(answered.is_ok(), is_answered, "{count} messages of {len} B");
        tell.send(()).unwrap();
        if !is_answered {
            timeout(PATIENCE, client.recv_event()).await.expect("it is answered").unwrap();
        }
    }
}

/// It sent more than is read ahead, and went away; the next Ping shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_went_away_behind_unread_messages_is_found_out_by_a_write() {
    let hub = Hub::builder().build();
    let (near, far) = duplex(100_000);
    let keepalive = bowline_core::connection::Keepalive::default().ping_interval(Duration::from_millis(50));
    serve(&hub, Io::other(far), Config::default().keepalive(Some(keepalive)), |session: Session| async move {
        let _session = session;
        pending::<()>().await;
    });
    let mut client = client(near);
    for _ in 0..100 {
        client.feed("unread").await.unwrap();
    }
    client.flush().await.unwrap();
    drop(client);
    no_sessions(&hub).await;
}
