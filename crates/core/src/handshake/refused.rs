//! An answer that is no upgrade: its status, headers and the start of its body.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::fields::{lists, single};

/// How much of a refusal's body is kept, in bytes: enough for a sentence, and for the top of an error page.
pub const MAX_REFUSED_BODY: usize = 1_024;

/// A server's answer other than 101.
#[derive(Clone, Debug)]
pub struct RefusedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl RefusedResponse {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers, as sent: `Location`, `Retry-After`, `WWW-Authenticate` and so on.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first bytes of the body, at most [`MAX_REFUSED_BODY`], without chunk framing; of a `Content-Encoding` it is as sent.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Display for RefusedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {} instead of opening a WebSocket", self.status)?;
        let body = String::from_utf8_lossy(&self.body);
        match body.lines().map(str::trim).find(|line| !line.is_empty()) {
            // Escaped: a terminal may be at the other end.
            Some(line) => write!(f, ": {}", line.chars().take(200).collect::<String>().escape_debug()),
            None => Ok(()),
        }
    }
}

/// Collects the start of a body.
#[derive(Debug)]
pub(super) struct RefusedReader {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    framing: Framing,
}

/// Where a body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug)]
enum Framing {
    /// After this many bytes more, or when the connection does.
    Counted(u64),
    Chunked(Chunk),
}

/// Where in a chunked body (RFC 9112 §7.1) the next byte is.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// In the size, which is this so far.
    Size(u64),
    /// Behind the size, in an extension or at the line's end.
    Extension(u64),
    /// In the data, of which this much is left.
    Data(u64),
    /// At the line's end behind the data.
    AfterData,
}

impl RefusedReader {
    pub(super) fn new(status: StatusCode, headers: HeaderMap) -> Self {
        let framing = if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            Framing::Counted(0)
        } else if lists(&headers, &TRANSFER_ENCODING, "chunked") {
            Framing::Chunked(Chunk::Size(0))
        } else {
            let length = single(&headers, &CONTENT_LENGTH).ok().flatten();
            let length = length.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
            Framing::Counted(length.unwrap_or(u64::MAX))
        };
        Self { status, headers, body: Vec::new(), framing }
    }

    /// The response, once enough of its body is there.
    pub(super) fn receive(&mut self, input: &[u8]) -> Option<Box<RefusedResponse>> {
        let ended = match &mut self.framing {
            Framing::Counted(left) => {
                let room = MAX_REFUSED_BODY - self.body.len();
                let taken = room.min(input.len()).min(usize::try_from(*left).unwrap_or(usize::MAX));
                self.body.extend_from_slice(&input[..taken]);
                *left -= taken as u64;
                *left == 0
            }
            Framing::Chunked(chunk) => input
                .iter()
                .any(|&byte| chunk.receive(byte, &mut self.body).is_none() || self.body.len() == MAX_REFUSED_BODY),
        };
        (ended || self.body.len() == MAX_REFUSED_BODY).then(|| {
            let headers = std::mem::take(&mut self.headers);
            let body = Bytes::from(std::mem::take(&mut self.body));
            Box::new(RefusedResponse { status: self.status, headers, body })
        })
    }

    /// The response with what came of its body.
    pub(super) fn finish(self) -> Box<RefusedResponse> {
        Box::new(RefusedResponse { status: self.status, headers: self.headers, body: Bytes::from(self.body) })
    }
}

impl Chunk {
    /// Takes one byte; `None` when the body has ended, or isn't chunked after all: what came so far is then all there is.
    fn receive(&mut self, byte: u8, body: &mut Vec<u8>) -> Option<()> {
        *self = match (*self, byte) {
            (Self::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Size(size.checked_mul(16)?.checked_add(u64::from(digit))?)
            }
            (Self::Size(0) | Self::Extension(0), b'\n') => return None,
            (Self::Size(size) | Self::Extension(size), b'\n') => Self::Data(size),
            (Self::Size(size), b'\r' | b';' | b' ' | b'\t') | (Self::Extension(size), _) => Self::Extension(size),
            (Self::Size(_), _) => return None,
            (Self::Data(left), _) => {
                body.push(byte);
                if left == 1 { Self::AfterData } else { Self::Data(left - 1) }
            }
            (Self::AfterData, b'\n') => Self::Size(0),
            (Self::AfterData, b'\r') => Self::AfterData,
            (Self::AfterData, _) => return None,
        };
        Some(())
    }
}
