//! From bytes to events.

use std::time::Instant;

use bytes::{Bytes, buf::Limit};

use super::{Connection, Ended, State};
use crate::{
    buffer::Input,
    close::CloseFrame,
    error::{self, Error, LimitExceeded, ProtocolError},
    frame::{Header, Opcode, Payload, apply_mask},
    message::{Incoming, Kind, Message, Piece, Place, Utf8Bytes, check_size, whole},
};

/// Compressed bytes that are taken in at a time where messages are received in pieces.
const COMPRESSED_PIECE: usize = 16 << 10;

/// What came from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A piece of a message, where pieces were asked for.
    Piece(Piece),
    /// A Ping; its Pong has been queued.
    Ping(Bytes),
    /// A Pong.
    Pong(Bytes),
    /// The peer's Close frame; the answer, if it was owed, has been queued. Nothing comes after it.
    Close(Option<CloseFrame>),
}

enum Progress {
    Event(Event),
    More,
    Starved,
}

impl Connection {
    /// The message at the start of `input`, if it stands there in the simplest of ways: whole, plain, in one frame, with
    /// nothing else going on. `None` says nothing but that [`receive`](Self::receive) must look; nothing was taken.
    #[inline(always)]
    pub fn receive_plain(&mut self, input: &mut Input) -> Option<Message> {
        if self.state != State::Open || self.incoming.is_some() || self.in_pieces {
            return None;
        }
        let peek = self.decoder.peek(input.unread())?;
        let limits = &self.config.limits;
        if peek.len > limits.max_message_size || peek.len > limits.max_frame_size {
            return None;
        }
        let payload = input.unread_mut().get_mut(peek.start..peek.start + peek.len)?;
        apply_mask(payload, peek.key);
        let is_text = peek.opcode == Opcode::Text;
        if is_text && simdutf8::basic::from_utf8(payload).is_err() {
            apply_mask(payload, peek.key);
            return None;
        }
        input.consume(peek.start);
        let payload = input.take(peek.len);
        self.deadlines.heard = true;
        Some(if is_text { Message::Text(Utf8Bytes::from_checked(payload)) } else { Message::Binary(payload) })
    }

    /// The next event in `input`, or `None` if it takes more bytes: `input` is empty then, and what it held is kept here.
    /// Call it until it gives `None`.
    ///
    /// `now` is asked only where time matters: for control frames, and for a message left unfinished.
    ///
    /// # Errors
    /// The peer broke the protocol or went past a limit: the connection is closed, and a Close frame with the error's
    /// code has been queued (RFC 6455 §7.1.7).
    #[inline]
    pub fn receive(&mut self, input: &mut Input, now: impl Fn() -> Instant) -> Result<Option<Event>, Error> {
        if self.state == State::Closed {
            // RFC 6455 §1.4: data after a Close frame is discarded.
            input.release();
            return Ok(None);
        }
        self.deadlines.heard |= !input.is_empty();
        self.next_event(input, now).map_err(|error| self.fail(error))
    }

    /// Where to read the next bytes from the transport to, if they are payload of a big message: to where they belong in
    /// it, which saves a copy of each. All input before must have been received. Then call
    /// [`received_in_place`](Self::received_in_place).
    #[inline]
    pub fn payload_room(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let incoming = self.incoming.as_deref_mut()?;
        let payload = self.decoder.current().filter(|payload| !payload.opcode.is_control())?;
        incoming.room(Place { remaining: payload.remaining, fin: payload.fin })
    }

    /// Takes in `count` bytes that were read into [`payload_room`](Self::payload_room).
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn received_in_place(&mut self, count: usize) -> Result<Option<Event>, Error> {
        self.deadlines.heard = true;
        self.payload_came(count).map(|message| message.map(Event::Message)).map_err(|error| self.fail(error))
    }

    fn payload_came(&mut self, count: usize) -> Result<Option<Message>, Error> {
        let (Some(payload), Some(incoming)) = (self.decoder.current(), &mut self.incoming) else { return Ok(None) };
        incoming.came_in_place(count, payload)?;
        let Payload { remaining, fin, .. } = *payload;
        if remaining > 0 {
            return Ok(None);
        }
        self.decoder.finish();
        self.end_of_frame(fin)
    }

    /// Whether [`receive`](Self::receive) may give an event without more input.
    #[inline]
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.is_pending())
    }

    /// The byte stream has ended: [`Error::Abnormal`] unless the closing handshake was done.
    ///
    /// # Errors
    /// [`Error::Abnormal`].
    pub fn receive_eof(&mut self) -> Result<(), Error> {
        if self.state == State::Closed {
            return Ok(());
        }
        self.end(Ended::new(self.state == State::Open, false, None));
        Err(Error::Abnormal)
    }

    /// From the next message on, gives messages as [`Event::Piece`]s, as they come, rather than as
    /// [`Event::Message`]s: neither `max_message_size`, `max_fragments` nor `message_timeout` applies to them.
    pub const fn receive_in_pieces(&mut self, in_pieces: bool) {
        self.in_pieces = in_pieces;
    }

    #[inline]
    fn next_event(&mut self, input: &mut Input, now: impl Fn() -> Instant) -> Result<Option<Event>, Error> {
        loop {
            if self.decoder.current().is_none() {
                let Some(header) = self.decoder.header(input)? else { break };
                if !header.opcode.is_control()
                    && let Some(message) = self.begin_data(&header, input)?
                {
                    return Ok(Some(Event::Message(message)));
                }
                self.decoder.begin(&header);
            }
            match self.receive_payload(input, &now)? {
                Progress::Event(event) => return Ok(Some(event)),
                Progress::More => {}
                Progress::Starved => break,
            }
        }
        self.limit_message_time(now);
        Ok(None)
    }

    /// Judges a data frame by its header; gives the message at once if it came whole in this frame.
    #[inline]
    fn begin_data(&mut self, header: &Header, input: &mut Input) -> Result<Option<Message>, Error> {
        let limits = &self.config.limits;
        if header.len > limits.max_frame_size as u64 {
            return Err(LimitExceeded::new(error::Limit::FrameSize, limits.max_frame_size).into());
        }
        let kind = match (header.opcode, &mut self.incoming) {
            (Opcode::Continuation, Some(incoming)) => {
                incoming.begin_fragment(header.len, limits)?;
                return Ok(None);
            }
            // RFC 6455 §5.4: a continuation continues something, and messages don't interleave.
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation.into()),
            (_, Some(_)) => return Err(ProtocolError::ExpectedContinuation.into()),
            (Opcode::Text, None) => Kind::Text,
            (_, None) => Kind::Binary,
        };
        if header.fin && !header.rsv1 && !self.in_pieces {
            check_size(0, header.len, limits)?;
            if let Ok(len) = usize::try_from(header.len)
                && let Some(payload) = input.unread_mut().get_mut(..len)
            {
                if let Some(mut key) = header.mask {
                    key.apply(payload);
                }
                return Ok(Some(whole(kind, input.take(len))?));
            }
        }
        let mut incoming = Box::new(Incoming::new(kind, header.rsv1, self.in_pieces));
        incoming.begin_fragment(header.len, limits)?;
        self.incoming = Some(incoming);
        Ok(None)
    }

    fn receive_payload(&mut self, input: &mut Input, now: impl Fn() -> Instant) -> Result<Progress, Error> {
        let Some(payload) = self.decoder.current() else { return Ok(Progress::More) };
        if !payload.opcode.is_control() {
            return self.receive_data(input);
        }
        let piece = payload.take(input.unread_mut());
        let (opcode, remaining) = (payload.opcode, payload.remaining);
        if remaining > 0 {
            self.control.partial.get_or_insert_default().extend_from_slice(piece);
            input.release();
            return Ok(Progress::Starved);
        }
        self.decoder.finish();
        let len = piece.len();
        let event = if let Some(mut whole) = self.control.partial.take() {
            whole.extend_from_slice(piece);
            input.consume(len);
            self.receive_control(opcode, &whole, now)?
        } else {
            let mut whole = [0; Header::MAX_CONTROL];
            whole[..len].copy_from_slice(piece);
            input.consume(len);
            self.receive_control(opcode, &whole[..len], now)?
        };
        Ok(Progress::Event(event))
    }

    fn receive_data(&mut self, input: &mut Input) -> Result<Progress, Error> {
        let (Some(payload), Some(incoming)) = (self.decoder.current(), &mut self.incoming) else {
            return Ok(Progress::More);
        };
        let limits = &self.config.limits;
        if incoming.is_in_pieces() {
            return self.receive_piece(input);
        }
        if input.is_empty() && payload.remaining > 0 {
            return Ok(Progress::Starved);
        }
        let bytes = payload.take(input.unread_mut());
        let place = Place { remaining: payload.remaining, fin: payload.fin };
        incoming.push(bytes, place, self.deflate.as_deref_mut(), limits)?;
        let len = bytes.len();
        input.consume(len);
        if place.remaining > 0 {
            return Ok(Progress::Starved);
        }
        self.decoder.finish();
        Ok(self.end_of_frame(place.fin)?.map_or(Progress::More, |message| Progress::Event(Event::Message(message))))
    }

    fn end_of_frame(&mut self, fin: bool) -> Result<Option<Message>, Error> {
        let Some(incoming) = self.incoming.take_if(|_| fin) else { return Ok(None) };
        self.deadlines.message_ended();
        Ok(Some(incoming.finish()?))
    }

    fn receive_piece(&mut self, input: &mut Input) -> Result<Progress, Error> {
        let (Some(payload), Some(incoming)) = (self.decoder.current(), &mut self.incoming) else {
            return Ok(Progress::More);
        };
        let limits = &self.config.limits;
        let compressed = self.deflate.as_deref_mut().filter(|_| incoming.is_compressed());
        if input.is_empty() && payload.remaining > 0 && !incoming.is_pending() {
            return Ok(Progress::Starved);
        }
        let piece = if let Some(deflate) = compressed {
            if !incoming.is_pending() {
                let most = input.unread().len().min(COMPRESSED_PIECE);
                let bytes = payload.take(&mut input.unread_mut()[..most]);
                incoming.push_pending(bytes);
                let len = bytes.len();
                input.consume(len);
            }
            let place = Place { remaining: payload.remaining, fin: payload.fin };
            incoming.inflate_piece(place, deflate, limits)?
        } else {
            let len = payload.take(input.unread_mut()).len();
            let place = Place { remaining: payload.remaining, fin: payload.fin };
            incoming.piece(input.take(len), place)?
        };
        if payload.remaining == 0 && !incoming.is_pending() {
            self.decoder.finish();
        }
        if piece.last {
            self.incoming = None;
        } else if piece.data.is_empty() {
            return Ok(Progress::More);
        }
        Ok(Progress::Event(Event::Piece(piece)))
    }

    /// A message that has begun must end in time.
    fn limit_message_time(&mut self, now: impl Fn() -> Instant) {
        if self.incoming.as_ref().is_some_and(|incoming| !incoming.is_in_pieces()) && self.state == State::Open {
            self.deadlines.message_began(now, self.config.limits.message_timeout);
        }
    }
}
