//! Answers that say no.

use std::time::Duration;

use super::response::Head;
use crate::handshake::reason;

/// How much of its body is kept.
const MAX_BODY: usize = 200;

/// An answer with a status that isn't what was asked for.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Refusal {
    /// `None` where the answer is what was asked for.
    pub(super) fn of(head: &Head) -> Option<Self> {
        let Head { status, retry_after, .. } = *head;
        (!matches!(status, 200 | 204)).then(|| Self { status, retry_after, body: Vec::new() })
    }

    pub(super) fn body(&mut self, bytes: &[u8]) {
        let room = MAX_BODY - self.body.len();
        self.body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// How long to wait before the same is asked again; or why that is of no use. `opening` is the path where it is a session that is
    /// asked for.
    pub(super) fn wait(&self, opening: Option<&str>) -> Result<Duration, String> {
        match (self.status, self.retry_after) {
            (429 | 503, Some(wait)) => Ok(wait),
            _ => Err(self.describe(opening)),
        }
    }

    /// It in words, with those of the server.
    pub(super) fn describe(&self, opening: Option<&str>) -> String {
        let meaning = match (self.status, opening) {
            (404, Some(path)) => format!(" (there are no sessions at {path})"),
            (404, None) => " (there is no such session)".to_owned(),
            (409, None) => " (it misses a record before those of a POST)".to_owned(),
            _ => String::new(),
        };
        format!("the server refused a request with {}{meaning}: {}", self.status, reason(&self.body))
    }
}
