//! A stream of HTTP/1.x messages, taken apart into heads and bodies.

use std::mem;

use super::chunks::Chunks;

/// Longest head that is looked at, 16 KiB. A longer one passes as it is, like all that is not HTTP.
pub(super) const MAX_HEAD: usize = 16 << 10;

/// What follows a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks up to the last one.
    Chunked(Chunks),
    /// All there is until the sender's end.
    UntilEnd,
}

impl Body {
    pub(super) const NONE: Self = Self::Length(0);

    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunks::new())
    }
}

/// What tells early that a stream is not HTTP/1.x: nobody would send the rest of a head that is none.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Requests,
    Responses,
}

/// A piece of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A whole head. The scanner must be told with [`Scanner::body`] what follows, or [`Scanner::pass_all`].
    Head(Vec<u8>),
    /// Part of a body.
    Body(&'a [u8]),
    /// The message ended.
    End,
    /// Not HTTP, nor is anything after it: what was kept of a head. More comes as [`Piece::Body`].
    NotHttp(Vec<u8>),
}

/// Takes a stream apart.
///
/// ```text
///         ┌───────── End ────────┐
///         ▼                      │
///  ──→ Head ──Head, body()──→ Body
///        │                      │
///        └──NotHttp──→ Opaque ←─┘  broken chunks; pass_all()
/// ```
#[derive(Debug)]
pub(super) struct Scanner {
    kind: Kind,
    state: State,
}

#[derive(Debug)]
enum State {
    /// In a head, of which this came so far.
    Head(Vec<u8>),
    Body(Body),
    /// Everything passes.
    Opaque,
}

impl Scanner {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, state: State::Head(Vec::new()) }
    }

    /// What follows the head that was given out last.
    pub(super) fn body(&mut self, body: Body) {
        self.state = State::Body(body);
    }

    /// From here on everything passes. Returns what was kept of a head.
    pub(super) fn pass_all(&mut self) -> Vec<u8> {
        match mem::replace(&mut self.state, State::Opaque) {
            State::Head(kept) => kept,
            State::Body(_) | State::Opaque => Vec::new(),
        }
    }

    /// Whether everything passes from here on.
    pub(super) const fn is_opaque(&self) -> bool {
        matches!(self.state, State::Opaque)
    }

    /// The next piece of `input`, which loses what the piece has; `None` once it is used up.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        match &mut self.state {
            State::Body(Body::Length(0)) => {
                self.state = State::Head(Vec::new());
                Some(Piece::End)
            }
            _ if input.is_empty() => None,
            State::Head(_) => self.head(input),
            State::Body(Body::Length(left)) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= len as u64;
                Some(Piece::Body(take(input, len)))
            }
            State::Body(Body::Chunked(chunks)) => match chunks.advance(input) {
                Ok((len, ends)) => {
                    if ends {
                        self.state = State::Body(Body::NONE);
                    }
                    Some(Piece::Body(take(input, len)))
                }
                Err(_) => Some(Piece::NotHttp(self.pass_all())),
            },
            State::Body(Body::UntilEnd) | State::Opaque => Some(Piece::Body(take(input, input.len()))),
        }
    }

    fn head<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        let State::Head(kept) = &mut self.state else { return None };
        let len = input.len().min(MAX_HEAD - kept.len());
        // The empty line may have begun in what is kept.
        let seen = kept.len();
        kept.extend_from_slice(&input[..len]);
        if let Some(end) = end_of_head(kept, seen.saturating_sub(2)) {
            kept.truncate(end);
            *input = &input[end - seen..];
            return Some(Piece::Head(mem::take(kept)));
        }
        *input = &input[len..];
        if kept.len() == MAX_HEAD || !may_be_http(kept, self.kind) {
            return Some(Piece::NotHttp(self.pass_all()));
        }
        None
    }
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(len);
    *input = rest;
    taken
}

/// Where the head ends, if it does; no line end before `from` is the last.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find_map(|at| match bytes[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Whether a head can begin like this.
fn may_be_http(start: &[u8], kind: Kind) -> bool {
    match kind {
        Kind::Responses => {
            const VERSION: &[u8] = b"HTTP/1.";
            start.iter().zip(VERSION).all(|(byte, expected)| byte == expected)
        }
        Kind::Requests => {
            let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
            // A request line that has ended says its version.
            let is_whole = line.len() < start.len();
            let version = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next().unwrap_or_default();
            method.iter().all(|&byte| byte.is_ascii_graphic() || byte == b'\r')
                && (!is_whole || version.starts_with(b"HTTP/1."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces, those that follow one another joined.
    fn pieces(kind: Kind, body: fn() -> Body, inputs: &[&[u8]]) -> Vec<(char, String)> {
        let mut scanner = Scanner::new(kind);
        let mut found: Vec<(char, String)> = Vec::new();
        for mut input in inputs.iter().copied() {
            while let Some(piece) = scanner.next(&mut input) {
                let (kind, bytes) = match piece {
                    Piece::Head(head) => {
                        scanner.body(body());
                        ('h', head)
                    }
                    Piece::Body(bytes) => ('b', bytes.to_vec()),
                    Piece::End => ('e', Vec::new()),
                    Piece::NotHttp(bytes) => ('n', bytes),
                };
                let text = String::from_utf8_lossy(&bytes).into_owned();
                match found.last_mut() {
                    Some((last, joined)) if *last == kind && kind == 'b' => joined.push_str(&text),
                    _ => found.push((kind, text)),
                }
            }
        }
        found
    }

    fn assert_pieces(kind: Kind, body: fn() -> Body, stream: &str, expected: &[(char, &str)]) {
        let expected: Vec<_> = expected.iter().map(|&(kind, text)| (kind, text.to_owned())).collect();
        for split in 0..=stream.len() {
            let (head, tail) = stream.as_bytes().split_at(split);
            assert_eq!(pieces(kind, body, &[head, tail]), expected, "{stream:?} split at {split}");
        }
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        assert_eq!(pieces(kind, body, &bytes), expected, "{stream:?} byte by byte");
    }

    #[test]
    fn messages_on_one_connection_are_told_apart() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let end = ('e', "");
        let twice = format!("{head}{head}");
        assert_pieces(Kind::Requests, || Body::NONE, &twice, &[('h', head), end, ('h', head), end]);
        let twice = format!("{head}abc{head}abc");
        let message = [('h', head), ('b', "abc"), end];
        assert_pieces(Kind::Requests, || Body::Length(3), &twice, &[message, message].concat());
        let twice = format!("{head}1\r\na\r\n0\r\n\r\n{head}");
        let message = [('h', head), ('b', "1\r\na\r\n0\r\n\r\n"), end, ('h', head)];
        assert_pieces(Kind::Requests, Body::chunked, &twice, &message);
        let all = format!("{head}{head}");
        assert_pieces(Kind::Requests, || Body::UntilEnd, &all, &[('h', head), ('b', head)]);
    }

    #[test]
    fn what_cannot_be_http_is_not_waited_for() {
        for start in [&b"\x16\x03\x01"[..], b"GET / HTTP/2.0\r\n", b"hello\n", b"\0"] {
            let found = pieces(Kind::Requests, || Body::NONE, &[start]);
            assert_eq!(found[0].0, 'n', "{start:?}");
        }
        for start in [&b"\0\0\x12\x04"[..], b"HTTP/2", b"SSH-2.0"] {
            let found = pieces(Kind::Responses, || Body::NONE, &[start]);
            assert_eq!(found[0].0, 'n', "{start:?}");
        }
        for start in [&b"G"[..], b"PROPFIND", b"GET /a%20b HTT", b"GET / HTTP/1.1\r\n"] {
            assert_eq!(pieces(Kind::Requests, || Body::NONE, &[start]), [], "{start:?}");
        }
        for start in [&b"H"[..], b"HTTP/1.", b"HTTP/1.1 200 OK\r\n"] {
            assert_eq!(pieces(Kind::Responses, || Body::NONE, &[start]), [], "{start:?}");
        }
    }

    #[test]
    fn a_head_is_kept_to_its_limit_and_not_past_it() {
        let head = |size: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(size - 23));
        for (size, kind) in [(MAX_HEAD - 1, 'h'), (MAX_HEAD, 'h'), (MAX_HEAD + 1, 'n')] {
            let found = pieces(Kind::Requests, || Body::NONE, &[head(size).as_bytes()]);
            assert_eq!(found[0].0, kind, "{size}");
        }
        // What was kept of it, and all the rest, passes.
        let long = head(MAX_HEAD + 1);
        let found = pieces(Kind::Requests, || Body::NONE, &[long.as_bytes()]);
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<String>(), long);
    }
}
