//! One connection of HTTP: a request, its answer, and so on.

use super::output::Unwritten;
use super::response::{Head, Part, Response};
use crate::Counts;

/// A connection with at most one request at a time, made when there is one.
#[derive(Debug)]
pub(super) struct Exchange {
    is_connected: bool,
    /// The connection has carried a request before. The server may end it, as it had enough of idling, while the next is on its way:
    /// that one is sent again.
    is_reused: bool,
    /// The server ends the connection behind the answer: the next request takes another.
    is_last: bool,
    /// Until it is answered.
    request: Vec<u8>,
    /// How many bytes of it are its head.
    head: usize,
    written: usize,
    unwritten: Unwritten,
    response: Response,
    pub(super) counts: Counts,
}

impl Exchange {
    pub(super) fn new() -> Self {
        Self {
            is_connected: false,
            is_reused: false,
            is_last: false,
            request: Vec::new(),
            head: 0,
            written: 0,
            unwritten: Unwritten::default(),
            response: Response::new(),
            counts: Counts::default(),
        }
    }

    /// Whether a request is not answered.
    pub(super) const fn is_busy(&self) -> bool {
        self.response.is_awaited()
    }

    /// Asks. `head` is how many bytes of the request are its head, `payload` how many of its body the application said.
    pub(super) fn ask(&mut self, request: Vec<u8>, head: usize, payload: usize) {
        self.counts.requests += 1;
        self.unwritten.append(request.len(), head, payload);
        (self.request, self.head, self.written) = (request, head, 0);
        self.response.begin();
    }

    /// Whether there is a connection that is still of use.
    pub(super) const fn is_connected(&self) -> bool {
        self.is_connected
    }

    pub(super) const fn wants(&self) -> bool {
        self.is_busy() && !self.is_connected
    }

    pub(super) const fn connected(&mut self) {
        self.counts.connections += 1;
        (self.is_connected, self.is_reused, self.is_last) = (true, false, false);
    }

    pub(super) fn ended(&mut self) -> Result<(), String> {
        self.is_connected = false;
        if !self.is_busy() {
            return Ok(());
        }
        if !self.is_reused || self.response.has_begun() {
            return Err("the server hung up before its answer was whole".into());
        }
        // What was written of it was written in vain.
        self.unwritten.again(self.request.len(), self.head);
        self.counts.requests += u64::from(self.written > 0);
        self.written = 0;
        Ok(())
    }

    pub(super) fn output(&self) -> &[u8] {
        if self.is_connected { self.request.get(self.written..).unwrap_or_default() } else { &[] }
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        self.counts.sent.add(&self.unwritten.wrote(count));
    }

    /// Takes bytes, and hands on what they are of. `take` says how many bytes of a body are payload of deliveries, if there are any.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Part<'_>) -> Result<Option<usize>, String>,
    ) -> Result<(), String> {
        let Self { is_connected, is_reused, is_last, request, written, unwritten, response, counts, .. } = self;
        // All is framing until it shows to be something else.
        counts.received.framing += bytes.len() as u64;
        let mut has_arrived = false;
        let result = response.receive(bytes, |part| {
            if let Part::Head(Head { len, .. }) | Part::Interim(len) = part {
                counts.received.framing -= len as u64;
                counts.received.headers += len as u64;
            }
            if let Part::Head(head) = part {
                *is_last |= head.is_last;
                (*request, *written, *unwritten) = (Vec::new(), 0, Unwritten::default());
            }
            if matches!(part, Part::End) {
                *is_reused = true;
                // Nothing more is to come, and the server may take its time to hang up.
                *is_connected &= !*is_last;
            }
            if let Some(delivered) = take(part)? {
                counts.received.framing -= delivered as u64;
                counts.received.payload += delivered as u64;
                has_arrived = true;
            }
            Ok(())
        });
        counts.arrivals += u64::from(has_arrived);
        result
    }
}
