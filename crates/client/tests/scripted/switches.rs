//! From one carrier to the next: nothing is lost, doubled or reordered, and the old one is always closed.

use std::time::{Duration, Instant};

use bowline_client::{Event, JoinStart, SendErrorReason, Transport};

use super::support::{OTHER, Peer, SECRET, connected, event, message, open, soon, ws_open};

const ALL: [Transport; 4] = Transport::ALL;
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_path_that_strips_upgrade() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&ALL).build().expect("checked");
    let began = Instant::now();
    // What remains is a request without the session's header.
    peer.next().await.answer("400 Bad Request", &[], "Bowline-Session is missing.\n").await;
    let mut stream = peer.next().await.stream().await;
    stream.send(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    drop(stream);
    assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
    // The next time it costs nothing.
    let again = peer.next().await;
    assert!(!again.is_web_socket() && again.session() == SECRET);
}

#[tokio::test]
async fn a_101_that_is_swallowed() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&ALL).race_delay(SHORT).build().expect("checked");
    let swallowed = peer.next().await;
    assert!(swallowed.is_web_socket());
    let comet = peer.next().await;
    assert_eq!(comet.header("accept"), Some("text/event-stream"));
    let mut stream = comet.stream().await;
    stream.send(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    stream.send("id: 1\ndata: a\n\n").await;
    assert_eq!(event(&mut client).await, message("a"));
    // Late, it has a session of its own: that is ended, and another is opened for the session that there is.
    let mut late = swallowed.upgrade().await;
    late.send(&ws_open(Some(OTHER), 0, 0)).await;
    assert_eq!(late.text().await, "\u{1e}event: close\ndata: {\"code\":1000}");
    assert_eq!(late.closed().await, Some(1000));
    let up = loop {
        let asked = peer.next().await;
        if asked.is_web_socket() {
            break asked;
        }
        asked.ack(0).await;
    };
    let offered = format!("bowline.v1, bowline.session.{SECRET}");
    assert_eq!(up.header("sec-websocket-protocol"), Some(offered.as_str()));
    assert_eq!(up.header("bowline-cursor"), Some("1"));
    let mut ws = up.upgrade().await;
    ws.send(&ws_open(None, 0, 0)).await;
    // From `from` on, again: passed over.
    ws.send("a").await;
    ws.send("b").await;
    let changed = Event::TransportChanged { from: Transport::Comet, to: Transport::WebSocket };
    assert_eq!(event(&mut client).await, changed);
    assert_eq!(event(&mut client).await, message("b"));
    stream.closed().await;
}

#[tokio::test]
async fn a_path_that_buffers() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&ALL[1..]).build().expect("checked");
    let began = Instant::now();
    let comet = peer.next().await;
    let poll = peer.next().await;
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    assert_eq!(poll.target, "/mount/session?wait=0");
    poll.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    comet.stream().await.closed().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    let sender = client.sender();
    for text in ["a", "b", "c"] {
        sender.send(text).await.expect("open");
        assert_eq!(ws.text().await, text);
    }
    ws.send("one").await;
    assert_eq!(event(&mut client).await, message("one"));
    drop(ws);
    let disconnected = event(&mut client).await;
    assert!(matches!(disconnected, Event::Disconnected { code: None, .. }), "{disconnected:?}");
    sender.send("d").await.expect("open");
    let again = peer.next().await;
    assert_eq!(again.header("bowline-cursor"), Some("1"));
    let mut ws = again.upgrade().await;
    ws.send(&ws_open(None, 1, 1)).await;
    for text in ["b", "c", "d"] {
        assert_eq!(ws.record().await, text);
    }
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    assert_eq!(event(&mut client).await, Event::Resumed { replayed: 2 });
    ws.send("two").await;
    assert_eq!(event(&mut client).await, message("two"));
}

#[tokio::test]
async fn a_post_that_overtakes_the_open_of_a_web_socket() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket, Transport::Comet]).race_delay(SHORT).build().expect("checked");
    peer.next().await.answer("502 Bad Gateway", &[], "").await;
    let mut stream = peer.next().await.stream().await;
    stream.send(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    client.sender().check();
    // Asked anew, and with the memory gone upward too.
    let (web_socket, comet) = peer.two(super::support::Asked::is_web_socket).await;
    let mut stream = comet.stream().await;
    stream.send(&open(None, 0, 0)).await;
    client.sender().send("a").await.expect("open");
    let post = peer.next().await;
    assert_eq!(post.body, "id: 1\ndata: a\n\n");
    post.ack(1).await;
    client.sender().send("b").await.expect("open");
    let lost = peer.next().await;
    assert_eq!(lost.body, "id: 2\ndata: b\n\n");
    // The server wrote `open` before it had anything.
    let mut ws = web_socket.upgrade().await;
    ws.send(&ws_open(None, 0, 0)).await;
    assert_eq!(ws.record().await, "\u{1e}event: from\ndata: 1");
    assert_eq!(ws.record().await, "b");
    drop(lost);
}

#[tokio::test]
async fn a_session_that_the_server_forgot() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::LongPolling]).race_delay(SHORT / 10).build().expect("checked");
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    let held = peer.next().await;
    // One that is lost as soon as it is there is not followed by the next at once.
    tokio::time::sleep(SHORT).await;
    let sender = client.sender();
    let (acked, joined) = (sender.clone(), sender.clone());
    let acked = tokio::spawn(async move { acked.send_acked("a").await });
    let post = peer.next().await;
    assert_eq!(post.body, "id: 1\ndata: a\n\n");
    let joined = tokio::spawn(async move { joined.join("r", JoinStart::Newest).await });
    tokio::task::yield_now().await;
    held.answer("404 Not Found", &[], "").await;
    let error = soon(acked).await.expect("it ran").expect_err("unknown");
    assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::Unknown, None));
    assert_eq!(event(&mut client).await, Event::SessionLost);
    // Another is opened at once; what was not sent goes there.
    let anew = peer.next().await;
    assert_eq!((anew.session(), anew.header("bowline-cursor")), ("new", None));
    anew.events(&open(Some(OTHER), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    let (held, sent) = peer.two(|asked| asked.method == "GET").await;
    assert_eq!((sent.session(), sent.body.as_str()), (OTHER, "id: 1\nevent: join\ndata: {\"room\":\"r\"}\n\n"));
    sent.ack(1).await;
    let position = "AAAAAAAAAAAAAAAAAAAAAA-119";
    let answer = format!("{{\"to\":1,\"room\":\"r\",\"number\":7,\"position\":\"{position}\"}}");
    held.events(&format!("{}id: 1\nevent: joined\ndata: {answer}\n\n", open(None, 1, 0))).await;
    let room = soon(joined).await.expect("it ran").expect("joined");
    assert_eq!(room.joined_at().to_string(), position);
    drop(post);
}

#[tokio::test]
async fn a_carrier_that_is_superseded_asks_again() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::LongPolling]).race_delay(SHORT / 10).build().expect("checked");
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    let held = peer.next().await;
    tokio::time::sleep(SHORT).await;
    held.answer("204 No Content", &["Bowline-Carrier: superseded"], "").await;
    let again = peer.next().await;
    assert_eq!((again.session(), again.target.as_str()), (SECRET, "/mount/session?wait=0"));
    again.answer("204 No Content", &[], "").await;
    peer.next().await.events(&format!("{}id: 1\ndata: a\n\n", open(None, 0, 0))).await;
    // Nothing is told: nothing happened to the application.
    assert_eq!(event(&mut client).await, message("a"));
}

/// PROTOCOL.md §3: the stream ends after a time or size; the client attaches again, when the server says.
#[tokio::test]
async fn a_stream_that_ends_is_asked_for_again_and_one_that_ends_at_once_is_none() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&ALL[1..3]).build().expect("checked");
    let mut stream = peer.next().await.stream().await;
    stream.send(&format!("{}id: 1\ndata: a\n\n", open(Some(SECRET), 0, 0))).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    assert_eq!(event(&mut client).await, message("a"));
    let ack = peer.next().await;
    ack.ack(0).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stream.send("retry: 300\n\n").await;
    let ended = Instant::now();
    stream.end().await;
    let again = peer.next().await;
    assert_eq!((again.session(), again.header("bowline-cursor")), (SECRET, Some("1")));
    assert_eq!(again.method, "GET");
    assert!((Duration::from_millis(290)..Duration::from_secs(2)).contains(&ended.elapsed()), "{:?}", ended.elapsed());
    let mut stream = again.stream().await;
    stream.send(&open(None, 0, 1)).await;
    stream.end().await;
    let Event::Disconnected { reason, .. } = event(&mut client).await else { panic!("not told") };
    assert!(reason.contains("as soon as it began"), "{reason}");
}

#[tokio::test]
async fn a_web_socket_that_does_not_answer_a_check_is_replaced() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let mut ws = peer.next().await.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    // Nobody reads it, so that its Ping is not answered.
    let began = Instant::now();
    client.sender().check();
    assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let mut again = peer.next().await.upgrade().await;
    again.send(&ws_open(None, 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    assert_eq!(event(&mut client).await, Event::Resumed { replayed: 0 });
    // One that answers goes on.
    client.sender().check();
    soon(async { while again.ping().await != "check" {} }).await;
    again.send("a").await;
    assert_eq!(event(&mut client).await, message("a"));
}
