//! From commands to bytes.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::{Connection, Ended, State};
use crate::{
    buffer::{borrow_write_buffer, return_write_buffer},
    close::CloseFrame,
    error::{Error, SendError, SendErrorReason},
    frame::{Header, MaskingKey, Opcode, apply_mask},
    message::{Encoding, Kind, Message, Outgoing, Piece, Prepared, Utf8Check},
};

/// Payloads of at least this many bytes are written from where they are; shorter ones are copied behind their header,
/// which is cheaper than another slice in the write.
const SHARE_AT_LEAST: usize = 8 << 10;

/// A message that is being sent piece by piece.
#[derive(Debug)]
pub(super) struct Sending {
    kind: Kind,
    compressed: bool,
    utf8: Utf8Check,
}

impl Connection {
    /// Queues a message. Drain [`output`](Self::output) afterwards.
    ///
    /// # Errors
    /// [`SendErrorReason::Closed`] once the closing handshake has begun, [`SendErrorReason::Unfinished`] between the
    /// pieces of another message; the message comes back. The connection is unharmed.
    #[inline]
    pub fn send(&mut self, outgoing: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        let mut outgoing = outgoing.into();
        self.send_from(&mut outgoing).map_err(|reason| SendError::new(reason, outgoing))
    }

    /// As [`send`](Self::send), but leaves the message where it is, unless its payload goes out by reference.
    #[inline]
    pub(crate) fn send_from(&mut self, outgoing: &mut Outgoing) -> Result<(), SendErrorReason> {
        if !self.send_unshared(outgoing)? {
            let header = plain(outgoing.message.kind().into());
            let message = std::mem::replace(&mut outgoing.message, Message::Binary(Bytes::new()));
            self.queue_frame(header, message.into_bytes());
        }
        Ok(())
    }

    /// As [`send`](Self::send), of a message that the caller keeps. Only what goes out by reference is cloned.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_kept(&mut self, outgoing: &Outgoing) -> Result<(), SendErrorReason> {
        if !self.send_unshared(outgoing)? {
            self.queue_frame(plain(outgoing.message.kind().into()), outgoing.message.as_bytes().clone());
        }
        Ok(())
    }

    /// Queues a message, unless its payload is to go out by reference. Whether it has.
    #[inline]
    fn send_unshared(&mut self, outgoing: &Outgoing) -> Result<bool, SendErrorReason> {
        self.may_send()?;
        let Outgoing { message, prepared, compress } = outgoing;
        let opcode = Opcode::from(message.kind());
        if let Some(prepared) = prepared {
            self.send_prepared(prepared).map_err(SendErrorReason::Failed)?;
        } else if *compress && self.wants_deflate(message.len()) {
            self.queue_deflated(deflated(opcode), message.as_bytes()).map_err(SendErrorReason::Failed)?;
        } else if message.len() < SHARE_AT_LEAST {
            self.queue_copied(plain(opcode), message.as_bytes());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Queues a piece of a message, so that a message of any size needs no memory of that size. The pieces of one
    /// message follow each other: no other message can be sent until the last. Pings, Pongs and Close may come between.
    ///
    /// # Errors
    /// As [`send`](Self::send); and [`SendErrorReason::Unfinished`] if a piece of the other kind is in the middle,
    /// [`SendErrorReason::InvalidUtf8`] for text that isn't (a character may be cut between two pieces).
    pub fn send_piece(&mut self, piece: Piece) -> Result<(), SendError<Piece>> {
        if self.state != State::Open {
            return Err(SendError::rejected(SendErrorReason::Closed, piece));
        }
        let compressed = match &self.sending {
            Some(sending) if sending.kind != piece.kind => {
                return Err(SendError::rejected(SendErrorReason::Unfinished, piece));
            }
            Some(sending) => sending.compressed,
            None => self.wants_deflate(usize::MAX),
        };
        let mut utf8 = self.sending.as_ref().map_or_else(Utf8Check::default, |sending| sending.utf8);
        if piece.kind == Kind::Text && (utf8.check(&piece.data).is_err() || (piece.last && utf8.finish().is_err())) {
            return Err(SendError::rejected(SendErrorReason::InvalidUtf8, piece));
        }
        let first = self.sending.is_none();
        self.sending = (!piece.last).then(|| Box::new(Sending { kind: piece.kind, compressed, utf8 }));
        let opcode = if first { Opcode::from(piece.kind) } else { Opcode::Continuation };
        let header = Header { fin: piece.last, rsv1: compressed && first, opcode, mask: None, len: 0 };
        if compressed {
            return self.queue_deflated(header, &piece.data).map_err(SendError::failed);
        }
        self.queue_frame(header, piece.data);
        Ok(())
    }

    /// Queues a Ping (RFC 6455 §5.5.2). Keepalive sends its own.
    ///
    /// # Errors
    /// [`SendErrorReason::Closed`], or [`SendErrorReason::OversizedControl`] past 125 bytes.
    pub fn ping(&mut self, payload: Bytes) -> Result<(), SendError<Bytes>> {
        if self.state != State::Open {
            return Err(SendError::rejected(SendErrorReason::Closed, payload));
        }
        if payload.len() > Header::MAX_CONTROL {
            return Err(SendError::rejected(SendErrorReason::OversizedControl, payload));
        }
        self.queue_control(Opcode::Ping, &payload);
        Ok(())
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2): queues Close, after which nothing can be sent. What the peer
    /// sends before its own Close is still received. Does nothing if the closing handshake has begun.
    pub fn close(&mut self, frame: Option<&CloseFrame>, now: Instant) {
        if self.state == State::Open {
            self.queue_close(frame);
            self.state = State::Closing;
            self.deadlines.closing_began(now, self.config.limits.close_timeout);
        }
    }

    /// RFC 6455 §7.1.7: fails the connection, with a Close frame that says why if there is somebody to tell.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        if self.state == State::Open
            && let Some(code) = error.close_code()
        {
            self.queue_close(Some(&CloseFrame::new(code, error.to_string())));
        }
        self.incoming = None;
        self.end(Ended::new(false, false, None));
        error
    }

    fn wants_deflate(&self, len: usize) -> bool {
        self.deflate.as_ref().is_some_and(|deflate| deflate.should_compress(len))
    }

    fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let message = prepared.message();
        let opcode = Opcode::from(message.kind());
        let compressed = self.wants_deflate(message.len());
        let sort = self.deflate.as_ref().and_then(|deflate| deflate.shared_sort());
        if self.role.masks() || (compressed && sort.is_none()) {
            if compressed {
                return self.queue_deflated(deflated(opcode), message.as_bytes());
            }
            self.queue_frame(plain(opcode), message.as_bytes().clone());
            return Ok(());
        }
        let bytes = match (sort, self.deflate.as_deref_mut()) {
            (Some(sort), Some(deflate)) if compressed => prepared.deflated(sort, deflate)?,
            _ => prepared.plain(),
        };
        self.queue_wire(bytes);
        Ok(())
    }

    fn queue_deflated(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        let Some(deflate) = self.deflate.as_deref_mut() else { return Ok(()) };
        let mut compressed = borrow_write_buffer();
        let result = deflate.compress(payload, header.fin, &mut compressed);
        if result.is_ok() {
            self.queue_copied(header, &compressed);
        }
        return_write_buffer(compressed);
        result.map_err(|error| self.fail(error))
    }

    #[inline]
    fn queue_frame(&mut self, header: Header, payload: Bytes) {
        if payload.len() < SHARE_AT_LEAST {
            return self.queue_copied(header, &payload);
        }
        let key = self.role.masks().then(MaskingKey::random);
        Header { mask: key, len: payload.len() as u64, ..header }.encode(self.output.buffer());
        let payload = match key {
            None => payload,
            Some(key) => {
                // Masked in place if nobody else can see it.
                let mut masked = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                apply_mask(&mut masked, key.bytes());
                masked.freeze()
            }
        };
        self.output.push_shared(payload);
    }

    #[inline]
    fn queue_copied(&mut self, header: Header, payload: &[u8]) {
        let key = self.role.masks().then(MaskingKey::random);
        let buffer = self.output.buffer();
        buffer.reserve(Header::MAX_SIZE + payload.len());
        Header { mask: key, len: payload.len() as u64, ..header }.encode(buffer);
        let start = buffer.len();
        buffer.extend_from_slice(payload);
        if let Some(key) = key {
            apply_mask(&mut buffer[start..], key.bytes());
        }
    }

    /// How the frames that it sends look, if all connections with what it agreed on can be given the same ones: it is a
    /// server's, and compresses without context takeover or not at all.
    #[must_use]
    pub fn shared_encoding(&self) -> Option<Encoding> {
        match &self.deflate {
            _ if self.role.masks() => None,
            Some(deflate) => Encoding::with(deflate),
            None => Some(Encoding::PLAIN),
        }
    }

    /// Whether whole messages can be sent.
    ///
    /// # Errors
    /// [`SendErrorReason::Closed`] or [`SendErrorReason::Unfinished`], as [`send`](Self::send).
    #[inline]
    pub fn may_send(&self) -> Result<(), SendErrorReason> {
        match self.state {
            State::Open if self.sending.is_none() => Ok(()),
            State::Open => Err(SendErrorReason::Unfinished),
            _ => Err(SendErrorReason::Closed),
        }
    }

    /// Queues whole frames, encoded for this connection's [`shared_encoding`](Self::shared_encoding), by reference where
    /// they are long. What it is given goes on the wire as it is.
    ///
    /// # Errors
    /// As [`may_send`](Self::may_send).
    pub fn send_encoded(&mut self, frames: Bytes) -> Result<(), SendErrorReason> {
        self.may_send()?;
        self.queue_wire(frames);
        Ok(())
    }

    fn queue_wire(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_AT_LEAST {
            self.output.buffer().extend_from_slice(&bytes);
        } else {
            self.output.push_shared(bytes);
        }
    }

    pub(super) fn queue_control(&mut self, opcode: Opcode, payload: &[u8]) {
        self.queue_copied(plain(opcode), payload);
    }
}

/// The header of a frame by itself; mask and length are put in when it is queued.
const fn plain(opcode: Opcode) -> Header {
    Header { fin: true, rsv1: false, opcode, mask: None, len: 0 }
}

/// The same, with the bit that says that the message is compressed (RFC 7692 §6).
const fn deflated(opcode: Opcode) -> Header {
    Header { rsv1: true, ..plain(opcode) }
}
