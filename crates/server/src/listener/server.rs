//! The plan of a server: where it listens, and its limits.

use std::net;
use std::time::Duration;

use tokio::net::TcpListener;

use super::descriptors;
use super::running::Bound;
use super::socket::{ListenError, adopt, bind_with};
#[cfg(feature = "rustls")]
use super::tls::Tls;

/// A stand-alone HTTP server: HTTP/1.1 and HTTP/2, with and without TLS, on any number of sockets.
///
/// A plan by value; [`bind`](Self::bind) checks and carries it out. Setters take and return `self`.
///
/// ```
/// # use std::convert::Infallible;
/// # use std::time::Duration;
/// # use bowline_server::listener::Server;
/// # use http::{Request, Response};
/// # use hyper::body::Incoming;
/// # #[derive(Clone)] struct Hello;
/// # impl tower_service::Service<Request<Incoming>> for Hello {
/// #     type Response = Response<String>;
/// #     type Error = Infallible;
/// #     type Future = std::future::Ready<Result<Response<String>, Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> { Ok(()).into() }
/// #     fn call(&mut self, _: Request<Incoming>) -> Self::Future { std::future::ready(Ok(Response::new("hello".to_owned()))) }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut running = Server::new().listen("127.0.0.1:0").bind()?.serve(Hello);
/// println!("listening on {:?}", running.local_addrs());
/// // … until a signal comes.
/// assert!(running.finish(Duration::from_secs(5)).await);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "it does nothing before `bind`"]
pub struct Server {
    endpoints: Vec<Endpoint>,
    options: Options,
    max_connections: Option<u32>,
    max_connections_per_ip: Option<u32>,
}

/// The limits of [`Server`] that every connection needs.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) handshake_timeout: Duration,
    pub(super) keep_alive_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) max_headers: usize,
    pub(super) max_head_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            max_headers: 64,
            max_head_size: 16 << 10,
        }
    }
}

impl Server {
    /// Listens nowhere yet; every limit at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on one more socket: an address (`"0.0.0.0:80"`, `"localhost:0"`, `"[::]:80"`), or an [`Endpoint`].
    pub fn listen(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Bounds the connections that are open at a time, upgraded ones included. Default: the soft limit on open files
    /// less 128, or three quarters of it where it is under 512, so that `accept` never fails for want of a descriptor;
    /// see [`descriptors::raise_max`]. More is cut to that. Past it new ones wait, one a socket accepted, the others
    /// in the kernel's queue of 4,096. Worst-case memory: this times that of a connection, some 10 KiB in HTTP/1 and
    /// 1 MiB in HTTP/2 if a peer fills its windows, besides what the service holds for its 128 streams. It can't be turned off.
    pub fn max_connections(mut self, max: u32) -> Self {
        self.max_connections = Some(max.max(1));
        self
    }

    /// Bounds the connections of one address, upgraded ones included; a /64 of IPv6 is one address. Default off
    /// (`u32::MAX`): behind a proxy all clients have one address, as have all in an office, and nobody else could come
    /// in. A server that faces the Internet itself should set it; 1,024 is more than any office opens. Past it the
    /// answer is 429 with `Retry-After`, or nothing on TLS and while 64 such answers are under way. Worst-case memory:
    /// some 30 bytes for each address connected.
    pub fn max_connections_per_ip(mut self, max: u32) -> Self {
        self.max_connections_per_ip = Some(max.max(1));
        self
    }

    /// Bounds the time from accept to the end of the first request's head, TLS handshake included: one deadline that no
    /// byte puts off. Default 10 s: three lost packets on a slow line. Past it HTTP/1.1 is answered with 408 if any byte
    /// of a request came; TLS, HTTP/2 and who said nothing are closed. Costs a timer while it runs; what it
    /// bounds is half-open connections of 1.5 KiB and the bytes they sent, up to `max_head_size`.
    /// `Duration::MAX` turns it off.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.options.handshake_timeout = within_reason(timeout);
        self
    }

    /// Bounds the time from one answer to the end of the next request's head. Default 75 s: longer than the pools of
    /// proxies (60 s) hold on to a connection, so that the proxy closes first and no request is lost in between. Past
    /// it the connection is closed; HTTP/2 within twice the time. Costs a timer, and the 10 KiB that an idle HTTP
    /// connection has. `Duration::MAX` turns it off.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive_timeout = within_reason(timeout);
        self
    }

    /// Bounds how long a peer may take nothing of an answer that waits to be written. Default 10 s: a peer that answers
    /// the kernel's probes with a closed window would else hold it for ever. Past it the connection is dropped. In HTTP/2 it
    /// bounds each stream, too, whose window the peer leaves closed: past it the stream is reset, and the others go on. What it
    /// bounds is an answer's buffers, 64 KiB here and 164 KiB in the kernel, and what the answer holds, as an event stream its
    /// place in a room. `Duration::MAX` turns it off. It ends with the upgrade: a WebSocket has its own.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.options.write_timeout = within_reason(timeout);
        self
    }

    /// Bounds the header fields of a request. Default 64, over twice what browsers send through two proxies. Past it
    /// 431. Worst-case memory: some 100 bytes a field. `usize::MAX` is no way to turn it off, since so many are made
    /// room for; 1,024 is.
    pub fn max_headers(mut self, max: usize) -> Self {
        self.options.max_headers = max.clamp(1, 1024);
        self
    }

    /// Bounds the head of a request in bytes: request line and fields, in HTTP/2 as the uncompressed list. Default
    /// 16 KiB: room for the cookies that browsers store for one site. Past it 431; in HTTP/2 the stream is refused.
    /// Worst-case memory: twice this a connection. 60 KiB is the most, and as good as off.
    pub fn max_head_size(mut self, max: usize) -> Self {
        self.options.max_head_size = max.clamp(256, 60 << 10);
        self
    }

    /// Listens. To be called in a runtime. Without any [`listen`](Self::listen) it listens nowhere, which is no error.
    ///
    /// # Errors
    /// A [`ListenError`] for the first socket that can't be had; none is held then.
    pub fn bind(self) -> Result<Bound, ListenError> {
        let listeners = self.endpoints.into_iter().map(Endpoint::bind).collect::<Result<_, _>>()?;
        let fit = descriptors::max_connections(descriptors::limit());
        let max_connections = self.max_connections.map_or(fit, |max| max.min(fit));
        let max_connections_per_ip = self.max_connections_per_ip.unwrap_or(u32::MAX);
        Ok(Bound { listeners, options: self.options, max_connections, max_connections_per_ip })
    }
}

/// An instant that far away can be told (`Duration::MAX` from now can't), and a timer for it can be made.
fn within_reason(timeout: Duration) -> Duration {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    timeout.clamp(Duration::from_millis(1), THIRTY_YEARS)
}

/// One socket to listen on.
#[derive(Debug)]
pub struct Endpoint {
    place: Place,
    security: Security,
}

#[derive(Debug)]
enum Place {
    Address { address: Box<str>, reuse_port: bool },
    Socket { listener: net::TcpListener, name: Box<str> },
}

/// What is spoken below HTTP.
#[derive(Clone, Debug)]
pub(super) enum Security {
    Plain,
    #[cfg(feature = "rustls")]
    Tls(Tls),
}

impl Security {
    pub(super) const fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain)
    }
}

impl Endpoint {
    /// An address and a port, `HOST:PORT`; a name stands for the first of its addresses that can be bound, port 0 for any
    /// free one.
    pub fn address(address: impl Into<Box<str>>) -> Self {
        Self { place: Place::Address { address: address.into(), reuse_port: false }, security: Security::Plain }
    }

    /// A socket that listens already, as from [`systemd_sockets`](super::systemd_sockets). The options that sockets of
    /// this server have are set on it too. `name` stands in errors.
    pub fn socket(listener: net::TcpListener, name: impl Into<Box<str>>) -> Self {
        Self { place: Place::Socket { listener, name: name.into() }, security: Security::Plain }
    }

    /// With TLS. Not both on one port: what speaks plain HTTP to it is closed.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.security = Security::Tls(tls);
        self
    }

    /// Shares the port with other sockets that say so too, of this process or of others of the same user
    /// (`SO_REUSEPORT`): the kernel spreads new connections over them. Off by default. A socket handed over was bound
    /// already, and isn't changed by it.
    #[must_use]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        if let Place::Address { reuse_port, .. } = &mut self.place {
            *reuse_port = reuse;
        }
        self
    }

    fn bind(self) -> Result<(TcpListener, Security), ListenError> {
        let listener = match self.place {
            Place::Address { address, reuse_port } => bind_with(&address, reuse_port),
            Place::Socket { listener, name } => adopt(listener, &name),
        }?;
        Ok((listener, self.security))
    }
}

impl From<&str> for Endpoint {
    fn from(address: &str) -> Self {
        Self::address(address)
    }
}

impl From<String> for Endpoint {
    fn from(address: String) -> Self {
        Self::address(address)
    }
}

impl From<net::SocketAddr> for Endpoint {
    fn from(address: net::SocketAddr) -> Self {
        Self::address(address.to_string())
    }
}
