//! What is measured: an address and how to speak to it.

use crate::Error;
use http::Uri;
use http::uri::Authority;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// How to speak to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// `ws://`: WebSocket (RFC 6455).
    WebSocket,
    /// `tcp://`: bytes without WebSocket, for baselines.
    Raw,
    /// `http://`: sessions by Comet or long polling.
    Http,
}

impl Protocol {
    const fn scheme(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::Raw => "tcp",
            Self::Http => "http",
        }
    }
}

/// A server's URL, `ws://HOST[:PORT][/PATH]`, `http://HOST[:PORT][/PATH]` or `tcp://HOST:PORT`. `wss://` and `https://` are refused: what is measured here is not TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    url: String,
    protocol: Protocol,
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// The protocol, from the URL's scheme.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The same at another address.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        let scheme = self.protocol.scheme();
        let authority = address.to_string();
        Self {
            url: format!("{scheme}://{authority}{}", self.path),
            authority,
            host: address.ip().to_string(),
            port: address.port(),
            ..self.clone()
        }
    }

    /// The same host by another protocol, at a path below this one's: `http://a/b` and `session` make `http://a/b/session`.
    /// What stands behind a question mark is left out.
    #[must_use]
    pub fn below(&self, protocol: Protocol, path: &str) -> Self {
        let mount = self.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let path = format!("{mount}/{path}");
        let url = format!("{}://{}{path}", protocol.scheme(), self.authority);
        Self { url, protocol, path, ..self.clone() }
    }

    /// Host and port as in the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query: the request target (RFC 9112 §3.2.1).
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The first address that the host's name has.
    pub(crate) fn resolve(&self) -> Result<SocketAddr, Error> {
        let unknown = |source| Error::UnknownHost { host: self.host.clone(), source };
        let mut addresses = (self.host.as_str(), self.port).to_socket_addrs().map_err(unknown)?;
        addresses.next().ok_or_else(|| unknown(std::io::ErrorKind::NotFound.into()))
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let wrong = |problem| Error::Url { url: url.to_owned(), problem };
        let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        let protocol = match uri.scheme_str() {
            Some("ws") => Protocol::WebSocket,
            Some("tcp") => Protocol::Raw,
            Some("http") => Protocol::Http,
            Some("https") => return Err(wrong("TLS is not measured here: use http://")),
            Some("wss") => return Err(wrong("TLS is not measured here: use ws://")),
            _ => return Err(wrong("it must begin with ws://, http:// or tcp://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user name in it would be ignored: leave it out"));
        }
        let port = match (port(authority), protocol) {
            (Some(written), _) => written.parse().map_err(|_| wrong("its port is not one of 0 to 65535"))?,
            (None, Protocol::WebSocket | Protocol::Http) => 80,
            (None, Protocol::Raw) => return Err(wrong("it has no port: write tcp://HOST:PORT")),
        };
        // An IPv6 address stands in brackets in a URL, and without them in a socket address.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self {
            url: url.to_owned(),
            protocol,
            authority: authority.as_str().to_owned(),
            host,
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// The port as it is written, if it is: none stands behind a colon alone (RFC 3986 §3.2.3).
fn port(authority: &Authority) -> Option<&str> {
    let rest = authority.as_str().strip_prefix(authority.host())?;
    rest.strip_prefix(':').filter(|port| !port.is_empty())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl TryFrom<String> for Target {
    type Error = Error;

    fn try_from(url: String) -> Result<Self, Error> {
        url.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target: Target = "ws://[::1]:9001/chat?room=1".parse().unwrap();
        assert_eq!(target.protocol(), Protocol::WebSocket);
        assert_eq!((target.authority(), target.path()), ("[::1]:9001", "/chat?room=1"));
        assert_eq!(target.resolve().unwrap(), "[::1]:9001".parse().unwrap());
        let target: Target = "ws://127.0.0.1".parse().unwrap();
        assert_eq!((target.path(), target.resolve().unwrap().port()), ("/", 80));
        let target: Target = "ws://127.0.0.1:/".parse().unwrap();
        assert_eq!(target.resolve().unwrap().port(), 80);
    }

    #[test]
    fn another_address_leaves_the_rest() {
        for (url, address, moved) in [
            ("ws://a.example/chat?b=c", "127.0.0.1:9", "ws://127.0.0.1:9/chat?b=c"),
            ("http://127.0.0.1:0/", "[::1]:8", "http://[::1]:8/"),
        ] {
            let at: Target = url.parse::<Target>().unwrap().at(address.parse().unwrap());
            assert_eq!(at, moved.parse().unwrap());
            assert_eq!(at.resolve().unwrap(), address.parse().unwrap());
        }
    }

    #[test]
    fn a_path_below_goes_on_from_the_mount() {
        for (url, below) in [
            ("http://a:1", "ws://a:1/echo"),
            ("ws://a/", "ws://a/echo"),
            ("http://a/b?c=d", "ws://a/b/echo"),
            ("http://a/b/", "ws://a/b/echo"),
        ] {
            let target = url.parse::<Target>().unwrap().below(Protocol::WebSocket, "echo");
            assert_eq!((target.to_string().as_str(), target.protocol()), (below, Protocol::WebSocket));
            assert_eq!(target.path(), target.to_string().parse::<Target>().unwrap().path());
        }
    }

    #[test]
    fn wrong_urls_say_what_is_wrong() {
        for (url, part) in [
            ("127.0.0.1:80", "ws://"),
            ("ftp://x/", "ws://"),
            ("https://x/", "TLS"),
            ("wss://x/", "TLS"),
            ("tcp://x", "no port"),
            ("ws://x:99999/", "0 to 65535"),
            ("http://[::1]:70000/", "0 to 65535"),
            ("ws://a b", "not a URL"),
            ("ws://me@host/", "user name"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
        }
    }
}
