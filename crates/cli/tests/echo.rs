//! `bowline echo`, as somebody else's client sees it.

mod common;

use std::process::Stdio;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use self::common::{Client, Server, assert_echo, bowline, bowline_with_descriptors, closed, read_to_end, signal, soon};

#[tokio::test]
async fn messages_come_back() {
    let echo = Server::start("echo", &[]).await;
    let mut client = echo.client().await;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        assert_echo(&mut client, Message::text("x".repeat(size))).await;
        assert_echo(&mut client, Message::binary(vec![0xa5; size])).await;
    }
    soon(client.close(None)).await.expect("sent");
    closed(&mut client).await;
}

#[tokio::test]
async fn it_says_how_to_try_it() {
    let mut echo = Server::start("echo", &[]).await;
    let line = soon(echo.stdout.next_line()).await.expect("readable").expect("a line");
    assert_eq!(line, format!("try it: bowline connect ws://{}", echo.address));
}

#[tokio::test]
async fn the_size_limit_is_the_one_asked_for() {
    let echo = Server::start("echo", &["--max-message-size", "1KiB"]).await;
    let mut client = echo.client().await;
    assert_echo(&mut client, Message::binary(vec![1; 1024])).await;
    soon(futures_util::SinkExt::send(&mut client, Message::binary(vec![1; 1025]))).await.expect("sent");
    assert_eq!(closed(&mut client).await.map(|frame| u16::from(frame.code)), Some(1009));
}

#[tokio::test]
async fn a_slow_handshake_is_answered_with_408() {
    let echo = Server::start("echo", &["--handshake-timeout", "50ms"]).await;
    let mut tcp = soon(TcpStream::connect(&echo.address)).await.expect("it accepts");
    soon(tcp.write_all(b"GET / HTTP/1.1\r\n")).await.expect("sent");
    let answer = read_to_end(&mut tcp).await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
}

#[cfg(target_os = "linux")]
fn threads(echo: &Server) -> usize {
    let id = echo.child.id().expect("it runs");
    std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs").count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn threads_1_is_one_thread_in_all() {
    let echo = Server::start("echo", &["--threads", "1"]).await;
    assert_eq!(threads(&echo), 1);
    let mut client = echo.client().await;
    assert_echo(&mut client, Message::text("a")).await;
    assert_eq!(threads(&echo), 1);
    signal(&echo.child, Signal::TERM);
    closed(&mut client).await;
    drop(client);
    assert_eq!(echo.ended().await.code(), Some(0));

    let echo = Server::start("echo", &["--threads", "3"]).await;
    let mut client = echo.client().await;
    assert_echo(&mut client, Message::text("a")).await;
    assert_eq!(threads(&echo), 4, "three that serve, and the one that waits for signals");
}

async fn assert_goes_away(threads: &str, by: Signal) {
    let mut echo = Server::start("echo", &["--threads", threads]).await;
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..10 {
        clients.push(echo.client().await);
    }
    // One has said something, and one is in the middle of its opening handshake.
    assert_echo(&mut clients[0], Message::text("a")).await;
    let mut unfinished = soon(TcpStream::connect(&echo.address)).await.expect("it accepts");
    soon(unfinished.write_all(b"GET / HTTP/1.1\r\n")).await.expect("sent");

    signal(&echo.child, by);
    for client in &mut clients {
        let frame = closed(client).await.expect("a code");
        assert_eq!(u16::from(frame.code), 1001);
    }
    drop(clients);
    echo.said("closing every connection").await;
    assert_eq!(echo.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_closes_with_1001() {
    assert_goes_away("1", Signal::TERM).await;
    assert_goes_away("2", Signal::TERM).await;
}

#[tokio::test]
async fn ctrl_c_closes_with_1001() {
    assert_goes_away("1", Signal::INT).await;
}

#[tokio::test]
async fn nothing_is_accepted_while_it_stops() {
    let mut echo = Server::start("echo", &[]).await;
    // It answers no Close frame, so the stop takes its time.
    let silent = echo.client().await;
    signal(&echo.child, Signal::TERM);
    echo.said("closing every connection").await;
    assert!(soon(TcpStream::connect(&echo.address)).await.is_err());
    drop(silent);
    assert_eq!(echo.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_peer_that_never_answers_holds_the_stop_up_for_the_close_timeout_only() {
    let mut echo = Server::start("echo", &["--close-timeout", "100ms"]).await;
    let silent = echo.client().await;
    signal(&echo.child, Signal::TERM);
    echo.said("closing every connection").await;
    assert_eq!(echo.ended().await.code(), Some(0));
    drop(silent);
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    for (by, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut echo = Server::start("echo", &["--close-timeout", "1h"]).await;
        let silent = echo.client().await;
        signal(&echo.child, Signal::TERM);
        echo.said("closing every connection").await;
        signal(&echo.child, by);
        assert_eq!(echo.ended().await.code(), Some(code));
        drop(silent);
    }
}

#[tokio::test]
async fn with_few_descriptors_it_serves_a_crowd_by_turns() {
    let args = ["echo", "--listen", "127.0.0.1:0", "--threads", "1"];
    let mut echo = Server::from(bowline_with_descriptors(64, &args)).await;
    let mut open = Vec::new();
    for _ in 0..48 {
        open.push(echo.client().await);
    }
    echo.said("max_connections are open").await;
    let crowd: Vec<_> = (0..152)
        .map(|number: usize| {
            let url = echo.url();
            tokio::spawn(async move {
                let (mut client, _) = soon(tokio_tungstenite::connect_async(url)).await.expect("its turn");
                assert_echo(&mut client, Message::text(number.to_string())).await;
            })
        })
        .collect();
    for client in &mut open {
        assert_echo(client, Message::text("still here")).await;
    }
    drop(open);
    for one in crowd {
        one.await.expect("served");
    }
    signal(&echo.child, Signal::TERM);
    while let Some(line) = soon(echo.stderr.next_line()).await.expect("readable") {
        assert!(!line.contains("cannot accept"), "admission lies below the descriptor limit, but: {line}");
    }
    assert_eq!(echo.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_a_peer_sends_is_escaped_in_the_log() {
    let mut echo = Server::start("echo", &["--log", "debug"]).await;
    let mut client = echo.client().await;
    let line = echo.said("open").await;
    assert!(line.contains(&format!("peer={}", local_address(&client))), "{line}");
    let reason = "\u{1b}[31mred\r\nforged line";
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 4000.into(), reason: reason.into() };
    soon(client.close(Some(frame))).await.expect("sent");
    closed(&mut client).await;
    drop(client);
    let line = echo.said("closed").await;
    assert!(line.contains("4000") && line.contains("\\u{1b}[31mred\\r\\nforged line"), "{line}");
}

fn local_address(client: &Client) -> String {
    match client.get_ref() {
        tokio_tungstenite::MaybeTlsStream::Plain(tcp) => tcp.local_addr().expect("connected").to_string(),
        other => panic!("plain TCP was asked for, not {other:?}"),
    }
}

#[tokio::test]
async fn it_serves_without_standard_output() {
    // The reading end is gone before the first line is written.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = bowline(&["echo", "--listen", "127.0.0.1:0", "--log", "debug"]);
    let mut child = command.stdout(Stdio::from(writer)).spawn().expect("the binary starts");
    let mut stderr = common::lines(child.stderr.take().expect("piped"));
    common::said(&mut stderr, "listening").await;
    signal(&child, Signal::TERM);
    assert_eq!(soon(child.wait()).await.expect("it ran").code(), Some(0));
}
