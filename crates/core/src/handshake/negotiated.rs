//! What a handshake settles for the rest of the connection.

use crate::{Role, message::deflate::DeflateParams};

/// What a finished handshake settled: the proof that a connection may begin.
///
/// Comes from [`Request::accept`](super::Request::accept) and [`ResponseReader::receive`](super::ResponseReader::receive);
/// for a stream whose handshake was done elsewhere (by another HTTP server, say) it is [assumed](Self::assumed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    subprotocol: Option<Box<str>>,
    deflate: Option<DeflateParams>,
    role: Role,
}

impl Negotiated {
    /// A handshake that somebody else has done for this end, with no subprotocol and no extension.
    ///
    /// Nothing checks it: what is set here must be what the two ends agreed on, or the first frames fail.
    #[must_use]
    pub const fn assumed(role: Role) -> Self {
        Self { subprotocol: None, deflate: None, role }
    }

    /// With permessage-deflate on these terms (RFC 7692).
    #[must_use]
    pub const fn with_deflate(mut self, params: DeflateParams) -> Self {
        self.deflate = Some(params);
        self
    }

    /// With this subprotocol (RFC 6455 §1.9).
    #[must_use]
    pub fn with_subprotocol(mut self, subprotocol: impl Into<Box<str>>) -> Self {
        self.subprotocol = Some(subprotocol.into());
        self
    }

    pub(super) fn new(role: Role, subprotocol: Option<&str>, deflate: Option<DeflateParams>) -> Self {
        Self { subprotocol: subprotocol.map(Into::into), deflate, role }
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The subprotocol agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The terms of permessage-deflate, if agreed on.
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It lives as long as its connection.
    #[test]
    fn it_is_small() {
        assert!(size_of::<Negotiated>() <= 24, "{}", size_of::<Negotiated>());
    }
}
