//! Rooms over sessions (section 6).

use std::sync::Arc;

use bowline_core::{connection::Config, message::deflate::DeflateConfig};
use bowline_server::{
    Hub, Session,
    http::{Grant, Guards},
    room::{JoinError, RoomOptions, Start},
};
use serde_json::json;

use crate::{
    peer::{Peer, WAYS, Way},
    support::{BOTH, Http, Site, next, send, until, upgrade},
};

#[tokio::test(start_paused = true)]
async fn join_publish_members_leave_each_with_an_answer() {
    for http in BOTH {
        for way in WAYS {
            let site = Site::new(http, Hub::builder());
            let mut peer = Peer::open(&site, way).await;
            let joined = peer.command("join", &json!({ "room": "kitchen" })).await;
            assert_eq!((&*joined.name, joined.json()["room"].as_str()), ("joined", Some("kitchen")));
            let room = site.hub.room("kitchen").unwrap();
            assert_eq!(joined.json()["position"], room.position().to_string());
            let members = peer.command("members", &json!({ "room": "kitchen" })).await.json();
            assert_eq!(members["members"], json!([{ "session": peer.open["id"], "identity": null }]));
            let published = peer.command("publish", &json!({ "room": "kitchen", "text": "a\nb" })).await;
            assert_eq!(published.json(), json!({ "to": 3, "position": room.position().to_string() }));
            room.broadcast(vec![0, 1, 255]).unwrap();
            let first = peer.next().await;
            assert_eq!((&*first.name, &*first.data), ("publication", "a\nb"));
            let second = peer.next().await.data;
            assert_eq!(second, if way == Way::Socket { "0001ff" } else { "AAH/" });
            let left = peer.command("leave", &json!({ "room": "kitchen" })).await;
            assert_eq!(left.json(), json!({ "to": 4, "room": "kitchen" }));
            room.broadcast("not for it").unwrap();
            peer.text("behind it").await;
            assert_eq!(peer.data().await, "behind it", "nothing of the room comes any more");
            assert_eq!(room.member_count(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_before_what_it_lets_in() {
    for http in BOTH {
        for way in WAYS {
            let site = Site::new(http, Hub::builder().room_options("*", RoomOptions::default().history(100)));
            let room = site.hub.room("a").unwrap();
            let start = room.position();
            for number in 1..=5 {
                room.broadcast(number.to_string()).unwrap();
            }
            for (ask, expected) in [
                (json!({ "room": "a", "history": 2 }), &["4", "5"][..]),
                (json!({ "room": "a", "after": start.to_string() }), &["1", "2", "3", "4", "5"]),
                (json!({ "room": "a", "after": room.position().to_string() }), &[]),
                (json!({ "room": "a" }), &[]),
            ] {
                let mut peer = Peer::open(&site, way).await;
                assert_eq!(peer.command("join", &ask).await.name, "joined");
                for expected in expected {
                    assert_eq!(peer.data().await, *expected);
                }
                room.broadcast("now").unwrap();
                assert_eq!(peer.data().await, "now");
            }
            assert_eq!(room.position().offset, 9);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_says_why() {
    for way in WAYS {
        let options = RoomOptions::default().max_log_bytes(100).max_members(2);
        let full =
            RoomOptions::default().slow_consumer(bowline_server::room::SlowConsumer::Backpressure).max_log_count(1);
        let hub = Hub::builder().room_options("full", full).room_options("*", options).max_rooms_per_session(2);
        let guards = Guards::new().authorize(|_| async {
            let grant = Grant::new().join_only(|room| room.as_str() != "secret");
            Ok(grant.publish_only(|room| room.as_str() != "read-only"))
        });
        let site = Site::guarded(Http::One, hub, guards);
        let mut peer = Peer::open(&site, way).await;
        let crowd: Vec<_> = (0..2).map(|_| site.hub.room("crowd").unwrap().subscribe(Start::Newest).unwrap()).collect();
        let slow = site.hub.room("full").unwrap().subscribe(Start::Newest).unwrap();
        site.hub.room("full").unwrap().broadcast("unread").unwrap();
        assert_eq!(peer.command("join", &json!({ "room": "a" })).await.name, "joined");
        let long = "k".repeat(256);
        for (kind, data, word) in [
            ("join", json!({ "room": "secret" }), "forbidden"),
            ("members", json!({ "room": "secret" }), "forbidden"),
            ("publish", json!({ "room": "read-only", "text": "x" }), "forbidden"),
            ("join", json!({ "room": "" }), "room-name"),
            ("publish", json!({ "room": "a\u{7}", "text": "x" }), "room-name"),
            ("join", json!({ "room": "crowd" }), "room-full"),
            ("join", json!({ "room": "a" }), "joined-already"),
            ("leave", json!({ "room": "b" }), "not-joined"),
            ("publish", json!({ "room": "a", "text": "x", "key": long }), "key"),
            ("publish", json!({ "room": "a", "text": "x", "idempotency_key": long }), "key"),
            ("publish", json!({ "room": "full", "text": "x" }), "backpressure"),
        ] {
            let failed = peer.command(kind, &data).await;
            assert_eq!((&*failed.name, failed.json()["error"].as_str()), ("failed", Some(word)), "{kind} {data}");
            assert!(!failed.json()["text"].as_str().unwrap().is_empty());
        }
        assert_eq!(peer.command("join", &json!({ "room": "b" })).await.name, "joined");
        let failed = peer.command("join", &json!({ "room": "c" })).await.json();
        assert_eq!(failed["error"], "too-many-rooms");
        drop((crowd, slow));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_may_be_tried_again() {
    let site = Site::new(Http::One, Hub::builder());
    let mut peer = Peer::open(&site, Way::Socket).await;
    let ask = json!({ "room": "a", "base64": "AAH/", "idempotency_key": "7f3a" });
    let first = peer.command("publish", &ask).await.json();
    let again = peer.command("publish", &ask).await.json();
    assert_eq!((&first["position"], &again["duplicate"]), (&again["position"], &true.into()));
}

/// Whatever the application does with rooms, the client is told in the direct stream.
#[tokio::test(start_paused = true)]
async fn a_client_is_told_where_the_application_had_it_join_and_leave() {
    for http in BOTH {
        for way in WAYS {
            let hub = Hub::builder().handler(|mut session: Session| async move {
                let room = session.hub().room("lobby").unwrap();
                session.join(&room, Start::Newest).unwrap();
                assert_eq!(session.join(&room, Start::Newest), Err(JoinError::AlreadyJoined));
                room.broadcast("hello").unwrap();
                while let Ok(Some(_)) = session.recv().await {
                    assert!(session.leave(&room) && !session.leave(&room));
                }
            });
            let site = Site::new(http, hub);
            let mut peer = Peer::open(&site, way).await;
            let joined = peer.next().await.json();
            assert_eq!((&joined["room"], &joined["to"]), (&"lobby".into(), &serde_json::Value::Null));
            assert_eq!(peer.data().await, "hello");
            peer.text("enough").await;
            let left = peer.next().await;
            assert_eq!((&*left.name, left.json()), ("left", json!({ "room": "lobby" })));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_is_told() {
    for way in WAYS {
        let site = Site::guarded(
            Http::One,
            Hub::builder().room_options("*", RoomOptions::default().presence(true)),
            Guards::new().authorize(|_| async { Ok(Grant::new().identity("somebody")) }),
        );
        let mut peer = Peer::open(&site, way).await;
        peer.command("join", &json!({ "room": "a" })).await;
        let mut other = Peer::open(&site, Way::Socket).await;
        other.command("join", &json!({ "room": "a" })).await;
        other.command("leave", &json!({ "room": "a" })).await;
        for change in ["joined", "left"] {
            // A signal, which has no number.
            let event = peer.signal().await;
            let expected =
                json!({ "room": "a", "presence": change, "session": other.open["id"], "identity": "somebody" });
            assert_eq!((&*event.name, event.json()), ("presence", expected));
        }
    }
}

/// All sessions with the same parameters share a block, and those whose compressor remembers have their own.
#[tokio::test(start_paused = true)]
async fn publications_are_compressed_as_agreed() {
    for no_takeover in [true, false] {
        let deflate = DeflateConfig::default().threshold(0).server_no_context_takeover(no_takeover);
        let site = Site::new(Http::One, Hub::builder().connection(Config::default().deflate(deflate)));
        // tungstenite has no deflate: the bytes are checked by the engine's own client.
        let mut peers = Vec::new();
        for _ in 0..2 {
            let config = Arc::new(Config::default().keepalive(None).deflate(DeflateConfig::default()));
            let connector = bowline_core::stream::Connector::new().config(config).subprotocols(["bowline.v1"]);
            let mut ws = connector.handshake("ws://test/session", site.connect()).await.unwrap();
            ws.recv().await.unwrap().unwrap();
            ws.send("\u{1e}event: join\ndata: {\"room\":\"a\"}").await.unwrap();
            assert!(ws.recv().await.unwrap().unwrap().as_text().unwrap().contains("joined"));
            peers.push(ws);
        }
        let room = site.hub.room("a").unwrap();
        for text in ["the same, the same, the same", "the same, the same, the same again"] {
            room.broadcast(text).unwrap();
            room.broadcast(vec![7; 100]).unwrap();
        }
        for ws in &mut peers {
            for number in 1..=4 {
                let first = ws.recv().await.unwrap().unwrap();
                let first = first.as_text().unwrap();
                assert!(first.starts_with(&format!("\u{1e}{}.{number}", room_number(first))), "{first:?}");
                if number % 2 == 0 {
                    assert_eq!(&ws.recv().await.unwrap().unwrap().as_bytes()[..], &[7; 100]);
                } else {
                    assert!(first.contains(" the same, the same, the same"), "{first:?}");
                }
            }
        }
    }
}

fn room_number(publication: &str) -> &str {
    publication[1..].split_once('.').unwrap().0
}

/// A session leaves its rooms with its end, whoever ends it.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_leaves() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let room = site.hub.room("a").unwrap();
        for way in WAYS {
            let mut peer = Peer::open(&site, way).await;
            peer.command("join", &json!({ "room": "a" })).await;
            assert_eq!(room.member_count(), 1);
            assert_eq!(peer.client.end().await.status, 204);
            until("it leaves", || room.member_count() == 0 && site.hub.session_count() == 0).await;
        }
        // A client that says so leaves at once, whether or not it has acknowledged the answer.
        let mut peer = Peer::open(&site, Way::Poll).await;
        peer.command("join", &json!({ "room": "a" })).await;
        peer.say("event: close\ndata: {\"code\":1000}").await;
        until("it leaves", || room.member_count() == 0).await;
        assert_eq!(site.hub.session_count(), 1);
        assert_eq!(peer.next().await.name, "close");
    }
}

/// The raw addresses and sessions see the same room.
#[tokio::test(start_paused = true)]
async fn a_session_and_a_raw_web_socket_meet() {
    let site = Site::new(Http::One, Hub::builder());
    let mut peer = Peer::open(&site, Way::Comet).await;
    peer.command("join", &json!({ "room": "a" })).await;
    let answer = site.ask("POST", "/rooms/a", &[], "from curl").await;
    assert_eq!(answer.status, 200);
    assert_eq!(peer.data().await, "from curl");
    let mut other = Peer::open(&site, Way::Socket).await;
    other.command("join", &json!({ "room": "a" })).await;
    peer.command("publish", &json!({ "room": "a", "text": "from Comet" })).await;
    assert_eq!([peer.data().await, other.data().await], ["from Comet", "from Comet"]);
    let mut socket = upgrade(&site, "/session", "bowline.v1", &[]).await.expect("it is taken");
    next(&mut socket).await;
    send(&mut socket, "\u{1e}event: join\ndata: {\"room\":\"a\"}").await;
    assert!(next(&mut socket).await.contains("joined"));
    site.hub.room("a").unwrap().broadcast("the end").unwrap();
    let place = next(&mut socket).await;
    assert!(place.ends_with(".3 the end"), "{place}");
}
