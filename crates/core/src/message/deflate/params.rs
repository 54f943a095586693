//! What two ends agree on for permessage-deflate, and what this end wants (RFC 7692 §7.1).

/// What two ends agreed on (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeflateParams {
    /// The server forgets its window after each message (RFC 7692 §7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message (RFC 7692 §7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window is at most 2^this bytes, 8–15 (RFC 7692 §7.1.2.1).
    pub server_max_window_bits: u8,
    /// The client's window is at most 2^this bytes, 8–15 (RFC 7692 §7.1.2.2).
    pub client_max_window_bits: u8,
}

/// What this end wants of permessage-deflate. Off unless a `Config` is given one.
///
/// The default shares one codec a thread between all connections: no context takeover either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    pub(crate) wanted: DeflateParams,
    pub(crate) level: u32,
    pub(crate) threshold: usize,
}
