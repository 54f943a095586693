//! What a peer of a session did wrong.

use std::fmt;

/// Something of a peer's that can't be read: the session ends by it (400, 4002).
///
/// Says what was wrong, with at most 128 bytes of what came, escaped when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    what: &'static str,
    found: Box<str>,
}

impl BadRecord {
    const MAX_FOUND: usize = 128;

    pub(super) fn new(what: &'static str) -> Self {
        Self { what, found: Box::default() }
    }

    pub(super) fn found(what: &'static str, found: impl AsRef<str>) -> Self {
        let found = found.as_ref();
        Self { what, found: found[..found.floor_char_boundary(Self::MAX_FOUND)].into() }
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ": {}", self.found.escape_debug()) }
    }
}

impl std::error::Error for BadRecord {}

/// A peer acknowledged a record that it was never sent: the session ends by it (400, 4002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AheadOfSent {
    /// What it acknowledged.
    pub acked: u64,
    /// The last record that there is.
    pub last: u64,
}

impl fmt::Display for AheadOfSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} is acknowledged, and the last one is {}", self.acked, self.last)
    }
}

impl std::error::Error for AheadOfSent {}

/// A server goes on after a record that this end has not got: what is between was lost. The carrier is at fault, not the
/// session: drop it, and attach again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The last record that came.
    pub last: u64,
    /// What the peer goes on after.
    pub from: u64,
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the carrier goes on after record {}, and the last that came is {}", self.from, self.last)
    }
}

impl std::error::Error for Hole {}
