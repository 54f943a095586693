//! Messages up over HTTP: one request at a time, and what is said meanwhile goes with the next.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::{Duration, Instant};

use bowline_core::session::events::{self, Item};
use bowline_core::session::{ClientRecord, Secret, ServerSignal};

use super::address::Address;
use super::exchange::Exchange;
use super::reader::Reader;
use super::refusal::Refusal;
use super::response::Part;
use super::stream::{Said, Stream};

/// Most records of a request, as the protocol has it.
pub(super) const MAX_RECORDS: usize = 256;
/// Most bytes of its body, but for one record: what a server takes besides one message.
pub(super) const MAX_BODY: usize = 64 << 10;
/// How long to wait, where the server took fewer records than it was sent, before the rest is sent again.
pub(super) const SEND_AGAIN: Duration = Duration::from_millis(50);

/// The upstream of a session.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) exchange: Exchange,
    answer: Answer,
    /// Those that the server is not known to have.
    records: VecDeque<Kept>,
    /// All their bytes.
    bytes: usize,
    /// The last that the server is known to have.
    acked: u64,
    /// The last that was sent: what is sent again is no payload any more.
    sent: u64,
    /// Nothing is sent before.
    pause: Option<Instant>,
    /// How it was put off last, unless records were taken since.
    put_off: Option<String>,
}

#[derive(Debug)]
struct Kept {
    event: Vec<u8>,
    payload: usize,
}

/// What has come of an answer.
#[derive(Debug)]
struct Answer {
    stream: Stream,
    refusal: Option<Refusal>,
    ack: Option<u64>,
}

impl Post {
    pub(super) fn new(longest: usize) -> Self {
        Self {
            exchange: Exchange::new(),
            answer: Answer { stream: Stream::new(longest), refusal: None, ack: None },
            records: VecDeque::new(),
            bytes: 0,
            acked: 0,
            sent: 0,
            pause: None,
            put_off: None,
        }
    }

    /// Takes a record, to go with the next request. `payload` is how many of its bytes the application said.
    pub(super) fn push(&mut self, record: &ClientRecord, payload: usize) {
        let mut event = Vec::new();
        events::append_record(&mut event, self.last() + 1, record);
        self.bytes += event.len();
        self.records.push_back(Kept { event, payload });
    }

    /// Bytes of records that the server is not known to have.
    pub(super) const fn backlog(&self) -> usize {
        self.bytes
    }

    /// Whether a request may be made.
    pub(super) fn is_free(&self) -> bool {
        !self.exchange.is_busy() && self.pause.is_none()
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.pause
    }

    pub(super) fn put_off(&self) -> Option<&str> {
        self.put_off.as_deref()
    }

    pub(super) fn attend(&mut self, now: Instant) {
        if self.pause.is_some_and(|until| until <= now) {
            self.pause = None;
        }
    }

    /// Sends what may go now, with an acknowledgement if there is a reader to acknowledge. Without records it is that alone.
    pub(super) fn ask(&mut self, address: &Address, secret: &Secret, reader: Option<&mut Reader>) {
        let mut request = address.head("POST", "", Some(secret));
        let (count, length) = self.portion();
        let _ = write!(request, "Content-Type: text/event-stream\r\nContent-Length: {length}\r\n");
        if let Some(reader) = reader {
            request.extend_from_slice(b"Bowline-Cursor: ");
            reader.acknowledge(&mut request);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let head = request.len();
        let mut payload = 0;
        for (number, kept) in (self.acked + 1..).zip(self.records.iter().take(count)) {
            request.extend_from_slice(&kept.event);
            if number > self.sent {
                self.sent = number;
                payload += kept.payload;
            }
        }
        self.answer.begin();
        self.exchange.ask(request, head, payload);
    }

    /// Takes bytes of the answer.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), String> {
        let Self { exchange, answer, .. } = self;
        exchange.receive(bytes, |part| answer.hear(part).map(|()| None))?;
        if exchange.is_busy() {
            return Ok(());
        }
        if let Some(refusal) = self.answer.refusal.take() {
            self.pause = Some(now + refusal.wait(None)?);
            self.put_off = Some(refusal.describe(None));
            return Ok(());
        }
        self.put_off = None;
        let ack = self.answer.ack.take().ok_or("the answer to a POST doesn't say which records the server has")?;
        self.acknowledged(ack)?;
        if self.acked < self.sent {
            self.pause = Some(now + SEND_AGAIN);
        }
        Ok(())
    }

    /// How many records go with one request, and how many bytes they are.
    fn portion(&self) -> (usize, usize) {
        let (mut count, mut length) = (0, 0);
        for kept in self.records.iter().take(MAX_RECORDS) {
            if count > 0 && length + kept.event.len() > MAX_BODY {
                break;
            }
            count += 1;
            length += kept.event.len();
        }
        (count, length)
    }

    fn last(&self) -> u64 {
        self.acked + self.records.len() as u64
    }

    fn acknowledged(&mut self, number: u64) -> Result<(), String> {
        if !(self.acked..=self.sent).contains(&number) {
            let (acked, sent) = (self.acked, self.sent);
            return Err(format!("the server has record {number}, of {sent} sent, and had {acked} before"));
        }
        while self.acked < number
            && let Some(kept) = self.records.pop_front()
        {
            self.bytes -= kept.event.len();
            self.acked += 1;
        }
        Ok(())
    }
}

impl Answer {
    fn begin(&mut self) {
        self.stream.begin();
        (self.refusal, self.ack) = (None, None);
    }

    fn hear(&mut self, part: Part<'_>) -> Result<(), String> {
        let Self { stream, refusal, ack } = self;
        match part {
            Part::Head(head) => *refusal = Refusal::of(&head),
            Part::Body(bytes) => match refusal {
                Some(refusal) => refusal.body(bytes),
                None => stream.receive(bytes, |said| {
                    if let Said::Item(item) = said
                        && let Item::Signal(ServerSignal::Ack(number)) = *item
                    {
                        *ack = Some(number);
                    }
                    Ok(())
                })?,
            },
            Part::Interim(_) | Part::End => {}
        }
        Ok(())
    }
}
