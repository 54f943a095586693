//! Sessions by hand, a request at a time.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Answer, Until, ask};
use crate::{Error, Target};

/// The event that a session begins with.
pub(crate) const OPEN: &str = "event: open";
pub(crate) const CLOSE: &str = "Connection: close\r\n";

/// Where a server has its sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) address: SocketAddr,
    /// `{mount}/session`.
    pub(crate) target: Target,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
}

impl Sessions {
    /// A session by a poll that is answered at once.
    pub(crate) fn open(&self, query: &str) -> Result<Answer, Error> {
        ask(self.address, &self.get(query, "new", CLOSE), Until::End, self.timeout)
    }

    /// Ends the session of an answer, if there is one.
    pub(crate) fn end(&self, opened: &Answer) -> Result<(), Error> {
        let Some(secret) = secret(&opened.body) else { return Ok(()) };
        ask(self.address, &self.request("DELETE", "", &secret, CLOSE), Until::Head, self.timeout).map(drop)
    }

    pub(crate) fn get(&self, query: &str, session: &str, more: &str) -> Vec<u8> {
        self.request("GET", query, session, more)
    }

    pub(crate) fn request(&self, method: &str, query: &str, session: &str, more: &str) -> Vec<u8> {
        let (path, host) = (self.target.path(), self.target.authority());
        let head =
            format!("{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\nBowline-Session: {session}\r\n{more}\r\n");
        head.into_bytes()
    }
}

/// The secret in the first event of a body.
pub(crate) fn secret(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(OPEN)?;
    let (_, rest) = rest.split_once("\"session\":\"")?;
    rest.split_once('"').map(|(secret, _)| secret.to_owned())
}

/// Whether the first event has come far enough to end the session that it opened.
pub(crate) fn has_secret(answer: &Answer) -> bool {
    secret(&answer.body).is_some()
}
