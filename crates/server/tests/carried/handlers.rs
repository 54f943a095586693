//! Handlers that do other things than to wait for messages, by each carrier.

use std::time::Duration;

use bowline_core::message::Outgoing;
use bowline_server::{Hub, Session, hub::HubBuilder};
use tokio::sync::mpsc;

use crate::{
    peer::{Peer, WAYS, Way},
    support::{BOTH, Http, Site},
};

#[tokio::test(start_paused = true)]
async fn a_session_works_from_another_task() {
    for http in BOTH {
        for way in WAYS {
            let hub = Hub::builder().handler(|mut session: Session| async move {
                let echo = async move {
                    while let Ok(Some(message)) = session.recv().await {
                        session.send(message).await.unwrap();
                    }
                };
                tokio::spawn(echo).await.unwrap();
            });
            let site = Site::new(http, hub);
            let mut peer = Peer::open(&site, way).await;
            for number in 0..20 {
                peer.text(&number.to_string()).await;
                assert_eq!(peer.data().await, number.to_string());
            }
            for number in 0..20 {
                peer.text(&number.to_string()).await;
            }
            for number in 0..20 {
                assert_eq!(peer.data().await, number.to_string());
            }
        }
    }
}

/// On real threads, so that carriers, handlers and the sessions' tasks run at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sessions_on_threads() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut clients = tokio::task::JoinSet::new();
        for index in 0..12 {
            let site = site.clone();
            clients.spawn(async move {
                let mut peer = Peer::open(&site, WAYS[index % 4]).await;
                for number in 0..40 {
                    peer.text(&number.to_string()).await;
                    assert_eq!(peer.data().await, number.to_string());
                    if number % 10 == 9 {
                        peer.attach(WAYS[(index + number) % 4]).await;
                    }
                }
                assert_eq!(peer.client.end().await.status, 204);
            });
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_select_over_receiving_and_other_things() {
    for way in WAYS {
        let hub = Hub::builder().handler(|mut session: Session| async move {
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
        let site = Site::new(Http::One, hub);
        let mut peer = Peer::open(&site, way).await;
        for number in 0..30_u64 {
            peer.text(&number.to_string()).await;
            tokio::time::sleep(Duration::from_millis(number % 13)).await;
            assert_eq!(peer.data().await, number.to_string());
        }
    }
}

/// What flushes tells: by whatever carrier, all is on its way.
fn flushing() -> (HubBuilder, mpsc::UnboundedReceiver<&'static str>) {
    let (tell, told) = mpsc::unbounded_channel();
    let hub = Hub::builder().handler(move |mut session: Session| {
        let tell = tell.clone();
        async move {
            session.recv().await.unwrap();
            session.send("one").await.unwrap();
            let _ = tell.send("sent");
            session.flush().await.unwrap();
            let _ = tell.send("flushed");
            std::future::pending::<()>().await;
        }
    });
    (hub, told)
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_until_a_carrier_has_it() {
    for way in WAYS {
        let (hub, mut told) = flushing();
        let site = Site::new(Http::One, hub);
        let mut peer = Peer::open(&site, way).await;
        peer.text("go").await;
        assert_eq!(told.recv().await.unwrap(), "sent");
        if matches!(way, Way::Poll | Way::LongPoll) {
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(told.try_recv().is_err(), "there is nothing that carries it");
        }
        assert_eq!(peer.data().await, "one");
        assert_eq!(told.recv().await.unwrap(), "flushed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_while_nobody_carries_it_waits() {
    for http in BOTH {
        for way in WAYS {
            let hub = Hub::builder().handler(|session: Session| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                for number in 1..=3 {
                    session.send(number.to_string()).await.unwrap();
                }
                session.handle().send(Outgoing::uncompressed("\u{1e}by the outbox")).unwrap();
                session.send("\u{1e}as it is").await.unwrap();
                std::future::pending::<()>().await;
            });
            let site = Site::new(http, hub);
            let mut peer = Peer::open(&site, Way::Poll).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            peer.attach(way).await;
            let mut all = Vec::new();
            for _ in 0..5 {
                all.push(peer.data().await);
            }
            assert_eq!(all[..3], ["1", "2", "3"]);
            all[3..].sort();
            assert_eq!(all[3..], ["\u{1e}as it is", "\u{1e}by the outbox"], "{way:?}");
        }
    }
}
