//! The answers that are given before there is HTTP: bytes, written at once or not at all.

use tokio::net::TcpStream;

use super::linger::linger;

macro_rules! answer {
    ($status:literal, $headers:literal) => {
        concat!("HTTP/1.1 ", $status, "\r\n", $headers, "Connection: close\r\nContent-Length: 0\r\n\r\n").as_bytes()
    };
}

/// The head of the request didn't come in time (RFC 9110 §15.5.9).
pub(super) const REQUEST_TIMEOUT: &[u8] = answer!("408 Request Timeout", "");
/// The head of the request has no end within the limit (RFC 6585 §5).
pub(super) const HEAD_TOO_LARGE: &[u8] = answer!("431 Request Header Fields Too Large", "");
/// The address has too many connections (RFC 6585 §4).
pub(super) const TOO_MANY_CONNECTIONS: &[u8] = answer!("429 Too Many Requests", "Retry-After: 5\r\n");

/// Says `answer`, and ends the connection so that it arrives.
pub(super) async fn answer(tcp: &TcpStream, answer: &[u8]) {
    // The first bytes of a connection: there is room for them, or it is gone.
    if matches!(tcp.try_write(answer), Ok(written) if written == answer.len()) {
        linger(tcp).await;
    }
}
