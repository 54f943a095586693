//! How a client is made.

use std::{future::Future, sync::Arc, time::Duration};

use bowline_core::{
    Limits,
    connection::{self, Keepalive},
    handshake::ClientRequest,
    message::deflate::DeflateConfig,
    session::{CARRIER_HEADER, CURSOR_HEADER, RingBounds, SESSION_HEADER, VERSION_HEADER, max_event},
    stream::TlsConfig,
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, TE},
};

use crate::{
    Backoff, Client, ConfigError, Exchange, Overflow, Proxy, Transport,
    config::{Auth, Config},
    exchange::Wire,
    net::{Dialer, Proxies, SECRET_HEADERS, Target, Url},
    policy, queue, session,
};

/// Makes a [`Client`]. Everything has a default but the URL; all is checked once, in [`build`](Self::build).
#[derive(Clone, Debug)]
pub struct Builder {
    url: Url,
    transports: Vec<Transport>,
    headers: HeaderMap,
    auth: Option<Auth>,
    subprotocols: Vec<String>,
    tls: TlsConfig,
    proxy: Proxy,
    limits: Limits,
    keepalive: Option<Keepalive>,
    deflate: Option<DeflateConfig>,
    race_delay: Duration,
    comet_timeout: Duration,
    memory: Duration,
    proven_after: Duration,
    backoff: Backoff,
    max_refusals: u32,
    request_timeout: Duration,
    poll_interval: Duration,
    ring: RingBounds,
    queue_count: u32,
    queue_bytes: u32,
    overflow: Overflow,
    mailbox_count: usize,
    mailbox_bytes: usize,
    max_post_size: usize,
    wire: Wire,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: Url(url.into()),
            transports: Transport::ALL.to_vec(),
            headers: HeaderMap::new(),
            auth: None,
            subprotocols: Vec::new(),
            tls: TlsConfig::default(),
            proxy: Proxy::default(),
            limits: Limits::default(),
            keepalive: Some(Keepalive::default()),
            deflate: None,
            race_delay: Duration::from_secs(1),
            comet_timeout: Duration::from_secs(2),
            memory: Duration::from_secs(300),
            proven_after: Duration::from_secs(30),
            backoff: Backoff::default(),
            max_refusals: 3,
            request_timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(2),
            ring: RingBounds::default(),
            queue_count: 1024,
            queue_bytes: 1 << 20,
            overflow: Overflow::default(),
            mailbox_count: 256,
            mailbox_bytes: 1 << 20,
            max_post_size: 256 << 10,
            wire: Wire::default(),
        }
    }

    /// The transports that may be used, the preferred first. Default [`Transport::ALL`]; one that is named twice counts once.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports.clear();
        for transport in transports {
            if !self.transports.contains(&transport) {
                self.transports.push(transport);
            }
        }
        self
    }

    /// A header that goes with every request: `Authorization`, `Cookie`, `Origin` … Those of the protocol itself are refused in
    /// [`build`](Self::build).
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        if SECRET_HEADERS.contains(&name) {
            // Keeps it out of logs and out of HPACK's tables.
            value.set_sensitive(true);
        }
        self.headers.append(name, value);
        self
    }

    /// Where headers come from that change, such as a token that expires: called before each try to connect, with 10 s
    /// ([`Limits::handshake_timeout`]) for it and the try together. What it gives goes in place of
    /// [headers](Self::header) of the same name. Where it fails, the client waits and tries again.
    ///
    /// With it a server that refuses (401, 403) is asked again, up to [`max_refusals`](Self::max_refusals) times.
    #[must_use]
    pub fn authorize<F, E>(mut self, callback: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HeaderMap, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.auth = Some(Auth::new(callback));
        self
    }

    /// How often in a row all transports may be refused before the client closes for good. Default 3; at least 1. It is 1
    /// before the first time that something carries, where there is no [`authorize`](Self::authorize): the second try would be
    /// the same.
    #[must_use]
    pub const fn max_refusals(mut self, max: u32) -> Self {
        self.max_refusals = max;
        self
    }

    /// Subprotocols that are offered on WebSockets behind the session's own; at most 14.
    #[must_use]
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whom to trust for `wss://` and `https://`. Default: the system's root certificates. The protocols that it offers (RFC
    /// 7301) are the client's to choose.
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// The proxy on the way. Default: what the environment says.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// What the server can make this end hold or do. Of these, `max_message_size` holds for messages both ways and on every
    /// transport, `handshake_timeout` bounds each try to connect from the name's lookup to `open`, and `close_timeout` bounds
    /// how long closing takes.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Pings of this end on WebSockets; `None` turns them off. Default [`Keepalive::default`].
    #[must_use]
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// permessage-deflate (RFC 7692) on WebSockets, if the server agrees. Off by default, as
    /// [`Config::deflate`](connection::Config::deflate) says why.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<DeflateConfig>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// How long a WebSocket is tried alone, before the next transport is tried beside it. Default 1 s.
    #[must_use]
    pub const fn race_delay(mut self, delay: Duration) -> Self {
        self.race_delay = delay;
        self
    }

    /// How long after the request nothing may come of Comet before the path is taken for one that buffers, and long polling
    /// is tried. Default 2 s.
    #[must_use]
    pub const fn comet_timeout(mut self, timeout: Duration) -> Self {
        self.comet_timeout = timeout;
        self
    }

    /// How long it is remembered which transports don't work here. So long they are tried last, and then again in the
    /// background while another carries; with a time shorter than [`race_delay`](Self::race_delay), after that. Default 5 min.
    #[must_use]
    pub const fn memory(mut self, memory: Duration) -> Self {
        self.memory = memory;
        self
    }

    /// How long a carrier must have carried for the waits between tries to begin anew with the shortest. Default 30 s.
    #[must_use]
    pub const fn proven_after(mut self, after: Duration) -> Self {
        self.proven_after = after;
        self
    }

    /// The waits between tries.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Bounds a request over HTTP from its beginning to its answer's end, and the time between two pieces of one; a poll's
    /// besides what the server may hold it. Default 10 s.
    #[must_use]
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The time from one request to the next where [`Transport::Polling`] carries. Default 2 s; at least 10 ms.
    #[must_use]
    pub const fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Bounds what was sent and is not acknowledged. Default 1,024 records and 256 KiB, and always one record. Past it what is
    /// sent waits in the [queue](Self::queue).
    #[must_use]
    pub const fn ring(mut self, bounds: RingBounds) -> Self {
        self.ring = bounds;
        self
    }

    /// Bounds what waits to be sent, while nothing carries or the server is slow: default 1,024 messages and 1 MiB, and always one
    /// message. Past it [`overflow`](Self::overflow) says what happens. Worst-case memory: this, and the
    /// [ring](Self::ring).
    #[must_use]
    pub const fn queue(mut self, count: u32, bytes: u32) -> Self {
        (self.queue_count, self.queue_bytes) = (count, bytes);
        self
    }

    /// What happens to a message for which the queue has no room. Default [`Overflow::Wait`].
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Bounds what waits for the application to take it, for the client's events and for each room that was joined: default
    /// 256 events and 1 MiB, and always one event. Past it nothing more is read of the server, which waits in its turn: nothing
    /// is dropped.
    #[must_use]
    pub const fn mailbox(mut self, count: usize, bytes: usize) -> Self {
        (self.mailbox_count, self.mailbox_bytes) = (count, bytes);
        self
    }

    /// Bounds the body of one `POST`: default 256 KiB, and always one record. A server takes 4/3 of its largest message and
    /// 64 KiB; where it takes less than this, smaller ones are sent.
    #[must_use]
    pub const fn max_post_size(mut self, size: usize) -> Self {
        self.max_post_size = size;
        self
    }

    /// Shows what goes over the wire, as it goes: to find out what happens. It is called from the client's task, which waits
    /// for it.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Self {
        self.wire = Wire::new(observer);
        self
    }

    /// Checks everything, and begins to connect, in a task of its own.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn build(self) -> Result<Client, ConfigError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let (tls, proxies) = (self.tls.clone(), Proxies::new(&self.proxy)?);
        let config = Arc::new(self.check()?);
        let no_uri = || ConfigError::Url(bowline_core::handshake::RequestError::InvalidUri);
        let dialer = Dialer::new(config.target.clone(), tls, proxies).ok_or_else(no_uri)?;
        Ok(Client::start(config, dialer, &runtime))
    }

    fn check(self) -> Result<Config, ConfigError> {
        self.check_ranges()?;
        let target = Target::new(&self.url.0).map_err(ConfigError::Url)?;
        if target.is_secure() && !cfg!(feature = "rustls") {
            return Err(ConfigError::NoTls);
        }
        self.check_request()?;
        let max_message_size = self.limits.get_max_message_size();
        // What isn't a message is an event, and may be larger than what it is about.
        let limits = self.limits.clone().max_message_size(max_event(max_message_size));
        let connection = connection::Config::default().limits(limits).keepalive(self.keepalive).deflate(self.deflate);
        let (mailbox_count, mailbox_bytes) = (self.mailbox_count, self.mailbox_bytes);
        Ok(Config {
            target,
            headers: self.headers,
            subprotocols: self.subprotocols,
            connection: Arc::new(connection),
            max_message_size,
            max_headers: self.limits.get_max_headers(),
            max_head_size: self.limits.get_max_head_size(),
            max_post_size: self.max_post_size,
            request_timeout: self.request_timeout,
            close_timeout: self.limits.get_close_timeout(),
            poll_interval: self.poll_interval,
            policy: policy::Config {
                transports: self.transports,
                race_delay: self.race_delay,
                comet_timeout: self.comet_timeout,
                attempt_timeout: self.limits.get_handshake_timeout(),
                memory: self.memory,
                proven_after: self.proven_after,
                backoff: self.backoff,
                max_refusals: self.max_refusals,
                gives_up_at_once: self.auth.is_none(),
            },
            auth: self.auth,
            queue: queue::Bounds { count: self.queue_count, bytes: self.queue_bytes, overflow: self.overflow },
            session: session::Bounds { ring: self.ring, mailbox_count, mailbox_bytes },
            wire: self.wire,
        })
    }

    /// Whether such requests can be made at all.
    fn check_request(&self) -> Result<(), ConfigError> {
        const OWN: [HeaderName; 8] =
            [SESSION_HEADER, CURSOR_HEADER, VERSION_HEADER, CARRIER_HEADER, ACCEPT, CONTENT_TYPE, CONTENT_ENCODING, TE];
        if let Some(name) = self.headers.keys().find(|name| OWN.contains(name)) {
            return Err(ConfigError::ReservedHeader(name.clone()));
        }
        // Two more are the session's own.
        let offered = self.subprotocols.iter().map(String::as_str).chain(["bowline.v1", "bowline.session.a"]);
        let mut request = ClientRequest::new(&self.url.0)
            .and_then(|request| request.subprotocols(offered))
            .map_err(ConfigError::Url)?;
        for (name, value) in &self.headers {
            request = request.header(name.clone(), value.clone()).map_err(ConfigError::Url)?;
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        const SHORTEST: Duration = Duration::from_millis(10);
        const LONGEST: Duration = Duration::from_hours(24 * 365);
        if self.transports.is_empty() {
            return Err(ConfigError::NoTransport);
        }
        let times = [
            ("race_delay", self.race_delay),
            ("comet_timeout", self.comet_timeout),
            ("proven_after", self.proven_after),
            ("request_timeout", self.request_timeout),
            ("poll_interval", self.poll_interval),
            ("backoff.base", self.backoff.base),
            ("backoff.spread", self.backoff.spread),
            ("limits.handshake_timeout", self.limits.get_handshake_timeout()),
        ];
        let wrong = times.iter().find(|(_, time)| !(SHORTEST..=LONGEST).contains(time));
        if let Some((what, _)) = wrong {
            return Err(ConfigError::OutOfRange { what, range: "10 ms to a year" });
        }
        if self.memory > LONGEST {
            return Err(ConfigError::OutOfRange { what: "memory", range: "at most a year" });
        }
        if self.backoff.max < self.backoff.base.max(self.backoff.spread) || self.backoff.max > LONGEST {
            return Err(ConfigError::OutOfRange {
                what: "backoff.max",
                range: "at least base and spread, at most a year",
            });
        }
        let counts = [
            ("the queue's count", self.queue_count as usize),
            ("the queue's bytes", self.queue_bytes as usize),
            ("the ring's records", self.ring.records),
            ("the mailbox's count", self.mailbox_count),
            ("max_refusals", self.max_refusals as usize),
            ("max_post_size", self.max_post_size),
        ];
        let wrong = counts.iter().find(|(_, count)| *count == 0);
        wrong.map_or(Ok(()), |(what, _)| Err(ConfigError::OutOfRange { what, range: "at least 1" }))
    }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};

    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let builder = Client::builder("wss://user:secret@host/mount")
            .proxy(Proxy::Url("http://user:secret@proxy:3128".to_owned()))
            .header(AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
            .header(COOKIE, HeaderValue::from_static("a=secret"));
        let shown = format!("{builder:?}");
        assert!(shown.contains("host/mount") && shown.contains("proxy:3128"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("user"), "{shown}");
    }
}
