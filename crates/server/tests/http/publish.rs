//! POST: what is published, and what isn't.

use bowline_core::{Limits, Message, connection::Config};
use bowline_server::{
    http::{Grant, Guards, RateLimit, RequestExt as _},
    listener::Server as Listener,
    room::{Entry, RoomOptions, SlowConsumer, Start},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{PATIENCE, Server, hub, hub_with, room};

#[tokio::test]
async fn text_and_bytes_reach_the_room() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let mut reader = room(&hub, "a").subscribe(Start::Newest).unwrap();
    let octets = [("content-type", "Application/Octet-Stream; x=y")];
    let table: [(&[_], &[u8], Message); 5] = [
        (&[], b"hello", "hello".into()),
        (&[("content-type", "application/json")], b"{}", "{}".into()),
        (&[], b"", "".into()),
        (&octets, b"\xff\0", Message::from(&b"\xff\0"[..])),
        (&octets, b"text", Message::from(&b"text"[..])),
    ];
    for (headers, body, expected) in table {
        let answer = server.ask("POST", "/rooms/a", headers, body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let Entry::Publication(position, message) = reader.read().await else { panic!("a publication") };
        assert_eq!(message, expected);
        assert_eq!(answer.json(), serde_json::json!({ "position": position.to_string(), "duplicate": false }));
        assert_eq!(answer.header("bowline-position"), Some(&*position.to_string()));
    }
    let answer = server.ask("POST", "/rooms/a", &[], &b"\xff"[..]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("octet-stream"));
    assert_eq!(reader.try_read(), None);
}

#[tokio::test]
async fn the_same_key_publishes_once() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let mut reader = room(&hub, "a").subscribe(Start::Newest).unwrap();
    let key = [("idempotency-key", "k-1")];
    let first = server.ask("POST", "/rooms/a", &key, "x").await.json();
    let second = server.ask("POST", "/rooms/a", &key, "x").await.json();
    assert_eq!((&first["duplicate"], &second["duplicate"]), (&false.into(), &true.into()));
    assert_eq!(first["position"], second["position"]);
    assert!(matches!(reader.try_read(), Some(Entry::Publication(..))));
    assert_eq!(reader.try_read(), None);
    let (fits, over) = ("k".repeat(255), "k".repeat(256));
    for (keys, status) in [
        (&[("idempotency-key", &*fits)][..], 200),
        (&[("idempotency-key", &*over)], 400),
        (&[("idempotency-key", "")], 400),
        (&[key[0], key[0]], 400),
    ] {
        assert_eq!(server.ask("POST", "/rooms/a", keys, "x").await.status, status, "{keys:?}");
    }
}

/// As far as `authorize` tells who they are.
#[tokio::test]
async fn the_same_key_of_two_identities_publishes_twice() {
    let guards = Guards::new().authorize(|request| async move {
        Ok(request.bearer_token().map_or_else(Grant::new, |token| Grant::new().identity(token)))
    });
    let server = Server::guarded(&hub(RoomOptions::default()), guards).await;
    for who in [Some("Bearer ann"), Some("Bearer ben"), None] {
        let mut headers = vec![("idempotency-key", "k-1")];
        headers.extend(who.map(|who| ("authorization", who)));
        for duplicate in [false, true] {
            let answer = server.ask("POST", "/rooms/a", &headers, "x").await.json();
            assert_eq!(answer["duplicate"], duplicate, "{who:?}");
        }
    }
}

#[tokio::test]
async fn a_body_of_1_mib_passes_and_one_byte_more_is_413() {
    const MIB: usize = 1 << 20;
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let mut reader = room(&hub, "a").subscribe(Start::Newest).unwrap();
    for (len, status) in [(MIB - 1, 200), (MIB, 200), (MIB + 1, 413)] {
        assert_eq!(server.ask("POST", "/rooms/a", &[], vec![b'x'; len]).await.status, status, "{len}");
        let came = reader.try_read().map(|entry| match entry {
            Entry::Publication(_, message) => message.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(came, (status == 200).then_some(len));
    }
}

/// A server that answers before it has read everything is heard.
#[tokio::test]
async fn a_length_that_is_too_much_is_refused_before_the_body_comes() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /rooms/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n";
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    tcp.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_comes() {
    let config = Config::default().limits(Limits::default().max_message_size(8));
    let hub = hub_with(RoomOptions::default(), 9, config);
    // Held, so that it doesn't vanish before it is looked at.
    let published = room(&hub, "a");
    let server = Server::hub(&hub).await;
    let chunked = |chunks: &str| {
        format!("POST /rooms/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
    };
    for (chunks, status) in
        [("4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n", "200"), ("4\r\nabcd\r\n5\r\nefghi\r\n0\r\n\r\n", "413")]
    {
        let answer = server.raw(&chunked(chunks)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    // One that breaks off publishes nothing.
    let broken = server.raw(&chunked("4\r\nabcd\r\nx\r\n")).await;
    assert!(broken.starts_with("HTTP/1.1 400 "), "{broken}");
    assert_eq!(published.position().offset, 1);
}

/// Threat S7, by the listener that a hub is served on: no more of 100 MB is taken than is on its way.
#[tokio::test]
async fn s7_a_body_that_is_too_long_is_not_read_to_its_end() {
    const LONG: usize = 100 << 20;
    let hub = hub(RoomOptions::default());
    let running = Listener::new().listen("127.0.0.1:0").bind().unwrap().serve(hub.service(Guards::new()));
    let lengths = [format!("Content-Length: {LONG}"), "Transfer-Encoding: chunked".to_owned()];
    for length in &lengths {
        let tcp = TcpStream::connect(running.local_addrs()[0]).await.unwrap();
        let (mut read, mut write) = tcp.into_split();
        let sends = async {
            let head = format!("POST /rooms/a HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n");
            let piece = [b"10000\r\n".as_slice(), &[b'x'; 64 << 10], b"\r\n"].concat();
            let mut sent = 0;
            let mut next = head.as_bytes();
            while sent < LONG && write.write_all(next).await.is_ok() {
                sent += next.len();
                next = &piece;
            }
            sent
        };
        let reads = async {
            let mut start = [0; 12];
            read.read_exact(&mut start).await.unwrap();
            start
        };
        let (sent, start) = timeout(PATIENCE, async { tokio::join!(sends, reads) }).await.expect("it ends");
        assert_eq!(&start, b"HTTP/1.1 413", "{length}");
        // The bound, what the server reads away, and what the kernel's buffers hold.
        assert!(sent < 16 << 20, "{length}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn s7_a_body_in_chunks_of_a_byte_is_a_body() {
    const COUNT: usize = 20_000;
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let mut reader = room(&hub, "a").subscribe(Start::Newest).unwrap();
    let head = "POST /rooms/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.raw(&format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(COUNT))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let Some(Entry::Publication(_, message)) = reader.try_read() else { panic!("a publication") };
    assert_eq!(message.as_text().map(str::len), Some(COUNT));
}

#[tokio::test]
async fn f10_an_encoded_body_is_415() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    for (encoding, status) in
        [("identity", 200), ("Identity", 200), ("gzip", 415), ("identity, gzip", 415), ("br", 415)]
    {
        let answer = server.ask("POST", "/rooms/a", &[("content-encoding", encoding)], "x").await;
        assert_eq!(answer.status, status, "{encoding}");
        assert_eq!(answer.header("accept-encoding"), (status == 415).then_some("identity"));
    }
}

#[tokio::test]
async fn past_its_rate_an_address_is_429() {
    let guards = Guards::new().post_rate(RateLimit::new().messages(1, 2));
    let server = Server::guarded(&hub(RoomOptions::default()), guards).await;
    for status in [200, 200, 429] {
        let answer = server.ask("POST", "/rooms/a", &[], "x").await;
        assert_eq!((answer.status, answer.headers.contains_key("retry-after")), (status, status == 429));
    }
}

/// Nobody who is over it has its body read; and what it claimed and never sent costs it nothing.
#[tokio::test]
async fn past_its_rate_an_address_is_429_before_the_body_comes() {
    let guards = Guards::new().post_rate(RateLimit::new().messages(1, 100).bytes(1, 10));
    let server = Server::guarded(&hub(RoomOptions::default()), guards).await;
    let post = async |length: usize, body: &[u8]| {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST /rooms/a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        tcp.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        tcp
    };
    let status = async |mut tcp: TcpStream| {
        let mut start = [0; 12];
        tcp.read_exact(&mut start).await.unwrap();
        String::from_utf8(start[9..].to_vec()).unwrap()
    };
    assert_eq!(status(post(11, b"").await).await, "429");
    drop(post(10, b"123").await);
    assert_eq!(status(post(9, b"123456789").await).await, "200");
    assert_eq!(status(post(9, b"").await).await, "429");
    // Without a length it is counted once it is there.
    let chunked = |chunk: &str| {
        let end = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        format!("POST /rooms/a HTTP/1.1\r\nHost: a\r\n{end}{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len())
    };
    for (chunk, status) in [("123456789", "429"), ("1", "200")] {
        let answer = server.raw(&chunked(chunk)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[tokio::test]
async fn what_the_room_does_not_take_is_told() {
    let pushes_back = RoomOptions::default().slow_consumer(SlowConsumer::Backpressure);
    let hub = hub(pushes_back.max_log_count(1).max_waiting_publishers(0));
    let server = Server::hub(&hub).await;
    let _slow = room(&hub, "a").subscribe(Start::Newest).unwrap();
    assert_eq!(server.ask("POST", "/rooms/a", &[], "1").await.status, 200);
    let answer = server.ask("POST", "/rooms/a", &[], "2").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let hub = hub(RoomOptions::default());
    let server = Server::service(hub.service(Guards::new()).max_post_bytes(10)).await;
    assert_eq!(server.ask("POST", "/rooms/a", &[], "11 of them.").await.status, 503);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /rooms/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\n";
    slow.write_all(format!("{head}12345").as_bytes()).await.unwrap();
    // The room that it needs is held once its head has been read.
    let refused = async {
        loop {
            let answer = server.ask("POST", "/rooms/a", &[], "12345").await;
            if answer.status != 200 {
                return (answer.status, answer.headers.contains_key("retry-after"));
            }
        }
    };
    assert_eq!(timeout(PATIENCE, refused).await.unwrap(), (503, true));
    assert_eq!(server.ask("POST", "/rooms/a", &[], "1234").await.status, 200);
    slow.write_all(b"6").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.ask("POST", "/rooms/a", &[], "1234567890").await.status, 200);
}

/// A room that pushes back lets a publication wait; once its slow member is gone it goes on.
#[tokio::test]
async fn a_room_that_pushes_back_makes_a_post_wait() {
    let hub = hub(RoomOptions::default().max_log_count(1).slow_consumer(SlowConsumer::Backpressure));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let slow = room.subscribe(Start::Newest).unwrap();
    assert_eq!(server.ask("POST", "/rooms/a", &[], "1").await.status, 200);
    let waits = server.ask("POST", "/rooms/a", &[], "2");
    let leaves = async {
        // Once it waits, which nothing tells, or before: the outcome is the same.
        tokio::task::yield_now().await;
        drop(slow);
    };
    let (answer, ()) = tokio::join!(waits, leaves);
    assert_eq!(answer.status, 200);
}
