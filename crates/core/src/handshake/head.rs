//! The head of an HTTP/1.1 message: found byte by byte, then parsed once.

use std::mem;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::{EMPTY_HEADER, Header, Status};

use super::work;
use crate::Limits;

/// As many header lines are parsed without an allocation; browsers send a dozen.
const SLOTS_ON_STACK: usize = 24;

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    /// Over `max_head_size`, which is this.
    TooLarge(usize),
    /// Over `max_headers`, which is this.
    TooManyHeaders(usize),
    /// Not HTTP/1.x.
    Version,
    /// Not well formed, and in what way.
    Malformed(&'static str),
}

/// Collects bytes up to the end of the head. Each byte is looked at once, when it comes.
#[derive(Debug)]
pub(super) struct HeadReader {
    /// What came so far; empty as long as nothing did.
    kept: Vec<u8>,
    scan: Scan,
    max_size: usize,
    failed: Option<HeadError>,
}

/// A whole head.
#[derive(Debug)]
pub(super) struct RawHead {
    bytes: Bytes,
    lines: usize,
}

/// The start line of a request.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub(super) method: http::Method,
    pub(super) target: Bytes,
    pub(super) minor_version: u8,
}

impl HeadReader {
    /// For a request: only visible ASCII (H4: bytes past it in a header are read differently by different parsers).
    pub(super) fn for_request(limits: &Limits) -> Self {
        Self::new(limits.max_head_size, limits.max_headers, false)
    }

    /// For a response: RFC 9110 §5.5 lets values hold bytes past ASCII, and an error page's headers sometimes do.
    pub(super) fn for_response(limits: &Limits) -> Self {
        Self::new(limits.max_head_size, limits.max_headers, true)
    }

    fn new(max_size: usize, max_headers: usize, obs_text: bool) -> Self {
        let scan = Scan { state: State::LineStart, lines: 0, seen: 0, max_headers, obs_text };
        Self { kept: Vec::new(), scan, max_size, failed: None }
    }

    /// The head, once it has ended, and how many bytes of `input` were its own.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<Option<(RawHead, usize)>, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance(input);
        self.failed = result.as_ref().err().copied();
        result
    }

    fn advance(&mut self, input: &[u8]) -> Result<Option<(RawHead, usize)>, HeadError> {
        let room = self.max_size.saturating_sub(self.scan.seen);
        let window = &input[..input.len().min(room)];
        let Some(end) = self.scan.advance(window)? else {
            if self.scan.seen >= self.max_size {
                return Err(HeadError::TooLarge(self.max_size));
            }
            self.keep(window);
            return Ok(None);
        };
        let bytes = if self.kept.is_empty() {
            work::count(end);
            Bytes::copy_from_slice(&window[..end])
        } else {
            self.keep(&window[..end]);
            Bytes::from(mem::take(&mut self.kept))
        };
        let lines = mem::take(&mut self.scan.lines);
        self.scan.state = State::LineStart;
        Ok(Some((RawHead { bytes, lines }, end)))
    }

    fn keep(&mut self, input: &[u8]) {
        if self.kept.capacity() - self.kept.len() < input.len() {
            work::count(self.kept.len());
        }
        work::count(input.len());
        self.kept.extend_from_slice(input);
    }

    /// Whether nothing has come yet.
    pub(super) const fn is_untouched(&self) -> bool {
        self.scan.seen == 0
    }
}

/// Finds the empty line, and refuses on the way what no part of a head may hold.
///
/// ```text
///            ┌──────── LF, a line ends ───────┐
///            ▼                                │
///  ─→ LineStart ──text──→ Line ──CR──→ AfterLine
///       │   ▲
///       CR  └─ LF, before the start line: ignored (RFC 9112 §2.2)
///       ▼   │
///     AfterNothing ──LF──→ the head ends
/// ```
#[derive(Debug)]
struct Scan {
    state: State,
    /// Lines that have begun, the start line among them.
    lines: usize,
    /// Bytes looked at, over all heads.
    seen: usize,
    max_headers: usize,
    obs_text: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    LineStart,
    Line,
    AfterLine,
    AfterNothing,
}

impl Scan {
    /// Where the head ends, if it does in `input`.
    fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, HeadError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            at += 1;
            self.state = match (self.state, byte) {
                (State::LineStart, b'\r') => State::AfterNothing,
                (State::Line, b'\r') => State::AfterLine,
                (State::AfterLine, b'\n') => State::LineStart,
                (State::AfterNothing, b'\n') if self.lines == 0 => State::LineStart,
                (State::AfterNothing, b'\n') => {
                    self.looked_at(at);
                    return Ok(Some(at));
                }
                (State::AfterLine | State::AfterNothing, _) | (_, b'\n') => {
                    return Err(HeadError::Malformed("a line ends with CR and LF, and neither stands alone"));
                }
                // RFC 9112 §5.2: a server rejects folded lines. Nobody has a reason left to send them, to a client neither.
                (State::LineStart, b' ' | b'\t') => {
                    return Err(HeadError::Malformed("a line begins with a space; headers are not folded over lines"));
                }
                (State::LineStart, _) => {
                    self.begin_line()?;
                    at = self.end_of_text(input, at - 1)?;
                    State::Line
                }
                (State::Line, _) => {
                    at = self.end_of_text(input, at - 1)?;
                    State::Line
                }
            };
        }
        self.looked_at(at);
        Ok(None)
    }

    fn looked_at(&mut self, bytes: usize) {
        self.seen += bytes;
        work::count(bytes);
    }

    fn begin_line(&mut self) -> Result<(), HeadError> {
        // The start line is no header.
        if self.lines > self.max_headers {
            return Err(HeadError::TooManyHeaders(self.max_headers));
        }
        self.lines += 1;
        Ok(())
    }

    /// The first CR or LF from `at` on.
    fn end_of_text(&self, input: &[u8], at: usize) -> Result<usize, HeadError> {
        for (passed, &byte) in input[at..].iter().enumerate() {
            match byte {
                b' '..=b'~' | b'\t' => {}
                b'\r' | b'\n' => return Ok(at + passed),
                0x80.. if self.obs_text => {}
                0x80.. => return Err(HeadError::Malformed("a byte is not ASCII; encode it")),
                0..=b'\x1f' | b'\x7f' => return Err(HeadError::Malformed("a byte is a control character")),
            }
        }
        Ok(input.len())
    }
}

impl RawHead {
    /// As a request.
    pub(super) fn into_request(self) -> Result<(RequestLine, HeaderMap), HeadError> {
        self.parse(|bytes, slots| {
            let mut parsed = httparse::Request::new(slots);
            let status = parsed.parse(bytes).map_err(malformed)?;
            let (Status::Complete(_), Some(method), Some(target), Some(minor_version)) =
                (status, parsed.method, parsed.path, parsed.version)
            else {
                return Err(HeadError::Malformed("the request line is not whole"));
            };
            let method = method.parse().map_err(|_| HeadError::Malformed("the method is not a token"))?;
            let line = RequestLine { method, target: bytes.slice_ref(target.as_bytes()), minor_version };
            Ok((line, header_map(bytes, parsed.headers)?))
        })
    }

    /// As a response: its minor version, status and headers.
    pub(super) fn into_response(self) -> Result<(u8, http::StatusCode, HeaderMap), HeadError> {
        self.parse(|bytes, slots| {
            let mut parsed = httparse::Response::new(slots);
            let status = parsed.parse(bytes).map_err(malformed)?;
            let (Status::Complete(_), Some(version), Some(code)) = (status, parsed.version, parsed.code) else {
                return Err(HeadError::Malformed("the status line is not whole"));
            };
            let code = http::StatusCode::from_u16(code)
                .map_err(|_| HeadError::Malformed("the status is not between 100 and 999"))?;
            Ok((version, code, header_map(bytes, parsed.headers)?))
        })
    }

    fn parse<T>(
        self,
        parse: impl for<'b> FnOnce(&'b Bytes, &mut [Header<'b>]) -> Result<T, HeadError>,
    ) -> Result<T, HeadError> {
        work::count(self.bytes.len());
        // One line is the start line. Lines were counted, so there is always room.
        if self.lines <= SLOTS_ON_STACK + 1 {
            parse(&self.bytes, &mut [EMPTY_HEADER; SLOTS_ON_STACK])
        } else {
            parse(&self.bytes, &mut vec![EMPTY_HEADER; self.lines])
        }
    }
}

/// Values share the head's bytes: no copy and no allocation each.
fn header_map(head: &Bytes, parsed: &[Header<'_>]) -> Result<HeaderMap, HeadError> {
    let too_many = |_| HeadError::TooManyHeaders(parsed.len().saturating_sub(1));
    let mut headers = HeaderMap::try_with_capacity(parsed.len()).map_err(too_many)?;
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| HeadError::Malformed("a header's name is not a token"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value))
            .map_err(|_| HeadError::Malformed("a header's value holds a control character"))?;
        headers.try_append(name, value).map_err(too_many)?;
    }
    Ok(headers)
}

const fn malformed(error: httparse::Error) -> HeadError {
    HeadError::Malformed(match error {
        httparse::Error::Version => return HeadError::Version,
        httparse::Error::HeaderName => "a header's name is not a token followed by a colon",
        httparse::Error::HeaderValue => "a header's value holds a byte that none may",
        httparse::Error::NewLine => "a line doesn't end with CR and LF",
        httparse::Error::Status => "the status is not three digits",
        httparse::Error::Token => "the start line is not of the form that HTTP/1.1 asks for",
        httparse::Error::TooManyHeaders => "there are more headers than lines",
    })
}
