//! `bowline broadcast`, as somebody else's clients see it.

mod common;

use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::common::{Client, Server, assert_echo, closed, signal, soon};

async fn next(client: &mut Client) -> Message {
    soon(client.next()).await.expect("open").expect("received")
}

async fn send(client: &mut Client, message: &Message) {
    soon(client.send(message.clone())).await.expect("sent");
}

/// What a client sends comes back to it: then it is in its room.
async fn member(server: &Server, path: &str) -> Client {
    let mut client = server.client_at(path).await;
    assert_echo(&mut client, Message::text("in")).await;
    client
}

#[tokio::test]
async fn what_one_sends_all_get_the_sender_included() {
    let server = Server::start("broadcast", &[]).await;
    let mut first = member(&server, "/a").await;
    let mut second = member(&server, "/a?as=somebody").await;
    assert_eq!(next(&mut first).await, Message::text("in"));
    for message in [Message::text("hello"), Message::text(""), Message::binary(vec![0xa5; 200_000])] {
        send(&mut first, &message).await;
        assert_eq!(next(&mut first).await, message);
        assert_eq!(next(&mut second).await, message);
        send(&mut second, &message).await;
        assert_eq!(next(&mut first).await, message);
        assert_eq!(next(&mut second).await, message);
    }
}

#[tokio::test]
async fn each_path_is_a_room_of_its_own() {
    let server = Server::start("broadcast", &["--threads", "1"]).await;
    let paths = ["/", "/a", "/a/", "/a/b", "/A", "/%61"];
    let mut clients = Vec::new();
    for path in paths {
        clients.push(member(&server, path).await);
    }
    for (client, path) in clients.iter_mut().zip(paths) {
        send(client, &Message::text(path)).await;
    }
    for (client, path) in clients.iter_mut().zip(paths) {
        assert_eq!(next(client).await, Message::text(path));
        // Had it got another's, that would come before the answer to this.
        assert_echo(client, Message::text("only that")).await;
    }
}

#[tokio::test]
async fn the_order_is_the_same_for_all() {
    let server = Server::start("broadcast", &[]).await;
    let mut first = member(&server, "/a").await;
    let mut second = member(&server, "/a").await;
    assert_eq!(next(&mut first).await, Message::text("in"));
    for number in 0..100 {
        send(&mut first, &Message::text(format!("first {number}"))).await;
        send(&mut second, &Message::text(format!("second {number}"))).await;
    }
    let mut seen = Vec::new();
    for _ in 0..200 {
        let message = next(&mut first).await;
        assert_eq!(next(&mut second).await, message);
        seen.push(message.into_text().expect("text").to_string());
    }
    for who in ["first", "second"] {
        let own: Vec<_> = seen.iter().filter(|text| text.starts_with(who)).cloned().collect();
        assert_eq!(own, (0..100).map(|number| format!("{who} {number}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_newcomer_gets_the_history_asked_for_and_no_more() {
    let server = Server::start("broadcast", &["--history", "2"]).await;
    let mut first = server.client_at("/a").await;
    for text in ["1", "2", "3"] {
        assert_echo(&mut first, Message::text(text)).await;
    }
    let mut second = server.client_at("/a").await;
    for text in ["2", "3"] {
        assert_eq!(next(&mut second).await, Message::text(text));
    }
    assert_echo(&mut second, Message::text("4")).await;
    let mut third = server.client_at("/b").await;
    assert_echo(&mut third, Message::text("another room has none")).await;
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_room_is_refused() {
    let server = Server::start("broadcast", &[]).await;
    let path = format!("/{}", "a".repeat(254));
    member(&server, &path).await;
    match soon(tokio_tungstenite::connect_async(format!("ws://{}{path}a", server.address))).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert!(String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).contains("255 bytes"));
        }
        other => panic!("not {other:?}"),
    }
}

#[tokio::test]
async fn deflate_reaches_all_members_whole() {
    // The others' client offers none: a member with and one without are in one room by the pair of commands only.
    let server = Server::start("broadcast", &["--deflate", "--deflate-threshold", "0"]).await;
    let mut plain = member(&server, "/a").await;
    let url = format!("ws://{}/a", server.address);
    let mut child =
        common::bowline(&["connect", &url, "--deflate", "--wait", "forever"]).spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = tokio::io::BufReader::new(child.stdout.take().expect("piped"));
    let line = "compress me ".repeat(100);
    soon(tokio::io::AsyncWriteExt::write_all(&mut stdin, format!("{line}\n").as_bytes())).await.expect("it reads");
    assert_eq!(next(&mut plain).await, Message::text(&line));
    let mut printed = String::new();
    soon(tokio::io::AsyncBufReadExt::read_line(&mut stdout, &mut printed)).await.expect("readable");
    assert_eq!(printed.trim_end_matches('\n'), line);
    signal(&child, Signal::TERM);
    soon(child.wait()).await.expect("it ran");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn threads_1_is_one_thread_in_all() {
    let threads = |server: &Server| {
        let id = server.child.id().expect("it runs");
        std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs").count()
    };
    let server = Server::start("broadcast", &["--threads", "1"]).await;
    let client = member(&server, "/a").await;
    assert_eq!(threads(&server), 1);
    drop(client);
    let server = Server::start("broadcast", &["--threads", "3"]).await;
    assert_eq!(threads(&server), 4, "three that serve, and the one that waits for signals");
}

#[tokio::test]
async fn a_signal_closes_all_with_1001_and_a_second_exits_at_once() {
    let mut server = Server::start("broadcast", &["--threads", "1"]).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(server.client_at("/a").await);
    }
    signal(&server.child, Signal::TERM);
    for client in &mut clients {
        assert_eq!(closed(client).await.map(|frame| u16::from(frame.code)), Some(1001));
    }
    drop(clients);
    server.said("closing every connection").await;
    assert_eq!(server.ended().await.code(), Some(0));

    let mut server = Server::start("broadcast", &["--close-timeout", "1h"]).await;
    let silent = member(&server, "/a").await;
    signal(&server.child, Signal::TERM);
    server.said("closing every connection").await;
    signal(&server.child, Signal::INT);
    assert_eq!(server.ended().await.code(), Some(130));
    drop(silent);
}

#[tokio::test]
async fn places_come_free_again() {
    let server = Server::start("broadcast", &["--max-connections", "1"]).await;
    for _ in 0..5 {
        let mut client = member(&server, "/a").await;
        soon(client.close(None)).await.expect("sent");
        closed(&mut client).await;
    }
}

#[tokio::test]
async fn a_message_larger_than_the_log_stands_alone_in_it() {
    let args = ["--max-log-bytes", "1KiB", "--history", "9", "--max-message-size", "2KiB"];
    let server = Server::start("broadcast", &args).await;
    let mut client = server.client_at("/a").await;
    for len in [1024, 2048] {
        assert_echo(&mut client, Message::binary(vec![1; len])).await;
    }
    let mut late = server.client_at("/a").await;
    assert_eq!(next(&mut late).await, Message::binary(vec![1; 2048]));
    send(&mut client, &Message::binary(vec![1; 2049])).await;
    let frame = closed(&mut client).await.expect("a code");
    assert_eq!(u16::from(frame.code), 1009);
}
