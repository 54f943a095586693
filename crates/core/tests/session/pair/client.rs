//! The client of the pair.

use std::time::Instant;

use bowline_core::{
    event_stream::{Parser, Piece},
    session::{
        Carrier, ClientRecord, ClientSignal, Cursor, Endpoint, Offered, Record, RingBounds, ServerRecord, ServerSignal,
        events, max_event, websocket,
    },
};

use super::{EPOCH, ROOM, content};

pub(super) struct Client {
    pub(super) end: Endpoint<ClientRecord>,
    /// The attempt that it counts on; what opens otherwise is dropped.
    pub(super) attempt: u64,
    pub(super) got: u64,
    /// The last publication.
    pub(super) offset: u64,
}

/// The client's side of a carrier.
pub(super) struct Side {
    attempt: u64,
    carrier: Option<Carrier>,
    decoder: websocket::Decoder<ServerRecord>,
    parser: Parser,
}

impl Client {
    pub(super) fn new(bounds: RingBounds) -> Self {
        Self { end: Endpoint::new(bounds), attempt: 0, got: 0, offset: 0 }
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor { direct: self.end.intake.last(), rooms: vec![(ROOM, self.offset)] }
    }

    /// Begins to attach; whatever it counted on before, it counts on no longer.
    pub(super) fn begin(&mut self) -> Side {
        self.attempt += 1;
        let (decoder, parser) = (websocket::Decoder::new(), Parser::new(max_event(1 << 10)));
        Side { attempt: self.attempt, carrier: None, decoder, parser }
    }

    pub(super) fn send(&mut self) {
        let record = content::of_client(self.end.ring.last() + 1);
        if self.end.ring.has_room(record.size()) {
            self.end.ring.push(record);
        }
    }

    /// The next message to go out on a WebSocket.
    pub(super) fn poll(&mut self, side: &mut Side, now: Instant) -> Option<bowline_core::Message> {
        let carrier = side.carrier.as_mut().filter(|_| side.attempt == self.attempt)?;
        if self.end.intake.take_ack(now).is_some() {
            return Some(websocket::encode_signal(&ClientSignal::Ack(self.cursor())));
        }
        self.end.poll_message(carrier)
    }

    /// The body of a `POST`: what is not acknowledged, up to `count` records.
    pub(super) fn post(&self, count: usize) -> Vec<u8> {
        let mut body = Vec::new();
        for (number, record) in self.end.ring.after(self.end.ring.acked()).take(count) {
            events::append_record(&mut body, number, record);
        }
        body
    }

    pub(super) fn message(&mut self, side: &mut Side, message: bowline_core::Message, now: Instant) {
        if side.attempt != self.attempt {
            return;
        }
        match side.decoder.receive(message).expect("a message of a server") {
            None => {}
            Some(websocket::Item::Record(record)) => self.record(side, None, &record, now),
            Some(websocket::Item::Signal(signal)) => self.signal(side, &signal),
            Some(websocket::Item::Publication { number, offset, message }) => {
                assert_eq!(number, ROOM);
                self.publication(offset, &message, now);
            }
        }
    }

    pub(super) fn bytes(&mut self, side: &mut Side, bytes: &[u8], now: Instant) {
        if side.attempt != self.attempt {
            return;
        }
        side.parser.push(bytes);
        while let Some(piece) = side.parser.next().expect("an event stream of a server") {
            let Piece::Event(event) = piece else { continue };
            match events::read(&event).expect("an event of a server") {
                events::Item::Record { number, record } => self.record(side, Some(number), &record, now),
                events::Item::Signal(signal) => self.signal(side, &signal),
                events::Item::Publication { position, message } => {
                    assert!(position.to_string().starts_with(EPOCH.trim_end_matches('0')));
                    self.publication(position.offset, &message, now);
                }
            }
        }
    }

    fn signal(&mut self, side: &mut Side, signal: &ServerSignal) {
        match signal {
            ServerSignal::Open(open) => side.carrier = Some(self.end.attach(open.ack, open.from).expect("no hole")),
            ServerSignal::From(number) => {
                let carrier = side.carrier.as_ref().expect("open comes first");
                self.end.handle_from(carrier, *number).expect("no hole");
            }
            ServerSignal::Ack(number) => self.end.ring.ack(*number).expect("what was sent"),
            other => panic!("{other:?}"),
        }
    }

    /// What answers a `POST`.
    pub(super) fn posted(&mut self, acked: u64) {
        self.end.ring.ack(acked).expect("what was sent");
    }

    fn record(&mut self, side: &Side, number: Option<u64>, record: &ServerRecord, now: Instant) {
        let carrier = side.carrier.as_ref().expect("open comes first");
        self.end.intake.received(|| now, record.size());
        match self.end.receive(carrier, number).expect("the carrier that it counts on") {
            Offered::New => {
                self.got += 1;
                assert_eq!(self.got, self.end.intake.last());
                assert_eq!(*record, content::of_server(self.got));
            }
            Offered::Duplicate => assert!(number.is_none_or(|number| *record == content::of_server(number))),
            Offered::Hole => panic!("a hole before {number:?}"),
        }
    }

    fn publication(&mut self, offset: u64, message: &bowline_core::Message, now: Instant) {
        assert_eq!(*message, content::publication(offset));
        self.end.intake.received(|| now, message.len());
        if offset > self.offset {
            assert_eq!(offset, self.offset + 1, "a publication is missing");
            self.offset = offset;
        }
    }
}
