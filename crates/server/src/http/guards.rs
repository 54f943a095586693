//! What each request has to pass, whatever it is for.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bowline_core::handshake::Refusal;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{ORIGIN, RETRY_AFTER},
    request::Parts,
};

use super::{
    Hosts, OriginPolicy, RateLimit, RequestExt as _,
    authorize::{Authorizer, Denied, Grant, refusal},
    cors::Cors,
    rate::AddressLimits,
};
use crate::metrics::Refused;

/// The longest target of a request in bytes. A room's name percent-encoded is 765 of them at most; the rest is for
/// tickets.
const MAX_TARGET_LEN: usize = 8 << 10;

/// What each request has to pass: its origin, the application's own check, and its rate. By default browsers' requests
/// are taken from this server's own pages only, and everybody else may join and publish in every room: an application
/// that isn't open to all sets [`authorize`](Self::authorize).
#[derive(Clone, Default)]
pub struct Guards {
    origins: OriginPolicy,
    hosts: Option<Hosts>,
    trust_forwarded: bool,
    credentials: bool,
    authorizer: Authorizer,
    posts: Option<Arc<AddressLimits>>,
    opens: Option<Arc<AddressLimits>>,
}

impl Guards {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whose pages may use the server; see [`OriginPolicy`]. Checked on every request, answered 403.
    #[must_use]
    pub fn origins(mut self, origins: OriginPolicy) -> Self {
        self.origins = origins;
        self
    }

    /// The names by which the server may be asked; a request to another is answered 421. Off by default: where every host is
    /// taken, a page whose name is made to point here (DNS rebinding) is of this server's own origin. Set it where a browser
    /// reaches the server by a network that the page's author doesn't: on localhost, in an office.
    #[must_use]
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// Whether `X-Forwarded-Proto`, `X-Forwarded-Host` and `X-Forwarded-For` are to be believed. Off by default; turn
    /// it on behind a proxy that sets them and ends TLS, and only there, since else whoever asks may choose what they
    /// say. `Forwarded` (RFC 7239) is not looked at: few proxies set it, and one that passes on a client's own would be
    /// believed.
    #[must_use]
    pub const fn trust_forwarded(mut self, trust: bool) -> Self {
        self.trust_forwarded = trust;
        self
    }

    /// Whether pages of other origins that are permitted may send cookies to the HTTP addresses
    /// (`Access-Control-Allow-Credentials`). Off by default, and never with [`OriginPolicy::Any`].
    #[must_use]
    pub const fn cross_origin_credentials(mut self, allow: bool) -> Self {
        self.credentials = allow;
        self
    }

    /// The application's own check. It is asked for every request to the hub's addresses (but a preflight, which has no
    /// credentials) and may look at headers, cookies and query ([`RequestExt`](super::RequestExt)), in a database if
    /// need be; the request's body isn't read yet. It answers what the client may do, or a [`Refusal`] with a status
    /// and a text. If it takes longer than [`authorize_timeout`](Self::authorize_timeout) the client is answered 503;
    /// if it panics, 500.
    #[must_use]
    pub fn authorize<F, A>(mut self, hook: F) -> Self
    where
        F: Fn(Arc<Parts>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Grant, Refusal>> + Send + 'static,
    {
        self.authorizer.set(hook);
        self
    }

    /// How long [`authorize`](Self::authorize) may take. Default 10 s.
    #[must_use]
    pub const fn authorize_timeout(mut self, timeout: Duration) -> Self {
        self.authorizer.timeout = timeout;
        self
    }

    /// The rate of POSTs, of publications and of a session's records, from one address (one /64 of IPv6); past it they are answered 429, from
    /// `Content-Length` alone where that tells. None by default: behind a proxy all clients have one address, unless
    /// [`trust_forwarded`](Self::trust_forwarded) tells them apart. At most 65,536 addresses are watched at a time, in 6 MiB;
    /// past that a new one is refused.
    #[must_use]
    pub fn post_rate(mut self, limit: RateLimit) -> Self {
        self.posts = Some(Arc::new(AddressLimits::new(limit)));
        self
    }

    /// The rate at which sessions that go from carrier to carrier (`bowline.v1`) are opened from one address, as messages; past
    /// it a new one is answered 429, while those that there are go on. Such a session outlives its connection, so that bounds on
    /// connections don't bound it. None by default, for the reason of [`post_rate`](Self::post_rate), and as many addresses
    /// are watched, in as much memory.
    #[must_use]
    pub fn session_open_rate(mut self, limit: RateLimit) -> Self {
        self.opens = Some(Arc::new(AddressLimits::new(limit)));
        self
    }

    /// What is checked without asking the application.
    pub(super) fn check(&self, request: &Parts) -> Result<(), Turned> {
        let target = request.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > MAX_TARGET_LEN {
            let text = format!("The request's target is over {MAX_TARGET_LEN} bytes. Shorten it.\n");
            return Err(Turned::new(Refused::TooLarge, of(StatusCode::URI_TOO_LONG, text)));
        }
        self.check_host(&request.uri, &request.headers)?;
        if !self.origins.permits(request, self.trust_forwarded) {
            return Err(Turned::new(
                Refused::Origin,
                Refusal::forbidden("Pages of this origin may not use this server.\n"),
            ));
        }
        Ok(())
    }

    /// Whether the request was made to this server.
    pub(super) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Turned> {
        if self.hosts.as_ref().is_none_or(|hosts| hosts.permit(uri, headers, self.trust_forwarded)) {
            return Ok(());
        }
        let text = "This server doesn't go by the name that it was asked by.\n";
        Err(Turned::new(Refused::Host, refusal(StatusCode::MISDIRECTED_REQUEST, text)))
    }

    /// What the application grants.
    pub(super) async fn ask(&self, request: &Arc<Parts>) -> Result<Grant, Turned> {
        self.authorizer.ask(request).await.map_err(|denied| match denied {
            Denied::Refused(refusal) => Turned::new(Refused::Unauthorized, refusal),
            Denied::Failed(refusal) => Turned::new(Refused::Authorize, refusal),
        })
    }

    /// Whether one more publication of so many bytes may come from where this one does. It isn't counted yet, since its body
    /// may never come.
    pub(super) fn check_post(&self, request: &Parts, bytes: u64, now: Instant) -> Result<(), Turned> {
        let text = "Too many publications from this address. Send fewer.\n";
        self.ask_rate(self.posts.as_deref(), request, text, |posts, address| posts.check(address, bytes, now))
    }

    /// The same once its body is there; it is counted.
    pub(super) fn take_post(&self, request: &Parts, bytes: u64, now: Instant) -> Result<(), Turned> {
        let text = "Too many publications from this address. Send fewer.\n";
        self.ask_rate(self.posts.as_deref(), request, text, |posts, address| posts.take(address, bytes, now))
    }

    /// Whether one more session may be opened from where the request comes from; it is counted.
    pub(super) fn take_open(&self, request: &Parts, now: Instant) -> Result<(), Turned> {
        let text = "Too many new sessions from this address. Go on with those that there are, or wait.\n";
        self.ask_rate(self.opens.as_deref(), request, text, |opens, address| opens.take(address, 0, now))
    }

    fn ask_rate(
        &self,
        limits: Option<&AddressLimits>,
        request: &Parts,
        text: &'static str,
        ask: impl FnOnce(&AddressLimits, IpAddr) -> Result<(), Duration>,
    ) -> Result<(), Turned> {
        let (Some(limits), Some(address)) = (limits, self.address(request)) else { return Ok(()) };
        ask(limits, address)
            .map_err(|wait| Turned::new(Refused::Rate, retry_after(refusal(StatusCode::TOO_MANY_REQUESTS, text), wait)))
    }

    /// The client's address: of several in `X-Forwarded-For`, the one that the proxy in front has added, the last. If that
    /// is none, the proxy's own: nobody goes unbounded.
    fn address(&self, request: &Parts) -> Option<IpAddr> {
        let forwarded = if self.trust_forwarded { forwarded_for(&request.headers) } else { None };
        forwarded.or_else(|| request.connection().map(|connection| connection.peer().ip()))
    }

    /// Lets pages of other origins that are permitted read the response.
    pub(super) fn decorate(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        Cors { credentials: self.credentials }.decorate(&self.origins, origin, headers);
    }
}

impl std::fmt::Debug for Guards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guards")
            .field("origins", &self.origins)
            .field("hosts", &self.hosts)
            .field("trust_forwarded", &self.trust_forwarded)
            .finish_non_exhaustive()
    }
}

/// Some proxies write the port, too.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let value = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let last = value.to_str().ok()?.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// A request turned away: what it is answered, and what it is counted as.
#[derive(Debug)]
pub(super) struct Turned {
    pub(super) reason: Refused,
    pub(super) refusal: Refusal,
}

impl Turned {
    pub(super) const fn new(reason: Refused, refusal: Refusal) -> Self {
        Self { reason, refusal }
    }
}

/// A refusal with a text that isn't known beforehand.
pub(super) fn of(status: StatusCode, text: String) -> Refusal {
    Refusal::new(status, text).unwrap_or_else(|_| Refusal::bad_request("The request was refused.\n"))
}

/// The refusal with `Retry-After`, in whole seconds, rounded up.
pub(super) fn retry_after(refusal: Refusal, wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    // Fails for headers of the handshake's own only.
    refusal.clone().header(RETRY_AFTER, HeaderValue::from(seconds.max(1))).unwrap_or(refusal)
}

/// The header that tells whose page asks, copied for the response.
pub(super) fn origin_of(request: &Parts) -> Option<HeaderValue> {
    request.headers.get(ORIGIN).and_then(|origin| HeaderValue::from_bytes(origin.as_bytes()).ok())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::listener::ConnectionInfo;

    #[test]
    fn everybody_has_an_address_whatever_the_proxy_says() {
        let (proxy, local): (SocketAddr, SocketAddr) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        let guards = Guards::new().trust_forwarded(true);
        for (said, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["192.0.2.1, 192.0.2.2"], "192.0.2.2"),
            (&["192.0.2.1", "192.0.2.3"], "192.0.2.3"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["unknown"], "10.0.0.1"),
            (&["192.0.2.1,"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let request =
                said.iter().fold(Request::builder(), |request, said| request.header("x-forwarded-for", *said));
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(ConnectionInfo::new(proxy, local, false));
            assert_eq!(guards.address(&parts), expected.parse().ok(), "{said:?}");
            assert_eq!(Guards::new().address(&parts), Some(proxy.ip()), "it is not believed");
        }
    }
}
