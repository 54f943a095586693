//! `bowline serve`: its addresses, as other people's clients see them.

mod common;

use std::os::fd::OwnedFd;
use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::common::{Client, Directory, Server, ask, assert_echo, bowline, closed, get, read_to_end, signal, soon};

async fn next(client: &mut Client) -> Message {
    soon(client.next()).await.expect("open").expect("received")
}

#[tokio::test]
async fn it_says_what_it_is() {
    let mut server = Server::start("serve", &[]).await;
    let line = soon(server.stdout.next_line()).await.expect("readable").expect("a line");
    assert_eq!(line, format!("try it: http://{}/", server.address));
    for (path, status, part) in [
        ("/healthz", 200, "alive"),
        ("/readyz", 200, "ready"),
        ("/metrics", 200, "bowline_connections"),
        ("/", 200, "<!doctype html>"),
        ("/nothing", 404, "/rooms/{room}"),
        ("/rooms/", 400, "empty"),
        ("/echo", 400, "This address is for WebSocket"),
    ] {
        let answer = get(&server.address, path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(part), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn metrics_and_page_can_be_turned_off() {
    let server = Server::start("serve", &["--metrics=false", "--page", "false"]).await;
    for (path, status) in [("/metrics", 404), ("/", 404), ("/healthz", 200), ("/readyz", 200)] {
        assert_eq!(get(&server.address, path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn echo_and_ws_send_every_message_back() {
    let server = Server::start("serve", &["--threads", "1"]).await;
    for path in ["/echo", "/ws", "/echo?a=b"] {
        let mut client = server.client_at(path).await;
        for size in [0, 125, 65_536, 1 << 20] {
            assert_echo(&mut client, Message::text("x".repeat(size))).await;
            assert_echo(&mut client, Message::binary(vec![0xa5; size])).await;
        }
        soon(client.close(None)).await.expect("sent");
        closed(&mut client).await;
    }
}

#[tokio::test]
async fn a_room_is_one_however_it_is_reached() {
    let server = Server::start("serve", &["--room-history", "10"]).await;
    let mut member = server.client_at("/rooms/kitchen").await;
    assert_echo(&mut member, Message::text("one")).await;
    let posted = ask(&server.address, "POST", "/rooms/kitchen", "Idempotency-Key: a\r\n", "two").await;
    assert_eq!(posted.status, 200, "{posted:?}");
    assert_eq!(next(&mut member).await, Message::text("two"));
    let again = ask(&server.address, "POST", "/rooms/kitchen", "Idempotency-Key: a\r\n", "two").await;
    assert_eq!(again.body, posted.body.replace("\"duplicate\":false", "\"duplicate\":true"));

    let polled = get(&server.address, "/rooms/kitchen?history=10").await;
    let data: Vec<_> = polled.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data, ["one", "two"], "{polled:?}");
    let position = polled.head.lines().find_map(|line| line.strip_prefix("bowline-position: ")).expect("a position");
    let poll = format!("/rooms/kitchen?since={position}&wait=25");
    let (waited, sent) = tokio::join!(get(&server.address, &poll), member.send(Message::text("three")));
    sent.expect("sent");
    assert!(waited.body.contains("data: three\n"), "{waited:?}");

    // The line of the stream that a browser's EventSource gets, from where it was.
    let mut stream = soon(TcpStream::connect(&server.address)).await.expect("it accepts");
    let request = format!(
        "GET /rooms/kitchen HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: {position}\r\n\r\n"
    );
    soon(stream.write_all(request.as_bytes())).await.expect("sent");
    let mut lines = BufReader::new(stream).lines();
    while soon(lines.next_line()).await.expect("readable").expect("it goes on") != "data: three" {}
}

#[tokio::test]
async fn rooms_differ_by_pattern() {
    let directory = Directory::new();
    let file = directory
        .write("a.toml", "[[rooms]]\npattern = \"chat:*\"\nhistory = 2\n[[rooms]]\npattern = \"*\"\nhistory = 0\n");
    let server = Server::start("serve", &["--config", &file]).await;
    for room in ["chat:a", "other"] {
        for text in ["1", "2", "3"] {
            assert_eq!(ask(&server.address, "POST", &format!("/rooms/{room}"), "", text).await.status, 200);
        }
    }
    let polled = get(&server.address, "/rooms/chat:a?history=9").await;
    assert_eq!(polled.body.matches("data: ").count(), 2, "{polled:?}");
    assert_eq!(get(&server.address, "/rooms/other?history=9").await.status, 204);
}

async fn from(server: &Server, origin: &str) -> Result<(), u16> {
    let mut request = format!("ws://{}/echo", server.address).into_client_request().expect("a URL");
    request.headers_mut().insert("origin", origin.parse().expect("a value"));
    match soon(connect_async(request)).await {
        Ok(_) => Ok(()),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn pages_of_the_origins_allowed_may_use_it() {
    let server = Server::start("serve", &[]).await;
    let own = format!("http://{}", server.address);
    assert_eq!(from(&server, &own).await, Ok(()));
    assert_eq!(from(&server, "https://example.com").await, Err(403));
    let listed = ["--allow-origin", "https://example.com", "--allow-origin", "https://example.org"];
    let server = Server::start("serve", &listed).await;
    assert_eq!(from(&server, "https://example.org").await, Ok(()));
    assert_eq!(from(&server, "https://example.net").await, Err(403));
    let server = Server::start("serve", &["--allow-origin", "*"]).await;
    assert_eq!(from(&server, "https://example.net").await, Ok(()));
}

#[tokio::test]
async fn it_answers_to_its_names_only() {
    let server = Server::start("serve", &["--host", "localhost", "--host", "127.0.0.1"]).await;
    let addresses = [("/rooms/a", 421), ("/", 421), ("/metrics", 421), ("/echo", 421), ("/healthz", 200)];
    for (path, status) in addresses {
        assert_ne!(get(&server.address, path).await.status, 421, "{path}");
        let rebound = format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n");
        let mut stream = soon(TcpStream::connect(&server.address)).await.expect("it accepts");
        soon(stream.write_all(rebound.as_bytes())).await.expect("sent");
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{path}");
    }
}

#[tokio::test]
async fn limits_are_those_asked_for() {
    let server = Server::start("serve", &["--max-message-size", "1KiB", "--max-rooms", "1"]).await;
    let mut client = server.client_at("/rooms/a").await;
    assert_echo(&mut client, Message::binary(vec![1; 1024])).await;
    assert_eq!(get(&server.address, "/rooms/b").await.status, 503);
    soon(client.send(Message::binary(vec![1; 1025]))).await.expect("sent");
    assert_eq!(closed(&mut client).await.map(|frame| u16::from(frame.code)), Some(1009));

    let server = Server::start("serve", &["--session-rate", "1", "--session-burst", "3"]).await;
    let mut client = server.client_at("/echo").await;
    for _ in 0..10 {
        drop(soon(client.send(Message::text("a"))).await);
    }
    assert_eq!(closed(&mut client).await.map(|frame| u16::from(frame.code)), Some(1008));

    let server = Server::start("serve", &["--max-connections-per-ip", "1"]).await;
    let client = server.client_at("/echo").await;
    assert_eq!(get(&server.address, "/healthz").await.status, 429);
    drop(client);

    let server = Server::start("serve", &["--max-headers", "4"]).await;
    // Three there are anyway.
    for (more, status) in [("A: b\r\n", 200), ("A: b\r\nA: b\r\n", 431)] {
        assert_eq!(ask(&server.address, "GET", "/healthz", more, "").await.status, status, "{more}");
    }
}

#[tokio::test]
async fn it_listens_wherever_it_is_told() {
    let args = ["--listen", "127.0.0.1:0", "--listen-plain", "127.0.0.1:0"];
    let mut server = Server::start("serve", &args).await;
    let mut addresses = vec![server.address.clone()];
    for _ in 0..2 {
        let line = soon(server.stdout.next_line()).await.expect("readable").expect("a line");
        addresses.push(line.strip_prefix("listening on ").expect("an address").to_owned());
    }
    for address in &addresses {
        assert_eq!(get(address, "/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn two_share_a_port() {
    let first = Server::start("serve", &["--reuse-port"]).await;
    let args = ["serve", "--listen", &first.address, "--reuse-port", "--threads", "1"];
    let second = Server::from(bowline(&args)).await;
    assert_eq!(second.address, first.address);
    // Alone, it answers all.
    signal(&first.child, Signal::TERM);
    assert_eq!(soon(first.ended()).await.code(), Some(0));
    for _ in 0..8 {
        assert_eq!(get(&second.address, "/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_socket_from_systemd_is_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let mut command = tokio::process::Command::new("sh");
    command
        .arg("-c")
        .arg("LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve 3<&0 </dev/null")
        .arg(env!("CARGO_BIN_EXE_bowline"));
    command
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let server = Server::from(command).await;
    assert_eq!(server.address, address);
    let mut client = server.client_at("/echo").await;
    assert_echo(&mut client, Message::text("a")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn threads_1_is_one_thread_in_all() {
    let server = Server::start("serve", &["--threads", "1"]).await;
    let mut client = server.client_at("/echo").await;
    assert_echo(&mut client, Message::text("a")).await;
    let id = server.child.id().expect("it runs");
    assert_eq!(std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs").count(), 1);
}

#[tokio::test]
async fn deflate_is_agreed_on_where_it_is_on() {
    let offer = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    for (args, expected) in [(&["--deflate"][..], true), (&[][..], false)] {
        let server = Server::start("serve", args).await;
        let mut tcp = soon(TcpStream::connect(&server.address)).await.expect("it accepts");
        let request = format!("GET /rooms/a HTTP/1.1\r\nHost: a\r\n{offer}\r\n");
        soon(tcp.write_all(request.as_bytes())).await.expect("sent");
        let mut lines = BufReader::new(tcp).lines();
        let mut agreed = false;
        loop {
            let line = soon(lines.next_line()).await.expect("readable").expect("a head");
            agreed |= line.to_ascii_lowercase().starts_with("sec-websocket-extensions: permessage-deflate");
            if line.is_empty() {
                break;
            }
        }
        assert_eq!(agreed, expected);
    }
}
