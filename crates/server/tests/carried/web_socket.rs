//! WebSocket (section 5).

use std::time::Duration;

use bowline_core::{Limits, connection::Config};
use bowline_server::{Hub, Session};
use futures_util::SinkExt as _;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{BOTH, Http, Site, WebSocket, event_of, next, send, socket, until, upgrade};

#[tokio::test(start_paused = true)]
async fn an_echo_by_web_socket() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let (mut first, secret) = open(&site).await;
        for text in ["hello", "\u{1e}\u{1e}begins with a separator"] {
            send(&mut first, text).await;
            assert_eq!(next(&mut first).await, text);
        }
        assert_eq!(next(&mut first).await, "\u{1e}event: ack\ndata: 2");
        let mut second = socket(&site, Some(&secret)).await;
        assert_eq!(next(&mut first).await, "close 4001 superseded");
        let open = event_of(&next(&mut second).await).json();
        assert_eq!((&open["ack"], &open["from"], open.get("session")), (&2.into(), &0.into(), None));
        assert_eq!(next(&mut second).await, "hello");
        assert_eq!(next(&mut second).await, "\u{1e}\u{1e}begins with a separator");
        send(&mut second, "\u{1e}event: ack\ndata: 2").await;
        send(&mut second, "third").await;
        assert_eq!(next(&mut second).await, "third");
        send(&mut second, "\u{1e}event: close\ndata: {\"code\":1000}").await;
        assert_eq!(event_of(&next(&mut second).await).name, "close");
        assert_eq!(next(&mut second).await, "close 1000 ");
        until("it ends", || site.hub.session_count() == 0).await;
    }
}

async fn open(site: &Site) -> (WebSocket, String) {
    let mut socket = socket(site, None).await;
    let open = event_of(&next(&mut socket).await);
    assert_eq!(open.name, "open");
    assert_eq!(open.json()["heartbeat"], serde_json::Value::Null);
    (socket, open.json()["session"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn it_is_at_ws_too_where_it_is_offered() {
    for http in BOTH {
        let mut site = Site::new(http, Hub::builder());
        site.service = site.service.subprotocols(["chat"]);
        let mut socket = upgrade(&site, "/ws", "chat, bowline.v1", &[]).await.expect("it is taken");
        assert_eq!(event_of(&next(&mut socket).await).name, "open");
        let answer = upgrade(&site, "/session", "chat", &[]).await.err().unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains("Offer the subprotocol bowline.v1"), "{}", answer.text);
    }
}

/// At 64 records or 64 KiB, or a second after the first.
#[tokio::test(start_paused = true)]
async fn the_server_acknowledges_in_time() {
    for http in BOTH {
        let hub = Hub::builder()
            .handler(|mut session: Session| async move { while let Ok(Some(_)) = session.recv().await {} });
        let site = Site::new(http, hub);
        let (mut socket, _) = open(&site).await;
        let start = Instant::now();
        for _ in 0..64 {
            send(&mut socket, "x").await;
        }
        assert_eq!(next(&mut socket).await, "\u{1e}event: ack\ndata: 64");
        assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
        send(&mut socket, &"x".repeat(64 << 10)).await;
        assert_eq!(next(&mut socket).await, "\u{1e}event: ack\ndata: 65");
        assert!(start.elapsed() < Duration::from_millis(200));
        send(&mut socket, "x").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        send(&mut socket, "x").await;
        let start = Instant::now();
        assert_eq!(next(&mut socket).await, "\u{1e}event: ack\ndata: 67");
        assert!((450..550).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_ends_the_session() {
    for (wrong, why) in [
        ("\u{1e}", "separator"),
        ("\u{1e}!", "separator"),
        ("\u{1e}7.1 a publication", "separator"),
        ("\u{1e}event: unknown\ndata: {}", "unknown kind"),
        ("\u{1e}event: join\ndata: {", "join"),
        ("\u{1e}event: close\ndata: {\"code\":1006}", "close"),
        ("\u{1e}id: 1\nevent: ack\ndata: 0", "id"),
        ("\u{1e}event: ack\ndata: x", "ack"),
        ("\u{1e}event: ack\ndata: 1", "record 1 is acknowledged, and the last one is 0"),
        ("\u{1e}event: from\ndata: 7", "after record 7"),
    ] {
        let hub = Hub::builder().handler(|mut session: Session| async move {
            let error = session.recv().await.unwrap_err();
            assert_eq!(error.to_string(), "a record or a cursor of the session can't be read");
            assert!(session.recv().await.unwrap().is_none());
        });
        let site = Site::new(Http::One, hub);
        let (mut socket, secret) = open(&site).await;
        send(&mut socket, wrong).await;
        let close = next(&mut socket).await;
        assert!(close.starts_with("close 4002 ") && close.contains(why), "{wrong:?}: {close}");
        let answer = site.ask("GET", "/session", &[("bowline-session", &secret)], "").await;
        assert_eq!(answer.status, 404, "{wrong:?}");
        until("it ends", || site.hub.session_count() == 0).await;
        assert!(!site.hub.metrics().render().is_some_and(|text| text.contains("bowline_handler_panics_total 1")));
    }
}

/// An event may be longer than a message; a message may not.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_big_ends_its_carrier() {
    let config = Config::default().limits(Limits::default().max_message_size(1_000));
    let site = Site::new(Http::One, Hub::builder().connection(config));
    let (mut socket, secret) = open(&site).await;
    for text in ["x".repeat(1_000), "x".repeat(999) + "\u{1f}"] {
        socket.send(Message::text(&*text)).await.unwrap();
        assert_eq!(next(&mut socket).await, text);
    }
    let publish = serde_json::json!({ "room": "a", "text": "x".repeat(1_000) });
    send(&mut socket, &format!("\u{1e}event: publish\ndata: {publish}")).await;
    assert_eq!(event_of(&next(&mut socket).await).name, "published");
    for len in [1_001, 20_000] {
        socket.send(Message::text("x".repeat(len))).await.unwrap();
        send(&mut socket, "behind").await;
        let close = loop {
            let message = next(&mut socket).await;
            if message.starts_with("close") {
                break message;
            }
        };
        assert!(close.starts_with("close 1009"), "{len}: {close}");
        socket = crate::support::socket(&site, Some(&secret)).await;
        let open = event_of(&next(&mut socket).await).json();
        assert_eq!(open["ack"], 3, "what came behind it was dropped");
    }
}

/// Records that came by a POST meanwhile were not counted on the WebSocket, and the client says so.
#[tokio::test(start_paused = true)]
async fn records_go_on_where_from_says() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let (mut socket, secret) = open(&site).await;
        send(&mut socket, "one").await;
        assert_eq!(next(&mut socket).await, "one");
        let headers = [("bowline-session", &*secret), ("content-type", "text/event-stream")];
        let answer = site.ask("POST", "/session", &headers, "id: 2\ndata: two\n\nid: 3\ndata: three\n\n").await;
        assert_eq!((answer.status, &*answer.text), (200, "event: ack\ndata: 3\n\n"));
        assert_eq!([next(&mut socket).await, next(&mut socket).await], ["two", "three"]);
        // Without it, they would be two and three again.
        send(&mut socket, "two").await;
        send(&mut socket, "\u{1e}event: from\ndata: 3").await;
        send(&mut socket, "four").await;
        assert_eq!(next(&mut socket).await, "four");
        // A cursor by a request is as good as one on the WebSocket, and the server says where it goes on.
        let answer = site.ask("POST", "/session", &[headers[0], ("bowline-cursor", "4")], "").await;
        assert_eq!(answer.status, 200);
        send(&mut socket, "five").await;
        assert_eq!(next(&mut socket).await, "five");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_says_from_where_the_client_has_more_than_the_carrier_was_given() {
    let (tell, told) = tokio::sync::watch::channel(0);
    let hub = Hub::builder().handler(move |session: Session| {
        let mut told = told.clone();
        async move {
            for number in 1..=3 {
                told.wait_for(|until| *until >= number).await.unwrap();
                session.send("x".repeat(100_000)).await.unwrap();
            }
            std::future::pending::<()>().await;
        }
    });
    let site = Site::new(Http::One, hub);
    let client = site.open().await;
    tell.send(2).unwrap();
    assert_eq!(client.wait("0").await.data().len(), 2);
    // It takes nothing yet, so that the second record waits in the ring.
    let mut socket = socket(&site, Some(&client.secret)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let headers = [("bowline-session", &*client.secret), ("bowline-cursor", "2")];
    assert_eq!(site.ask("POST", "/session", &headers, "").await.status, 200);
    tell.send(3).unwrap();
    assert_eq!(event_of(&next(&mut socket).await).json()["from"], 0);
    assert_eq!(next(&mut socket).await.len(), 100_000);
    assert_eq!(next(&mut socket).await, "\u{1e}event: from\ndata: 2");
    assert_eq!(next(&mut socket).await.len(), 100_000);
}

/// Threat: acknowledgements stand behind commands that wait for them.
#[tokio::test(start_paused = true)]
async fn more_commands_than_answers_may_wait_are_no_deadlock() {
    let site = Site::new(Http::One, Hub::builder().session_ring(4, 10_000));
    let (mut socket, _) = open(&site).await;
    for _ in 0..100 {
        send(&mut socket, "\u{1e}event: members\ndata: {\"room\":\"a\"}").await;
    }
    let start = Instant::now();
    let mut have = 0;
    while have < 100 {
        let message = next(&mut socket).await;
        if event_of(&message).name == "members" {
            have += 1;
            assert_eq!(event_of(&message).json()["to"], have);
            send(&mut socket, &format!("\u{1e}event: ack\ndata: {have}")).await;
        }
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
