//! A message on its way in: joined to one piece of memory, or handed on piece by piece.

use bytes::{BufMut, Bytes, buf::Limit};

use super::{
    Kind, Message, Piece, Utf8Bytes,
    deflate::{Bounds, Deflate, Inflated},
    utf8::Utf8Check,
};
use crate::{
    error::{self, Error, LimitExceeded, ProtocolError},
    frame::Payload,
    limits::Limits,
};

/// What a frame's header may make this end reserve before the payload has come, in bytes.
const RESERVE_AHEAD: usize = 64 << 10;
/// From this many bytes of a frame still to come, they are read to where they belong in the message.
const READ_IN_PLACE: u64 = 32 << 10;
/// How many bytes may be reserved for each that has come.
const RESERVE_FACTOR: usize = 8;

/// A message whose last byte has not come.
#[derive(Debug)]
pub(crate) struct Incoming {
    kind: Kind,
    compressed: bool,
    /// Handed on in pieces, so that `payload` holds only what has not been handed on.
    in_pieces: bool,
    fragments: usize,
    /// Payload bytes that the headers so far announced, as on the wire.
    announced: u64,
    payload: Vec<u8>,
    /// In pieces: compressed bytes that have not been inflated.
    pending: Vec<u8>,
    /// In pieces: the codec has output left that no input is needed for.
    more: bool,
    utf8: Utf8Check,
}

/// Where in its message a run of payload bytes stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Bytes of the same frame that are still to come.
    pub(crate) remaining: u64,
    /// No frame follows this one.
    pub(crate) fin: bool,
}

impl Place {
    const fn is_last(self) -> bool {
        self.fin && self.remaining == 0
    }
}

impl Incoming {
    pub(crate) fn new(kind: Kind, compressed: bool, in_pieces: bool) -> Self {
        Self {
            kind,
            compressed,
            in_pieces,
            fragments: 0,
            announced: 0,
            payload: Vec::new(),
            pending: Vec::new(),
            more: false,
            utf8: Utf8Check::default(),
        }
    }

    pub(crate) const fn is_in_pieces(&self) -> bool {
        self.in_pieces
    }

    pub(crate) const fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Compressed bytes wait to be inflated, and may give another piece without more input.
    pub(crate) const fn is_pending(&self) -> bool {
        self.more || !self.pending.is_empty()
    }

    /// Counts a frame of `len` payload bytes against the limits, before any of them is kept.
    pub(crate) fn begin_fragment(&mut self, len: u64, limits: &Limits) -> Result<(), LimitExceeded> {
        self.fragments = self.fragments.saturating_add(1);
        if self.in_pieces {
            return Ok(());
        }
        // A message has a frame at least: one that comes whole in it is not counted at all.
        if self.fragments > limits.max_fragments.max(1) {
            return Err(LimitExceeded::new(error::Limit::Fragments, limits.max_fragments));
        }
        let before = self.announced;
        self.announced = before.saturating_add(len);
        if !self.compressed {
            return check_size(before, len, limits);
        }
        // Compressed bytes that can't be within the limit are refused by the header, too.
        if self.announced > Bounds::assembled(limits).max_input() {
            return Err(LimitExceeded::new(error::Limit::MessageSize, limits.max_message_size));
        }
        Ok(())
    }

    /// Adds payload bytes.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        place: Place,
        deflate: Option<&mut Deflate>,
        limits: &Limits,
    ) -> Result<(), Error> {
        let start = self.payload.len();
        let mut inflated = Ok(Inflated::Done);
        if let (true, Some(deflate)) = (self.compressed, deflate) {
            let bounds = Bounds::assembled(limits);
            inflated = deflate.inflate(&mut bytes, place.is_last(), &mut self.payload, &bounds);
        } else {
            self.reserve(bytes.len(), place);
            self.payload.extend_from_slice(bytes);
        }
        // What came out before an error is judged first, as it is where the bytes come one at a time.
        if self.kind == Kind::Text {
            self.utf8.check(&self.payload[start..])?;
        }
        inflated.map(|_| ())
    }

    /// Room for the next bytes, to be read to where they belong; `None` if they must be looked at first, or aren't worth it.
    pub(crate) fn room(&mut self, place: Place) -> Option<Limit<&mut Vec<u8>>> {
        if self.in_pieces || self.compressed || place.remaining < READ_IN_PLACE {
            return None;
        }
        if self.payload.len() == self.payload.capacity() {
            let next = usize::try_from(place.remaining).unwrap_or(usize::MAX).min(RESERVE_AHEAD);
            self.reserve(next, Place { remaining: place.remaining - next as u64, ..place });
        }
        let spare = (self.payload.capacity() - self.payload.len()) as u64;
        let most = usize::try_from(spare.min(place.remaining)).unwrap_or(usize::MAX);
        Some((&mut self.payload).limit(most))
    }

    /// The last `count` bytes were read to where they belong: unmasks and judges them.
    pub(crate) fn came_in_place(&mut self, count: usize, payload: &mut Payload) -> Result<(), ProtocolError> {
        let start = self.payload.len() - count;
        let bytes = payload.take(&mut self.payload[start..]);
        if self.kind == Kind::Text {
            self.utf8.check(bytes)?;
        }
        Ok(())
    }

    /// Makes room: for all that is announced, as far as that is in proportion to what has come.
    fn reserve(&mut self, count: usize, place: Place) {
        if self.payload.capacity() - self.payload.len() >= count {
            return;
        }
        if !place.fin {
            // More frames follow: grow geometrically, or many small ones would cost quadratic copying.
            return self.payload.reserve(count);
        }
        let come = self.payload.len() + count;
        let allowed = RESERVE_AHEAD.max(come.saturating_mul(RESERVE_FACTOR));
        let announced = usize::try_from(place.remaining).unwrap_or(usize::MAX).saturating_add(count);
        self.payload.reserve_exact(announced.min(allowed.saturating_sub(self.payload.len())).max(count));
    }

    /// The message: its last byte has come.
    pub(crate) fn finish(self) -> Result<Message, ProtocolError> {
        self.utf8.finish()?;
        let payload = Bytes::from(self.payload);
        Ok(match self.kind {
            Kind::Text => Message::Text(Utf8Bytes::from_checked(payload)),
            Kind::Binary => Message::Binary(payload),
        })
    }

    /// A piece of an uncompressed message.
    pub(crate) fn piece(&mut self, data: Bytes, place: Place) -> Result<Piece, Error> {
        let data = self.whole_characters(data, place.is_last())?;
        Ok(Piece { kind: self.kind, data, last: place.is_last() })
    }

    /// Takes compressed bytes, for [`Self::inflate_piece`] to give back inflated.
    pub(crate) fn push_pending(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next piece of a compressed message; call it while [`Self::is_pending`].
    pub(crate) fn inflate_piece(
        &mut self,
        place: Place,
        deflate: &mut Deflate,
        limits: &Limits,
    ) -> Result<Piece, Error> {
        let mut input = self.pending.as_slice();
        let mut out = Vec::new();
        let bounds = Bounds::streamed(limits);
        let inflated = deflate.inflate(&mut input, place.is_last(), &mut out, &bounds);
        if inflated.is_err() && self.kind == Kind::Text {
            // As in `push`.
            self.utf8.check(&out)?;
        }
        let inflated = inflated?;
        let used = self.pending.len() - input.len();
        self.pending.drain(..used);
        self.more = inflated == Inflated::More;
        let last = place.is_last() && !self.more;
        Ok(Piece { kind: self.kind, data: self.whole_characters(out.into(), last)?, last })
    }

    /// Text is handed on in whole characters: the start of one that goes on is kept for the next piece.
    fn whole_characters(&mut self, data: Bytes, last: bool) -> Result<Bytes, Error> {
        if self.kind == Kind::Binary {
            return Ok(data);
        }
        let before = self.utf8;
        let unfinished = self.utf8.check(&data)?;
        if last {
            self.utf8.finish()?;
        }
        if before.partial().is_empty() {
            return Ok(data.slice(..data.len() - unfinished));
        }
        let mut joined = [before.partial(), &data].concat();
        joined.truncate(joined.len() - unfinished);
        Ok(joined.into())
    }
}

/// Whether `have` and `more` bytes are within the message limit.
#[inline]
pub(crate) fn check_size(have: u64, more: u64, limits: &Limits) -> Result<(), LimitExceeded> {
    if have.saturating_add(more) > limits.max_message_size as u64 {
        return Err(LimitExceeded::new(error::Limit::MessageSize, limits.max_message_size));
    }
    Ok(())
}

/// A message that came whole in one frame.
#[inline]
pub(crate) fn whole(kind: Kind, payload: Bytes) -> Result<Message, ProtocolError> {
    Ok(match kind {
        Kind::Text => {
            if simdutf8::basic::from_utf8(&payload).is_err() {
                return Err(ProtocolError::InvalidUtf8);
            }
            Message::Text(Utf8Bytes::from_checked(payload))
        }
        Kind::Binary => Message::Binary(payload),
    })
}
