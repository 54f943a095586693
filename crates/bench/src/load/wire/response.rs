//! Responses of HTTP, read as they come.

use std::time::Duration;

use super::partial::Partial;

/// Longest head of a response, and of trailers: 16 KiB.
pub(super) const MAX_HEAD: usize = 16 << 10;
/// Most headers of a response.
pub(super) const MAX_HEADERS: usize = 64;
/// Longest line with a chunk's size.
pub(super) const MAX_CHUNK_LINE: usize = 1 << 10;
/// The longest that a server may put a client off: 1 h. What says more is taken for that.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(3_600);
/// How long it is put off where the server says so by a date, or by nothing that is a number.
pub(super) const USUAL_WAIT: Duration = Duration::from_secs(1);

/// Reads the responses of a connection, one for each request.
#[derive(Debug)]
pub(super) struct Response {
    partial: Partial,
    next: Next,
    /// Bytes of this one have come.
    has_begun: bool,
}

/// What a response consists of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// The head of something like 100 Continue, which is no answer yet (RFC 9110 §15.2); so long.
    Interim(usize),
    Head(Head),
    Body(&'a [u8]),
    End,
}

/// What a head says that is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Length in bytes.
    pub(super) len: usize,
    pub(super) status: u16,
    /// The server ends the connection behind it.
    pub(super) is_last: bool,
    /// Not to come back before.
    pub(super) retry_after: Option<Duration>,
    /// The request was answered since another carrier came.
    pub(super) is_superseded: bool,
}

/// ```text
///   Nothing ──► Head ─┬─► Rest ────────────────────────────────────────────┬─► Nothing
///                     └─► ChunkSize ──► Chunk ──► ChunkEnd ──► ChunkSize … ─┴► Trailer ──► Nothing
/// ```
#[derive(Debug)]
enum Next {
    /// No request is to be answered.
    Nothing,
    Head,
    /// So many bytes of a body.
    Rest(u64),
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    ChunkEnd,
    Trailer,
}

impl Response {
    pub(super) fn new() -> Self {
        Self { partial: Partial::default(), next: Next::Nothing, has_begun: false }
    }

    /// A request is made, and answered next.
    pub(super) const fn begin(&mut self) {
        (self.next, self.has_begun) = (Next::Head, false);
    }

    /// Whether bytes of the answer have come.
    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether an answer is not whole.
    pub(super) const fn is_awaited(&self) -> bool {
        !matches!(self.next, Next::Nothing)
    }

    /// Takes bytes, and hands on what they are of.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        mut hand_on: impl FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.has_begun = true;
        let Self { partial, next, .. } = self;
        partial.feed(bytes, |bytes, _| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let taken = step(next, rest, &mut hand_on)?;
                if taken == 0 {
                    break;
                }
                rest = rest.get(taken..).unwrap_or_default();
            }
            Ok(bytes.len() - rest.len())
        })
    }
}

/// Takes the next part at the front of `bytes`: how long it is, or 0 where it isn't whole.
fn step(
    next: &mut Next,
    bytes: &[u8],
    hand_on: &mut impl FnMut(Part<'_>) -> Result<(), String>,
) -> Result<usize, String> {
    match next {
        Next::Nothing => Err("the server sent bytes that no request asked for".into()),
        Next::Head => {
            let Some((head, then)) = head(bytes)? else { return Ok(0) };
            *next = then;
            hand_on(if matches!(next, Next::Head) { Part::Interim(head.len) } else { Part::Head(head) })?;
            if matches!(next, Next::Rest(0)) {
                end(next, hand_on)?;
            }
            Ok(head.len)
        }
        Next::Rest(left) => {
            let taken = body(left, bytes, hand_on)?;
            if *left == 0 {
                end(next, hand_on)?;
            }
            Ok(taken)
        }
        Next::ChunkSize => chunk_size(next, bytes),
        Next::Chunk(left) => {
            let taken = body(left, bytes, hand_on)?;
            if *left == 0 {
                *next = Next::ChunkEnd;
            }
            Ok(taken)
        }
        Next::ChunkEnd => match bytes {
            [b'\r', b'\n', ..] => {
                *next = Next::ChunkSize;
                Ok(2)
            }
            b"\r" => Ok(0),
            _ => Err("its answer is not chunked as HTTP has it".into()),
        },
        Next::Trailer => {
            let end_of_line = memchr::memchr(b'\n', bytes).map(|line| line + 1);
            check(end_of_line.unwrap_or(bytes.len() + 1), MAX_HEAD, "a trailer")?;
            if bytes.starts_with(b"\r\n") || bytes.starts_with(b"\n") {
                end(next, hand_on)?;
            }
            Ok(end_of_line.unwrap_or_default())
        }
    }
}

fn end(next: &mut Next, hand_on: &mut impl FnMut(Part<'_>) -> Result<(), String>) -> Result<(), String> {
    *next = Next::Nothing;
    hand_on(Part::End)
}

/// Hands on as much of a body as is there.
fn body(
    left: &mut u64,
    bytes: &[u8],
    hand_on: &mut impl FnMut(Part<'_>) -> Result<(), String>,
) -> Result<usize, String> {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    hand_on(Part::Body(bytes.get(..taken).unwrap_or_default()))?;
    *left -= taken as u64;
    Ok(taken)
}

fn chunk_size(next: &mut Next, bytes: &[u8]) -> Result<usize, String> {
    let parsed = httparse::parse_chunk_size(bytes).map_err(|_| "its answer is not chunked as HTTP has it")?;
    let httparse::Status::Complete((len, size)) = parsed else {
        return check(bytes.len() + 1, MAX_CHUNK_LINE, "the size of a chunk").map(|()| 0);
    };
    check(len, MAX_CHUNK_LINE, "the size of a chunk")?;
    *next = if size == 0 { Next::Trailer } else { Next::Chunk(size) };
    Ok(len)
}

/// Whether something may be so long, which is one byte more than has come where it isn't whole.
fn check(len: usize, max: usize, what: &str) -> Result<(), String> {
    if len <= max { Ok(()) } else { Err(format!("{what} of its answer is longer than {max} bytes")) }
}

/// What `Retry-After` says (RFC 9110 §10.2.3).
fn wait(value: &str) -> Duration {
    value.trim().parse().map_or(USUAL_WAIT, |seconds| Duration::from_secs(seconds).min(MAX_WAIT))
}

fn head(bytes: &[u8]) -> Result<Option<(Head, Next)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| format!("its answer is not HTTP ({error})"))?;
    let httparse::Status::Complete(len) = parsed else {
        return check(bytes.len() + 1, MAX_HEAD, "the head").map(|()| None);
    };
    check(len, MAX_HEAD, "the head")?;
    let text = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let status = response.code.unwrap_or_default();
    let head = Head {
        len,
        status,
        is_last: text("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        retry_after: text("retry-after").map(wait),
        is_superseded: text("bowline-carrier") == Some("superseded"),
    };
    let is_chunked = text("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let next = match (status, is_chunked, text("content-length").map(str::parse)) {
        (101, ..) => return Err("its answer switches to another protocol".into()),
        (100..200, ..) => Next::Head,
        (204 | 304, ..) => Next::Rest(0),
        (_, true, _) => Next::ChunkSize,
        (_, false, Some(Ok(length))) => Next::Rest(length),
        _ => return Err(format!("its answer with status {status} doesn't say how long it is")),
    };
    Ok(Some((head, next)))
}
