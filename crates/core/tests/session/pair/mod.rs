//! A client and a server, each an [`Endpoint`](bowline_core::session::Endpoint) with both codecs, on a virtual clock. Carriers
//! come, are cut at any byte with all that is under way, and go on being delivered after they were superseded; requests are
//! lost, repeated and late. Everything comes once, in order, both ways.

mod client;
mod content;
mod server;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bowline_core::{
    Message,
    session::{Cursor, RingBounds, RoomNumber},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use self::{client::Client, server::Server};

const ROOM: RoomNumber = RoomNumber(7);
/// The place before the first publication of the room.
const EPOCH: &str = "AAECAwQFBgcICQoLDA0ODw-0";

/// Small, so that they are full often.
const BOUNDS: RingBounds = RingBounds { records: 20, bytes: 2_000 };

/// What is under way on a carrier.
enum Wire {
    WebSocket { up: VecDeque<Message>, down: VecDeque<Message> },
    Response { down: VecDeque<u8> },
}

struct Pipe {
    client: client::Side,
    server: server::Side,
    wire: Wire,
}

/// A request that is under way apart from the carrier.
struct Post {
    body: Vec<u8>,
    cursor: Option<Cursor>,
}

struct Pair {
    rng: StdRng,
    now: Instant,
    client: Client,
    server: Server,
    /// The last one is the one that counts, if it was not cut.
    pipes: Vec<Pipe>,
    posts: Vec<Post>,
    switches: usize,
    cuts: usize,
    superseded: usize,
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: Instant::now(),
            client: Client::new(BOUNDS),
            server: Server::new(BOUNDS),
            pipes: Vec::new(),
            posts: Vec::new(),
            switches: 0,
            cuts: 0,
            superseded: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..20 => self.client.send(),
            20..40 => self.server.send(),
            40..50 => self.server.published += 1,
            50..80 => {
                if let Some(at) = self.pipes.len().checked_sub(1) {
                    // As a rule the last one, else one that was superseded.
                    let at = if self.rng.random_ratio(4, 5) { at } else { self.rng.random_range(0..=at) };
                    self.superseded += usize::from(at + 1 < self.pipes.len());
                    self.progress(at);
                }
            }
            80..85 => {
                let (count, has_cursor) = (self.rng.random_range(0..10), self.rng.random());
                let cursor = Some(self.client.cursor()).filter(|_| has_cursor);
                self.posts.push(Post { body: self.client.post(count), cursor });
            }
            85..91 => self.deliver_post(),
            91..94 => self.now += Duration::from_millis(self.rng.random_range(0..900)),
            94..97 => self.cut(),
            _ => {
                let is_web_socket = self.rng.random();
                let _ = self.attach(is_web_socket);
            }
        }
    }

    /// The client attaches; `false` if its request is lost.
    fn attach(&mut self, is_web_socket: bool) -> bool {
        self.switches += 1;
        let client = self.client.begin();
        if self.rng.random_ratio(1, 10) {
            return false;
        }
        let cursor = Some(self.client.cursor()).filter(|_| self.rng.random());
        let server = self.server.attach(cursor.as_ref());
        if cursor.is_some() {
            self.client.end.intake.acked_now();
        }
        let wire = if is_web_socket {
            Wire::WebSocket { up: VecDeque::new(), down: VecDeque::new() }
        } else {
            Wire::Response { down: VecDeque::new() }
        };
        self.pipes.push(Pipe { client, server, wire });
        true
    }

    /// Writes, and delivers, a little on a carrier.
    fn progress(&mut self, at: usize) {
        let Self { rng, now, client, server, pipes, .. } = self;
        let Pipe { client: client_side, server: server_side, wire } = &mut pipes[at];
        match wire {
            Wire::WebSocket { up, down } => {
                let mut count = || 0..rng.random_range(0..8);
                up.extend(count().map_while(|_| client.poll(client_side, *now)));
                down.extend(count().map_while(|_| server.poll(server_side, *now)));
                let (up_count, down_count) = (count(), count());
                up_count.map_while(|_| up.pop_front()).for_each(|message| server.message(server_side, message, *now));
                down_count
                    .map_while(|_| down.pop_front())
                    .for_each(|message| client.message(client_side, message, *now));
            }
            Wire::Response { down } => {
                let mut events = Vec::new();
                for _ in 0..rng.random_range(0..8) {
                    let _ = server.write(server_side, &mut events);
                }
                down.extend(events);
                let count = rng.random_range(0..=down.len());
                let bytes: Vec<_> = down.drain(..count).collect();
                client.bytes(client_side, &bytes, *now);
            }
        }
    }

    /// A carrier ends, with all that is under way.
    fn cut(&mut self) {
        if !self.pipes.is_empty() {
            self.cuts += 1;
            self.pipes.remove(self.rng.random_range(0..self.pipes.len()));
        }
    }

    /// A `POST` arrives, as far as it isn't cut; or not at all, or once more later. Its answer may be lost.
    fn deliver_post(&mut self) {
        if self.posts.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.posts.len());
        let Post { body, cursor } = &self.posts[at];
        if self.rng.random_ratio(4, 5) {
            if let Some(cursor) = cursor {
                self.server.ack(cursor);
            }
            let len = if self.rng.random_ratio(1, 4) { self.rng.random_range(0..=body.len()) } else { body.len() };
            let acked = self.server.post(&body[..len], self.now);
            if self.rng.random_ratio(4, 5) {
                self.client.posted(acked);
            }
        }
        if self.rng.random_ratio(4, 5) {
            self.posts.swap_remove(at);
        }
    }

    fn is_settled(&self) -> bool {
        self.client.end.ring.is_empty() && self.server.end.ring.is_empty() && self.server.acked == self.server.published
    }

    /// A carrier that holds: all that was sent arrives, and is acknowledged.
    fn heal(&mut self) {
        while !self.attach(true) {}
        for _ in 0..10_000 {
            if self.is_settled() {
                return;
            }
            self.now += Duration::from_millis(100);
            self.progress(self.pipes.len() - 1);
        }
        panic!("what was sent doesn't arrive");
    }
}

fn run(seed: u64, switches: usize) -> Pair {
    let mut pair = Pair::new(seed);
    while pair.switches < switches {
        pair.step();
        // The old ones are forgotten after a while.
        let superfluous = pair.pipes.len().saturating_sub(4);
        pair.pipes.drain(..superfluous);
        let superfluous = pair.posts.len().saturating_sub(8);
        pair.posts.drain(..superfluous);
    }
    pair.heal();
    pair
}

#[test]
fn everything_comes_once_and_in_order_over_a_thousand_switches() {
    let (mut sent, mut faults) = (0, [0; 3]);
    for seed in 0..10 {
        let pair = run(seed, 1_000);
        let (client, server) = (&pair.client, &pair.server);
        assert_eq!(client.got, server.end.ring.last(), "seed {seed}");
        assert_eq!(server.got, client.end.ring.last(), "seed {seed}");
        assert_eq!(client.offset, server.published, "seed {seed}");
        sent += client.got.min(server.got).min(client.offset);
        for (sum, count) in faults.iter_mut().zip([pair.switches, pair.cuts, pair.superseded]) {
            *sum += count;
        }
    }
    // It really went wrong all the time, and much went through nevertheless.
    assert!(faults.iter().all(|count| *count >= 1_000), "{faults:?}");
    assert!(sent > 10_000, "{sent}");
}
