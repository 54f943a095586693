//! The server's side: a client's opening request (RFC 6455 §4.2.1).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        TRANSFER_ENCODING, UPGRADE,
    },
    uri::{Authority, Scheme},
};

use super::{
    fields::{VERSION, elements, is_key, is_token, lists, single, split_port},
    head::{HeadReader, RequestLine},
    refusal::Refusal,
};
use crate::Limits;

/// How many subprotocols, and how many extensions, of one request are looked at; the rest is ignored.
pub const MAX_OFFERS: usize = 16;

/// Reads a client's opening request in any split, with work linear in its bytes.
///
/// Holds nothing before the first byte, at most `max_head_size` after it (and none of what comes whole). How long a client may
/// take is the caller's to bound: past `handshake_timeout` answer [`Refusal::request_timeout`].
#[derive(Debug)]
pub struct RequestReader {
    head: HeadReader,
}

impl RequestReader {
    /// A reader for one request.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { head: HeadReader::for_request(limits) }
    }

    /// Takes what the client sent. `None` asks for more; with the request comes how many bytes of `input` were part of it (what
    /// follows belongs to the connection).
    ///
    /// # Errors
    /// The [`Refusal`] to answer with: 431 past `max_head_size` (default 16 KiB) or `max_headers` (64), 405 for another method
    /// than GET, 426 for another version than 13, 400 for whatever else RFC 6455 §4.2.1 or HTTP/1.1 doesn't allow. A wrong byte
    /// is refused when it comes, not at the head's end. Afterwards the reader only repeats a refusal of the head.
    pub fn receive(&mut self, input: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
        let Some((head, used)) = self.head.receive(input)? else { return Ok(None) };
        let (RequestLine { method, target, minor_version }, headers) = head.into_request()?;
        let version = if minor_version == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
        // `Uri` drops a fragment in silence (RFC 9112 §3.2: a request's target has none).
        if target.contains(&b'#') {
            return Err(Refusal::bad_request("The request's target has a fragment (#...). Leave it out.\n"));
        }
        let uri = Uri::from_maybe_shared(target)
            .map_err(|_| Refusal::bad_request("The request's target is not a URI. Percent-encode it.\n"))?;
        Ok(Some((Request::checked(&method, version, uri, headers)?, used)))
    }

    /// Whether the client has sent nothing at all so far: then it deserves no answer if it goes away or runs out of time.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        self.head.is_untouched()
    }
}

/// A client's opening request that meets RFC 6455 §4.2.1. Answer it with [`accept`](Self::accept) or a [`Refusal`].
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl Request {
    /// A request that another HTTP server has parsed, checked as [`RequestReader`] checks its own.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    pub fn from_parts(method: &Method, version: Version, uri: Uri, headers: HeaderMap) -> Result<Self, Refusal> {
        // H4: what this crate's own reader refuses byte by byte.
        if headers.values().any(|value| value.to_str().is_err()) {
            return Err(Refusal::bad_request("A header's value is not ASCII. Encode it.\n"));
        }
        Self::checked(method, version, uri, headers)
    }

    fn checked(method: &Method, version: Version, uri: Uri, headers: HeaderMap) -> Result<Self, Refusal> {
        check_http(method, version, &uri, &headers)?;
        check_upgrade(&headers)?;
        Ok(Self { uri, headers })
    }

    /// The request's target: path and query, and for a request in absolute form scheme and authority too.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// All headers, as sent.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The host, with its port if it named one, that the client means to talk to: from the target in absolute form, else from
    /// `Host` (RFC 9112 §3.2.2).
    #[must_use]
    pub fn host(&self) -> &str {
        match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.text(&HOST).unwrap_or_default(),
        }
    }

    /// Who the browser says is asking (RFC 6454 §7); other clients rarely send it.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.text(&ORIGIN)
    }

    /// The subprotocols offered, best first: the first [`MAX_OFFERS`] that are tokens, ill-formed ones left out.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        elements(&self.headers, &SEC_WEBSOCKET_PROTOCOL).take(MAX_OFFERS).filter(|offer| is_token(offer))
    }

    /// The first of `supported` (the server's preference) that the client offers.
    #[must_use]
    pub fn choose_subprotocol<'a>(&self, supported: &[&'a str]) -> Option<&'a str> {
        supported.iter().copied().find(|supported| self.subprotocols().any(|offer| offer == *supported))
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What RFC 6455 §4.2.1 asks of the request as HTTP.
fn check_http(method: &Method, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    if method != Method::GET {
        let refusal = Refusal::method_not_allowed();
        return Err(if method == Method::HEAD { refusal.answering_head() } else { refusal });
    }
    if version != Version::HTTP_11 {
        return Err(Refusal::bad_request("A WebSocket opens with HTTP/1.1 (RFC 6455, section 4.1).\n"));
    }
    check_target(uri)?;
    check_host(headers)?;
    // A body would be read as frames by one end and not by the other.
    let no_length = |value: &HeaderValue| value.as_bytes() == b"0";
    if headers.contains_key(TRANSFER_ENCODING) || !headers.get_all(CONTENT_LENGTH).iter().all(no_length) {
        return Err(Refusal::bad_request("The request has a body. A WebSocket's opening request has none.\n"));
    }
    // RFC 6454 §7.3: one Origin. Two would let a check of the first be passed with a forged second.
    if single(headers, &ORIGIN).is_err() {
        return Err(doubled("Origin"));
    }
    Ok(())
}

/// RFC 9112 §3.2: origin-form, or absolute-form with a scheme that WebSocket has. The others are not for GET.
fn check_target(uri: &Uri) -> Result<(), Refusal> {
    let fits = match uri.scheme() {
        None => uri.path().starts_with('/'),
        Some(scheme) => {
            (*scheme == Scheme::HTTP || *scheme == Scheme::HTTPS || matches!(scheme.as_str(), "ws" | "wss"))
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        }
    };
    if fits { Ok(()) } else { Err(Refusal::bad_request("The request's target is not a path. Begin it with \"/\".\n")) }
}

/// RFC 9112 §3.2: a request without `Host`, with two, or with one that isn't a host is answered 400.
fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(host) = single(headers, &HOST).map_err(|_| doubled("Host"))? else { return Err(missing("Host")) };
    match Authority::try_from(host.as_bytes()) {
        // The default port doesn't matter here, only that what is named is a port.
        Ok(authority) if !authority.as_str().contains('@') && split_port(authority.as_str(), 80).is_some() => Ok(()),
        _ => Err(Refusal::bad_request("The request's Host is not a host with an optional port.\n")),
    }
}

/// What RFC 6455 §4.2.1 asks of the request's own headers.
fn check_upgrade(headers: &HeaderMap) -> Result<(), Refusal> {
    if !lists(headers, &UPGRADE, "websocket") {
        return Err(Refusal::bad_request(
            "This address is for WebSocket. Open it with a WebSocket client, which sends \"Upgrade: websocket\".\n",
        ));
    }
    if !lists(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::bad_request(
            "The request has no \"Connection: Upgrade\". A proxy on the way that knows no WebSocket drops it.\n",
        ));
    }
    match single(headers, &SEC_WEBSOCKET_VERSION).map_err(|_| doubled("Sec-WebSocket-Version"))? {
        None => return Err(Refusal::version_missing()),
        Some(version) if version != VERSION => return Err(Refusal::upgrade_required()),
        Some(_) => {}
    }
    match single(headers, &SEC_WEBSOCKET_KEY).map_err(|_| doubled("Sec-WebSocket-Key"))? {
        None => Err(missing("Sec-WebSocket-Key")),
        Some(key) if !is_key(key) => {
            Err(Refusal::bad_request("The request's Sec-WebSocket-Key is not 16 bytes in base64.\n"))
        }
        Some(_) => Ok(()),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::bad_request(format!("The request has no {name}. Send one.\n"))
}

fn doubled(name: &str) -> Refusal {
    Refusal::bad_request(format!("The request has more than one {name}. Send one.\n"))
}
