//! What this end wants of permessage-deflate.

use std::fmt;

use super::DeflateParams;

/// What this end wants of permessage-deflate. Off unless a `Config` is given one.
///
/// The default shares one codec a thread between all connections: no context takeover either way, so that a connection
/// between two messages holds no codec at all. A compressor takes about 370 KiB, a decompressor about 45 KiB.
///
/// Setters take and return `self`; those that can be given a value out of bounds say so in a `Result`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    pub(crate) wanted: DeflateParams,
    pub(crate) level: u32,
    pub(crate) threshold: usize,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self {
            wanted: DeflateParams {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                server_max_window_bits: 15,
                client_max_window_bits: 15,
            },
            level: 1,
            threshold: 256,
        }
    }
}

impl DeflateConfig {
    /// How hard to compress, from 0 (not at all, only framed as DEFLATE) to 9. Default 1: without context takeover it takes
    /// half of the others' time for 1 KiB of JSON records, which become 472 bytes at level 1, 344 at 2 and 327 at 6
    /// (`benches/deflate.rs`); so choose 2 where bytes cost more than CPU. Costs no memory.
    ///
    /// # Errors
    /// [`DeflateConfigError::Level`] past 9.
    pub const fn level(mut self, level: u32) -> Result<Self, DeflateConfigError> {
        if level > 9 {
            return Err(DeflateConfigError::Level(level));
        }
        self.level = level;
        Ok(self)
    }

    /// Messages shorter than this many bytes are sent as they are. Default 256: a short text hardly repeats itself (240
    /// bytes of chat in JSON become 228), and both ends spend time on it all the same. 0 compresses everything; with
    /// context takeover, where like messages shrink to a few bytes, try 32.
    #[must_use]
    pub const fn threshold(mut self, threshold: usize) -> Self {
        self.threshold = threshold;
        self
    }

    /// Whether the server forgets its window after each message (RFC 7692 §7.1.1.1). Default `true`. `false` compresses
    /// runs of like messages far better, and costs each connection a compressor (server) or decompressor (client) of
    /// its own from the first compressed message on.
    #[must_use]
    pub const fn server_no_context_takeover(mut self, forget: bool) -> Self {
        self.wanted.server_no_context_takeover = forget;
        self
    }

    /// Whether the client forgets its window after each message (RFC 7692 §7.1.1.2). Default `true`. `false` costs each
    /// connection a compressor (client) or decompressor (server) of its own from the first compressed message on.
    #[must_use]
    pub const fn client_no_context_takeover(mut self, forget: bool) -> Self {
        self.wanted.client_no_context_takeover = forget;
        self
    }

    /// Bounds the server's window to 2^`bits` bytes (RFC 7692 §7.1.2.1), 9–15. Default 15. Each bit less halves the
    /// 128 KiB of a compressor's memory that depend on it; about 240 KiB don't. A decompressor's memory stays the same.
    ///
    /// # Errors
    /// [`DeflateConfigError::WindowBits`] below 9 (no zlib compresses into a window of 256 bytes) or past 15.
    pub const fn server_max_window_bits(mut self, bits: u8) -> Result<Self, DeflateConfigError> {
        match window_bits(bits) {
            Ok(bits) => self.wanted.server_max_window_bits = bits,
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Bounds the client's window to 2^`bits` bytes (RFC 7692 §7.1.2.2), 9–15. Default 15. Memory as for
    /// [`server_max_window_bits`](Self::server_max_window_bits).
    ///
    /// # Errors
    /// [`DeflateConfigError::WindowBits`] below 9 or past 15.
    pub const fn client_max_window_bits(mut self, bits: u8) -> Result<Self, DeflateConfigError> {
        match window_bits(bits) {
            Ok(bits) => self.wanted.client_max_window_bits = bits,
            Err(error) => return Err(error),
        }
        Ok(self)
    }
}

const fn window_bits(bits: u8) -> Result<u8, DeflateConfigError> {
    if bits < 9 || bits > 15 { Err(DeflateConfigError::WindowBits(bits)) } else { Ok(bits) }
}

/// A value that a [`DeflateConfig`] can't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeflateConfigError {
    /// A level past 9.
    Level(u32),
    /// A window below 9 or past 15 bits.
    WindowBits(u8),
}

impl fmt::Display for DeflateConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "there is no compression level {level}; choose 0 to 9"),
            Self::WindowBits(bits) => write!(f, "a window of {bits} bits can't be asked for; choose 9 to 15"),
        }
    }
}

impl std::error::Error for DeflateConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_holds_no_value_out_of_bounds() {
        let config = DeflateConfig::default;
        assert!(config().level(0).is_ok() && config().level(9).is_ok());
        assert_eq!(config().level(10), Err(DeflateConfigError::Level(10)));
        for (bits, good) in [(0, false), (8, false), (9, true), (15, true), (16, false), (255, false)] {
            assert_eq!(config().server_max_window_bits(bits).is_ok(), good, "{bits}");
            assert_eq!(config().client_max_window_bits(bits).is_ok(), good, "{bits}");
        }
    }

    #[test]
    fn setters_set_what_they_name() {
        let config = DeflateConfig::default()
            .threshold(7)
            .server_no_context_takeover(false)
            .client_max_window_bits(9)
            .and_then(|config| config.level(6))
            .unwrap();
        let wanted = DeflateParams {
            server_no_context_takeover: false,
            client_max_window_bits: 9,
            ..DeflateConfig::default().wanted
        };
        assert_eq!(config, DeflateConfig { wanted, level: 6, threshold: 7 });
    }
}
