//! What of a request tells who asks.

use std::borrow::Cow;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
};
use percent_encoding::percent_decode_str;

use crate::listener::ConnectionInfo;

/// What authorization looks at, taken out of a request.
pub trait RequestExt {
    /// The token of `Authorization: Bearer …` (RFC 6750 §2.1); `None` too if the header is doubled.
    fn bearer_token(&self) -> Option<&str>;

    /// The value of a cookie (RFC 6265 §5.4), as sent; the first of that name.
    fn cookie(&self, name: &str) -> Option<&str>;

    /// The value of a parameter in the query, decoded as a form's (`+` is a space); the first of that name. `None` if
    /// it isn't UTF-8.
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// What follows `prefix` in an offered subprotocol: with `bearer.`, the token in `new WebSocket(url, ["chat",
    /// "bearer.TOKEN"])`, a browser's only way to send one in a header. It is never answered with, and since a browser
    /// wants one of its offers answered, it has to offer a real one too.
    fn subprotocol_token(&self, prefix: &str) -> Option<&str>;

    /// The connection it came by, as [`Server`](crate::listener::Server) tells it in the extensions. Whoever embeds the
    /// hub in another server can do so too; without it the address is unknown, and the scheme is taken to be `http`
    /// unless the request says otherwise.
    fn connection(&self) -> Option<ConnectionInfo>;
}

impl RequestExt for Parts {
    fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = single(&self.headers, &AUTHORIZATION)?.split_once(' ')?;
        let token = token.trim_matches(' ');
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ');
        is_bearer.then_some(token)
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        // RFC 9113 §8.2.3: HTTP/2 may split the header.
        let lines = self.headers.get_all(COOKIE).iter().filter_map(text);
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| found.trim_matches(' ') == name).map(|(_, value)| value.trim_matches(' '))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = self.uri.query().unwrap_or_default().split('&');
        let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(found, _)| decode(found).is_some_and(|found| found == name))?;
        decode(value)
    }

    fn subprotocol_token(&self, prefix: &str) -> Option<&str> {
        offered(&self.headers).find_map(|offer| offer.strip_prefix(prefix)).filter(|token| !token.is_empty())
    }

    fn connection(&self) -> Option<ConnectionInfo> {
        self.extensions.get().copied()
    }
}

/// The subprotocols that a client offers (RFC 6455 §11.3.4).
pub(super) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(text);
    lines.flat_map(|line| line.split(',')).map(|offer| offer.trim_matches([' ', '\t']))
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// The value of a header that stands once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { text(first) }
}

/// URL Standard, "application/x-www-form-urlencoded parsing", but strict: what isn't UTF-8 is no value.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|decoded| Cow::Owned(decoded.into_owned()))
}
