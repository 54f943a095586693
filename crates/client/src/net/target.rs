//! Where the session is.

use std::fmt;

use bowline_core::handshake::{ClientRequest, RequestError};
use http::{HeaderMap, Uri, uri::PathAndQuery};

use super::proxy::without_user_information;

/// A URL as it was given, which may have a password in it.
#[derive(Clone)]
pub(crate) struct Url(pub(crate) Box<str>);

impl fmt::Debug for Url {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(without_user_information(&self.0), f)
    }
}

/// The address of a session, taken apart once.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    secure: bool,
    host: Box<str>,
    port: u16,
    /// As in `Host`.
    authority: Box<str>,
    path: Box<str>,
    /// Without the question mark.
    query: Option<Box<str>>,
    /// The `Authorization` of the URL's user and password.
    headers: HeaderMap,
}

impl Target {
    /// `{mount}/session`, of a mount with the scheme `ws`, `wss`, `http` or `https`. A query is kept.
    pub(crate) fn new(mount: &str) -> Result<Self, RequestError> {
        let request = ClientRequest::new(mount)?;
        let (path, query) = request.target().split_once('?').map_or((request.target(), None), |(p, q)| (p, Some(q)));
        Ok(Self {
            secure: request.is_secure(),
            host: request.host().into(),
            port: request.port(),
            authority: request.authority().into(),
            path: format!("{}/session", path.trim_end_matches('/')).into(),
            query: query.map(Into::into),
            headers: request.headers().clone(),
        })
    }

    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The path and query, with `wait` in it where it is given, in whole seconds.
    pub(crate) fn path_and_query(&self, wait: Option<u64>) -> String {
        let mut target = self.path.to_string();
        let wait = wait.map(|wait| format!("wait={wait}"));
        for (part, separator) in self.query.as_deref().into_iter().chain(wait.as_deref()).zip(['?', '&']) {
            target.push(separator);
            target.push_str(part);
        }
        target
    }

    /// What HTTP is asked for.
    pub(crate) fn uri(&self, wait: Option<u64>) -> Option<Uri> {
        let path_and_query: PathAndQuery = self.path_and_query(wait).parse().ok()?;
        let scheme = if self.secure { "https" } else { "http" };
        Uri::builder().scheme(scheme).authority(&*self.authority).path_and_query(path_and_query).build().ok()
    }

    /// What a WebSocket is asked for.
    pub(crate) fn ws_url(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority, self.path_and_query(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_below_the_mount() {
        for (mount, http, ws) in [
            ("ws://a", "http://a/session?wait=25", "ws://a/session"),
            ("http://a:81/", "http://a:81/session?wait=25", "ws://a:81/session"),
            ("wss://a/b/", "https://a/b/session?wait=25", "wss://a/b/session"),
            ("https://u:p@[::1]:444/b?c=d", "https://[::1]:444/b/session?c=d&wait=25", "wss://[::1]:444/b/session?c=d"),
        ] {
            let target = Target::new(mount).expect("a URL");
            assert_eq!(target.uri(Some(25)).map(|uri| uri.to_string()).as_deref(), Some(http));
            assert_eq!(target.ws_url(), ws);
            assert_eq!(target.headers().len(), usize::from(mount.contains('@')));
        }
        assert!(Target::new("ftp://a").is_err() && Target::new("ws://a#b").is_err());
    }
}
