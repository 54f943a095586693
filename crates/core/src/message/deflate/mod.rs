//! permessage-deflate (RFC 7692): compressing messages and, within bounds, inflating them. No I/O.

mod compress;
mod config;
mod inflate;
mod params;
mod pool;
#[cfg(test)]
mod tests;

use self::compress::Compressing;
pub use self::config::{DeflateConfig, DeflateConfigError};
use self::inflate::Inflating;
pub use self::params::DeflateParams;
pub(crate) use self::pool::Sort;
use crate::{Error, Limits, Role};

/// What a flush ends with and a sender leaves out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The codecs of one connection.
///
/// A direction with context takeover owns its codec from its first message on. One without borrows the thread's at the
/// start of a message and gives it back at the end, so that between messages it owns nothing. A message in pieces keeps its
/// codec, also from thread to thread; one given up midway frees it.
///
/// Each direction takes one message at a time, all its pieces in order, the last one marked:
///
/// ```
/// use bowline_core::message::deflate::{Bounds, Deflate, DeflateConfig, DeflateParams, Inflated};
/// use bowline_core::{Limits, Role};
///
/// let params = DeflateParams {
///     server_no_context_takeover: true,
///     client_no_context_takeover: true,
///     server_max_window_bits: 15,
///     client_max_window_bits: 15,
/// };
/// let mut server = Deflate::new(Role::Server, params, &DeflateConfig::default());
/// let mut client = Deflate::new(Role::Client, params, &DeflateConfig::default());
///
/// let mut wire = Vec::new();
/// server.compress(b"bow", false, &mut wire)?;
/// server.compress(b"line", true, &mut wire)?;
///
/// let mut message = Vec::new();
/// let mut input = wire.as_slice();
/// let bounds = Bounds::assembled(&Limits::default());
/// assert_eq!(client.inflate(&mut input, true, &mut message, &bounds)?, Inflated::Done);
/// assert_eq!(message, b"bowline");
/// # Ok::<(), bowline_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Deflate {
    threshold: usize,
    compressing: Compressing,
    inflating: Inflating,
}

impl Deflate {
    /// For the end in `role`, with what the handshake agreed on and the level and threshold of `config`. Allocates nothing.
    #[must_use]
    pub const fn new(role: Role, params: DeflateParams, config: &DeflateConfig) -> Self {
        let sort = Sort { window_bits: params.window_bits(role), level: config.level };
        Self {
            threshold: config.threshold,
            compressing: Compressing::new(sort, params.takes_context_over(role)),
            inflating: Inflating::new(params.takes_context_over(role.peer())),
        }
    }

    /// A sender's end of a connection without context takeover, for messages that are encoded for all of its sort.
    pub(crate) const fn shared(sort: Sort, threshold: usize) -> Self {
        Self { threshold, compressing: Compressing::new(sort, false), inflating: Inflating::new(false) }
    }

    pub(crate) const fn threshold(&self) -> usize {
        self.threshold
    }

    /// Whether a message of `length` bytes should be compressed: not below the threshold, and never where this end agreed
    /// to a window of 8 bits, which no zlib can compress into (RFC 7692 §7.1.2 leaves each message free to go as it is).
    #[must_use]
    pub const fn should_compress(&self, length: usize) -> bool {
        length >= self.threshold && self.compressing.is_able()
    }

    /// Appends a piece of a message, compressed, to `out`. Each piece is flushed, so that it can be sent and read at once.
    /// The last one ends as RFC 7692 §7.2.1 says; an empty last piece is the byte `00` (§7.2.3.6).
    ///
    /// # Errors
    /// [`Error::Io`] where the codec itself is at fault; the message can't be finished then.
    pub fn compress(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        self.compressing.piece(payload, last, out)
    }

    /// Inflates a piece of a message, appends what comes out to `out`, and moves `input` past what was used. A frame may
    /// be one piece or many; `last` marks the piece that the message ends with (RFC 7692 §7.2.2).
    ///
    /// With [`Bounds::assembled`] one call does the whole piece. With [`Bounds::streamed`] it stops after some output:
    /// take that out of `out`, and call again with the same `input` and `last` until it says [`Inflated::Done`].
    /// `out` grows by doubling, never past a bound; capacity that it came with is used whatever the bounds.
    ///
    /// # Errors
    /// [`Error::Limit`] with `MessageSize` or `InflateRatio` once a bound is passed; `out` then has at most one byte too
    /// many, unless it came with more capacity. [`Error::Protocol`] with `InvalidDeflate` for data that isn't DEFLATE or,
    /// without context takeover always and with it where that shows, was cut short. After an error fail the connection:
    /// the next bytes would be taken for a stream's beginning.
    pub fn inflate(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut Vec<u8>,
        bounds: &Bounds,
    ) -> Result<Inflated, Error> {
        self.inflating.piece(input, last, out, bounds)
    }

    /// What a message that this end compresses depends on besides itself; `None` where it is the messages before, too.
    #[must_use]
    pub(crate) const fn shared_sort(&self) -> Option<Sort> {
        self.compressing.shared_sort()
    }

    /// Whether this connection holds a codec now: with context takeover, or in the middle of a message.
    #[must_use]
    pub const fn holds_codec(&self) -> bool {
        self.compressing.holds_codec() || self.inflating.holds_codec()
    }
}

/// How far a call to [`Deflate::inflate`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Inflated {
    /// All of the input is used, and what it inflates to is in `out`.
    Done,
    /// The call has given as much as its bounds allow; there may be more.
    More,
}

/// How much a message, and a call, may inflate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Output of a message in bytes.
    message: usize,
    /// Output of a message for each byte of its input, past the first 64 KiB.
    ratio: usize,
    /// Output of a call in bytes.
    call: usize,
}

impl Bounds {
    /// For messages put together whole: `max_message_size` and `max_inflate_ratio` hold over all pieces of a message.
    #[must_use]
    pub const fn assembled(limits: &Limits) -> Self {
        Self { message: limits.max_message_size, ratio: limits.max_inflate_ratio, call: usize::MAX }
    }

    /// For messages handed on as they come: `max_inflate_ratio` holds, and a call gives at most 64 KiB.
    #[must_use]
    pub const fn streamed(limits: &Limits) -> Self {
        Self { message: usize::MAX, ratio: limits.max_inflate_ratio, call: 64 << 10 }
    }

    /// The most bytes of compressed input that a message may have: its size limit, an eighth more and 64 KiB. DEFLATE
    /// with fixed codes grows data by an eighth at worst, and each flushed fragment adds five bytes; all past that are
    /// blocks without content, which cost work and give nothing. A frame whose header says more can be refused at once.
    #[must_use]
    pub const fn max_input(&self) -> u64 {
        let message = self.message as u64;
        message.saturating_add(message / 8).saturating_add(64 << 10)
    }
}
