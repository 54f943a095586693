//! The faults that know HTTP/1.x. No I/O: bytes in, bytes out, and what could not be read as HTTP passes as it is.

mod chunks;
mod head;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem;

use self::head::{Asked, Request, Response, without_upgrade};
use self::scan::{Kind, Piece, Scanner};
use super::{Direction, Faults};

/// Most requests without an answer that are remembered. Past it requests pass unseen: no client pipelines so many.
const MAX_ASKED: usize = 64;

/// What was done since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) stripped: u64,
    pub(super) switches_swallowed: u64,
    /// Bytes, from the 101 on.
    pub(super) swallowed: u64,
    pub(super) held: u64,
}

/// Both directions of a connection. After [`receive`](Self::receive) and [`end`](Self::end), both directions are to be asked
/// with [`take`](Self::take) what passes, and [`done`](Self::done) what happened.
#[derive(Debug)]
pub(super) struct Http {
    strip_upgrade: bool,
    swallow_101: bool,
    buffer_responses: bool,
    max_held: usize,
    requests: Scanner,
    responses: Scanner,
    /// Requests that are not answered, the oldest first.
    asked: VecDeque<Asked>,
    /// What came of a response that is to be passed whole.
    held: Vec<u8>,
    /// A 101 was swallowed, and so is what follows it.
    swallows: bool,
    out: [Vec<u8>; 2],
    done: Done,
}

impl Http {
    /// `None` if none of the faults knows HTTP.
    pub(super) fn new(faults: &Faults, max_held: usize) -> Option<Self> {
        let http = Self {
            strip_upgrade: faults.strips_upgrade(),
            swallow_101: faults.swallows_101(),
            buffer_responses: faults.buffers_responses(),
            max_held,
            requests: Scanner::new(Kind::Requests),
            responses: Scanner::new(Kind::Responses),
            asked: VecDeque::new(),
            held: Vec::new(),
            swallows: false,
            out: [Vec::new(), Vec::new()],
            done: Done::default(),
        };
        (http.strip_upgrade || http.swallow_101 || http.buffer_responses).then_some(http)
    }

    pub(super) fn receive(&mut self, direction: Direction, mut input: &[u8]) {
        match direction {
            Direction::ToServer => {
                while let Some(piece) = self.requests.next(&mut input) {
                    self.request(piece);
                }
            }
            Direction::ToClient => {
                while let Some(piece) = self.responses.next(&mut input) {
                    self.response(piece);
                }
            }
        }
    }

    /// The sender of this direction ended: what is kept of it passes.
    pub(super) fn end(&mut self, direction: Direction) {
        match direction {
            Direction::ToServer => self.pass_requests(),
            Direction::ToClient => {
                self.done.held += u64::from(!self.held.is_empty());
                self.release();
                self.pass_responses();
            }
        }
    }

    /// What passes in this direction.
    pub(super) fn take(&mut self, direction: Direction) -> Vec<u8> {
        mem::take(&mut self.out[direction.index()])
    }

    /// What was done since it was last asked.
    pub(super) fn done(&mut self) -> Done {
        mem::take(&mut self.done)
    }

    /// Whether everything passes as it is from here on.
    pub(super) const fn is_opaque(&self) -> bool {
        self.requests.is_opaque() && self.responses.is_opaque()
    }

    fn request(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Head(head) => self.request_head(&head),
            Piece::Body(bytes) => self.pass(Direction::ToServer, bytes),
            Piece::NotHttp(bytes) => self.pass(Direction::ToServer, &bytes),
            Piece::End => {}
        }
    }

    fn request_head(&mut self, head: &[u8]) {
        let Some(request) = Request::parse(head).filter(|_| self.asked.len() < MAX_ASKED) else {
            self.pass(Direction::ToServer, head);
            return self.pass_requests();
        };
        self.asked.push_back(request.asked);
        if self.strip_upgrade && request.asks_to_upgrade {
            self.done.stripped += 1;
            self.pass(Direction::ToServer, &without_upgrade(head));
        } else {
            self.pass(Direction::ToServer, head);
        }
        self.requests.body(request.body);
    }

    fn response(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Head(head) => self.response_head(&head),
            Piece::Body(bytes) if self.swallows => self.done.swallowed += bytes.len() as u64,
            Piece::Body(bytes) if self.buffer_responses && !self.responses.is_opaque() => self.hold(bytes),
            Piece::Body(bytes) => self.pass(Direction::ToClient, bytes),
            Piece::NotHttp(bytes) => {
                self.release();
                self.pass(Direction::ToClient, &bytes);
            }
            Piece::End => {
                self.done.held += u64::from(!self.held.is_empty());
                self.release();
            }
        }
    }

    fn response_head(&mut self, head: &[u8]) {
        let asked = self.asked.front().copied().unwrap_or(Asked::Other);
        match Response::parse(head, asked) {
            // It tells the client to go on: held back, nothing would.
            Some(Response::Interim) => self.pass(Direction::ToClient, head),
            Some(Response::Switches { status: 101 }) if self.swallow_101 => {
                self.done.switches_swallowed += 1;
                self.done.swallowed += head.len() as u64;
                self.swallows = true;
                self.pass_all();
            }
            Some(Response::Final(body)) => {
                self.asked.pop_front();
                self.responses.body(body);
                if self.buffer_responses {
                    self.hold(head);
                } else {
                    self.pass(Direction::ToClient, head);
                }
            }
            // RFC 9110 §15.2.2: what follows is another protocol.
            Some(Response::Switches { .. }) => {
                self.pass(Direction::ToClient, head);
                self.pass_all();
            }
            None => {
                self.pass(Direction::ToClient, head);
                self.pass_responses();
            }
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= self.max_held {
            self.release();
        }
    }

    fn release(&mut self) {
        let held = mem::take(&mut self.held);
        self.pass(Direction::ToClient, &held);
    }

    fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        self.out[direction.index()].extend_from_slice(bytes);
    }

    fn pass_all(&mut self) {
        self.pass_requests();
        self.pass_responses();
    }

    fn pass_requests(&mut self) {
        let kept = self.requests.pass_all();
        self.pass(Direction::ToServer, &kept);
    }

    fn pass_responses(&mut self) {
        let kept = self.responses.pass_all();
        self.pass(Direction::ToClient, &kept);
    }
}
