//! Wires on sockets, with the server itself at the other end.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use bowline_server::http::Guards;
use bowline_server::listener::{Running, Server};
use bowline_server::{Hub, Session};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::*;
use crate::Headers;
use crate::load::wire::Say;

const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGES: usize = 100;

async fn echo(mut session: Session) -> Result<(), bowline_core::Error> {
    while let Some(message) = session.recv().await? {
        if session.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A server, and a runtime that it runs on.
fn serve() -> (tokio::runtime::Runtime, Running, Hub) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let hub = Hub::builder().handler(echo).build();
    let _context = runtime.enter();
    let listener = Server::new().listen("127.0.0.1:0").bind().expect("a free port");
    let running = listener.serve(hub.service(Guards::new()));
    (runtime, running, hub)
}

/// A wire and its sockets.
struct Client {
    wire: Box<dyn Wire>,
    sockets: [Option<TcpStream>; 2],
    address: std::net::SocketAddr,
    poll: Poll,
    log: Log,
    received: u64,
    sent: u64,
}

impl Client {
    fn new(plan: &LoadPlan, room: Option<&str>) -> Self {
        let (wire, address) =
            (Wires::new(plan).open(3, room, Instant::now()), plan.target.resolve().expect("an address"));
        let poll = Poll::new().expect("a poller");
        Self { wire, sockets: [None, None], address, poll, log: Log::default(), received: 0, sent: 0 }
    }

    /// Goes on until so much has come.
    fn run_until(&mut self, enough: impl Fn(&Log) -> bool) {
        let (deadline, mut events) = (Instant::now() + PATIENCE, Events::with_capacity(8));
        self.work();
        while !enough(&self.log) {
            let now = Instant::now();
            assert!(now < deadline, "too little came: {:?}", self.log);
            let until = self.wire.due().map_or(deadline, |due| due.min(deadline));
            self.poll.poll(&mut events, Some(until.saturating_duration_since(now))).expect("events");
            if self.wire.due().is_some_and(|due| due <= Instant::now()) {
                self.wire.attend(Instant::now());
            }
            self.work();
        }
    }

    /// Goes on until no poll is under way.
    fn run_until_idle(&mut self) {
        let (deadline, mut events) = (Instant::now() + PATIENCE, Events::with_capacity(8));
        while self.wire.due().is_none() {
            assert!(Instant::now() < deadline, "no answer came");
            self.work();
            self.poll.poll(&mut events, Some(Duration::from_millis(10))).expect("events");
        }
    }

    /// Connects, writes and reads until nothing more can be done.
    fn work(&mut self) {
        while [Side::Down, Side::Up].map(|side| self.connect(side) | self.write(side) | self.read(side)).contains(&true)
        {
        }
    }

    fn connect(&mut self, side: Side) -> bool {
        if self.sockets[side as usize].is_some() || !self.wire.wants(side) {
            return false;
        }
        // The loopback connects at once.
        let socket = std::net::TcpStream::connect(self.address).expect("a connection");
        socket.set_nonblocking(true).expect("a socket that doesn't block");
        let mut socket = TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(side as usize), interest).expect("to watch it");
        self.sockets[side as usize] = Some(socket);
        self.wire.connected(side, Instant::now());
        true
    }

    fn write(&mut self, side: Side) -> bool {
        let (Some(socket), output @ [_, ..]) = (&mut self.sockets[side as usize], self.wire.output(side)) else {
            return false;
        };
        let Ok(count) = socket.write(output) else { return false };
        self.wire.wrote(side, count);
        self.sent += count as u64;
        true
    }

    fn read(&mut self, side: Side) -> bool {
        // Short, so that much comes in pieces.
        let mut buffer = [0; 1_000];
        let Some(socket) = &mut self.sockets[side as usize] else { return false };
        match socket.read(&mut buffer) {
            Ok(0) => {
                self.sockets[side as usize] = None;
                self.wire.ended(side, Instant::now()).expect("no harm");
            }
            Ok(count) => {
                self.received += count as u64;
                assert!(self.log.feed(&mut *self.wire, side, &buffer[..count], Instant::now()), "{:?}", self.log);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        true
    }

    /// Goes on until a poll has brought nothing: how many bytes its request and its answer had.
    fn empty_poll(&mut self) -> u64 {
        let before = self.sent + self.received;
        self.wire.attend(self.wire.due().expect("the next poll"));
        self.run_until_idle();
        self.sent + self.received - before
    }

    /// Reads until the server has said why it ends.
    fn last_word(&mut self) -> String {
        let (deadline, mut events) = (Instant::now() + PATIENCE, Events::with_capacity(8));
        loop {
            let mut buffer = [0; 1_000];
            if let Some(count) = self.sockets[0].as_mut().and_then(|socket| socket.read(&mut buffer).ok()) {
                let said = self.wire.receive(Side::Down, &buffer[..count], Instant::now(), &mut |_| {});
                return said.expect_err("an end");
            }
            assert!(Instant::now() < deadline, "nothing came");
            self.poll.poll(&mut events, Some(Duration::from_millis(10))).expect("events");
        }
    }

    /// Each byte that went through the sockets is counted once.
    fn assert_counted(&self) {
        let counts = self.wire.counts();
        assert_eq!((counts.received.all(), counts.sent.all()), (self.received, self.sent), "{counts:?}");
    }
}

fn plan_at(running: &Running, transport: Transport) -> LoadPlan {
    let target = format!("http://{}/", running.local_addrs()[0]).parse().expect("a URL");
    let mut plan = LoadPlan::new(target, transport, Traffic::Rooms { rooms: 1, per_client: 1 });
    plan.poll_interval = Duration::from_millis(20);
    plan
}

fn numbered(word: &str) -> Vec<String> {
    (0..MESSAGES).map(|index| format!("{word} {index}")).collect()
}

const ALL: [Transport; 5] =
    [Transport::Raw, Transport::WebSocket, Transport::Comet, Transport::LongPolling, Transport::Polling];

#[test]
fn echoes_come_once_and_in_order() {
    let (_runtime, running, _hub) = serve();
    for transport in ALL {
        let mut plan = plan_at(&running, transport);
        if transport == Transport::Raw {
            plan.target = format!("ws://{}/ws", running.local_addrs()[0]).parse().expect("a URL");
        }
        let mut client = Client::new(&plan, None);
        client.run_until(|log| !log.0.is_empty());
        assert_eq!(client.log.0, ["open"]);
        let said = numbered("message");
        for half in said.chunks(MESSAGES / 2) {
            for text in half {
                client.wire.say(Say::Message(text));
            }
            let expected = client.log.0.len() + half.len();
            client.run_until(|log| log.0.len() >= expected);
        }
        assert_eq!(client.log.0[1..], said, "{transport:?}");
        client.assert_counted();
        let (counts, payload) = (client.wire.counts(), said.iter().map(String::len).sum::<usize>() as u64);
        assert_eq!((counts.received.payload, counts.sent.payload), (payload, payload), "{transport:?}");
    }
}

#[test]
fn publications_come_once_and_in_order() {
    let (runtime, running, hub) = serve();
    for transport in ALL {
        let plan = plan_at(&running, transport);
        let (name, said) = (format!("room-{}", transport.name()), numbered("publication"));
        let mut client = Client::new(&plan, (transport == Transport::Raw).then_some(&*name));
        client.run_until(|log| log.0 == ["open"]);
        if transport != Transport::Raw {
            client.wire.say(Say::Join(&name));
            client.run_until(|log| log.0.len() == 2);
            assert_eq!(client.log.0[1], "joined");
        }
        let room = hub.room(&*name).expect("a room");
        let before = client.log.0.len();
        for half in said.chunks(MESSAGES / 2) {
            for text in half {
                runtime.block_on(room.publish(text.as_str())).expect("to be published");
            }
            let expected = client.log.0.len() + half.len();
            client.run_until(|log| log.0.len() >= expected);
        }
        assert_eq!(client.log.0[before..], said, "{transport:?}");
        client.assert_counted();
    }
}

#[test]
fn a_client_publishes() {
    let (_runtime, running, _hub) = serve();
    for transport in ALL {
        let plan = plan_at(&running, transport);
        let mut client = Client::new(&plan, Some("kitchen"));
        client.run_until(|log| log.0 == ["open"]);
        let opened = if transport == Transport::Raw { 1 } else { 2 };
        client.wire.say(Say::Join("kitchen"));
        client.run_until(|log| log.0.len() == opened);
        client.wire.say(Say::Publish { room: "kitchen", text: "dinner" });
        client.run_until(|log| log.0.len() > opened);
        assert_eq!(client.log.0[opened], "dinner", "{transport:?}");
    }
}

#[test]
fn to_join_takes_no_interval() {
    let (_runtime, running, _hub) = serve();
    let mut plan = plan_at(&running, Transport::Polling);
    plan.poll_interval = Duration::from_secs(3600);
    let mut client = Client::new(&plan, None);
    client.run_until(|log| log.0 == ["open"]);
    let next = client.wire.due();
    client.wire.say(Say::Join("kitchen"));
    client.run_until(|log| log.0 == ["open", "joined"]);
    // And moves no poll.
    client.run_until_idle();
    assert_eq!(client.wire.due(), next);
}

#[test]
fn whoever_leaves_closes_the_websocket() {
    let (_runtime, running, _hub) = serve();
    let mut plan = plan_at(&running, Transport::Raw);
    plan.target = format!("ws://{}/ws", running.local_addrs()[0]).parse().expect("a URL");
    let mut client = Client::new(&plan, None);
    // There is nothing to close yet.
    client.wire.leave();
    assert_eq!(client.wire.backlog(), 0);
    client.run_until(|log| log.0 == ["open"]);
    client.wire.leave();
    client.write(Side::Down);
    let said = client.last_word();
    assert!(said.contains("1000"), "{said}");
}

#[test]
fn a_browsers_poll_has_as_many_bytes_of_heads_as_kaazing_counted() {
    let (_runtime, running, _hub) = serve();
    let mut plan = plan_at(&running, Transport::Polling);
    plan.headers = Headers::Browser;
    // However slow the machine is, the poll after the next one is not due yet.
    plan.poll_interval = Duration::from_secs(60);
    let mut client = Client::new(&plan, None);
    client.run_until(|log| log.0 == ["open"]);
    let bytes = client.empty_poll();
    assert!((771..=971).contains(&bytes), "{bytes} bytes a poll");
    for transport in [Transport::Raw, Transport::WebSocket] {
        let mut plan = LoadPlan { transport, headers: Headers::Browser, ..plan.clone() };
        if transport == Transport::Raw {
            plan.target = format!("ws://{}/ws", running.local_addrs()[0]).parse().expect("a URL");
        }
        Client::new(&plan, None).run_until(|log| log.0 == ["open"]);
    }
}
