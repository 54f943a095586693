//! `bowline connect --transport` in a pipe, against `bowline serve` and against a peer that is written here.

mod common;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::common::{Server as Bowline, bowline, feed, run, soon};

const TRANSPORTS: [&str; 5] = ["websocket", "comet", "long-polling", "polling", "auto"];

/// So long that an answer comes by the poll after the next: a client that is done ends the session at once.
const WAIT: [&str; 2] = ["--wait", "3s"];

#[tokio::test]
async fn lines_come_back_over_each_transport() {
    let server = Bowline::start("serve", &[]).await;
    let url = format!("http://{}", server.address);
    let runs = TRANSPORTS.map(|transport| {
        let args = [&["connect", "--transport", transport, &url], &WAIT[..]].concat();
        async move { (transport, run(&args, b"a\nb\n\nlast, without its line end").await) }
    });
    for (transport, ran) in join_all(runs).await {
        let expected = (Some(0), "a\nb\n\nlast, without its line end\n");
        assert_eq!((ran.code, ran.stdout.as_str()), expected, "{transport}: {}", ran.stderr);
        assert_eq!(ran.stderr, "closed\n", "{transport}");
    }
}

#[tokio::test]
async fn what_goes_over_the_wire_is_shown_without_the_secret() {
    let server = Bowline::start("serve", &[]).await;
    let url = format!("http://{}", server.address);
    let runs = TRANSPORTS.map(|transport| {
        let header = ["-H", "Authorization: Bearer hush"];
        let args = [&["connect", "--transport", transport, "-v", &url], &header[..], &WAIT].concat();
        async move { (transport, run(&args, b"hello\n").await) }
    });
    for (transport, ran) in join_all(runs).await {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "hello\n"), "{transport}: {}", ran.stderr);
        let shown: &[&str] = match transport {
            "comet" => &["> GET /session", "> Bowline-Session: new", "< 200 OK", "> POST /session"],
            "long-polling" => &["> GET /session?wait=25", "< event: message⏎id: 1⏎data: hello"],
            "polling" => &["> GET /session?wait=0", "< event: message⏎id: 1⏎data: hello"],
            _ => &["> GET /session, upgrade to WebSocket", "< ␞event: open⏎data: {", "> hello", "< hello"],
        };
        let name = if transport == "auto" { "websocket" } else { transport };
        for part in shown {
            let line = format!("[{name}] {part}");
            assert!(ran.stderr.contains(&line), "{line:?} in {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
        // The secret is 22 characters behind the node's name; what is shown of it is the node.
        let open = ran.stderr.split("\"session\":\"").nth(1).expect("it is told");
        assert!(open.split('"').next().is_some_and(|shown| shown.ends_with(".…")), "{open}");
    }
}

#[tokio::test]
async fn nobody_there_is_exit_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let ran = run(&["connect", "--transport", "auto", &url], b"a\n").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with(&format!("error: cannot connect to {url}: ")), "{}", ran.stderr);
    assert!(ran.stderr.to_lowercase().contains("refused"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_server_without_sessions_is_exit_code_1_and_told_apart() {
    let server = Bowline::start("broadcast", &[]).await;
    let url = format!("http://{}", server.address);
    let ran = run(&["connect", "--transport", "websocket", &url], b"").await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("bowline.v1"), "{}", ran.stderr);
}

#[tokio::test]
async fn the_address_of_the_sessions_themselves_is_told_apart() {
    let server = Bowline::start("serve", &[]).await;
    let mount = format!("http://{}", server.address);
    let ran = run(&["connect", "--transport", "auto", &format!("{mount}/session")], b"a\n").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.trim_end().ends_with(&format!("give {mount}")), "{}", ran.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_is_exit_code_2() {
    for args in [
        &["connect", "-v", "http://a"][..],
        &["connect", "--transport", "pigeon", "http://a"],
        &["connect", "--transport", "auto", "--ping", "1s", "http://a"],
        &["connect", "--transport", "auto", "ftp://a"],
        &["connect", "--transport", "auto", "-H", "Bowline-Session: a.b", "http://a"],
    ] {
        let ran = run(args, b"").await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
    }
}

/// A proxy that the environment names: one `CONNECT`, and then whatever goes through it.
#[tokio::test]
async fn the_environments_proxy_is_taken() {
    let server = Bowline::start("serve", &[]).await;
    let url = format!("http://{}", server.address);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let proxy = format!("http://{}", listener.local_addr().expect("bound"));
    let tunnel = async {
        let (mut near, _) = soon(listener.accept()).await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(near.read_u8()).await.expect("a request"));
        }
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("open");
        let mut far = TcpStream::connect(&server.address).await.expect("it listens");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        String::from_utf8(head).expect("UTF-8")
    };
    let args = ["connect", "--transport", "websocket", &url];
    let mut command = bowline(&args);
    command.env("ALL_PROXY", &proxy).env_remove("NO_PROXY").env_remove("no_proxy");
    let (head, ran) = tokio::join!(tunnel, feed(command.spawn().expect("the binary starts"), b""));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address)), "{head}");

    let mut command = bowline(&args);
    command.env("ALL_PROXY", &proxy).env("NO_PROXY", "127.0.0.1");
    let ran = feed(command.spawn().expect("the binary starts"), b"").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
