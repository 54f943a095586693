//! Wires fed with bytes as the protocol has them, at any split.

mod http;
mod raw;
mod server;
mod session;

use std::time::Instant;

use super::{Came, Side, Wire, Wires};
use crate::{Counts, LoadPlan, Traffic, Transport};

const KEY: &str = "Sec-WebSocket-Key: ";

fn plan(transport: Transport) -> LoadPlan {
    LoadPlan::new("http://example.com/chat".parse().unwrap(), transport, Traffic::Echo)
}

fn open(plan: &LoadPlan) -> Box<dyn Wire> {
    Wires::new(plan).open(0, None, Instant::now())
}

/// What a wire handed on, in words.
#[derive(Debug, Default, PartialEq, Clone)]
struct Log(Vec<String>);

impl Log {
    fn take(&mut self, came: Came<'_>) {
        self.0.push(match came {
            Came::Open => "open".into(),
            Came::Joined => "joined".into(),
            Came::Message(text) => String::from_utf8_lossy(text).into_owned(),
            Came::Gap(count) => format!("gap of {count}"),
        });
    }

    /// What it handed on in words, and then an error if there was one.
    fn feed(&mut self, wire: &mut dyn Wire, side: Side, bytes: &[u8], now: Instant) -> bool {
        let result = wire.receive(side, bytes, now, &mut |came| self.take(came));
        self.0.extend(result.clone().err().map(|error| format!("error: {error}")));
        result.is_ok()
    }
}

/// Takes all that a wire has to write on a side.
fn written(wire: &mut dyn Wire, side: Side) -> String {
    let bytes = wire.output(side).to_vec();
    wire.wrote(side, bytes.len());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer to the handshake that a wire has written.
fn agree(request: &str, more: &str) -> String {
    use base64::Engine;
    use sha1::{Digest, Sha1};
    let key = request.lines().find_map(|line| line.strip_prefix(KEY)).expect("a key");
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = base64::engine::general_purpose::STANDARD.encode(hash);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// The payload of the first frame that a client wrote, whose length has one byte.
fn unmasked(frame: &[u8]) -> String {
    let (len, key) = (usize::from(frame[1] & 0x7f), &frame[2..6]);
    let payload = frame[6..6 + len].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    String::from_utf8(payload.collect()).expect("text")
}

const OPEN: &str = "{\"version\":1,\"session\":\"a.AAECAwQFBgcICQoLDA0ODw\",\"id\":\"000102030405060708090a0b0c0d0e0f\",\"ack\":0,\"from\":0,\"ttl\":60000}";
const EPOCH: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// An unmasked frame.
fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    crate::frame::write(&mut out, opcode, None, payload.as_ref());
    out
}

/// Feeds `bytes` to new wires at once, in two pieces cut at each place, and byte by byte: they hand on the same, count the same but for
/// how many reads brought something, and account for each byte once. `begin` makes a wire and brings it to where the bytes come;
/// it gives how many bytes it has fed it. What they have to write is written at the end.
fn at_any_split(begin: impl Fn() -> (Box<dyn Wire>, usize), side: Side, bytes: &[u8]) -> (Vec<String>, Counts) {
    let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut wire, before) = begin();
        let (mut log, now, mut fed) = (Log::default(), Instant::now(), before);
        for piece in pieces {
            if !log.feed(&mut *wire, side, piece, now) {
                break;
            }
            fed += piece.len();
            assert_eq!(wire.counts().received.all(), fed as u64, "each byte is counted once, when it comes");
        }
        written(&mut *wire, side);
        (log.0, wire.counts())
    };
    let (expected, counts) = run(&mut std::iter::once(bytes));
    let without_arrivals = |counts: Counts| Counts { arrivals: 0, ..counts };
    let failed = expected.last().is_some_and(|last| last.starts_with("error"));
    for at in 1..bytes.len() {
        let (log, split) = run(&mut [&bytes[..at], &bytes[at..]].into_iter());
        assert_eq!(log, expected, "cut at {at}");
        assert!(
            failed || without_arrivals(split) == without_arrivals(counts),
            "cut at {at}: {split:?}, not {counts:?}"
        );
    }
    let (log, split) = run(&mut bytes.chunks(1));
    assert_eq!(log, expected, "byte by byte");
    assert!(failed || without_arrivals(split) == without_arrivals(counts), "byte by byte: {split:?}, not {counts:?}");
    (expected, counts)
}

/// What is whole within one read is handed on from where it lies.
#[test]
fn nothing_whole_is_copied() {
    let text = "a message of some length, as they are";
    let opened = |transport| {
        let mut wire = open(&plan(transport));
        wire.connected(Side::Down, Instant::now());
        let request = written(&mut *wire, Side::Down);
        let event = format!("event: open\ndata: {OPEN}");
        let answer = match transport {
            Transport::Raw => agree(&request, "").into_bytes(),
            Transport::WebSocket => {
                let answer = agree(&request, "Sec-WebSocket-Protocol: bowline.v1\r\n");
                [answer.as_bytes(), &frame(1, format!("\u{1e}{event}"))].concat()
            }
            _ => format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{event}\n\n").into_bytes(),
        };
        assert!(Log::default().feed(&mut *wire, Side::Down, &answer, Instant::now()));
        wire
    };
    let event = format!("id: 1\ndata: {text}\n\n").into_bytes();
    for (transport, bytes) in
        [(Transport::Raw, frame(1, text)), (Transport::WebSocket, frame(1, text)), (Transport::Comet, event)]
    {
        let mut came = None;
        let mut take = |it: Came<'_>| {
            if let Came::Message(text) = it {
                came = Some(text.as_ptr_range());
            }
        };
        opened(transport).receive(Side::Down, &bytes, Instant::now(), &mut take).expect("a message");
        let (came, bytes) = (came.expect("a message"), bytes.as_ptr_range());
        assert!(bytes.start <= came.start && came.end <= bytes.end, "{transport:?}");
    }
}
