//! The client's side: the opening request (RFC 6455 §4.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::AUTHORIZATION};

use super::{
    deflate,
    fields::{ReservedHeader, VERSION, accept_value, is_token, split_port, write_field, write_fields},
    request::MAX_OFFERS,
    response::ResponseReader,
};
use crate::{Limits, message::deflate::DeflateConfig};

/// What a client asks for. Can be sent any number of times, each with a key of its own.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: Box<str>,
    port: u16,
    /// As in `Host`: with brackets, and with the port where it isn't the scheme's own.
    authority: Box<str>,
    target: Box<str>,
    headers: HeaderMap,
    subprotocols: Vec<Box<str>>,
    deflate: Option<DeflateConfig>,
}

/// What a client's own code asked for that can't be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// Not an absolute URI.
    InvalidUri,
    /// The URI has a fragment (RFC 6455 §3: none may be there).
    Fragment,
    /// Another scheme than `ws`, `wss`, `http` or `https`.
    Scheme(Box<str>),
    /// The URI's user information isn't percent-encoded UTF-8 that HTTP Basic can carry (RFC 7617 §2).
    UserInfo,
    /// A subprotocol that is no token, or is there twice (RFC 6455 §4.1 point 10).
    InvalidSubprotocol(Box<str>),
    /// More than [`MAX_OFFERS`] subprotocols.
    TooManySubprotocols,
    /// A header that the handshake sets itself.
    ReservedHeader(ReservedHeader),
}

impl ClientRequest {
    /// A request for `ws://host[:port]/path?query`, or `wss://…` for TLS; `http` and `https` mean the same two. User information
    /// (`ws://user:password@host`) becomes an `Authorization` header of HTTP Basic.
    ///
    /// # Errors
    /// [`RequestError`] if it isn't such a URI.
    pub fn new(uri: &str) -> Result<Self, RequestError> {
        // `Uri` would drop it in silence.
        if uri.contains('#') {
            return Err(RequestError::Fragment);
        }
        let uri: Uri = uri.parse().map_err(|_| RequestError::InvalidUri)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(RequestError::InvalidUri);
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(RequestError::Scheme(scheme.into())),
        };
        let (user_info, host_and_port) = match authority.as_str().rsplit_once('@') {
            Some((user_info, rest)) => (Some(user_info), rest),
            None => (None, authority.as_str()),
        };
        let default_port = if secure { 443 } else { 80 };
        let (host, port) = split_port(host_and_port, default_port).ok_or(RequestError::InvalidUri)?;
        let host_header = if port == default_port { host.to_owned() } else { format!("{host}:{port}") };
        let mut headers = HeaderMap::new();
        if let Some(user_info) = user_info {
            headers.insert(AUTHORIZATION, basic(user_info).ok_or(RequestError::UserInfo)?);
        }
        Ok(Self {
            secure,
            host: host.trim_matches(['[', ']']).into(),
            port,
            authority: host_header.into(),
            target: target(&uri),
            headers,
            subprotocols: Vec::new(),
            deflate: None,
        })
    }

    /// Adds a header: `Origin`, `Cookie`, `Authorization` (which replaces the URI's user information).
    ///
    /// # Errors
    /// [`RequestError::ReservedHeader`] for a header that the handshake sets itself.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, RequestError> {
        ReservedHeader::check(&name).map_err(RequestError::ReservedHeader)?;
        if name == AUTHORIZATION {
            self.headers.insert(name, value);
        } else {
            self.headers.append(name, value);
        }
        Ok(self)
    }

    /// Offers these subprotocols, best first; at most [`MAX_OFFERS`] in all.
    ///
    /// # Errors
    /// [`RequestError::InvalidSubprotocol`] for one that is no token or is there already, [`RequestError::TooManySubprotocols`].
    pub fn subprotocols<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self, RequestError> {
        for name in names {
            let name = name.as_ref();
            if !is_token(name) || self.subprotocols.iter().any(|offered| **offered == *name) {
                return Err(RequestError::InvalidSubprotocol(name.into()));
            }
            if self.subprotocols.len() == MAX_OFFERS {
                return Err(RequestError::TooManySubprotocols);
            }
            self.subprotocols.push(name.into());
        }
        Ok(self)
    }

    /// Offers permessage-deflate (RFC 7692).
    #[must_use]
    pub fn deflate(mut self, config: Option<DeflateConfig>) -> Self {
        self.deflate = config;
        self
    }

    /// Whether it is for TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: the URI's, else 80 or 443.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as in the header `Host`: an IPv6 address with brackets, the port where it isn't the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path and query that are asked for.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The headers that were added, and the `Authorization` of the URI's user information.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The request's bytes, with a fresh key of 16 random bytes, and the reader of the answer to that key.
    #[must_use]
    pub fn begin(&self, limits: &Limits) -> (Bytes, ResponseReader) {
        // RFC 6455 §4.1 point 7; `rand::random` draws from a CSPRNG that the system seeds.
        self.begin_with_key(limits, rand::random())
    }

    pub(super) fn begin_with_key(&self, limits: &Limits, key: [u8; 16]) -> (Bytes, ResponseReader) {
        let key = STANDARD.encode(key);
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.target.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_field(&mut out, "Host", self.authority.as_bytes());
        out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\n");
        write_field(&mut out, "Sec-WebSocket-Key", key.as_bytes());
        write_field(&mut out, "Sec-WebSocket-Version", VERSION.as_bytes());
        if !self.subprotocols.is_empty() {
            write_field(&mut out, "Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        if let Some(config) = &self.deflate {
            write_field(&mut out, "Sec-WebSocket-Extensions", deflate::offer(config).as_bytes());
        }
        write_fields(&mut out, &self.headers);
        out.extend_from_slice(b"\r\n");
        let accept = accept_value(key.as_bytes());
        (Bytes::from(out), ResponseReader::new(limits, accept, self.subprotocols.clone(), self.deflate.clone()))
    }
}

/// RFC 6455 §4.1: the resource name, "/" where the path is empty, and the query.
fn target(uri: &Uri) -> Box<str> {
    match uri.path_and_query().map_or("/", |target| target.as_str()) {
        query if query.starts_with('?') => format!("/{query}").into(),
        "" => "/".into(),
        target => target.into(),
    }
}

/// RFC 7617 §2: `user:password`, neither with a control character, in base64.
fn basic(user_info: &str) -> Option<HeaderValue> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let user = percent_decoded(user)?;
    if user.contains(':') {
        return None;
    }
    let credentials = format!("{user}:{}", percent_decoded(password)?);
    if credentials.chars().any(char::is_control) {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).ok()?;
    // Keeps it out of `Debug`.
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidUri => "the address is no absolute URI; write it as ws://host:port/path",
            Self::Fragment => "the address has a fragment (#...), which WebSocket has no use for; leave it out",
            Self::Scheme(scheme) => return write!(f, "the scheme {scheme:?} is not for WebSocket; use ws or wss"),
            Self::UserInfo => "the address's user and password can't be sent; percent-encode them as UTF-8",
            Self::InvalidSubprotocol(name) => {
                return write!(f, "the subprotocol {name:?} is no token, or is there twice");
            }
            Self::TooManySubprotocols => {
                return write!(f, "more than {MAX_OFFERS} subprotocols; servers ignore the rest");
            }
            Self::ReservedHeader(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for RequestError {}
