//! The client's side: the server's answer (RFC 6455 §4.1, "Once the client's opening handshake has been sent").

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};

use super::{
    deflate,
    error::HandshakeError,
    fields::{lists, single},
    head::HeadReader,
    negotiated::Negotiated,
    refused::RefusedReader,
};
use crate::{Limits, Role, message::deflate::DeflateConfig};

/// Reads a server's answer in any split, with work linear in its bytes. Comes from
/// [`ClientRequest::begin`](super::ClientRequest::begin).
///
/// Holds at most `max_head_size`, and [`MAX_REFUSED_BODY`](super::MAX_REFUSED_BODY) of a refusal's body.
#[derive(Debug)]
pub struct ResponseReader {
    head: HeadReader,
    accept: [u8; 28],
    subprotocols: Vec<Box<str>>,
    deflate: Option<DeflateConfig>,
    /// The answer is no upgrade; its body is being collected.
    refused: Option<RefusedReader>,
}

/// A server's 101.
#[derive(Clone, Debug)]
pub struct Response {
    headers: HeaderMap,
}

impl Response {
    /// All its headers, as sent.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl ResponseReader {
    pub(super) fn new(
        limits: &Limits,
        accept: [u8; 28],
        subprotocols: Vec<Box<str>>,
        deflate: Option<DeflateConfig>,
    ) -> Self {
        Self { head: HeadReader::for_response(limits), accept, subprotocols, deflate, refused: None }
    }

    /// Takes what the server sent. `None` asks for more; with the answer comes how many bytes of `input` were part of it (what
    /// follows are the connection's first frames).
    ///
    /// # Errors
    /// [`HandshakeError::Refused`] for an answer other than 101, once the start of its body is there; otherwise whatever of
    /// RFC 6455 §4.1 the 101 doesn't meet. After an error the connection is of no use.
    pub fn receive(&mut self, input: &[u8]) -> Result<Option<(Response, Negotiated, usize)>, HandshakeError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            if let Some(refused) = &mut self.refused {
                return refused.receive(rest).map_or(Ok(None), |response| Err(HandshakeError::Refused(response)));
            }
            let Some((head, bytes)) = self.head.receive(rest)? else { return Ok(None) };
            used += bytes;
            let (minor_version, status, headers) = head.into_response()?;
            if status == StatusCode::SWITCHING_PROTOCOLS {
                if minor_version == 0 {
                    return Err(HandshakeError::Version);
                }
                let negotiated = self.check(&headers)?;
                return Ok(Some((Response { headers }, negotiated, used)));
            }
            // RFC 9110 §15.2: a client reads past interim answers. `max_head_size` bounds them together.
            if !status.is_informational() {
                self.refused = Some(RefusedReader::new(status, headers));
            }
        }
    }

    /// The server has closed the connection.
    #[must_use]
    pub fn receive_eof(&mut self) -> HandshakeError {
        self.refused.take().map_or(HandshakeError::Eof, |refused| HandshakeError::Refused(refused.finish()))
    }

    /// `handshake_timeout` has passed: a refusal whose body didn't end is still told as one.
    #[must_use]
    pub fn receive_timeout(&mut self) -> HandshakeError {
        self.refused.take().map_or(HandshakeError::Timeout, |refused| HandshakeError::Refused(refused.finish()))
    }

    fn check(&self, headers: &HeaderMap) -> Result<Negotiated, HandshakeError> {
        // RFC 6455 §4.1 point 2: not a list, as in a request, but this one word.
        if !matches!(single(headers, &UPGRADE), Ok(Some(value)) if value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        {
            return Err(HandshakeError::MissingUpgrade);
        }
        // RFC 6455 §4.1 point 3.
        if !lists(headers, &CONNECTION, "upgrade") {
            return Err(HandshakeError::MissingConnection);
        }
        // RFC 6455 §4.1 point 4, §11.3.3: once.
        if !matches!(single(headers, &SEC_WEBSOCKET_ACCEPT), Ok(Some(value)) if value.as_bytes() == self.accept) {
            return Err(HandshakeError::WrongAccept);
        }
        // RFC 6455 §4.1 points 5 and 6.
        let deflate = deflate::settle(self.deflate.as_ref(), headers)?;
        Ok(Negotiated::new(Role::Client, self.subprotocol(headers)?, deflate))
    }

    fn subprotocol(&self, headers: &HeaderMap) -> Result<Option<&str>, HandshakeError> {
        // Two of them are none that was offered, like anything else that isn't.
        let Ok(answer) = single(headers, &SEC_WEBSOCKET_PROTOCOL) else {
            return Err(HandshakeError::UnofferedSubprotocol("two at once".into()));
        };
        let Some(answer) = answer else { return Ok(None) };
        let offered = self.subprotocols.iter().find(|offered| offered.as_bytes() == answer.as_bytes());
        offered.map(|offered| Some(&**offered)).ok_or_else(|| HandshakeError::UnofferedSubprotocol(excerpt(answer)))
    }
}

/// Enough of a hostile value for a log.
fn excerpt(value: &HeaderValue) -> Box<str> {
    String::from_utf8_lossy(value.as_bytes()).chars().take(64).collect()
}
