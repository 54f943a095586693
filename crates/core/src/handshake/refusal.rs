//! How a server says no: an HTTP response, then the end of the connection.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_VERSION, UPGRADE},
};

use super::{
    fields::{ReservedHeader, VERSION, write_field, write_fields},
    head::HeadError,
};

/// A handshake refused: an HTTP response with a short text that says what was wrong and what to do.
///
/// Always carries `Connection: close` and `Content-Length`; whatever follows the request on the same connection must not be
/// read as another one (RFC 9112 §9.6), so the sender writes [`to_bytes`](Self::to_bytes) and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    status: StatusCode,
    headers: HeaderMap,
    body: Cow<'static, str>,
    /// Answers a HEAD: says the body's length and leaves it out (RFC 9110 §9.3.2).
    to_head: bool,
}

/// A status that refuses nothing: not between 300 and 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARefusal(StatusCode);

impl Refusal {
    /// A refusal of the application's own: any redirect or error, with a text for whoever debugs the client.
    ///
    /// # Errors
    /// [`NotARefusal`] if `status` is not between 300 and 599.
    pub fn new(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Result<Self, NotARefusal> {
        if matches!(status.as_u16(), 300..=599) { Ok(Self::of(status, body)) } else { Err(NotARefusal(status)) }
    }

    fn of(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts { status, headers: HeaderMap::new(), body: body.into(), to_head: false }))
    }

    /// 400: the request breaks a rule, which `body` names.
    #[must_use]
    pub fn bad_request(body: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, body)
    }

    /// 403: a well-formed request that isn't wanted here, from a foreign `Origin` for example (RFC 6455 §4.2.2).
    #[must_use]
    pub fn forbidden(body: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::FORBIDDEN, body)
    }

    /// 405 with `Allow: GET` (RFC 6455 §4.2.1: a handshake is a GET).
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "A WebSocket opens with GET.\n").with(ALLOW, "GET")
    }

    /// 408: the request wasn't whole within `handshake_timeout`.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::of(StatusCode::REQUEST_TIMEOUT, "The request was not whole in time. Send it at once.\n")
    }

    /// 426 with `Sec-WebSocket-Version: 13` (RFC 6455 §4.4).
    #[must_use]
    pub fn upgrade_required() -> Self {
        let body = "This server speaks version 13 of WebSocket (RFC 6455). Send \"Sec-WebSocket-Version: 13\".\n";
        Self::of(StatusCode::UPGRADE_REQUIRED, body).with(SEC_WEBSOCKET_VERSION, VERSION).with(UPGRADE, "websocket")
    }

    /// 431: the head is over a limit, which `body` names.
    #[must_use]
    pub fn head_too_large(body: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, body)
    }

    /// RFC 6455 §4.2.1 without a version: the client learns which one to name.
    pub(super) fn version_missing() -> Self {
        Self::bad_request("The request has no Sec-WebSocket-Version. Send \"Sec-WebSocket-Version: 13\".\n")
            .with(SEC_WEBSOCKET_VERSION, VERSION)
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    pub(super) fn answering_head(mut self) -> Self {
        self.0.to_head = true;
        self
    }

    /// Adds a header: `Location`, `Retry-After`, `WWW-Authenticate`, or a `Content-Type` other than plain text.
    ///
    /// # Errors
    /// [`ReservedHeader`] for a header that the handshake sets itself.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, ReservedHeader> {
        ReservedHeader::check(&name)?;
        if name == CONTENT_TYPE {
            self.0.headers.insert(name, value);
        } else {
            self.0.headers.append(name, value);
        }
        Ok(self)
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers that are particular to it: without `Connection`, `Content-Length` and the default `Content-Type`.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// The response as it goes over the wire. Close the connection after it.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let Parts { status, headers, body, to_head } = &*self.0;
        let mut out = Vec::with_capacity(256 + body.len());
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        write_field(&mut out, "Connection", self.connection().as_bytes());
        if !headers.contains_key(CONTENT_TYPE) {
            write_field(&mut out, "Content-Type", PLAIN_TEXT.as_bytes());
        }
        write_field(&mut out, "Content-Length", body.len().to_string().as_bytes());
        write_fields(&mut out, headers);
        out.extend_from_slice(b"\r\n");
        if !to_head && *status != StatusCode::NOT_MODIFIED {
            out.extend_from_slice(body.as_bytes());
        }
        Bytes::from(out)
    }

    /// The response for an HTTP server that does its own writing.
    #[must_use]
    pub fn into_http(self) -> http::Response<Bytes> {
        let connection = self.connection();
        let Parts { status, mut headers, body, .. } = *self.0;
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(PLAIN_TEXT));
        let mut response = http::Response::new(Bytes::from(body.into_owned()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// RFC 9110 §7.8: whoever sends `Upgrade` names it in `Connection` too.
    fn connection(&self) -> &'static str {
        if self.0.headers.contains_key(UPGRADE) { "close, Upgrade" } else { "close" }
    }
}

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::TooLarge(max) => Self::head_too_large(format!(
                "The request's head is over {max} bytes. Send fewer or shorter headers.\n"
            )),
            HeadError::TooManyHeaders(max) => {
                Self::head_too_large(format!("The request has more than {max} headers. Send fewer.\n"))
            }
            HeadError::Version => Self::bad_request("A WebSocket opens with HTTP/1.1 (RFC 6455, section 4.1).\n"),
            HeadError::Malformed(what) => Self::bad_request(format!("This is not an HTTP/1.1 request: {what}.\n")),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}: {}", self.0.status, self.0.body.trim_end())
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for NotARefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no refusal; use a status between 300 and 599", self.0)
    }
}

impl std::error::Error for NotARefusal {}
