//! `bowline connect` in a pipe, against `bowline echo` and against somebody else's server.

mod common;

use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use self::common::{Ran, Server as Bowline, bowline, closed_by, feed, run, said, signal, soon};

/// Somebody else's server, for one connection.
struct Server(TcpListener);

impl Server {
    async fn bind() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/chat", listener.local_addr().expect("bound"));
        (Self(listener), url)
    }

    async fn tcp(self) -> TcpStream {
        soon(self.0.accept()).await.expect("a connection").0
    }

    async fn accept(self) -> WebSocketStream<TcpStream> {
        soon(accept_async(self.tcp().await)).await.expect("an opening handshake")
    }
}

async fn connect(flags: &[&str], url: &str, input: &[u8]) -> Ran {
    run(&[&["connect", url], flags].concat(), input).await
}

#[tokio::test]
async fn lines_come_back_from_an_echo_server() {
    let echo = Bowline::start("echo", &[]).await;
    let ran = run(&["connect", &echo.url()], b"a\nb\n\nlast, without its line end").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a\nb\n\nlast, without its line end\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "closed: 1000 (normal closure)\n");
}

#[tokio::test]
async fn binary_is_hex_both_ways() {
    let echo = Bowline::start("echo", &[]).await;
    let ran = run(&["connect", "--binary", &echo.url()], b"00 ff\n0xDEADbeef\n").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "0x00ff\n0xdeadbeef\n"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_line_that_cannot_be_sent_is_said_and_shows_in_the_exit_code() {
    let echo = Bowline::start("echo", &[]).await;
    let ran = run(&["connect", "--max-message-size", "4", &echo.url()], b"1234\n12345\n\xff\nok\n").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "1234\nok\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 2 was not sent: it is over 4 bytes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 3 was not sent: it is not UTF-8"), "{}", ran.stderr);
}

/// More than all the buffers on the way hold, so that both ends wait to write: neither may stop reading meanwhile.
#[tokio::test]
async fn much_in_both_directions_does_not_jam() {
    let echo = Bowline::start("echo", &["--threads", "1"]).await;
    let input = format!("{}\n", "x".repeat(999_999)).repeat(32);
    let ran = run(&["connect", &echo.url()], input.as_bytes()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout == input, "{} of {} bytes came back", ran.stdout.len(), input.len());
}

#[tokio::test]
async fn headers_and_subprotocols_are_in_the_request() {
    let (server, url) = Server::bind().await;
    #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
    let serve = async {
        let check = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/chat");
            assert_eq!(request.headers()["x-one"], "1: one");
            assert_eq!(request.headers()["sec-websocket-protocol"], "chat.v2, chat.v1");
            response.headers_mut().insert("sec-websocket-protocol", "chat.v1".parse().expect("valid"));
            Ok(response)
        };
        let mut ws = soon(accept_hdr_async(server.tcp().await, check)).await.expect("a handshake");
        closed_by(&mut ws).await
    };
    let args = ["connect", &url, "-H", "X-One: 1: one", "-p", "chat.v2", "-p", "chat.v1", "--log", "bowline=debug"];
    let (frame, ran) = tokio::join!(serve, run(&args, b""));
    assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1000));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("subprotocol=chat.v1"), "{}", ran.stderr);
}

#[tokio::test]
async fn what_comes_before_the_peers_close_is_printed() {
    let (server, url) = Server::bind().await;
    let serve = async {
        let mut ws = server.accept().await;
        assert_eq!(soon(ws.next()).await.expect("open").expect("a message"), Message::text("question"));
        for part in ["answer", "more", "and more"] {
            soon(ws.send(Message::text(part))).await.expect("sent");
        }
        // Only now is the Close frame read, which has been there all the time.
        closed_by(&mut ws).await
    };
    let (frame, ran) = tokio::join!(serve, connect(&[], &url, b"question\n"));
    assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1000));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "answer\nmore\nand more\n"), "{}", ran.stderr);
}

/// What `connect --wait forever` makes of a server that closes like that.
async fn closed_with(frame: Option<CloseFrame>) -> Ran {
    let (server, url) = Server::bind().await;
    let serve = async {
        let mut ws = server.accept().await;
        soon(ws.send(Message::text("news"))).await.expect("sent");
        soon(ws.close(frame)).await.expect("sent");
        while soon(ws.next()).await.is_some_and(|message| message.is_ok()) {}
    };
    let ((), ran) = tokio::join!(serve, connect(&["--wait", "forever"], &url, b""));
    assert_eq!(ran.stdout, "news\n");
    ran
}

#[tokio::test]
async fn the_close_code_is_shown_and_decides_the_exit_code() {
    let frame = |code: u16, reason: &'static str| Some(CloseFrame { code: code.into(), reason: reason.into() });
    for (frame, code, line) in [
        (frame(1000, ""), 0, "closed by peer: 1000 (normal closure)\n"),
        (frame(1001, "bye"), 0, "closed by peer: 1001 (going away): bye\n"),
        (None, 0, "closed by peer: no code\n"),
        (frame(1011, "oh"), 1, "closed by peer: 1011 (internal error): oh\n"),
        (frame(4000, "\u{1b}[2J\r\n"), 1, "closed by peer: 4000: \\u{1b}[2J\\r\\n\n"),
    ] {
        let ran = closed_with(frame).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), line));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_exit_code_1() {
    let (server, url) = Server::bind().await;
    let serve = async { drop(server.accept().await) };
    let ((), ran) = tokio::join!(serve, connect(&["--wait", "forever"], &url, b""));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: the connection failed: "), "{}", ran.stderr);
}

#[tokio::test]
async fn a_refused_upgrade_is_shown() {
    let (server, url) = Server::bind().await;
    let serve = async {
        let mut tcp = server.tcp().await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(tcp.read_u8()).await.expect("a request"));
        }
        let answer =
            "HTTP/1.1 403 Forbidden\r\nX-Why: \x1b[31mred\r\nContent-Length: 22\r\n\r\nnot you\nnot \x1b[31mever\n";
        let answer = answer.replace("X-Why: \x1b[31m", "X-Why: ");
        soon(tcp.write_all(answer.as_bytes())).await.expect("sent");
    };
    let ((), ran) = tokio::join!(serve, connect(&[], &url, b"a\n"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    for part in [
        &*format!("error: cannot connect to {url}: "),
        "403",
        "\n  x-why: red\n",
        "\n  | not you\n",
        "\n  | not \\u{1b}[31m",
    ] {
        assert!(ran.stderr.contains(part), "{part:?} in {}", ran.stderr);
    }
}

#[tokio::test]
async fn nobody_listening_is_exit_code_1() {
    let (server, url) = Server::bind().await;
    drop(server);
    let ran = connect(&[], &url, b"a\n").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.starts_with(&format!("error: cannot connect to {url}: ")), "{}", ran.stderr);
    assert!(ran.stderr.to_lowercase().contains("refused"), "{}", ran.stderr);
}

#[tokio::test]
async fn wss_to_a_server_without_tls_is_exit_code_1() {
    let (server, url) = Server::bind().await;
    let url = url.replace("ws://", "wss://");
    let serve = async { soon(server.tcp().await.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await };
    let (sent, ran) = tokio::join!(serve, connect(&[], &url, b""));
    sent.expect("sent");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.starts_with(&format!("error: cannot connect to {url}: ")), "{}", ran.stderr);
}

#[tokio::test]
async fn ping_shows_the_round_trip_time() {
    let echo = Bowline::start("echo", &[]).await;
    let mut child = bowline(&["connect", "--ping", "100ms", &echo.url()]).spawn().expect("the binary starts");
    let mut stderr = common::lines(child.stderr.take().expect("piped"));
    for _ in 0..3 {
        let line = said(&mut stderr, "ping: ").await;
        let time = line.strip_prefix("ping: ").and_then(|line| line.strip_suffix(" ms")).expect("a time");
        assert!(time.parse::<f64>().expect("a number") > 0.0, "{line}");
    }
    let ran = feed(child, b"").await;
    assert_eq!(ran.code, Some(0));
}

#[tokio::test]
async fn a_signal_closes_and_shows_in_the_exit_code() {
    for (by, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (server, url) = Server::bind().await;
        let child = bowline(&["connect", &url]).spawn().expect("the binary starts");
        let mut ws = server.accept().await;
        // It has come this far only once it prints.
        soon(ws.send(Message::text("hello"))).await.expect("sent");
        let mut child = child;
        let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert_eq!(soon(stdout.next_line()).await.expect("readable").as_deref(), Some("hello"));
        signal(&child, by);
        assert_eq!(closed_by(&mut ws).await.map(|frame| u16::from(frame.code)), Some(1000));
        drop(ws);
        assert_eq!(soon(child.wait()).await.expect("it ran").code(), Some(code));
    }
}

#[tokio::test]
async fn it_ends_quietly_when_nobody_reads_its_output() {
    let echo = Bowline::start("echo", &[]).await;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = bowline(&["connect", &echo.url()]).stdout(Stdio::from(writer)).spawn().expect("the binary starts");
    let ran = feed(child, b"a\nb\n").await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
