//! Stopping without a storm.

use std::{collections::HashSet, future::pending, sync::Arc, time::Duration};

use bowline_core::{CloseCode, connection::Config};
use bowline_server::{
    Hub, Session,
    hub::{Admission, Drain},
    io::Io,
    room::{RoomOptions, Start},
};
use tokio::{
    io::duplex,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::support::{PATIENCE, pair, rest, serve, socket};

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

struct Seen {
    number: usize,
    at: Duration,
    code: u16,
    retry: u64,
}

/// When each of so many clients is closed, and with what.
async fn drain(count: usize, drain: Drain) -> (Vec<Seen>, usize, Duration) {
    let hub = Hub::builder().build();
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..count {
        let (_, mut client) = pair(&hub, 1_000, idle);
        clients.spawn(async move {
            // Who waits longer than `rest` does.
            let _ = client.recv().await;
            let frame = client.ended().unwrap().frame().cloned().unwrap();
            let retry = frame.reason().as_str().strip_prefix("retry=").unwrap().parse().unwrap();
            Seen { number, at: start.elapsed(), code: frame.code().get(), retry }
        });
    }
    tokio::task::yield_now().await;
    let dropped = hub.drain(drain).await;
    let took = start.elapsed();
    assert_eq!(hub.session_count(), 0);
    let mut seen = clients.join_all().await;
    seen.sort_by_key(|seen| seen.at);
    (seen, dropped, took)
}

#[tokio::test(start_paused = true)]
async fn closes_are_spread_over_the_window_in_random_order_each_with_its_own_delay() {
    for count in [400, 201, 1_000] {
        let (seen, dropped, took) = drain(count, Drain::default()).await;
        assert_eq!((seen.len(), dropped), (count, 0));
        for second in 0..10 {
            let within = seen.iter().filter(|seen| seen.at.as_secs() == second).count();
            assert!(
                (count / 10 - count / 50 - 2..=count / 10 + count / 50 + 2).contains(&within),
                "{count}: {within} in second {second}"
            );
        }
        assert!((9_900..10_200).contains(&took.as_millis()), "{took:?}");
        assert!(seen.iter().all(|seen| seen.code == 1012 && seen.retry <= 10_000));
        let delays: HashSet<_> = seen.iter().map(|seen| seen.retry).collect();
        assert!(delays.len() > count * 9 / 10, "{} different delays", delays.len());
        // Of neighbours in a random order, half come in the order in which they joined.
        let rises = seen.windows(2).filter(|pair| pair[0].number < pair[1].number).count();
        assert!((count / 3..count * 2 / 3).contains(&rises), "{rises} of {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_sessions_do_not_take_the_whole_window() {
    for count in 0..4 {
        let (seen, dropped, took) = drain(count, Drain::default().code(CloseCode::GOING_AWAY)).await;
        assert_eq!((seen.len(), dropped), (count, 0));
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(seen.iter().all(|seen| seen.code == 1001));
    }
}

#[tokio::test(start_paused = true)]
async fn no_window_closes_all_at_once_and_no_delay_is_none() {
    let at_once = Drain::default().window(Duration::ZERO).reconnect_within(Duration::ZERO);
    let (seen, _, took) = drain(500, at_once).await;
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert!(seen.iter().all(|seen| seen.retry == 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_taken_once_it_drains() {
    let hub = Hub::builder().build();
    assert!(hub.is_ready());
    let (_, _client) = pair(&hub, 1_000, idle);
    let drains = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain(Drain::default()).await }
    });
    tokio::task::yield_now().await;
    assert!(!hub.is_ready());
    let (_near, far) = duplex(10);
    let ws = socket(Io::other(far), bowline_core::Role::Server, Config::default());
    assert!(hub.serve(ws, Admission::default()).is_err());
    drop(_client);
    assert_eq!(drains.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_delivered_before_the_close() {
    let hub = Hub::builder().max_outbox(1_000, usize::MAX).room_options("*", RoomOptions::default()).build();
    let room = hub.room("r").unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (handle, mut client) = pair(&hub, 200, |mut session: Session| async move {
            session.send("x".repeat(500_000)).await.unwrap();
            while let Ok(Some(_)) = session.recv().await {}
        });
        handle.join(&room, Start::Newest).unwrap();
        for number in 0..20 {
            handle.send(format!("direct {number}")).unwrap();
        }
        clients.spawn(async move {
            sleep(Duration::from_secs(5)).await;
            rest(&mut client).await
        });
    }
    tokio::task::yield_now().await;
    for number in 0..100 {
        room.broadcast(format!("published {number}")).unwrap();
    }
    assert_eq!(hub.drain(Drain::default().window(Duration::from_secs(1))).await, 0);
    while let Some(seen) = clients.join_next().await {
        let (texts, code) = seen.unwrap();
        let count = |what: &str| texts.iter().filter(|text| text.starts_with(what)).count();
        assert_eq!((count("x"), count("direct"), count("published"), code), (1, 20, 100, 1012));
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_ones_are_dropped_at_the_deadline_and_counted() {
    let hub = Hub::builder().build();
    let failed = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut peers = Vec::new();
    for stalls in [true, false, true, false, true] {
        let (near, far) = duplex(100);
        let limits = bowline_core::Limits::default().write_timeout(Duration::MAX).close_timeout(Duration::MAX);
        let failed = Arc::clone(&failed);
        serve(&hub, Io::other(far), Config::default().keepalive(None).limits(limits), move |mut session: Session| {
            let failed = Arc::clone(&failed);
            async move {
                if stalls {
                    session.send("x".repeat(1_000)).await.unwrap();
                }
                let end = session.recv().await;
                failed.lock().unwrap().push(end.is_err());
                // It can't hold the drain up.
                pending::<()>().await;
            }
        });
        if stalls {
            peers.push(near);
        } else {
            let mut client = crate::support::client(near);
            tokio::spawn(async move { client.recv().await });
        }
    }
    tokio::task::yield_now().await;
    let start = Instant::now();
    let dropped = hub.drain(Drain::default().deadline(Duration::from_secs(15))).await;
    assert_eq!((dropped, hub.session_count()), (3, 0));
    assert!((15_000..15_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    crate::support::until(|| failed.lock().unwrap().len() == 5).await;
    let failed = failed.lock().unwrap().iter().filter(|failed| **failed).count();
    assert_eq!(failed, 3, "only those that were dropped");
    drop(peers);
}

/// One that was being taken while the drain began is closed as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_come_as_it_begins_are_closed_too() {
    for _ in 0..50 {
        let hub = Hub::builder().build();
        let comes = {
            let hub = hub.clone();
            tokio::task::spawn_blocking(move || {
                let runtime = tokio::runtime::Handle::current();
                let _guard = runtime.enter();
                let mut clients = Vec::new();
                loop {
                    let (near, far) = duplex(1_000);
                    let ws = socket(Io::other(far), bowline_core::Role::Server, Config::default());
                    if hub.serve_with(ws, Admission::default(), idle).is_err() {
                        return clients;
                    }
                    let mut client = crate::support::client(near);
                    clients.push(tokio::spawn(async move {
                        let _ = client.recv().await;
                        client.ended().unwrap().code()
                    }));
                }
            })
        };
        sleep(Duration::from_millis(2)).await;
        let at_once = Drain::default().window(Duration::ZERO).deadline(Duration::from_secs(10));
        let dropped = tokio::time::timeout(PATIENCE, hub.drain(at_once)).await.expect("it ends");
        assert_eq!(dropped, 0);
        for client in comes.await.unwrap() {
            assert_eq!(client.await.unwrap(), 1012);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_a_drain_waits_for_all() {
    let hub = Hub::builder().build();
    let (handle, client) = pair(&hub, 1_000, idle);
    let drained = hub.drain(Drain::default().window(Duration::ZERO).deadline(Duration::MAX));
    let late = async {
        sleep(Duration::from_secs(3)).await;
        rest(&mut { client }).await.1
    };
    assert_eq!(tokio::join!(drained, late), (0, 1012));
    assert!(handle.send("late").is_err());
}
