//! The first bytes of a connection, read before HTTP or TLS have a buffer for them.
//!
//! A connection that opens and says nothing, or a byte a second, is the cheapest attack there is. hyper takes 8 KiB at
//! the first byte and rustls as much; here such a connection owns the bytes it sent and a timer, until it has sent a
//! whole head.

use std::future::poll_fn;
use std::io::ErrorKind;

use tokio::net::TcpStream;

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The whole head of an HTTP/1.1 request, or what can't become one.
    Http1,
    /// The preface of HTTP/2, with prior knowledge (RFC 9113 §3.4).
    Http2,
    /// A whole TLS record, or what can't become one.
    Tls,
    /// More than the limit without the end of a head.
    TooLarge,
    /// The peer closed, or its connection broke.
    Gone,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads into `bytes` until it is clear what they begin. Cancel safe: what was read is in `bytes`.
pub(super) async fn read(tcp: &TcpStream, tls: bool, max_head_size: usize, bytes: &mut Vec<u8>) -> Opening {
    let mut judge = Judge { tls, max_head_size, seen: 0 };
    loop {
        if poll_fn(|cx| tcp.poll_read_ready(cx)).await.is_err() {
            return Opening::Gone;
        }
        match read_some(tcp, bytes) {
            Ok(0) => return Opening::Gone,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => return Opening::Gone,
        }
        if let Some(opening) = judge.judge(bytes) {
            return opening;
        }
    }
}

/// By way of the stack, so that a connection owns no more than it was sent.
fn read_some(tcp: &TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut scratch = [0; 4096];
    let read = tcp.try_read(&mut scratch)?;
    bytes.extend_from_slice(scratch.get(..read).unwrap_or_default());
    Ok(read)
}

/// Looks at each byte once, however they are split: a head in single bytes costs no more than one in one piece.
#[derive(Debug)]
struct Judge {
    tls: bool,
    max_head_size: usize,
    seen: usize,
}

impl Judge {
    fn judge(&mut self, bytes: &[u8]) -> Option<Opening> {
        if self.tls {
            return is_whole_record(bytes).then_some(Opening::Tls);
        }
        if bytes.len() <= PREFACE.len() && PREFACE.starts_with(bytes) {
            return (bytes.len() == PREFACE.len()).then_some(Opening::Http2);
        }
        if bytes.starts_with(PREFACE) {
            return Some(Opening::Http2);
        }
        // RFC 9112 §2.2: empty lines before the request line are no head yet.
        let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let from = self.seen.saturating_sub(2).max(start);
        self.seen = bytes.len();
        if bytes.get(from..).is_some_and(ends_a_head) {
            return Some(Opening::Http1);
        }
        (bytes.len() > self.max_head_size).then_some(Opening::TooLarge)
    }
}

/// Whether an empty line is in it. A bare LF ends a line as well (RFC 9112 §2.2), for the parser that comes after.
fn ends_a_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// RFC 8446 §5.1: type, version, length, and that many bytes. A `ClientHello` in several records goes on in rustls.
fn is_whole_record(bytes: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const MAX_RECORD: usize = 1 << 14;
    match bytes {
        [first, ..] if *first != HANDSHAKE => true,
        [_, _, _, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            length > MAX_RECORD || rest.len() >= length
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of `bytes`, fed one at a time, and after how many.
    fn fed(bytes: &[u8], tls: bool) -> Option<(Opening, usize)> {
        let mut judge = Judge { tls, max_head_size: 1024, seen: 0 };
        (1..=bytes.len()).find_map(|n| judge.judge(&bytes[..n]).map(|opening| (opening, n)))
    }

    fn at_once(bytes: &[u8], tls: bool) -> Option<Opening> {
        Judge { tls, max_head_size: 1024, seen: 0 }.judge(bytes)
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for head in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\nA: b\n\r\n"] {
            assert_eq!(fed(head.as_bytes(), false), Some((Opening::Http1, head.len())), "{head:?}");
            let more = format!("{head}and a body");
            assert_eq!(at_once(more.as_bytes(), false), Some(Opening::Http1));
            for split in 1..head.len() {
                let mut judge = Judge { tls: false, max_head_size: 1024, seen: 0 };
                assert_eq!(judge.judge(&head.as_bytes()[..split]), None, "{head:?} at {split}");
                assert_eq!(judge.judge(head.as_bytes()), Some(Opening::Http1), "{head:?} at {split}");
            }
        }
    }

    #[test]
    fn empty_lines_before_a_request_are_no_head() {
        let head = b"\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(fed(head, false), Some((Opening::Http1, head.len())));
        assert_eq!(at_once(head, false), Some(Opening::Http1));
    }

    #[test]
    fn the_preface_is_no_head() {
        assert_eq!(fed(PREFACE, false), Some((Opening::Http2, PREFACE.len())));
        assert_eq!(at_once(&[PREFACE, b"more"].concat(), false), Some(Opening::Http2));
        assert_eq!(at_once(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", false), Some(Opening::Http1));
    }

    #[test]
    fn a_head_has_a_limit() {
        let mut head = vec![b'a'; 1024];
        assert_eq!(at_once(&head, false), None);
        head.push(b'a');
        assert_eq!(at_once(&head, false), Some(Opening::TooLarge));
        assert_eq!(fed(&head, false), Some((Opening::TooLarge, 1025)));
        head.splice(1021.., *b"\r\n\r\n");
        assert_eq!(at_once(&head, false), Some(Opening::Http1));
        // Empty lines are counted too.
        assert_eq!(fed(&[b'\n'; 1025], false), Some((Opening::TooLarge, 1025)));
    }

    #[test]
    fn a_record_is_whole_by_its_length() {
        let record = [22, 3, 1, 0, 3, 1, 2, 3];
        assert_eq!(fed(&record, true), Some((Opening::Tls, record.len())));
        // HTTP on a TLS port, and a length that no record has: rustls says what it thinks of it.
        assert_eq!(fed(b"GET /", true), Some((Opening::Tls, 1)));
        assert_eq!(fed(&[22, 3, 1, 0x40, 1], true), Some((Opening::Tls, 5)));
        assert_eq!(fed(&[22, 3, 1, 0x40, 0], true), None);
    }
}
