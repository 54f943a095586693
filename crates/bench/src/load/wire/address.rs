//! Where requests go, and how their heads begin.

use std::io::Write as _;
use std::rc::Rc;

use bowline_core::session::Secret;

/// What the requests of all clients have in common.
#[derive(Debug)]
pub(super) struct Address {
    /// Of sessions.
    pub(super) path: String,
    /// Host and port.
    pub(super) host: String,
    /// More headers, whole lines.
    pub(super) headers: Rc<str>,
}

impl Address {
    /// A head but for the empty line at its end. `secret` is the session's, where there is one.
    pub(super) fn head(&self, method: &str, query: &str, secret: Option<&Secret>) -> Vec<u8> {
        let Self { path, host, headers } = self;
        let mut out = Vec::with_capacity(256 + headers.len());
        // Writing to a vector doesn't fail.
        let _ = write!(out, "{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\n{headers}Bowline-Session: ");
        let _ = match secret {
            Some(secret) => write!(out, "{secret}\r\n"),
            None => write!(out, "new\r\n"),
        };
        out
    }
}
