//! The tunnel through an HTTP proxy (RFC 9110 §9.3.6). hyper-util has one too, which doesn't say what the proxy answered.

use std::io;

use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Stream;

/// The most of an answer's head, in bytes and in header fields.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// Asks the proxy at the other end of `stream` for a tunnel to `target`, `host:port`. Time is the caller's to bound.
pub(super) async fn tunnel(stream: &mut Stream, target: &str, auth: Option<&HeaderValue>) -> io::Result<()> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(auth) = auth {
        request.extend([b"Proxy-Authorization: ", auth.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection before it answered"));
        }
        if head.len() > MAX_HEAD {
            return Err(not_http());
        }
        if let Some((status, length)) = parse(&head)? {
            // Nobody speaks before the client does.
            return if length == head.len() { check(status) } else { Err(not_http()) };
        }
    }
}

/// The status and the length of a head that is whole.
fn parse(head: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    match answer.parse(head) {
        Ok(httparse::Status::Complete(length)) => Ok(answer.code.map(|status| (status, length))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(not_http()),
    }
}

fn check(status: u16) -> io::Result<()> {
    match status {
        200..=299 => Ok(()),
        407 => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it answered 407: it wants a user and a password; write them into its address, http://user:password@host",
        )),
        status => Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            format!("it answered {status}; let it permit CONNECT to this host and port"),
        )),
    }
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it answered is not HTTP/1.1")
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    async fn answered(answer: &[u8]) -> io::Result<()> {
        let (near, mut far) = duplex(MAX_HEAD * 2);
        far.write_all(answer).await.expect("room");
        far.shutdown().await.expect("open");
        tunnel(&mut Stream::new(near), "a:443", None).await
    }

    #[tokio::test]
    async fn an_answer_is_taken_or_explained() {
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok());
        assert!(answered(b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n").await.is_ok());
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD));
        for (answer, why) in [
            (&b"HTTP/1.1 407 No\r\n\r\n"[..], "407"),
            (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "403"),
            (b"", "before it answered"),
            (b"HTTP/1.1 200 OK\r\n", "before it answered"),
            (b"SSH-2.0\r\n\r\n", "not HTTP"),
            (b"HTTP/1.1 200 OK\r\n\r\nhello", "not HTTP"),
            (long.as_bytes(), "not HTTP"),
        ] {
            let error = answered(answer).await.expect_err("no tunnel").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
