//! Whether there is a proxy on the way.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::error::ConfigError;

/// The proxy that a client goes through.
///
/// Everything goes through it as a tunnel (HTTP `CONNECT`, RFC 9110 §9.3.6, or SOCKS5, RFC 1928): `http://` too, so that what
/// is between doesn't meddle with the session.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// What the environment says, in the way of curl: `HTTPS_PROXY` (for `wss` and `https`), `HTTP_PROXY` (for `ws` and `http`),
    /// `ALL_PROXY`, and `NO_PROXY` for hosts that are asked directly.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one: `http://`, `https://` or `socks5://`, with `user:password@` where it wants to know. `socks5` and `socks5h` are the
    /// same: the proxy looks up the name.
    Url(String),
}

impl fmt::Debug for Proxy {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            Self::Url(url) => f.debug_tuple("Url").field(&without_user_information(url)).finish(),
        }
    }
}

/// The proxies of a client, found once.
pub(crate) struct Proxies(Option<Matcher>);

impl Proxies {
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, ConfigError> {
        match proxy {
            Proxy::Direct => Ok(Self(None)),
            Proxy::Environment => Ok(Self(Some(Matcher::from_env()))),
            Proxy::Url(url) => {
                let matcher = Matcher::builder().all(url).build();
                let probe = Uri::from_static("http://host/");
                let scheme = matcher.intercept(&probe).map(|proxy| proxy.uri().scheme_str().unwrap_or("").to_owned());
                match scheme.as_deref() {
                    Some("http" | "https" | "socks5" | "socks5h") => Ok(Self(Some(matcher))),
                    _ => Err(ConfigError::Proxy(without_user_information(url).into())),
                }
            }
        }
    }

    /// The proxy on the way to `uri`, if there is one.
    pub(super) fn find(&self, uri: &Uri) -> Option<Intercept> {
        self.0.as_ref().and_then(|matcher| matcher.intercept(uri))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The matcher's own leaves passwords out.
        f.debug_tuple("Proxies").field(&self.0).finish()
    }
}

/// What follows the last `@`: of what is no URL too, nothing that may be a password is left.
pub(super) fn without_user_information(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(proxy: &str, uri: &'static str) -> Option<String> {
        let proxies = Proxies::new(&Proxy::Url(proxy.to_owned())).expect("a proxy");
        proxies.find(&Uri::from_static(uri)).map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn a_proxy_is_for_both_schemes() {
        for uri in ["http://a/session", "https://a/session"] {
            assert_eq!(found("http://u:p@proxy:3128", uri).as_deref(), Some("http://proxy:3128/"));
            assert_eq!(found("socks5://proxy:1080", uri).as_deref(), Some("socks5://proxy:1080/"));
        }
        assert!(Proxies::new(&Proxy::Direct).expect("none").find(&Uri::from_static("http://a/")).is_none());
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for url in ["", "ftp://a", "socks4://u:secret@a:1080", "socks4a://a", "http://"] {
            let error = Proxies::new(&Proxy::Url(url.to_owned())).expect_err("no proxy").to_string();
            assert!(error.contains("socks5://host:port") && !error.contains("secret"), "{error}");
        }
    }
}
