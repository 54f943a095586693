//! The server of the pair.

use std::time::{Duration, Instant};

use bowline_core::{
    Message,
    event_stream::{Parser, Piece},
    position::Position,
    session::{
        Carrier, ClientRecord, ClientSignal, Cursor, Endpoint, Offered, Open, Record, RingBounds, ServerRecord,
        ServerSignal, SessionId, events, max_event, websocket,
    },
};

use super::{EPOCH, ROOM, content};

pub(super) struct Server {
    pub(super) end: Endpoint<ServerRecord>,
    pub(super) got: u64,
    /// The room's last publication, and the last that the client has.
    pub(super) published: u64,
    pub(super) acked: u64,
}

/// The server's side of a carrier.
pub(super) struct Side {
    carrier: Carrier,
    decoder: websocket::Decoder<ClientRecord>,
    opened: bool,
    /// The last publication that was given to it.
    offset: u64,
    second: Option<Message>,
}

impl Server {
    pub(super) fn new(bounds: RingBounds) -> Self {
        Self { end: Endpoint::new(bounds), got: 0, published: 0, acked: 0 }
    }

    pub(super) fn send(&mut self) {
        let record = content::of_server(self.end.ring.last() + 1);
        if self.end.ring.has_room(record.size()) {
            self.end.ring.push(record);
        }
    }

    pub(super) fn ack(&mut self, cursor: &Cursor) {
        self.end.ring.ack(cursor.direct).expect("what was sent");
        for (number, offset) in &cursor.rooms {
            assert!(*number == ROOM && *offset <= self.published);
            self.acked = self.acked.max(*offset);
        }
    }

    pub(super) fn attach(&mut self, cursor: Option<&Cursor>) -> Side {
        if let Some(cursor) = cursor {
            self.ack(cursor);
        }
        let carrier = self.end.attach(self.end.ring.acked(), self.end.intake.last()).expect("its own numbers");
        Side { carrier, decoder: websocket::Decoder::new(), opened: false, offset: self.acked, second: None }
    }

    fn open(&mut self, side: &mut Side) -> Option<ServerSignal> {
        if std::mem::replace(&mut side.opened, true) || !self.end.is_current(&side.carrier) {
            return None;
        }
        // A POST may have brought more since the carrier was attached; on a WebSocket the client's records count from this.
        let ack = self.end.intake.last();
        self.end.intake.attach(ack).expect("its own number");
        self.end.intake.acked_now();
        let (from, ttl) = (side.carrier.sent(), Duration::from_secs(60));
        Some(ServerSignal::Open(Open { session: None, id: SessionId::random(), ack, from, ttl, heartbeat: None }))
    }

    /// The next publication for a carrier.
    fn publication(&self, side: &mut Side) -> Option<(u64, Message)> {
        if !self.end.is_current(&side.carrier) || side.offset >= self.published {
            return None;
        }
        side.offset += 1;
        Some((side.offset, content::publication(side.offset)))
    }

    /// The next message to go out on a WebSocket.
    pub(super) fn poll(&mut self, side: &mut Side, now: Instant) -> Option<Message> {
        if let Some(open) = self.open(side) {
            return Some(websocket::encode_signal(&open));
        }
        if let Some(second) = side.second.take() {
            return Some(second);
        }
        if self.end.is_current(&side.carrier)
            && let Some(last) = self.end.intake.take_ack(now)
        {
            return Some(websocket::encode_signal(&ServerSignal::Ack(last)));
        }
        if let Some(message) = self.end.poll_message(&mut side.carrier) {
            return Some(message);
        }
        let (offset, message) = self.publication(side)?;
        let (first, second) = websocket::encode_publication(ROOM, offset, &message);
        side.second = second;
        Some(first)
    }

    /// Writes the next event to a response; `false` if there is none.
    pub(super) fn write(&mut self, side: &mut Side, out: &mut Vec<u8>) -> bool {
        if let Some(open) = self.open(side) {
            events::append_signal(out, &open);
        } else if let Some((number, record)) = self.end.poll_send(&mut side.carrier) {
            events::append_record(out, number, record);
        } else if let Some((offset, message)) = self.publication(side) {
            let epoch = EPOCH.parse::<Position>().expect("a position").epoch;
            events::append_publication(out, Position { epoch, offset }, &message);
        } else {
            return false;
        }
        true
    }

    pub(super) fn message(&mut self, side: &mut Side, message: Message, now: Instant) {
        match side.decoder.receive(message).expect("a message of a client") {
            Some(websocket::Item::Record(record)) => {
                if let Some(offered) = self.end.receive(&side.carrier, None) {
                    self.record(offered, &record, now);
                }
            }
            Some(websocket::Item::Signal(ClientSignal::Ack(cursor))) => {
                if self.end.is_current(&side.carrier) {
                    self.ack(&cursor);
                }
            }
            Some(websocket::Item::Signal(ClientSignal::From(number))) => {
                self.end.handle_from(&side.carrier, number).expect("what it has");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Takes the records of a `POST`, as far as its body came, and answers with the last one that it has.
    pub(super) fn post(&mut self, body: &[u8], now: Instant) -> u64 {
        let mut parser = Parser::new(max_event(1 << 10));
        parser.push(body);
        while let Some(piece) = parser.next().expect("an event stream of a client") {
            let Piece::Event(event) = piece else { panic!("{piece:?}") };
            let Ok(events::Item::Record { number, record }) = events::read(&event) else { panic!("{event:?}") };
            let offered = self.end.intake.offer(number);
            self.record(offered, &record, now);
        }
        self.end.intake.last()
    }

    fn record(&mut self, offered: Offered, record: &ClientRecord, now: Instant) {
        self.end.intake.received(|| now, record.size());
        match offered {
            Offered::New => {
                self.got += 1;
                assert_eq!(self.got, self.end.intake.last());
                assert_eq!(*record, content::of_client(self.got));
            }
            Offered::Duplicate => {}
            Offered::Hole => panic!("a hole"),
        }
    }
}
