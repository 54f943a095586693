//! By which names the server may be asked. Against DNS rebinding: a page of `evil.test` whose name is made to point at this
//! server is of the same origin as it, and only the name gives it away.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri};

use super::origin::{Host, authority_of, split};

/// The names that a server goes by, for [`Guards::hosts`](super::Guards::hosts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Arc<[(Host, Option<u16>)]>);

impl Hosts {
    /// Names and addresses, as they stand in an address bar: `chat.example.com`, `localhost:9001`, `[::1]`. Case doesn't
    /// count; one without a port stands for all ports.
    ///
    /// # Errors
    /// The first that is no host.
    pub fn list<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidHost> {
        let parse = |text: &str| split(text).ok_or_else(|| InvalidHost(text.into()));
        hosts.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request was made to one of them. `trust_forwarded`: see [`Guards::trust_forwarded`](super::Guards).
    pub(super) fn permit(&self, uri: &Uri, headers: &HeaderMap, trust_forwarded: bool) -> bool {
        let asked = authority_of(uri, headers, trust_forwarded).and_then(split);
        let Some((host, port)) = asked else { return false };
        self.0.iter().any(|(name, only)| *name == host && (only.is_none() || *only == port))
    }
}

/// A text that is no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHost(Box<str>);

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no host; write a name or an address, with a port or without: localhost:9001, [::1]", self.0)
    }
}

impl std::error::Error for InvalidHost {}
