//! Floods of HTTP/2 frames.

use std::net::SocketAddr;
use std::time::Duration;

use bowline_server::listener::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{BIG, LAST_GET, client, exchange, soon, start, until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method: GET`, `:scheme: http`, `:path: /hang`, `:authority: a` (RFC 7541).
const HANG: &[u8] = b"\x82\x86\x04\x05/hang\x41\x01a";
/// The same with POST.
const POST_AND_HANG: &[u8] = b"\x83\x86\x04\x05/hang\x41\x01a";
/// POST to `/`, where the body is read.
const POST: &[u8] = b"\x83\x86\x84\x41\x01a";
/// GET `/big`.
const BIG_ONE: &[u8] = b"\x82\x86\x04\x04/big\x41\x01a";

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends `frames`, and gives the code with which the server goes away and closes.
async fn goes_away(address: SocketAddr, frames: Vec<u8>) -> Option<u32> {
    let tcp = client(address, [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    let (mut read, mut write) = tcp.into_split();
    // It may be closed long before all is written.
    let writing = tokio::spawn(async move {
        let _ = write.write_all(&frames).await;
        write
    });
    let mut said = Vec::new();
    let _ = soon(read.read_to_end(&mut said)).await;
    writing.abort();
    let mut rest = &said[..];
    let mut code = None;
    while let [a, b, c, kind, _, _, _, _, _, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((payload, next)) = after.split_at_checked(length) else { break };
        if *kind == GOAWAY {
            code = payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().expect("four")));
        }
        rest = next;
    }
    code
}

/// The server's next frame: its type, its stream, its payload.
async fn next(tcp: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    let mut header = [0; 9];
    soon(tcp.read_exact(&mut header)).await.expect("frames");
    let mut payload = vec![0; u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize];
    soon(tcp.read_exact(&mut payload)).await.expect("frames");
    (header[3], u32::from_be_bytes(header[5..9].try_into().expect("four")), payload)
}

const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let (running, address) = start(Server::new());
    let frames = (0..2000_u32).flat_map(|n| {
        let stream = 2 * n + 1;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [frame(HEADERS, END_STREAM | END_HEADERS, stream, HANG), reset].concat()
    });
    assert_eq!(goes_away(address, frames.collect()).await, Some(ENHANCE_YOUR_CALM));
    until(|| running.counts().open == 0).await;
    assert!(exchange(address, LAST_GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn endless_continuations_end_the_connection() {
    let (running, address) = start(Server::new());
    let mut frames = frame(HEADERS, END_STREAM, 1, HANG);
    for _ in 0..1000 {
        frames.extend(frame(CONTINUATION, 0, 1, &[b"\x40\x01a\x7f\x81\x01".as_slice(), &[b'a'; 256]].concat()));
    }
    assert!(goes_away(address, frames).await.is_some());
    until(|| running.counts().open == 0).await;
}

/// Empty ones cost no window; those of a byte take many times their size while nobody reads them.
#[tokio::test]
async fn h14_floods_of_empty_and_of_tiny_data_end_the_connection_and_no_other() {
    let (running, address) = start(Server::new());
    let mut other = client(address, [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    let answers = async |tcp: &mut TcpStream| {
        tcp.write_all(&frame(PING, 0, 0, b"12345678")).await.expect("open");
        while next(tcp).await.0 != PING {}
    };
    for (posts, payload) in [(POST, &b""[..]), (POST_AND_HANG, b""), (POST_AND_HANG, b"a")] {
        let begins = frame(HEADERS, END_HEADERS, 1, posts);
        let flood = frame(DATA, 0, 1, payload).repeat(60_000);
        let (code, ()) = tokio::join!(goes_away(address, [begins, flood].concat()), answers(&mut other));
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{payload:?}");
        until(|| running.counts().open == 1).await;
    }
    answers(&mut other).await;
    assert!(exchange(address, LAST_GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn streams_have_a_number() {
    let (running, address) = start(Server::new());
    let request = |n: u32| frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, HANG);
    let mut tcp = client(address, [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    tcp.write_all(&(0..129).flat_map(request).collect::<Vec<u8>>()).await.expect("open");
    tcp.write_all(&frame(PING, 0, 0, b"12345678")).await.expect("open");
    let mut refused = Vec::new();
    loop {
        let (kind, stream, _) = next(&mut tcp).await;
        match kind {
            RST_STREAM => refused.push(stream),
            PING => break,
            _ => {}
        }
    }
    assert_eq!(refused, [2 * 128 + 1], "the 129th");
    drop(tcp);
    until(|| running.counts().open == 0).await;
}

/// The peer answers, and leaves one stream's window closed.
#[tokio::test]
async fn a_stream_whose_window_stays_closed_is_reset_and_the_others_go_on() {
    const WINDOW: usize = 65_535;
    let (running, address) = start(Server::new().write_timeout(Duration::from_millis(300)));
    let opens =
        |stream: u32, by: usize| frame(WINDOW_UPDATE, 0, stream, &u32::try_from(by).expect("few").to_be_bytes());
    let asks = |stream, what| frame(HEADERS, END_STREAM | END_HEADERS, stream, what);
    let begins = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &opens(0, 1 << 30)].concat();
    let mut tcp = client(address, begins).await;
    tcp.write_all(&[asks(1, HANG), asks(3, BIG_ONE)].concat()).await.expect("open");
    let mut got = 0;
    let reset = loop {
        match next(&mut tcp).await {
            (DATA, 3, data) => got += data.len(),
            (RST_STREAM, stream, code) => break (stream, code),
            _ => {}
        }
    };
    assert_eq!((got, reset), (WINDOW, (3, 8_u32.to_be_bytes().to_vec())), "CANCEL");
    // A third is answered; the first, which has not begun its answer, may take what time it likes.
    tcp.write_all(&[asks(5, BIG_ONE), opens(5, BIG)].concat()).await.expect("open");
    got = 0;
    while got < BIG {
        match next(&mut tcp).await {
            (DATA, 5, data) => got += data.len(),
            (RST_STREAM, stream, _) => panic!("{stream} was reset"),
            _ => {}
        }
    }
    drop(tcp);
    until(|| running.counts().open == 0).await;
}
