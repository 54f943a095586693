//! The handshake against RFC 6455 §4, RFC 7692 §7.1, and what has broken others.

mod client;
mod extensions;
mod hostile;
mod server;
mod split;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ClientRequest, HandshakeError, Negotiated, Refusal, Request, RequestReader, Response, ResponseReader};
use crate::{
    Limits,
    message::deflate::{DeflateConfig, DeflateParams},
};

/// The example of RFC 6455 §1.3.
const KEY: [u8; 16] = *b"the sample nonce";

/// The lines of a request that every server must take.
const LINES: [&str; 6] = [
    "GET /chat?room=1 HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// The lines of an answer that every client must take.
const ANSWER: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

fn head(lines: &[&str]) -> Vec<u8> {
    let mut head = lines.join("\r\n").into_bytes();
    head.extend_from_slice(b"\r\n\r\n");
    head
}

/// `lines` with those that begin like `replace` gone and `with` at the end.
fn changed<'a>(lines: &[&'a str], replace: &str, with: &[&'a str]) -> Vec<u8> {
    let kept = lines.iter().copied().filter(|line| replace.is_empty() || !line.starts_with(replace));
    head(&kept.chain(with.iter().copied()).collect::<Vec<_>>())
}

fn read_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    RequestReader::new(&Limits::default()).receive(bytes)
}

fn request(bytes: &[u8]) -> Request {
    read_request(bytes).unwrap().unwrap().0
}

/// The status of the refusal, or 101.
fn status(bytes: &[u8]) -> u16 {
    match read_request(bytes) {
        Ok(Some(_)) => 101,
        Ok(None) => panic!("the head doesn't end: {:?}", String::from_utf8_lossy(bytes)),
        Err(refusal) => refusal.status().as_u16(),
    }
}

fn client() -> ClientRequest {
    ClientRequest::new("ws://server.example.com/chat").unwrap()
}

fn reader(client: &ClientRequest) -> ResponseReader {
    client.begin_with_key(&Limits::default(), KEY).1
}

fn read_answer(client: &ClientRequest, bytes: &[u8]) -> Result<Option<(Response, Negotiated, usize)>, HandshakeError> {
    reader(client).receive(bytes)
}

fn deflate_config(wanted: DeflateParams) -> DeflateConfig {
    DeflateConfig { wanted, level: 6, threshold: 64 }
}

const fn params(server_forgets: bool, client_forgets: bool, server_bits: u8, client_bits: u8) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: server_forgets,
        client_no_context_takeover: client_forgets,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    }
}

fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}
