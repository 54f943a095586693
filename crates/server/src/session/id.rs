//! What a session is called.

use std::fmt;

/// A session's name among the server's sessions: 128 random bits. It names, and gives no right: it may be shown to others.
///
/// As text, 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u128);

impl SessionId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// A number that spreads evenly.
    pub(crate) const fn hash(self) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "half of the bits are as random as all")]
        let low = self.0 as u64;
        low
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
