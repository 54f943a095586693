//! Event streams.

use std::time::Duration;

use bowline_core::Message;
use bowline_server::{
    http::Guards,
    hub::Drain,
    metrics::Transport,
    room::{Epoch, Position, RoomOptions, SlowConsumer},
};
use bytes::Bytes;
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::{
    events::{Event, Events, parse},
    support::{Server, builder, eventually, hub, room},
};

async fn open(server: &Server, target: &str, headers: &[(&str, &str)]) -> Events {
    let host = server.host();
    let headers = [headers, &[("accept", "text/event-stream"), ("host", &*host)]].concat();
    Events::of(server.send(builder("GET", target, &headers).body(Full::new(Bytes::new())).unwrap()).await)
}

#[tokio::test]
async fn it_says_where_it_begins_and_goes_on_with_what_is_published() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    room.broadcast("before").unwrap();
    let start = room.position();
    let mut events = open(&server, "/rooms/a", &[]).await;
    assert!(events.next().await.unwrap().comment, "a comment at once");
    assert_eq!(events.next().await.unwrap(), Event { id: Some(start.to_string()), ..Event::default() });
    assert_eq!((room.member_count(), hub.metrics().connections_by(Transport::EventStream)), (1, 1));
    let sent: [(Message, Option<&str>, &str); 4] = [
        ("hello".into(), None, "hello"),
        ("two\nlines".into(), None, "two\nlines"),
        ("a\rb".into(), Some("text-base64"), "YQ1i"),
        (vec![0xff].into(), Some("binary"), "/w=="),
    ];
    for (offset, (message, name, data)) in (start.offset + 1..).zip(sent) {
        let published = room.broadcast(message).unwrap();
        assert_eq!(published.position.offset, offset);
        let event = events.data().await;
        assert_eq!((event.name.as_deref(), event.data.as_deref()), (name, Some(data)));
        assert_eq!(event.id, Some(published.position.to_string()));
    }
    drop(events);
    eventually("it has left", || room.member_count() == 0).await;
    assert_eq!(hub.metrics().connections_by(Transport::EventStream), 0);
}

#[tokio::test]
async fn the_response_is_for_event_source_and_for_proxies() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let table = [
        ("text/event-stream", true),
        ("text/html, Text/Event-Stream;q=0.5", true),
        ("*/*", false),
        ("text/*", false),
        ("application/x-text/event-stream", false),
        // RFC 9110 §12.4.2: a weight of 0 means that it isn't wanted.
        ("text/event-stream;q=0", false),
        ("text/event-stream;v=1; Q=0.000, */*", false),
        ("text/event-stream;q=0.001", true),
    ];
    for (accept, streams) in table {
        let answer = server.ask("HEAD", "/rooms/a", &[("accept", accept)], "").await;
        assert_eq!(answer.header("x-accel-buffering"), streams.then_some("no"), "{accept}");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{accept}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{accept}");
    }
}

#[tokio::test]
async fn it_resumes_exactly_after_the_last_event() {
    let hub = hub(RoomOptions::default().history(100));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let first = room.broadcast("0").unwrap().position;
    let mut last = first;
    for connection in 0..5 {
        for number in 0..3 {
            room.broadcast(format!("{connection}.{number}")).unwrap();
        }
        // The header counts, not where it once began.
        let target = format!("/rooms/a?since={first}");
        let mut events = open(&server, &target, &[("last-event-id", &last.to_string())]).await;
        for number in 0..3 {
            let event = events.data().await;
            assert_eq!(event.data, Some(format!("{connection}.{number}")));
            last.offset += 1;
            assert_eq!(event.id, Some(last.to_string()));
        }
    }
    let mut events = open(&server, &format!("/rooms/a?since={first}"), &[]).await;
    assert_eq!(events.data().await.data.as_deref(), Some("0.0"));
    let mut events = open(&server, "/rooms/a?history=2", &[]).await;
    assert_eq!(events.data().await.data.as_deref(), Some("4.1"));
}

#[tokio::test]
async fn a_gap_when_it_comes_too_late_and_when_the_log_is_another() {
    let hub = hub(RoomOptions::default().history(2).max_log_count(2));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let start = room.position();
    for number in 1..=4 {
        room.broadcast(number.to_string()).unwrap();
    }
    let other = Position { epoch: Epoch::random(), offset: 3 };
    for (last, reason) in [(start, "expired"), (other, "epoch")] {
        let mut events = open(&server, "/rooms/a", &[("last-event-id", &last.to_string())]).await;
        let gap = events.data().await;
        assert_eq!(gap.name.as_deref(), Some("gap"));
        let data: serde_json::Value = serde_json::from_str(&gap.data.unwrap()).unwrap();
        assert_eq!(data["reason"], reason);
        assert_eq!(data["from"], last.to_string());
        assert_eq!(data["to"], gap.id.unwrap());
        assert_eq!(events.data().await.data.as_deref(), Some("3"));
        assert_eq!(events.data().await.data.as_deref(), Some("4"));
    }
}

#[tokio::test]
async fn a_comment_where_nothing_else_comes() {
    let hub = hub(RoomOptions::default());
    let server = Server::service(hub.service(Guards::new()).heartbeat(Duration::from_millis(20))).await;
    let mut events = open(&server, "/rooms/a", &[]).await;
    for _ in 0..2 {
        events.next().await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(events.next().await.unwrap(), Event { comment: true, ..Event::default() });
    }
}

#[tokio::test]
async fn times_without_end_are_long_times() {
    let hub = hub(RoomOptions::default());
    let service = hub.service(Guards::new()).heartbeat(Duration::MAX).max_stream_age(Duration::MAX);
    let server = Server::service(service).await;
    assert!(open(&server, "/rooms/a", &[]).await.next().await.unwrap().comment);
    let server = Server::service(hub.service(Guards::new()).heartbeat(Duration::ZERO)).await;
    let mut events = open(&server, "/rooms/a", &[]).await;
    for _ in 0..4 {
        events.next().await.unwrap();
    }
}

#[tokio::test]
async fn it_ends_after_its_time_and_says_when_to_come_back() {
    let hub = hub(RoomOptions::default());
    let server = Server::service(hub.service(Guards::new()).max_stream_age(Duration::from_millis(300))).await;
    let started = Instant::now();
    let mut events = open(&server, "/rooms/a", &[]).await;
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(last.unwrap().retry, Some(1_000));
    assert_eq!(room(&hub, "a").member_count(), 0);
}

/// A client that takes nothing holds up nobody, and is told of one hole when it reads again.
#[tokio::test]
async fn s3_a_slow_client_falls_behind_and_is_told_one_gap() {
    const SIZE: usize = 16 << 10;
    let options = RoomOptions::default().max_log_bytes(256 << 10).slow_consumer(SlowConsumer::SkipToOldest);
    let hub = hub(options);
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /rooms/a HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    eventually("it is a member", || room.member_count() == 1).await;
    let payload = "x".repeat(SIZE);
    // More than all buffers on the way hold, and enough at a time for the reader to have its turn.
    const COUNT: u64 = 4_096;
    for number in 1..=COUNT {
        room.broadcast(format!("{number} {payload}")).unwrap();
        tokio::task::yield_now().await;
    }
    room.broadcast("last").unwrap();
    let mut text = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    while !text.ends_with(b"data: last\n\n\r\n") {
        let read = slow.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0);
        text.extend_from_slice(&buffer[..read]);
    }
    let events = parse(&dechunk(&text));
    let mut expected = 1;
    let mut gaps = 0;
    for event in events.iter().filter(|event| event.data.is_some()) {
        let offset = event.id.as_ref().unwrap().rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
        if event.name.as_deref() == Some("gap") {
            assert!(offset >= expected);
            gaps += 1;
        } else {
            assert_eq!(offset, expected, "after {gaps} gaps");
        }
        expected = offset + 1;
    }
    assert!((1..=2).contains(&gaps), "{gaps} gaps");
    assert_eq!(expected, COUNT + 2);
}

/// The body of a chunked response.
fn dechunk(response: &[u8]) -> String {
    let text = std::str::from_utf8(response).unwrap();
    let mut rest = text.split_once("\r\n\r\n").unwrap().1;
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    body
}

#[tokio::test]
async fn when_the_hub_drains_it_ends_and_is_told_when_to_come_back() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let mut events = open(&server, "/rooms/a", &[]).await;
    let poll = server.get("/rooms/a?wait=25", &[]);
    let drain = async {
        eventually("both are members", || room(&hub, "a").member_count() == 2).await;
        hub.drain(Drain::default().reconnect_within(Duration::from_secs(7))).await
    };
    let (poll, dropped) = tokio::join!(poll, drain);
    assert_eq!((poll.status, dropped), (204, 0));
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert!(last.unwrap().retry.is_some_and(|millis| millis <= 7_000));
    assert_eq!(room(&hub, "a").member_count(), 0);
}

#[tokio::test]
async fn where_the_policy_is_to_disconnect_the_gap_is_the_last_event() {
    let hub = hub(RoomOptions::default().max_log_count(2).history(2));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let start = room.position();
    let response = server
        .send(
            builder(
                "GET",
                "/rooms/a",
                &[("host", "a"), ("accept", "text/event-stream"), ("last-event-id", &start.to_string())],
            )
            .body(Full::new(Bytes::new()))
            .unwrap(),
        )
        .await;
    // Nothing lets the server's task run between these, so the reader falls off the log.
    for number in 0..4 {
        room.broadcast(number.to_string()).unwrap();
    }
    let mut events = Events::of(response);
    let gap = events.data().await;
    assert_eq!(gap.name.as_deref(), Some("gap"));
    assert_eq!(events.next().await.unwrap().retry, Some(1_000));
    assert_eq!(events.next().await, None);
    eventually("it has left", || room.member_count() == 0).await;
    // It comes back where the gap ends, and is told of it no more.
    let mut events = open(&server, "/rooms/a", &[("last-event-id", &gap.id.unwrap())]).await;
    assert_eq!(events.data().await.data.as_deref(), Some("2"));
}
