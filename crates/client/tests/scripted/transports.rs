//! Each transport by itself: what goes over the wire, and what the application gets.

use std::time::Duration;

use bowline_client::{Client, Closed, Event, Proxy, Transport};
use bowline_core::{CloseCode, Limits};
use http::{HeaderValue, header::COOKIE};

use super::support::{Asked, Peer, SECRET, connected, event, message, open, soon, ws_open};

async fn closed(client: &mut Client) -> Closed {
    loop {
        if let Event::Closed(closed) = event(client).await {
            assert_eq!(soon(client.next()).await, None, "it is the last event");
            return closed;
        }
    }
}

#[tokio::test]
async fn a_web_socket() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::WebSocket]).build().expect("checked");
    let asked = peer.next().await;
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/mount/session"));
    assert_eq!(asked.header("sec-websocket-protocol"), Some("bowline.v1"));
    assert_eq!(asked.header("bowline-cursor"), None);
    let mut ws = asked.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));

    let sender = client.sender();
    sender.send("hello").await.expect("open");
    assert_eq!(ws.text().await, "hello");
    let acked = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send_acked("\u{1e}odd").await }
    });
    assert_eq!(ws.text().await, "\u{1e}\u{1e}odd");
    ws.send("\u{1e}event: ack\ndata: 2").await;
    soon(acked).await.expect("it ran").expect("acknowledged");
    ws.send("welcome").await;
    assert_eq!(event(&mut client).await, message("welcome"));
    // PROTOCOL.md §5: acknowledged after 1 s.
    assert_eq!(ws.text().await, "\u{1e}event: ack\ndata: 1");

    client.sender().close(CloseCode::NORMAL_CLOSURE);
    assert_eq!(ws.text().await, "\u{1e}event: close\ndata: {\"code\":1000}");
    ws.send("\u{1e}event: close\ndata: {\"code\":1000}").await;
    assert_eq!(ws.closed().await, Some(1000));
    assert_eq!(closed(&mut client).await, Closed::ByClient { clean: true });
}

#[tokio::test]
async fn a_web_socket_and_the_request_that_ends_its_session_carry_credentials() {
    let mut peer = Peer::bind().await;
    let url = format!("ws://user:pw@{}/mount", peer.address);
    let short = Duration::from_millis(100);
    let mut client = Client::builder(&url)
        .proxy(Proxy::Direct)
        .limits(Limits::default().close_timeout(short))
        .header(COOKIE, HeaderValue::from_static("a=b"))
        .build()
        .expect("checked");
    let asked = peer.next().await;
    let credentials =
        |asked: &Asked| (asked.header("authorization").map(str::to_owned), asked.header("cookie").map(str::to_owned));
    let expected = (Some("Basic dXNlcjpwdw==".to_owned()), Some("a=b".to_owned()));
    assert_eq!(credentials(&asked), expected);
    let mut ws = asked.upgrade().await;
    ws.send(&ws_open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::WebSocket));
    // The peer doesn't answer the end, so that a request says it.
    client.sender().close(CloseCode::NORMAL_CLOSURE);
    let delete = peer.next().await;
    assert_eq!((delete.method.as_str(), delete.session()), ("DELETE", SECRET));
    assert_eq!(credentials(&delete), expected);
    delete.answer("204 No Content", &[], "").await;
    assert_eq!(closed(&mut client).await, Closed::ByClient { clean: false });
}

#[tokio::test]
async fn comet() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::Comet]).build().expect("checked");
    let asked = peer.next().await;
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/mount/session"));
    assert_eq!((asked.session(), asked.header("accept")), ("new", Some("text/event-stream")));
    assert_eq!(asked.header("bowline-version"), Some("1"));
    let mut stream = asked.stream().await;
    stream.send(":\n\n").await;
    stream.send(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    stream.send("id: 1\nda").await;
    stream.send("ta: two\ndata: lines\n\n").await;
    assert_eq!(event(&mut client).await, message("two\nlines"));
    // It is acknowledged by a request that has nothing else.
    let ack = peer.next().await;
    assert_eq!((ack.method.as_str(), ack.body.as_str(), ack.header("bowline-cursor")), ("POST", "", Some("1")));
    assert_eq!(ack.session(), SECRET);
    ack.ack(0).await;

    client.sender().send("hello").await.expect("open");
    let post = peer.next().await;
    assert_eq!(post.header("content-type"), Some("text/event-stream"));
    assert_eq!((post.session(), post.body.as_str()), (SECRET, "id: 1\ndata: hello\n\n"));
    post.ack(1).await;
    drop(client);
    let post = peer.next().await;
    assert_eq!(post.body, "id: 2\nevent: close\ndata: {\"code\":1000}\n\n");
    post.ack(2).await;
    stream.send("id: 2\nevent: close\ndata: {\"code\":1000}\n\n").await;
    stream.closed().await;
}

#[tokio::test]
async fn comet_goes_on_after_a_short_stream_that_brought_something_and_not_after_nothing() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::Comet]).build().expect("checked");
    peer.next().await.events(&format!("{}id: 1\ndata: a\n\n", open(Some(SECRET), 0, 0))).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    assert_eq!(event(&mut client).await, message("a"));
    let asked = peer.next().await;
    assert_eq!((asked.session(), asked.header("bowline-cursor")), (SECRET, Some("1")));
    asked.answer("204 No Content", &[], "").await;
    let Event::Disconnected { reason, .. } = event(&mut client).await else { panic!("it is no stream") };
    assert!(reason.contains("204 No Content"), "{reason}");
    peer.next().await.events(&open(Some(SECRET), 0, 1)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Comet));
    assert!(matches!(event(&mut client).await, Event::Resumed { .. }));
    assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
}

#[tokio::test]
async fn long_polling() {
    let mut peer = Peer::bind().await;
    let mut client = peer.client(&[Transport::LongPolling]).build().expect("checked");
    let asked = peer.next().await;
    assert_eq!((asked.session(), asked.target.as_str()), ("new", "/mount/session?wait=0"));
    asked.events(&format!("{}id: 1\ndata: a\n\n", open(Some(SECRET), 0, 0))).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    assert_eq!(event(&mut client).await, message("a"));
    let held = peer.next().await;
    assert_eq!((held.session(), held.target.as_str()), (SECRET, "/mount/session?wait=25"));
    assert_eq!(held.header("bowline-cursor"), Some("1"));

    client.sender().send("hello").await.expect("open");
    let post = peer.next().await;
    assert_eq!((post.method.as_str(), post.body.as_str()), ("POST", "id: 1\ndata: hello\n\n"));
    post.ack(1).await;
    // What came before comes again, and is passed over.
    held.events(&format!("{}id: 1\ndata: a\n\nid: 2\ndata: b\n\n", open(None, 1, 0))).await;
    assert_eq!(event(&mut client).await, message("b"));
    let held = peer.next().await;
    assert_eq!(held.header("bowline-cursor"), Some("2"));
    held.answer("204 No Content", &[], "").await;
    // Answered too soon to have been held: the next comes after poll_interval, not at once.
    peer.quiet(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn polling() {
    let mut peer = Peer::bind().await;
    let interval = Duration::from_millis(200);
    let mut client = peer.client(&[Transport::Polling]).poll_interval(interval).build().expect("checked");
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::Polling));
    for _ in 0..3 {
        let asked_before = std::time::Instant::now();
        let asked = peer.next().await;
        assert_eq!((asked.session(), asked.target.as_str()), (SECRET, "/mount/session?wait=0"));
        assert!(asked_before.elapsed() > Duration::from_millis(100), "{:?}", asked_before.elapsed());
        asked.answer("204 No Content", &[], "").await;
    }
    // After something was sent, an answer may be there at once.
    client.sender().send("hello").await.expect("open");
    loop {
        let asked = peer.next().await;
        if asked.method == "POST" {
            asked.ack(1).await;
            break;
        }
        asked.answer("204 No Content", &[], "").await;
    }
    let asked = peer.next().await;
    assert_eq!(asked.method, "GET");
    asked.events(&format!("{}id: 1\nevent: binary\ndata: AAH/\n\n", open(None, 1, 0))).await;
    assert_eq!(event(&mut client).await, Event::Message(vec![0, 1, 255].into()));
}
