//! The server's answer to a request it takes (RFC 6455 §4.2.2).

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    },
};

use super::{
    deflate,
    fields::{ReservedHeader, accept_value, write_field, write_fields},
    negotiated::Negotiated,
    refusal::Refusal,
    request::Request,
};
use crate::{Role, message::deflate::DeflateConfig};

/// What a server answers with. The default: no subprotocol, no extension, no further headers.
#[derive(Clone, Debug, Default)]
pub struct Acceptance<'a> {
    subprotocol: Option<&'a str>,
    deflate: Option<&'a DeflateConfig>,
    headers: HeaderMap,
}

impl<'a> Acceptance<'a> {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The subprotocol, one of those the client offers; see [`Request::choose_subprotocol`].
    #[must_use]
    pub const fn subprotocol(mut self, subprotocol: Option<&'a str>) -> Self {
        self.subprotocol = subprotocol;
        self
    }

    /// Agrees to permessage-deflate if the client offers it on terms that this configuration can meet (RFC 7692).
    #[must_use]
    pub const fn deflate(mut self, config: Option<&'a DeflateConfig>) -> Self {
        self.deflate = config;
        self
    }

    /// Further headers of the response, `Set-Cookie` for example. The handshake's own are an error of [`Request::accept`].
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }
}

/// What a server's own code asked for that can't be answered. The client is not at fault: answer it 500 (`Refusal::from`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// The subprotocol chosen is none that the client offers (RFC 6455 §4.2.2, /subprotocol/).
    UnofferedSubprotocol(Box<str>),
    /// A further header is one that the handshake sets itself.
    ReservedHeader(ReservedHeader),
}

impl Request {
    /// The 101 response, and what was settled. Write all of it before the first frame.
    ///
    /// # Errors
    /// [`AcceptError`] when `acceptance` asks for what can't be.
    pub fn accept(&self, acceptance: &Acceptance<'_>) -> Result<(Bytes, Negotiated), AcceptError> {
        let answer = self.answer(acceptance)?;
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        write_field(&mut out, "Sec-WebSocket-Accept", &answer.accept);
        if let Some(subprotocol) = acceptance.subprotocol {
            write_field(&mut out, "Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        if let Some(extensions) = &answer.extensions {
            write_field(&mut out, "Sec-WebSocket-Extensions", extensions.as_bytes());
        }
        write_fields(&mut out, &acceptance.headers);
        out.extend_from_slice(b"\r\n");
        Ok((Bytes::from(out), answer.negotiated))
    }

    /// [`accept`](Self::accept) for an HTTP server that does its own writing.
    ///
    /// # Errors
    /// [`AcceptError`] when `acceptance` asks for what can't be.
    pub fn accept_http(&self, acceptance: &Acceptance<'_>) -> Result<(http::Response<()>, Negotiated), AcceptError> {
        let answer = self.answer(acceptance)?;
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.extend(acceptance.headers.clone());
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        // Base64, tokens and what `deflate` wrote are visible ASCII, so none of these is ever left out.
        let mut insert = |name: HeaderName, value: &[u8]| {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(name, value);
            }
        };
        insert(SEC_WEBSOCKET_ACCEPT, &answer.accept);
        if let Some(subprotocol) = acceptance.subprotocol {
            insert(SEC_WEBSOCKET_PROTOCOL, subprotocol.as_bytes());
        }
        if let Some(extensions) = &answer.extensions {
            insert(SEC_WEBSOCKET_EXTENSIONS, extensions.as_bytes());
        }
        Ok((response, answer.negotiated))
    }

    fn answer(&self, acceptance: &Acceptance<'_>) -> Result<Answer, AcceptError> {
        for name in acceptance.headers.keys() {
            ReservedHeader::check(name).map_err(AcceptError::ReservedHeader)?;
        }
        if let Some(chosen) = acceptance.subprotocol
            && !self.subprotocols().any(|offer| offer == chosen)
        {
            return Err(AcceptError::UnofferedSubprotocol(chosen.into()));
        }
        let (params, extensions) = acceptance.deflate.and_then(|config| deflate::answer(config, &self.headers)).unzip();
        // `Request` was checked to have a key.
        let key = self.headers.get(SEC_WEBSOCKET_KEY).map_or(&[][..], HeaderValue::as_bytes);
        let negotiated = Negotiated::new(Role::Server, acceptance.subprotocol, params);
        Ok(Answer { accept: accept_value(key), extensions, negotiated })
    }
}

struct Answer {
    accept: [u8; 28],
    extensions: Option<String>,
    negotiated: Negotiated,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnofferedSubprotocol(name) => {
                write!(f, "the client doesn't offer the subprotocol {name:?}; choose among `Request::subprotocols`")
            }
            Self::ReservedHeader(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcceptError {}

impl From<AcceptError> for Refusal {
    /// 500, without the reason: that is for the server's log.
    fn from(_: AcceptError) -> Self {
        let body = "The server could not answer the request. Try again later.\n";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, body).unwrap_or_else(|_| Self::bad_request(body))
    }
}
