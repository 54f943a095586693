//! Whose pages may use the server: the check of `Origin` (RFC 6454) against cross-site WebSocket hijacking, threat H11.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use http::{
    HeaderMap, HeaderName, Uri,
    header::{HOST, ORIGIN},
    request::Parts,
};

use super::request::{RequestExt as _, single};

/// Whose pages may use the server. A browser says with `Origin` on whose behalf it asks, and sends its cookies whoever
/// that is.
///
/// Requests without `Origin` pass: other clients don't send it, and a page can't make a browser leave it out of a
/// WebSocket, an `EventSource` of another site, or a POST.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// The pages of this server: the same scheme, host and port. The default. Whether the host is one of the server's own names,
    /// [`Guards::hosts`](super::Guards::hosts) says.
    #[default]
    SameOrigin,
    /// The pages of these, and no others: not even of this server, unless it is among them.
    List(Vec<Origin>),
    /// Everybody's pages, unchecked. Where a cookie is what tells who a client is, each site that its user visits can
    /// then act for it.
    Any,
}

impl OriginPolicy {
    /// A list of origins, as they stand in an address bar: `https://example.com`, `http://localhost:3000`.
    ///
    /// # Errors
    /// The first that is no origin.
    pub fn list<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        Ok(Self::List(origins.into_iter().map(str::parse).collect::<Result<_, _>>()?))
    }

    /// Whether the request may be answered. `trust_forwarded`: see [`Guards::trust_forwarded`](super::Guards).
    pub(crate) fn permits(&self, request: &Parts, trust_forwarded: bool) -> bool {
        let mut origins = request.headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        if *self == Self::Any {
            return true;
        }
        // RFC 6454 §7.3: one. Of two, a check might see the one and the application the other.
        let origin = origin.to_str().ok().filter(|_| origins.next().is_none());
        let Some(origin) = origin.and_then(|origin| origin.parse::<Origin>().ok()) else { return false };
        match self {
            Self::List(origins) => origins.contains(&origin),
            Self::SameOrigin => own_origin(request, trust_forwarded).is_some_and(|own| own == origin),
            Self::Any => true,
        }
    }
}

/// An origin (RFC 6454 §4): scheme, host and port. Scheme and host are compared in lower case, IPv6 addresses by their
/// value, a port left out is the scheme's own; otherwise bytes count: an international name is written in its ASCII
/// form, as browsers do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Box<str>,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(Box<str>),
    Ipv6(Ipv6Addr),
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrigin(Box<str>);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no origin; write scheme://host or scheme://host:port, without a path", self.0)
    }
}

impl std::error::Error for InvalidOrigin {}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.into());
        let (scheme, authority) = text.split_once("://").ok_or_else(invalid)?;
        Self::new(scheme, authority).ok_or_else(invalid)
    }
}

impl Origin {
    fn new(scheme: &str, authority: &str) -> Option<Self> {
        let mut letters = scheme.bytes();
        // RFC 3986 §3.1.
        let is_scheme = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase().into_boxed_str();
        let (host, port) = split(authority)?;
        let port = match (port, &*scheme) {
            (Some(port), _) => Some(port),
            (None, "http") => Some(80),
            (None, "https") => Some(443),
            (None, _) => None,
        };
        Some(Self { scheme, host, port })
    }
}

/// Host and port, and nothing else: no userinfo, no path, no space.
pub(super) fn split(authority: &str) -> Option<(Host, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.parse().ok()?;
        let port = if port.is_empty() { None } else { Some(parse_port(port.strip_prefix(':')?)?) };
        return Some((Host::Ipv6(address), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    // Nothing has a name with a star: who writes one means a pattern, and should hear that it is none.
    let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/\\?#@:[]<>^`{|}\"%*".contains(&byte);
    let fits = !host.is_empty() && host.bytes().all(is_host);
    fits.then(|| (Host::Name(host.to_ascii_lowercase().into()), port))
}

/// As browsers write it: digits, without leading zeros.
fn parse_port(port: &str) -> Option<u16> {
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    if is_plain { port.parse().ok() } else { None }
}

/// The origin that this request was made to.
fn own_origin(request: &Parts, trust_forwarded: bool) -> Option<Origin> {
    let scheme = match forwarded(&request.headers, &FORWARDED_PROTO, trust_forwarded) {
        Some(scheme) => scheme,
        None => scheme_of(request),
    };
    Origin::new(scheme, authority_of(&request.uri, &request.headers, trust_forwarded)?)
}

/// The host, and as a rule the port, that a request was made to.
pub(super) fn authority_of<'a>(uri: &'a Uri, headers: &'a HeaderMap, trust_forwarded: bool) -> Option<&'a str> {
    match (forwarded(headers, &FORWARDED_HOST, trust_forwarded), uri.authority()) {
        (Some(host), _) => Some(host),
        // RFC 9112 §3.2.2: the authority of the target counts, if it has one. HTTP/2 has it there (RFC 9113 §8.3.1).
        (None, Some(authority)) => Some(authority.as_str()),
        (None, None) => single(headers, &HOST),
    }
}

/// What a page would have to be opened with to be of the same origin. The listener knows best; HTTP/2 and absolute
/// targets say it, and a page can't make them say otherwise.
fn scheme_of(request: &Parts) -> &str {
    let is_tls = request.connection().map(|connection| connection.is_tls());
    match (is_tls, request.uri.scheme_str()) {
        (Some(true), _) | (None, Some("https" | "wss")) => "https",
        _ => "http",
    }
}

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What a proxy says. Of several, the one that the client talked to comes first.
fn forwarded<'a>(headers: &'a HeaderMap, name: &HeaderName, is_trusted: bool) -> Option<&'a str> {
    let value = headers.get(name).filter(|_| is_trusted)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}
