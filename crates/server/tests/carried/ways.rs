//! The same by all carriers.

use std::time::Duration;

use bowline_server::{Hub, Session};
use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    peer::{Carrier, Peer, WAYS, Way},
    support::{BOTH, Site, next, until},
};

#[tokio::test(start_paused = true)]
async fn handlers_see_no_difference() {
    for http in BOTH {
        for way in WAYS {
            let hub = Hub::builder().handler(|mut session: Session| async move {
                assert!(session.request().is_some());
                session.send("welcome").await.unwrap();
                session.send(vec![0, 1, 255]).await.unwrap();
                session.flush().await.unwrap();
                while let Ok(Some(message)) = session.recv().await {
                    session.send(message).await.unwrap();
                }
            });
            let site = Site::new(http, hub);
            let mut peer = Peer::open(&site, way).await;
            assert_eq!(peer.data().await, "welcome");
            let binary = peer.next().await;
            if way == Way::Socket {
                assert_eq!(binary.data, "0001ff");
            } else {
                assert_eq!((&*binary.name, &*binary.data), ("binary", "AAH/"));
            }
            for text in ["a", "", "two"] {
                peer.text(text).await;
                assert_eq!(peer.data().await, text);
            }
            let answer = peer.command("members", &json!({ "room": "nobody" })).await;
            assert_eq!(answer.json()["members"], json!([]));
            peer.say("event: close\ndata: {\"code\":4000,\"reason\":\"done\"}").await;
            let close = peer.next().await;
            assert_eq!((&*close.name, close.json()), ("close", json!({ "code": 4000, "reason": "done" })));
            peer.acknowledge().await;
            until("it ends", || site.hub.session_count() == 0).await;
        }
    }
}

/// Every carrier supersedes every other, and nothing is lost or doubled.
#[tokio::test(start_paused = true)]
async fn each_supersedes_each() {
    for http in BOTH {
        for before in WAYS {
            for after in WAYS {
                let site = Site::new(http, Hub::builder());
                let mut peer = Peer::open(&site, before).await;
                peer.text("one").await;
                assert_eq!(peer.data().await, "one");
                peer.text("two").await;
                let held = if before == Way::LongPoll {
                    assert_eq!(peer.data().await, "two");
                    // One that is held when the other comes.
                    let (site, secret) = (site.clone(), peer.client.secret.clone());
                    Some(tokio::spawn(async move {
                        let headers = [("bowline-session", &*secret), ("bowline-cursor", "2")];
                        site.ask("GET", "/session?wait=25", &headers, "").await
                    }))
                } else {
                    None
                };
                tokio::time::sleep(Duration::from_millis(10)).await;
                let mut old = peer.attach(after).await;
                // A poll is attached as it is asked, later.
                if let Carrier::Socket(socket) = &mut old
                    && matches!(after, Way::Socket | Way::Comet)
                {
                    // What it says now is dropped, and changes no number.
                    let _ = socket.send(Message::text("late")).await;
                    let _ = socket.send(Message::text("\u{1e}event: close\ndata: {\"code\":1000}")).await;
                }
                if held.is_none() {
                    assert_eq!(peer.data().await, "two", "{before:?} {after:?}");
                }
                peer.text("three").await;
                assert_eq!(peer.data().await, "three");
                match old {
                    Carrier::Socket(mut socket) => loop {
                        let message = next(&mut socket).await;
                        if message.starts_with("close") {
                            assert_eq!(message, "close 4001 superseded");
                            break;
                        }
                    },
                    Carrier::Comet(mut stream) => loop {
                        let event = stream.next().await.expect("it is told");
                        if event.name == "superseded" {
                            assert!(stream.next().await.is_none());
                            break;
                        }
                    },
                    Carrier::Poll(_) => {}
                }
                if let Some(held) = held {
                    let answer = held.await.unwrap();
                    if matches!(after, Way::Socket | Way::Comet) {
                        assert_eq!((answer.status, answer.header("bowline-carrier")), (204, Some("superseded")));
                        assert_eq!(answer.headers["cache-control"], "no-store");
                    }
                }
            }
        }
    }
}
