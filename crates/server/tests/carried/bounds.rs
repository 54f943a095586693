//! What is bounded (section 9), each at its limit and past it.

use std::time::Duration;

use bowline_core::{Limits, connection::Config};
use bowline_server::{
    Hub, Session,
    http::{Guards, RateLimit},
    metrics::Transport,
    room::{JoinError, Start},
    session::{DirectError, Overflow},
};
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    peer::{Carrier, Peer, WAYS, Way},
    support::{BOTH, Http, Site, next, socket, until, upgrade},
};

/// A handler that sends messages of so many bytes, and tells how many it could.
fn sender(len: usize) -> (bowline_server::hub::HubBuilder, watch::Receiver<usize>) {
    let (tell, told) = watch::channel(0);
    let hub = Hub::builder().handler(move |session: Session| {
        let tell = tell.clone();
        async move {
            while session.send("x".repeat(len)).await.is_ok() {
                tell.send_modify(|sent| *sent += 1);
            }
        }
    });
    (hub, told)
}

#[tokio::test(start_paused = true)]
async fn a_handler_waits_where_the_ring_is_full() {
    for http in BOTH {
        for (len, records, bytes, fit) in [
            (1, 1_024, 256 << 10, 1_024),
            (1 << 10, 1_024, 256 << 10, 256),
            (1 << 20, 1_024, 256 << 10, 1),
            (0, 5, 9, 5),
        ] {
            for way in WAYS {
                let (hub, told) = sender(len);
                let site = Site::new(http, hub.session_ring(records, bytes));
                let mut peer = Peer::open(&site, way).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(*told.borrow(), fit, "{way:?} {len}");
                for _ in 0..fit.min(3) {
                    assert_eq!(peer.data().await.len(), len);
                }
                // Having been given them changes nothing, until the client says that it has them. A poll says so as it asks.
                if matches!(way, Way::Comet | Way::Socket) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    assert_eq!(*told.borrow(), fit);
                }
                peer.acknowledge().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(*told.borrow(), fit + fit.min(3), "{way:?} {len}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_acknowledges_nothing_is_given_up() {
    // Full by count, and by bytes, of which some are left for less than a message.
    for (way, (records, bytes)) in WAYS.into_iter().flat_map(|way| [(way, (10, 100_000)), (way, (1_000, 1_050))]) {
        let (hub, _told) = sender(100);
        let site = Site::new(Http::One, hub.session_ring(records, bytes).session_ttl(Duration::from_secs(1_000)));
        let mut peer = Peer::open(&site, way).await;
        for _ in 0..10 {
            peer.data().await;
        }
        let start = Instant::now();
        let old = match peer.carrier {
            Carrier::Poll(_) => None,
            ref mut carrier => Some(carrier),
        };
        let close = match old {
            Some(Carrier::Socket(socket)) => crate::support::event_of(&next(socket).await).json(),
            Some(Carrier::Comet(stream)) => stream.next().await.unwrap().json(),
            _ => loop {
                let answer = peer.client.get("/session?wait=25", &[]).await;
                let last = answer.events().pop().unwrap();
                if last.name == "close" {
                    break last.json();
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            },
        };
        assert_eq!(close, json!({ "code": 1008, "reason": "nothing was acknowledged for too long" }));
        let took = start.elapsed().as_millis();
        assert!((58_000..62_000).contains(&took), "{way:?} {took} ms");
    }
}

/// Any acknowledgement is progress.
#[tokio::test(start_paused = true)]
async fn one_that_acknowledges_slowly_is_borne_with() {
    let (hub, told) = sender(1);
    let site = Site::new(Http::One, hub.session_ring(10, 100));
    let mut peer = Peer::open(&site, Way::Comet).await;
    for round in 0..10 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        peer.data().await;
        peer.acknowledge().await;
        assert!(*told.borrow() >= round);
    }
    assert_eq!(site.hub.session_count(), 1);
}

/// The outbox is in front of the ring, with its own bounds and policy.
#[tokio::test(start_paused = true)]
async fn direct_messages_wait_in_the_outbox() {
    for (overflow, expected) in [
        (Overflow::DropNewest, &["1", "2", "3", "4", "5"][..]),
        (Overflow::DropOldest, &["1", "2", "5", "6", "7"]),
        (Overflow::KeepLatest, &["1", "2", "6", "7"]),
        (Overflow::Disconnect, &["1", "2", "3", "4", "5"]),
    ] {
        let hub = Hub::builder()
            .handler(|mut session: Session| async move { while let Ok(Some(_)) = session.recv().await {} });
        let site = Site::new(Http::One, hub.session_ring(2, 1_000).max_outbox(3, 1_000).overflow(overflow));
        let mut peer = Peer::open(&site, Way::Poll).await;
        let handle = peer.client.handle();
        let mut full = 0;
        for number in 1..=7 {
            if matches!(handle.send(number.to_string()), Err(DirectError::Full(_))) {
                full += 1;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let expected_full = match overflow {
            Overflow::DropNewest => 2,
            // The second finds the session closing.
            Overflow::Disconnect => 1,
            _ => 0,
        };
        assert_eq!(full, expected_full, "{overflow:?}");
        for expected in expected {
            assert_eq!(peer.data().await, *expected, "{overflow:?}");
        }
        if overflow == Overflow::Disconnect {
            assert_eq!(peer.next().await.json(), json!({ "code": 1013, "reason": "slow consumer" }));
        } else {
            assert!(handle.send("more").is_ok());
            assert_eq!(peer.data().await, "more");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_told_does_not_join() {
    let site = Site::new(Http::One, Hub::builder().session_ring(2, 1_000));
    let peer = Peer::open(&site, Way::Poll).await;
    let handle = peer.client.handle();
    let rooms: Vec<_> = ["a", "b", "c"].map(|name| site.hub.room(name).unwrap()).into();
    assert!(handle.join(&rooms[0], Start::Newest).is_ok() && handle.join(&rooms[1], Start::Newest).is_ok());
    assert_eq!(handle.join(&rooms[2], Start::Newest), Err(JoinError::RingFull));
    assert_eq!(rooms[2].member_count(), 0);
    // Whoever is in can always leave.
    assert!(handle.leave(&rooms[0]) && handle.leave(&rooms[1]));
    assert_eq!(peer.client.poll("0").await.data().len(), 4);
    assert_eq!(peer.client.poll("4").await.status, 204);
    assert!(handle.join(&rooms[2], Start::Newest).is_ok());
}

#[tokio::test(start_paused = true)]
async fn sessions_are_counted_whatever_carries_them() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder().max_sessions(4));
        let mut peers = Vec::new();
        for way in WAYS {
            peers.push(Peer::open(&site, way).await);
        }
        let answer = site.ask("GET", "/session", &[("bowline-session", "new")], "").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(upgrade(&site, "/session", "bowline.v1", &[]).await.err().map(|answer| answer.status), Some(503));
        // One that there is may go on by whatever carrier.
        peers[3].attach(Way::Socket).await;
        peers[3].client.end().await;
        until("there is room", || site.hub.session_count() == 3).await;
        Peer::open(&site, Way::Socket).await;
    }
}

/// From one address so many new ones, by whatever carrier; those that there are go on.
#[tokio::test(start_paused = true)]
async fn sessions_are_opened_at_a_rate() {
    for http in BOTH {
        let guards = Guards::new().trust_forwarded(true).session_open_rate(RateLimit::new().messages(1, 2));
        let site = Site::guarded(http, Hub::builder(), guards);
        let from = |address| ("x-forwarded-for", address);
        let open = async |address| site.ask("GET", "/session", &[("bowline-session", "new"), from(address)], "").await;
        let secret = open("192.0.2.1").await.events()[0].json()["session"].as_str().unwrap().to_owned();
        assert!(upgrade(&site, "/session", "bowline.v1", &[from("192.0.2.1")]).await.is_ok());
        let answer = open("192.0.2.1").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
        let refused = upgrade(&site, "/ws", "bowline.v1", &[from("192.0.2.1")]).await.err();
        assert_eq!(refused.map(|answer| answer.status), Some(429));
        let resumed = format!("bowline.v1, bowline.session.{secret}");
        assert!(upgrade(&site, "/session", &resumed, &[from("192.0.2.1")]).await.is_ok());
        assert_eq!(open("192.0.2.2").await.status, 200);
        assert_eq!(site.hub.session_count(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_much_is_closed() {
    for http in BOTH {
        for way in WAYS {
            let rate = RateLimit::new().messages(1, 10);
            let site = Site::new(http, Hub::builder().session_rate(rate));
            let mut peer = Peer::open(&site, way).await;
            // Commands count as messages do.
            peer.say("event: members\ndata: {\"room\":\"a\"}").await;
            assert_eq!(peer.next().await.name, "members");
            for number in 0..12 {
                if let Carrier::Socket(_) = peer.carrier {
                    peer.text(&number.to_string()).await;
                } else {
                    let id = number + 2;
                    assert_eq!(peer.client.post(&format!("id: {id}\ndata: {number}\n\n")).await.status, 200);
                }
            }
            let mut echoes = 0;
            let close = loop {
                let event = peer.next().await;
                if event.name == "close" {
                    break event.json();
                }
                echoes += 1;
            };
            assert_eq!(close, json!({ "code": 1008, "reason": "rate limit" }));
            assert_eq!(echoes, 9, "{way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_and_a_stream_are_counted_while_they_last() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let connections = |transport| site.hub.metrics().connections_by(transport);
        let table = [
            (Way::Socket, Transport::SessionWebSocket, 1),
            (Way::Comet, Transport::SessionComet, 1),
            (Way::LongPoll, Transport::SessionLongPoll, 0),
            (Way::Poll, Transport::SessionPoll, 0),
        ];
        for (way, transport, open) in table {
            let mut peer = Peer::open(&site, way).await;
            assert_eq!(connections(transport), open, "{way:?}");
            if way == Way::LongPoll {
                let (secret, of) = (peer.client.secret.clone(), site.clone());
                let held = tokio::spawn(async move {
                    of.ask("GET", "/session?wait=25", &[("bowline-session", &secret)], "").await
                });
                until("it is held", || connections(transport) == 1).await;
                held.abort();
            }
            peer.attach(Way::Poll).await;
            until("it is gone", || connections(transport) == 0).await;
            peer.client.end().await;
        }
    }
}

/// The keepalive is the connection's, and a WebSocket whose client is gone is a session without a carrier.
#[tokio::test(start_paused = true)]
async fn a_web_socket_that_is_dead_is_found_out() {
    let site = Site::new(Http::One, Hub::builder().connection(Config::default().limits(Limits::default())));
    let mut silent = socket(&site, None).await;
    let open = crate::support::event_of(&next(&mut silent).await).json();
    let start = Instant::now();
    let carried = || site.hub.metrics().connections_by(Transport::SessionWebSocket);
    until("its ping is not answered", || carried() == 0).await;
    assert!((30..50).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let secret = open["session"].as_str().unwrap();
    let answer = site.ask("GET", "/session", &[("bowline-session", secret)], "").await;
    assert_eq!(answer.status, 204, "the session lives");
    drop(silent);
}
