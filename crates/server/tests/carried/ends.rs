//! How sessions end (sections 6, 8 and 10).

use std::time::Duration;

use bowline_core::{CloseCode, CloseFrame};
use bowline_server::{
    Hub, Session,
    hub::{Drain, HubBuilder},
    room::Start,
};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    peer::{Carrier, Peer, WAYS, Way},
    support::{BOTH, Http, Site, answer_close, next, until},
};

/// Sessions whose handler tells what it receives last, and how they ended.
fn watched() -> (HubBuilder, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let hub = Hub::builder().handler(move |mut session: Session| {
        let tell = tell.clone();
        async move {
            let last = loop {
                match session.recv().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break "none".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(session.recv().await.unwrap().is_none());
            assert!(session.send("late").await.is_err() && session.flush().await.is_err());
            let ended =
                session.ended().map(|ended| format!("{} {} {}", ended.code(), ended.by_peer(), ended.is_clean()));
            let _ = tell.send(format!("{last}, {ended:?}"));
        }
    });
    (hub, told)
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_session_ends_after_its_time() {
    for http in BOTH {
        for way in WAYS {
            let (hub, mut told) = watched();
            let site = Site::new(http, hub.session_ttl(Duration::from_secs(30)));
            let mut peer = Peer::open(&site, way).await;
            assert_eq!(peer.open["ttl"], 30_000);
            peer.command("join", &json!({ "room": "a" })).await;
            let room = site.hub.room("a").unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
            // Any carrier keeps it, however long.
            peer.attach(Way::Comet).await;
            tokio::time::sleep(Duration::from_secs(3_000)).await;
            peer.attach(Way::Poll).await;
            let start = Instant::now();
            until("it leaves", || room.member_count() == 0).await;
            assert!((29_900..30_100).contains(&start.elapsed().as_millis()), "{way:?} {:?}", start.elapsed());
            let expected = "the session was without a carrier for its time to live, None";
            assert_eq!(told.recv().await.unwrap(), expected);
            assert_eq!((site.hub.session_count(), peer.client.poll("0").await.status), (0, 404));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn polls_between_keep_it() {
    let site = Site::new(Http::One, Hub::builder());
    let client = site.open().await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert_eq!(client.poll("0").await.status, 204);
    }
    // What is no carrier does not.
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(client.post("").await.status, 200);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(client.poll("0").await.status, 404);
}

/// What was sent and published before comes before the close, by whatever carrier, and however late it is.
#[tokio::test(start_paused = true)]
async fn the_applications_close_is_the_last_record() {
    for http in BOTH {
        for way in WAYS {
            for is_away in [false, true] {
                let hub = Hub::builder().handler(|session: Session| async move {
                    let room = session.hub().room("a").unwrap();
                    session.join(&room, Start::Newest).unwrap();
                    let handle = session.handle();
                    session.send("hello").await.unwrap();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    handle.send("by the outbox").unwrap();
                    room.broadcast("published").unwrap();
                    session.close(CloseFrame::new(CloseCode::new(4567).unwrap(), "enough"));
                    assert!(handle.send("late").is_ok() || handle.send("late").is_err());
                    room.broadcast("late").unwrap();
                });
                let site = Site::new(http, hub);
                let mut peer = Peer::open(&site, way).await;
                if is_away {
                    peer.attach(Way::Poll).await;
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    peer.attach(way).await;
                }
                let mut seen = Vec::new();
                let close = loop {
                    let event = peer.next().await;
                    if event.name == "close" {
                        break event.json();
                    }
                    if event.name != "joined" && event.data != "late" {
                        seen.push(event.data);
                    }
                };
                seen[1..].sort();
                assert_eq!(seen, ["hello", "by the outbox", "published"], "{way:?} {is_away}");
                assert_eq!(close, json!({ "code": 4567, "reason": "enough" }));
                if let Carrier::Socket(socket) = &mut peer.carrier {
                    assert_eq!(next(socket).await, "close 4567 enough");
                    answer_close(socket).await;
                } else {
                    assert_eq!(site.hub.session_count(), 1, "it waits for the acknowledgement");
                    peer.acknowledge().await;
                }
                until("it ends", || site.hub.session_count() == 0).await;
                assert_eq!(site.hub.room("a").unwrap().member_count(), 0);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_acknowledges_is_kept_for_a_while() {
    let site = Site::new(Http::One, Hub::builder().handler(|_session: Session| async {}));
    let client = site.open().await;
    let start = Instant::now();
    for _ in 0..5 {
        let answer = client.wait("0").await;
        assert_eq!(answer.events().last().unwrap().json(), json!({ "code": 1000 }));
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    until("it is forgotten", || site.hub.session_count() == 0).await;
    assert!((59_000..61_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(client.poll("0").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_ends_its_session() {
    for way in WAYS {
        for panics in [false, true] {
            let hub = Hub::builder().handler(move |mut session: Session| async move {
                session.recv().await?;
                assert!(!panics, "told to");
                Err::<(), _>(bowline_core::Error::Closed)
            });
            let site = Site::new(Http::One, hub);
            let mut peer = Peer::open(&site, way).await;
            peer.text("go").await;
            assert_eq!(peer.next().await.json()["code"], 1011);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_client_ends_ends_in_good_order() {
    for way in WAYS {
        let (hub, mut told) = watched();
        let site = Site::new(Http::One, hub);
        let mut peer = Peer::open(&site, way).await;
        peer.text("unread").await;
        peer.say("event: close\ndata: {\"code\":4001,\"reason\":\"bye\"}").await;
        // What follows it is passed over.
        if way != Way::Socket {
            assert_eq!(peer.client.post("id: 3\ndata: late\n\n").await.text, "event: ack\ndata: 2\n\n");
        }
        assert_eq!(told.recv().await.unwrap(), "none, Some(\"4001 true true\")", "{way:?}");
        let (hub, mut told) = watched();
        let site = Site::new(Http::One, hub);
        let mut peer = Peer::open(&site, way).await;
        assert_eq!(peer.client.end().await.status, 204);
        assert_eq!(told.recv().await.unwrap(), "none, Some(\"1000 true true\")", "{way:?}");
        if let Carrier::Socket(socket) = &mut peer.carrier {
            assert_eq!(next(socket).await, "close 1000 ");
        }
    }
}

/// A handler that is slow to answer, and one that never receives.
#[tokio::test(start_paused = true)]
async fn what_came_before_a_close_is_answered_before_it() {
    for http in BOTH {
        let hub = Hub::builder().handler(|mut session: Session| async move {
            while let Ok(Some(message)) = session.recv().await {
                tokio::time::sleep(Duration::from_secs(1)).await;
                session.send(message).await.unwrap();
            }
        });
        let site = Site::new(http, hub);
        let client = site.open().await;
        let close = "id: 3\nevent: close\ndata: {\"code\":1000}\n\n";
        let ack = client.post(&format!("id: 1\ndata: a\n\nid: 2\ndata: b\n\n{close}")).await;
        assert_eq!(ack.text, "event: ack\ndata: 3\n\n");
        let mut data = Vec::new();
        for cursor in ["0", "1", "2"] {
            data.extend(client.wait(cursor).await.data());
        }
        assert_eq!(data[..2], ["a", "b"], "{data:?}");
        assert!(data[2].contains("1000"), "{data:?}");

        // Through the outbox, at the last moment.
        let hub = Hub::builder().handler(|mut session: Session| async move {
            let handle = session.handle();
            while let Ok(Some(message)) = session.recv().await {
                handle.send(message).unwrap();
                session.flush().await.unwrap();
            }
            assert!(session.send("late").await.is_err());
        });
        let site = Site::new(http, hub);
        let client = site.open().await;
        client.post("id: 1\ndata: a\n\nid: 2\nevent: close\ndata: {\"code\":1000}\n\n").await;
        let mut data = client.wait("0").await.data();
        if data.len() == 1 {
            data.extend(client.wait("1").await.data());
        }
        assert!(data[0] == "a" && data[1].contains("1000"), "{data:?}");

        let hub = Hub::builder().handler(|_session: Session| std::future::pending::<()>());
        let site = Site::new(http, hub.flush_timeout(Duration::from_secs(5)));
        let client = site.open().await;
        let start = Instant::now();
        client.post("id: 1\ndata: a\n\nid: 2\nevent: close\ndata: {\"code\":1000}\n\n").await;
        assert!(client.wait("0").await.data()[0].contains("1000"));
        assert!((4_900..5_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_session_is_gone_at_once() {
    for way in WAYS {
        let (hub, mut told) = watched();
        let site = Site::new(Http::One, hub);
        let peer = Peer::open(&site, way).await;
        peer.client.handle().abort();
        assert_eq!(told.recv().await.unwrap(), "the connection is closed, None");
        assert_eq!((peer.client.poll("0").await.status, site.hub.session_count()), (404, 0));
        if let Carrier::Comet(mut stream) = peer.carrier {
            assert_eq!(stream.next().await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_tells_each_when_to_come_back() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut peers = Vec::new();
        for way in WAYS {
            peers.push((Peer::open(&site, way).await, way));
        }
        let hub = site.hub.clone();
        let drain = tokio::spawn(async move { hub.drain(Drain::default()).await });
        tokio::task::yield_now().await;
        let answer = site.ask("GET", "/session", &[("bowline-session", "new")], "").await;
        assert_eq!(answer.status, 503);
        assert!(answer.header("retry-after").is_some());
        for (peer, way) in &mut peers {
            let close = peer.next().await.json();
            assert_eq!(close["code"], 1012, "{way:?}");
            let reason = close["reason"].as_str().unwrap();
            let wait: u64 = reason.strip_prefix("retry=").unwrap().parse().unwrap();
            assert!(wait <= 10_000, "{wait}");
            if let Carrier::Socket(socket) = &mut peer.carrier {
                assert_eq!(next(socket).await, format!("close 1012 {reason}"));
                answer_close(socket).await;
            } else {
                let answer = peer.client.poll("0").await;
                assert!(
                    answer.text.contains(&format!("\n\nretry: {wait}\n\nid: 1\nevent: close\n")),
                    "{}",
                    answer.text
                );
                peer.acknowledge().await;
            }
        }
        assert_eq!(drain.await.unwrap(), 0, "all ended in time");
    }
}

/// Whoever is away can't be told, and holds a drain no longer than a client takes that means to come back.
#[tokio::test(start_paused = true)]
async fn a_drain_drops_those_that_are_away() {
    for (drain, seconds) in [(Drain::default(), 13), (Drain::default().deadline(Duration::from_secs(7)), 7)] {
        let (hub, mut told) = watched();
        let site = Site::new(Http::One, hub);
        let client = site.open().await;
        let start = Instant::now();
        assert_eq!(site.hub.drain(drain).await, 1);
        assert_eq!(start.elapsed().as_secs(), seconds);
        assert_eq!(told.recv().await.unwrap(), "the connection is closed, None");
        assert_eq!(client.poll("0").await.status, 404);
    }
}
