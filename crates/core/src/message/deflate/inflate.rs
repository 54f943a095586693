//! The receiving half.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Bounds, Inflated, TAIL, pool};
use crate::error::{Error, Limit, LimitExceeded, ProtocolError};

/// What a compressed message is followed by where its window is forgotten anyway: what the sender left out, and a final
/// block without content. Only a message that ended where a block ends is then at its stream's end; one cut short is not.
const TAIL_AND_END: [u8; 6] = [0, 0, 0xff, 0xff, 0x03, 0];

/// Output up to this size may come from any input, however small: `max_inflate_ratio` counts past it.
const FREE_OUTPUT: u64 = 64 << 10;

/// The first room made for a message, unless its limit is smaller.
const FIRST_ROOM: usize = 256;

/// The most room made for a message at a time before it has filled that much.
const MAX_FIRST_ROOM: usize = 16 << 10;

/// Inflates messages, one after another.
#[derive(Debug)]
pub(super) struct Inflating {
    takeover: bool,
    /// Held always once used (context takeover), else from a message's first piece to its last.
    codec: Option<Box<Decompress>>,
    /// Bytes of this message that the codec took, and gave.
    taken: u64,
    given: u64,
    /// Whether this message has begun a DEFLATE stream that no final block has ended.
    open: bool,
}

impl Inflating {
    pub(super) const fn new(takeover: bool) -> Self {
        Self { takeover, codec: None, taken: 0, given: 0, open: false }
    }

    pub(super) const fn holds_codec(&self) -> bool {
        self.codec.is_some()
    }

    pub(super) fn piece(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut Vec<u8>,
        bounds: &Bounds,
    ) -> Result<Inflated, Error> {
        let takeover = self.takeover;
        let mut codec =
            self.codec.take().unwrap_or_else(if takeover { pool::new_decompressor } else { pool::take_decompressor });
        // On an error the codec is dropped: its state is of no use to anyone.
        let inflated = self.run(&mut codec, input, out, bounds)?;
        if inflated == Inflated::Done && last {
            self.finish(&mut codec)?;
            (self.taken, self.given, self.open) = (0, 0, false);
            if !takeover {
                pool::give_decompressor_back(codec);
                return Ok(inflated);
            }
        }
        self.codec = Some(codec);
        Ok(inflated)
    }

    /// Inflates until the input is used up and all that it holds is out, or the call has given enough.
    fn run(
        &mut self,
        codec: &mut Decompress,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        bounds: &Bounds,
    ) -> Result<Inflated, Error> {
        bounds.check_input(self.taken.saturating_add(input.len() as u64))?;
        let start = out.len();
        loop {
            // Counted by what the codec has taken, not by what has come: else how the bytes came would decide.
            let allowed = bounds.check_output(self.taken, self.given)?;
            let wanted = bounds.call.saturating_sub(out.len() - start);
            if wanted == 0 {
                return Ok(Inflated::More);
            }
            // One byte past what is allowed: that is how an excess is told from an exact fit.
            let excess = usize::try_from(allowed - self.given).unwrap_or(usize::MAX).saturating_add(1);
            grow(out, input.len(), excess.min(wanted));
            let step = self.step(codec, input, out)?;
            if out.len() < out.capacity() && input.is_empty() {
                bounds.check_output(self.taken, self.given)?;
                return Ok(Inflated::Done);
            }
            // Each step takes, gives or ends something, else none of the following would either.
            if step == 0 {
                return Err(ProtocolError::InvalidDeflate.into());
            }
        }
    }

    /// One call to the codec, with whatever room `out` has. Returns how many bytes went in or out.
    fn step(&mut self, codec: &mut Decompress, input: &mut &[u8], out: &mut Vec<u8>) -> Result<u64, Error> {
        let (total_in, total_out) = (codec.total_in(), codec.total_out());
        let status =
            codec.decompress_vec(input, out, FlushDecompress::None).map_err(|_| ProtocolError::InvalidDeflate)?;
        let (taken, given) = (codec.total_in() - total_in, codec.total_out() - total_out);
        *input = usize::try_from(taken).ok().and_then(|taken| input.get(taken..)).unwrap_or_default();
        self.taken += taken;
        self.given += given;
        self.open |= taken > 0;
        if status == Status::StreamEnd {
            // RFC 7692 §7.2.3.4: what follows a final block, in this message or the next, is another DEFLATE stream that
            // starts at a byte's bound. RFC 1951 §3.2.3 ends a data set with that block, so nothing reaches back over it.
            codec.reset(false);
            self.open = false;
        }
        Ok(taken + given)
    }

    /// Puts back what the sender left out (RFC 7692 §7.2.2), and checks that the message ended where it says it does.
    fn finish(&self, codec: &mut Decompress) -> Result<(), Error> {
        if !self.open {
            // No bytes at all, or none after a final block: there is no stream to end.
            return Ok(());
        }
        let mut nothing = [0; 1];
        let total_out = codec.total_out();
        let tail: &[u8] = if self.takeover { &TAIL } else { &TAIL_AND_END };
        let (before, status) = (codec.total_in(), codec.decompress(tail, &mut nothing, FlushDecompress::None));
        let took_all = codec.total_in() - before == tail.len() as u64;
        let ended = match status {
            Ok(Status::StreamEnd) => !self.takeover,
            Ok(Status::Ok | Status::BufError) => self.takeover,
            Err(_) => false,
        };
        if took_all && ended && codec.total_out() == total_out {
            Ok(())
        } else {
            Err(ProtocolError::InvalidDeflate.into())
        }
    }
}

/// Makes room for at least one byte and at most `most`, in steps that double.
fn grow(out: &mut Vec<u8>, input: usize, most: usize) {
    if out.len() == out.capacity() {
        let first = input.saturating_mul(4).clamp(FIRST_ROOM, MAX_FIRST_ROOM);
        out.reserve_exact(out.len().max(first).min(most));
    }
}

impl Bounds {
    /// F9: blocks without content are input without output.
    fn check_input(&self, received: u64) -> Result<(), Error> {
        if received > self.max_input() { Err(exceeded(Limit::MessageSize, self.message)) } else { Ok(()) }
    }

    /// F8: the output allowed for `taken` bytes of input, if no more was `given`.
    fn check_output(&self, taken: u64, given: u64) -> Result<u64, Error> {
        let ratio = taken.saturating_mul(self.ratio as u64).max(FREE_OUTPUT);
        if given > self.message as u64 {
            return Err(exceeded(Limit::MessageSize, self.message));
        }
        if given > ratio {
            return Err(exceeded(Limit::InflateRatio, self.ratio));
        }
        Ok(ratio.min(self.message as u64))
    }
}

const fn exceeded(limit: Limit, max: usize) -> Error {
    Error::Limit(LimitExceeded::new(limit, max))
}
