//! `bowline proxy` between other people's client and `bowline serve`.

mod common;

use rustix::process::Signal;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::common::{Server, ask, assert_echo, closed, get, signal, soon};

/// `bowline serve`, and a proxy in front of it.
async fn serve_behind(faults: &[&str]) -> (Server, Server) {
    let server = Server::start("serve", &[]).await;
    let proxy = Server::start("proxy", &[&["--to", &server.address], faults].concat()).await;
    (server, proxy)
}

/// What the proxy says when it is stopped, by line.
async fn counts(mut proxy: Server) -> Vec<String> {
    signal(&proxy.child, Signal::TERM);
    let mut lines = Vec::new();
    while let Some(line) = soon(proxy.stdout.next_line()).await.expect("readable") {
        lines.push(line);
    }
    assert!(proxy.ended().await.success());
    lines
}

fn assert_line(lines: &[String], name: &str, part: &str) {
    assert!(lines.iter().any(|line| line.starts_with(name) && line.contains(part)), "{name}: {part} in {lines:?}");
}

#[tokio::test]
async fn a_web_socket_passes_at_another_pace() {
    // Not to the client: tungstenite takes a head in many small pieces for an attack.
    let pace =
        ["--one-byte-writes=to-server", "--delay", "1ms", "--jitter", "to-client=2ms", "--rate", "to-server=64KiB"];
    let (_server, mut proxy) = serve_behind(&pace).await;
    let hint = soon(proxy.stdout.next_line()).await.expect("readable").expect("a hint");
    assert!(hint.contains("carries to 127.0.0.1:") && hint.ends_with(&proxy.address), "{hint}");
    let mut client = proxy.client_at("/echo").await;
    for text in ["hello", "again", &"long".repeat(100)] {
        assert_echo(&mut client, Message::text(text)).await;
    }
    soon(client.close(None)).await.expect("open");
    closed(&mut client).await;
    let lines = counts(proxy).await;
    assert_line(&lines, "connections", "1 accepted");
    assert_line(&lines, "cut", "0 by FIN, 0 by reset");
}

#[tokio::test]
async fn a_stripped_upgrade_is_answered_as_plain_http() {
    let (_server, proxy) = serve_behind(&["--strip-upgrade", "--buffer-responses"]).await;
    let refused = soon(connect_async(format!("ws://{}/echo", proxy.address))).await.expect_err("no WebSocket");
    assert!(matches!(refused, Error::Http(_)), "{refused}");
    // HTTP itself works.
    assert_eq!(ask(&proxy.address, "POST", "/rooms/a", "", "hello").await.status, 200);
    let poll = get(&proxy.address, "/rooms/a?history=1").await;
    assert!(poll.body.contains("data: hello"), "{poll:?}");
    let lines = counts(proxy).await;
    assert_line(&lines, "HTTP", "1 upgrades stripped, 0 switches swallowed, 3 responses held");
}

#[tokio::test]
async fn every_connection_is_cut_where_the_flags_say() {
    for (faults, said) in [
        (&["--cut-at", "to-client=100"][..], "1 by FIN, 0 by reset; 0 of them idle"),
        (&["--cut-between", "to-server=1..50", "--reset", "--seed", "7"], "0 by FIN, 1 by reset; 0 of them idle"),
        (&["--cut-idle", "100ms", "--black-hole"], "1 by FIN, 0 by reset; 1 of them idle"),
    ] {
        let (_server, proxy) = serve_behind(faults).await;
        soon(connect_async(format!("ws://{}/echo", proxy.address))).await.expect_err("cut before it was open");
        assert_line(&counts(proxy).await, "cut", said);
    }
}

#[tokio::test]
async fn a_refused_connection_is_counted() {
    let (_server, proxy) = serve_behind(&["--refuse", "reset"]).await;
    soon(connect_async(format!("ws://{}/echo", proxy.address))).await.expect_err("refused");
    assert_line(&counts(proxy).await, "connections", "0 accepted, 0 open, 1 refused");
}
