//! The sending half.

use std::io;

use flate2::{FlushCompress, Status};

use super::TAIL;
use super::pool::{Compressor, Sort};
use crate::Error;

/// Room that a call to the codec is given at least: past six bytes zlib never repeats the block that a flush ends with.
const MIN_ROOM: usize = 64;

/// Room that a call to the codec is given at most, before it is known how well the data compresses.
const FIRST_ROOM: usize = 16 << 10;

/// Compresses messages, one after another.
#[derive(Debug)]
pub(super) struct Compressing {
    sort: Sort,
    takeover: bool,
    /// Held always once used (context takeover), else from a message's first piece to its last.
    codec: Option<Box<Compressor>>,
}

impl Compressing {
    pub(super) const fn new(sort: Sort, takeover: bool) -> Self {
        Self { sort, takeover, codec: None }
    }

    /// Whether the window is one that zlib can compress into.
    pub(super) const fn is_able(&self) -> bool {
        self.sort.window_bits >= 9
    }

    pub(super) const fn shared_sort(&self) -> Option<Sort> {
        if self.takeover { None } else { Some(self.sort) }
    }

    pub(super) const fn holds_codec(&self) -> bool {
        self.codec.is_some()
    }

    pub(super) fn piece(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        if !payload.is_empty() {
            let (sort, takeover) = (self.sort, self.takeover);
            let codec =
                self.codec.get_or_insert_with(|| if takeover { Compressor::new(sort) } else { Compressor::take(sort) });
            flush(codec, payload, out)?;
            if last {
                // RFC 7692 §7.2.1: the flush ended with an empty stored block, whose last four bytes stay behind.
                if !out.ends_with(&TAIL) {
                    return Err(internal("a flush did not end with an empty block"));
                }
                out.truncate(out.len() - TAIL.len());
            }
        } else if last {
            // RFC 7692 §7.2.3.6: nothing more to say is an empty stored block, which is this byte when stripped. zlib
            // gives nothing for a second flush, and the pieces before, if any, ended at a byte's bound.
            out.push(0);
        }
        if last
            && !self.takeover
            && let Some(codec) = self.codec.take()
        {
            codec.give_back();
        }
        Ok(())
    }
}

/// Compresses all of `payload` and all that the codec holds back, up to a byte's bound.
fn flush(compressor: &mut Compressor, mut payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let codec = &mut compressor.codec;
    // More than a short payload can become: a flush that fills its room exactly is followed by an empty block too many.
    out.reserve((payload.len() + payload.len() / 8).min(FIRST_ROOM) + MIN_ROOM);
    loop {
        let (taken, length) = (codec.total_in(), out.len());
        let status = codec.compress_vec(payload, out, FlushCompress::Sync).map_err(internal)?;
        let taken = usize::try_from(codec.total_in() - taken).map_err(internal)?;
        payload = &payload[taken..];
        if out.len() < out.capacity() {
            // Room left over means that the flush is complete.
            return if payload.is_empty() { Ok(()) } else { Err(internal("the compressor stopped early")) };
        }
        if taken == 0 && out.len() == length {
            return match status {
                // The flush had filled the room exactly, and there is nothing to add.
                Status::BufError if payload.is_empty() => Ok(()),
                _ => Err(internal("the compressor made no progress")),
            };
        }
        out.reserve(out.len().max(MIN_ROOM));
    }
}

/// Compressing can't fail but by a fault of the codec, which a connection reports like any other failure to write.
fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Io(io::Error::other(error))
}
