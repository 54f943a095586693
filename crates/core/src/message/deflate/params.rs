//! What two ends agree on for permessage-deflate (RFC 7692 §7.1).

use crate::Role;

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

impl DeflateParams {
    /// Whether `sender` keeps its window from one message to the next.
    pub(super) const fn takes_context_over(self, sender: Role) -> bool {
        match sender {
            Role::Server => !self.server_no_context_takeover,
            Role::Client => !self.client_no_context_takeover,
        }
    }

    /// The bound on `sender`'s window.
    pub(super) const fn window_bits(self, sender: Role) -> u8 {
        match sender {
            Role::Server => self.server_max_window_bits,
            Role::Client => self.client_max_window_bits,
        }
    }
}
