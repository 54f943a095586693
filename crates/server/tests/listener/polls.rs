//! Clients of a hub that go away in the midst of a poll, an event stream or a POST: S5 of the threat table.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};

use super::child::{LISTENERS, MAX_WAITING, ServerProcess, State};
use super::faults::{End, said};

const POLL: &str = "GET /rooms/r?wait=25 HTTP/1.1\r\nHost: a\r\n\r\n";
const EVENTS: &str = "GET /rooms/r HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";
const POST: &str = "POST /rooms/r HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKS: &str =
    "POST /rooms/r HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
/// A member of the room that says `hi` (masked with zeros) and closes.
const MEMBER: &str = "GET /rooms/r HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SAYS: &[u8] = b"\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8";
const BOTH: [End; 2] = [End::Reset, End::Fin];

/// A hub at rest, and what there is then.
struct Ground {
    server: ServerProcess,
    address: SocketAddr,
    before: State,
    connections: u64,
}

impl Ground {
    /// `room` is opened first, if it is one that stays.
    fn new(room: &str) -> Self {
        let mut server = ServerProcess::hub();
        let address = server.addresses[0];
        post(address, room, "first");
        // A room that nobody joined is there until the next sweep.
        let stay = if room == "log" { 2 } else { 1 };
        // The listeners' tasks, and the one that sweeps. Who asked may be a task for a moment after its place is free.
        let tasks = LISTENERS + 1;
        let before =
            server.until(|state| (state.accepted, state.open, state.sessions, state.tasks) == (1, 0, stay, tasks));
        Self { server, address, before, connections: 0 }
    }

    fn says(&mut self, bytes: &[u8]) -> TcpStream {
        self.connections += 1;
        said(self.address, bytes)
    }

    /// Waits until so many read a room. Each makes two: itself and, as the first, the room.
    fn until_held(&mut self, readers: u64) {
        let expected = self.before.sessions + readers + 1;
        self.server.until(|state| state.sessions == expected);
    }

    /// Readers, rooms, tasks and descriptors are as they were.
    fn assert_at_rest(&mut self) {
        let (before, accepted) = (self.before, self.before.accepted + self.connections);
        let all = |state: State| (state.accepted, state.open, state.sessions, state.tasks, state.descriptors);
        let expected = (accepted, 0, before.sessions, before.tasks, before.descriptors);
        let after = self.server.until(|state| all(state) == expected);
        // Some pages of the allocator's, not a leak of each.
        assert!(after.kib < before.kib + 8 * 1024, "{before:?} {after:?}");
    }
}

/// Publishes, and waits for the answer.
fn post(address: SocketAddr, room: &str, text: &str) {
    let length = text.len();
    let head =
        format!("POST /rooms/{room} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let mut answer = String::new();
    said(address, format!("{head}{text}").as_bytes()).read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn s5_at_every_byte_of_a_poll_a_stream_a_post_and_a_session() {
    let mut ground = Ground::new("r");
    for end in BOTH {
        let member = [MEMBER.as_bytes(), SAYS].concat();
        for request in [POLL.as_bytes(), EVENTS.as_bytes(), POST.as_bytes(), CHUNKS.as_bytes(), &member] {
            for cut in 0..=request.len() {
                end.of(ground.says(&request[..cut]));
            }
        }
    }
    ground.assert_at_rest();
}

#[test]
fn s5_while_a_poll_a_stream_or_a_session_is_held() {
    const HELD: u64 = 50;
    let mut ground = Ground::new("r");
    for end in BOTH {
        for request in [POLL, EVENTS, MEMBER] {
            let held: Vec<_> = (0..HELD).map(|_| ground.says(request.as_bytes())).collect();
            ground.until_held(HELD);
            held.into_iter().for_each(|tcp| end.of(tcp));
            ground.assert_at_rest();
        }
    }
}

/// As a publication comes to it, and in the midst of an answer that is larger than what is on its way at a time.
#[test]
fn s5_in_the_midst_of_an_answer() {
    let mut ground = Ground::new("log");
    let text = "x".repeat(60_000);
    for _ in 0..12 {
        post(ground.address, "log", &text);
        ground.connections += 1;
    }
    let backlog = "GET /rooms/log?history=20 HTTP/1.1\r\nHost: a\r\n\r\n";
    let stream = backlog.replace("Host", "Accept: text/event-stream\r\nHost");
    for end in BOTH {
        for request in [backlog, &stream] {
            for read in (0..200).chain((1..20).map(|step| step * 15_000)) {
                let mut tcp = ground.says(request.as_bytes());
                tcp.read_exact(&mut vec![0; read]).expect("an answer");
                end.of(tcp);
            }
        }
        for _ in 0..50 {
            let held = [POLL, EVENTS].map(|request| ground.says(request.as_bytes()));
            ground.until_held(2);
            let publishes = ground.says(POST.as_bytes());
            held.into_iter().for_each(|tcp| end.of(tcp));
            end.of(publishes);
        }
        ground.assert_at_rest();
    }
}

/// In a room that pushes back.
#[test]
fn s5_while_a_post_waits_to_be_published() {
    let mut ground = Ground::new("full");
    let request = POST.replace("/r ", "/full ");
    for round in 0..6 {
        let mut waiting: Vec<_> = (0..=MAX_WAITING).map(|_| ground.says(request.as_bytes())).collect();
        // One is more than may wait: with its answer, all the others do.
        let over = loop {
            if let Some(over) = waiting.iter().position(is_answered) {
                break waiting.swap_remove(over);
            }
            std::thread::yield_now();
        };
        let mut start = [0; 12];
        (&over).read_exact(&mut start).expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 503", "round {round}: the places of those before are free again");
        assert!(!waiting.iter().any(is_answered), "round {round}");
        drop(over);
        waiting.into_iter().for_each(|tcp| BOTH[round % 2].of(tcp));
        ground.assert_at_rest();
    }
}

fn is_answered(tcp: &TcpStream) -> bool {
    tcp.set_nonblocking(true).expect("open");
    let peeked = tcp.peek(&mut [0]);
    tcp.set_nonblocking(false).expect("open");
    match peeked {
        Ok(read) => read > 0,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}
