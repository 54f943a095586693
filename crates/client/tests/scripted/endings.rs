//! How a client is refused, waits, and ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bowline_client::{Closed, Epoch, Event, JoinStart, Overflow, Position, RingBounds, SendErrorReason, Transport};
use bowline_core::{CloseCode, CloseFrame, Limits};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::support::{OTHER, Peer, SECRET, connected, event, message, open, soon, ws_open};

const ALL: [Transport; 4] = Transport::ALL;

#[tokio::test]
async fn refused_by_every_transport_is_the_end() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&ALL).build().expect("checked");
    for _ in ALL {
        peer.next().await.answer("403 Forbidden", &[], "\nNot you.\nNor you.\n").await;
    }
    let Event::Closed(closed) = event(&mut client).await else { panic!("not closed") };
    let Closed::Refused { status, reason } = &closed else { panic!("{closed:?}") };
    assert_eq!(status.map(|status| status.as_u16()), Some(403));
    assert!(reason.contains("403") && reason.ends_with(": Not you."), "{reason}");
    assert_eq!(soon(client.next()).await, None);
    let error = client.sender().send("a").await.expect_err("closed");
    assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::Closed, Some("a".into())));
}

#[tokio::test]
async fn an_end_by_the_server_before_all_was_sent_is_not_clean() {
    let mut peer = Peer::bind().await;
    let bounds = RingBounds { records: 1, bytes: 1 };
    let mut client = peer.client(&[Transport::WebSocket]).ring(bounds).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    let sender = client.sender();
    sender.send("sent").await.expect("open");
    sender.send("waits for the first to be acknowledged").await.expect("open");
    sender.close(CloseCode::NORMAL_CLOSURE);
    assert_eq!(ws.text().await, "sent");
    ws.send("\u{1e}event: close\ndata: {\"code\":1000}").await;
    assert_eq!(event(&mut client).await, Event::Closed(Closed::ByClient { clean: false }));
}

#[tokio::test]
async fn a_room_that_nobody_reads_does_not_keep_the_last_event_back() {
    let mut peer = Peer::bind().await;
    let limits = Limits::default().close_timeout(Duration::from_millis(100));
    let builder = peer.client(&[Transport::WebSocket]).mailbox(1, 1_000).limits(limits);
    let mut client = builder.build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    let sender = client.sender();
    let joining = tokio::spawn(async move { sender.join("r", JoinStart::Newest).await });
    assert_eq!(ws.text().await, "\u{1e}event: join\ndata: {\"room\":\"r\"}");
    let position = Position { epoch: Epoch::random(), offset: 0 };
    ws.send(&format!(
        "\u{1e}event: joined\ndata: {{\"to\":1,\"room\":\"r\",\"number\":1,\"position\":\"{position}\"}}"
    ))
    .await;
    let mut room = soon(joining).await.expect("it ran").expect("joined");
    for member in ["a", "b", "c"] {
        ws.send(&format!(
            "\u{1e}event: presence\ndata: {{\"room\":\"r\",\"presence\":\"joined\",\"session\":\"{member}00102030405060708090a0b0c0d0e0f\"}}"
        ))
        .await;
    }
    client.sender().close(CloseCode::NORMAL_CLOSURE);
    assert_eq!(event(&mut client).await, Event::Closed(Closed::ByClient { clean: false }));
    assert!(soon(room.next()).await.is_some());
    assert_eq!(soon(room.next()).await, None);
}

#[tokio::test]
async fn fresh_headers_go_with_every_try_and_with_what_is_sent() {
    let mut peer = Peer::bind().await;
    let count = Arc::new(AtomicUsize::new(0));
    let authorize = move || {
        let number = count.fetch_add(1, Relaxed);
        async move {
            let value = HeaderValue::try_from(format!("Bearer {number}"))?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(HeaderMap::from_iter([(AUTHORIZATION, value)]))
        }
    };
    let builder = peer.client(&[Transport::LongPolling]).header(AUTHORIZATION, HeaderValue::from_static("Bearer old"));
    let mut client = builder.authorize(authorize).build().expect("checked");
    for number in 0..2 {
        let asked = peer.next().await;
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {number}").as_str()));
        asked.answer("401 Unauthorized", &[], "").await;
        let told = event(&mut client).await;
        assert!(matches!(&told, Event::Disconnected { reason, .. } if reason.contains("401")), "{told:?}");
    }
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    client.sender().send("a").await.expect("open");
    let (held, post) = peer.two(|asked| asked.method == "GET").await;
    for asked in [&held, &post] {
        assert_eq!(asked.header("authorization"), Some("Bearer 2"));
    }
    // What the server no longer takes is asked for anew.
    held.answer("401 Unauthorized", &[], "").await;
    assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
    assert_eq!(peer.next().await.header("authorization"), Some("Bearer 3"));
}

#[tokio::test]
async fn the_servers_hints_are_waited_for() {
    for transport in [Transport::WebSocket, Transport::LongPolling] {
        let mut peer = Peer::bind().await;
        let mut client = peer.client(&[transport]).build().expect("checked");
        peer.next().await.answer("503 Service Unavailable", &["Retry-After: 1"], "").await;
        let Event::Disconnected { retry_in, .. } = event(&mut client).await else { panic!("not told") };
        assert!(retry_in >= Duration::from_secs(1) && retry_in < Duration::from_millis(1_100), "{retry_in:?}");
        let began = Instant::now();
        let asked = peer.next().await;
        assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
        if transport == Transport::WebSocket {
            let mut ws = asked.upgrade().await;
            ws.send(&ws_open(Some(SECRET), 0, 0)).await;
            let close =
                tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 1012.into(), reason: "retry=700".into() };
            soon(ws.0.close(Some(close))).await.expect("open");
            assert_eq!(event(&mut client).await, connected(transport));
            let told = event(&mut client).await;
            let Event::Disconnected { code, retry_in, .. } = told else { panic!("{told:?}") };
            assert_eq!(code, Some(CloseCode::SERVICE_RESTART));
            assert!(retry_in >= Duration::from_millis(700) && retry_in < Duration::from_millis(800), "{retry_in:?}");
        } else {
            asked.events(&format!("retry: 700\n\n{}", open(Some(SECRET), 0, 0))).await;
            let began = Instant::now();
            assert_eq!(event(&mut client).await, connected(transport));
            peer.next().await;
            assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn the_servers_application_ends_the_session() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    ws.send("bye").await;
    ws.send("\u{1e}event: close\ndata: {\"code\":4000,\"reason\":\"enough\"}").await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    assert_eq!(event(&mut client).await, message("bye"));
    let frame = CloseFrame::new(CloseCode::new(4000).expect("a code"), "enough");
    assert_eq!(event(&mut client).await, Event::Closed(Closed::ByServer(frame)));
    assert_eq!(ws.closed().await, Some(1000));
}

#[tokio::test]
async fn a_server_that_goes_is_asked_for_another_session() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    ws.send("\u{1e}event: close\ndata: {\"code\":1001,\"reason\":\"retry=300\"}").await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    assert_eq!(event(&mut client).await, Event::SessionLost);
    let told = event(&mut client).await;
    let Event::Disconnected { code, retry_in, .. } = told else { panic!("{told:?}") };
    assert_eq!(code, Some(CloseCode::GOING_AWAY));
    assert!(retry_in >= Duration::from_millis(300), "{retry_in:?}");
    let asked = peer.next().await;
    assert_eq!(asked.header("sec-websocket-protocol"), Some("bowline.v1"));
    let mut ws = asked.upgrade().await;
    ws.send(&ws_open(Some(OTHER), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
}

#[tokio::test]
async fn what_the_server_sends_and_cannot_be_read_ends_the_session() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    ws.send("\u{1e}event: surprise\ndata: 1").await;
    assert_eq!(ws.closed().await, Some(4002));
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    assert_eq!(event(&mut client).await, Event::SessionLost);
}

#[tokio::test]
async fn dropping_everything_sends_what_is_queued_and_ends_the_session() {
    let mut peer = Peer::bind().await;
    let client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let sender = client.sender();
    sender.send("a").await.expect("open");
    drop(client);
    sender.send("b").await.expect("a sender keeps it open");
    drop(sender);
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!((ws.text().await, ws.text().await), ("a".to_owned(), "b".to_owned()));
    assert_eq!(ws.text().await, "\u{1e}event: close\ndata: {\"code\":1000}");
    ws.send("\u{1e}event: close\ndata: {\"code\":1000}").await;
    assert_eq!(ws.closed().await, Some(1000));
}

#[tokio::test]
async fn closing_is_bounded_and_the_session_is_ended_by_request() {
    let mut peer = Peer::bind().await;
    let limits = Limits::default().close_timeout(Duration::from_millis(300));
    let mut client = peer.client(&[Transport::LongPolling]).limits(limits).build().expect("checked");
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    let held = peer.next().await;
    let began = Instant::now();
    client.sender().close(CloseCode::NORMAL_CLOSURE);
    let unanswered = peer.next().await;
    assert_eq!(unanswered.method, "POST");
    let delete = peer.next().await;
    assert_eq!((delete.method.as_str(), delete.session()), ("DELETE", SECRET));
    delete.answer("204 No Content", &[], "").await;
    assert_eq!(event(&mut client).await, Event::Closed(Closed::ByClient { clean: false }));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop((held, unanswered));
}

#[tokio::test]
async fn a_client_that_never_connected_closes_at_once() {
    let peer = Peer::bind().await;
    let mut client = peer.client(&ALL).build().expect("checked");
    client.sender().close(CloseCode::NORMAL_CLOSURE);
    assert_eq!(event(&mut client).await, Event::Closed(Closed::ByClient { clean: true }));
}

#[tokio::test]
async fn the_offline_queue_has_bounds() {
    let peer = Peer::bind().await;
    for overflow in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest] {
        let client = peer.client(&ALL).queue(2, 1_000).overflow(overflow).build().expect("checked");
        let sender = client.sender();
        sender.send("a").await.expect("open");
        let oldest = tokio::spawn({
            let sender = sender.clone();
            async move { sender.send_acked("b").await }
        });
        tokio::task::yield_now().await;
        let third = tokio::time::timeout(Duration::from_millis(50), sender.send("c")).await;
        match overflow {
            Overflow::DropNewest => {
                assert_eq!(third.expect("at once").expect_err("full").reason(), SendErrorReason::Full);
            }
            Overflow::DropOldest => {
                third.expect("at once").expect("there is room");
                sender.send("d").await.expect("there is room");
                let error = soon(oldest).await.expect("it ran").expect_err("dropped");
                assert_eq!(error.reason(), SendErrorReason::Dropped);
            }
            _ => assert!(third.is_err(), "it didn't wait"),
        }
    }
}

#[tokio::test]
async fn a_message_over_the_limit_comes_back() {
    let peer = Peer::bind().await;
    let limits = Limits::default().max_message_size(4);
    let client = peer.client(&ALL).limits(limits).build().expect("checked");
    client.sender().send("1234").await.expect("it fits");
    let error = client.sender().send("12345").await.expect_err("too large");
    assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::TooLarge { max: 4 }, Some("12345".into())));
}

#[tokio::test]
async fn a_slow_application_holds_the_server_up_and_gets_everything() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).mailbox(2, 1_000).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    // More than all buffers on the way hold.
    let writing = tokio::spawn(async move {
        for number in 0..2_000 {
            ws.send(&format!("{number} {}", "x".repeat(10_000))).await;
        }
        ws
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!writing.is_finished(), "20 MB were taken, and nobody has read");
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    for number in 0..2_000 {
        let Event::Message(text) = event(&mut client).await else { panic!("no message") };
        assert!(text.as_text().is_some_and(|text| text.starts_with(&format!("{number} "))), "number {number}");
    }
    drop(soon(writing).await);
}

/// The runtime of the client's task ends, and that of whoever sends goes on.
#[test]
fn whoever_waits_is_told_when_the_task_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (clients, others) = (runtime(), runtime());
    let (client, sender) = clients.block_on(async {
        let peer = Peer::bind().await;
        let client = peer.client(&ALL).queue(1, 1_000).build().expect("checked");
        let sender = client.sender();
        sender.send("a").await.expect("there is room");
        (client, sender)
    });
    let waiting = others.spawn({
        let sender = sender.clone();
        async move { sender.send("b").await }
    });
    others.block_on(tokio::task::yield_now());
    drop(clients);
    let error = others.block_on(soon(waiting)).expect("it ran").expect_err("closed");
    assert_eq!(error.reason(), SendErrorReason::Closed);
    assert!(others.block_on(soon(async { sender.members("r").await })).is_err());
    let mut client = client;
    assert_eq!(others.block_on(soon(client.next())), None);
}

/// What happens while the application reads nothing is bounded too.
#[tokio::test]
async fn a_server_that_is_not_there_fills_no_memory_of_an_application_that_does_not_read() {
    let peer = Peer::bind().await;
    let builder = peer.client(&[Transport::WebSocket]).mailbox(4, 1_000);
    drop(peer);
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let authorize = move || {
        counted.fetch_add(1, Relaxed);
        async { Ok::<_, std::io::Error>(HeaderMap::new()) }
    };
    let mut client = builder.authorize(authorize).build().expect("checked");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = tries.load(Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Four events in the mailbox, and what waits for it.
    assert!(before < 100 && tries.load(Relaxed) == before, "{before} tries, then {}", tries.load(Relaxed));
    while tries.load(Relaxed) == before {
        assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
    }
}
