//! Getting a connection to the server.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowline_core::stream::{TlsConfig, connect_tcp};
use http::Uri;
use hyper_util::{
    client::{legacy::connect::proxy::SocksV5, proxy::matcher::Intercept},
    rt::TokioIo,
};
use tower_service::Service;

use super::{Proxies, Stream, Target, connect::tunnel};

/// Connects to the server of one target, and through the proxy on the way. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    shared: Arc<Shared>,
    /// What TLS offers, best first (RFC 7301).
    protocols: &'static [&'static str],
}

#[derive(Debug)]
struct Shared {
    target: Target,
    uri: Uri,
    #[cfg_attr(not(feature = "rustls"), expect(dead_code, reason = "without TLS nobody is to be trusted"))]
    tls: TlsConfig,
    proxies: Proxies,
}

type Dialing = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

impl Dialer {
    /// `None` for a target that is no URI.
    pub(crate) fn new(target: Target, tls: TlsConfig, proxies: Proxies) -> Option<Self> {
        let uri = target.uri(None)?;
        Some(Self { shared: Arc::new(Shared { target, uri, tls, proxies }), protocols: &["http/1.1"] })
    }

    /// The same for HTTP, of either version.
    pub(crate) fn for_http(&self) -> Self {
        Self { protocols: &["h2", "http/1.1"], ..self.clone() }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.shared.target
    }

    /// Connects. Time is the caller's to bound; dropping it closes the connection.
    pub(crate) async fn dial(&self) -> io::Result<Stream> {
        let Shared { target, uri, proxies, .. } = &*self.shared;
        let stream = match proxies.find(uri) {
            Some(proxy) => self.tunnel(&proxy).await?,
            None => Stream::new(connect_tcp(target.host(), target.port()).await?),
        };
        if target.is_secure() { self.tls(target.host(), stream, self.protocols).await } else { Ok(stream) }
    }

    async fn tunnel(&self, proxy: &Intercept) -> io::Result<Stream> {
        let (host, port) = (self.shared.uri.host().unwrap_or_default(), self.shared.target.port());
        let told = |error: &dyn std::error::Error| {
            io::Error::other(format!("the proxy {} makes no connection: {}", show(proxy.uri()), last_source(error)))
        };
        if proxy.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks")) {
            let mut socks = SocksV5::new(proxy.uri().clone(), ToProxy(self.clone()));
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            // It must be told the port even where it is the scheme's own.
            let target = Uri::builder().scheme("http").authority(format!("{host}:{port}")).path_and_query("/");
            let target = target.build().map_err(io::Error::other)?;
            return socks.call(target).await.map(TokioIo::into_inner).map_err(|error| told(&error));
        }
        let mut stream = self.to_proxy(proxy.uri()).await.map_err(|error| told(&error))?;
        let target = format!("{host}:{port}");
        tunnel(&mut stream, &target, proxy.basic_auth()).await.map_err(|error| told(&error))?;
        Ok(stream)
    }

    async fn to_proxy(&self, proxy: &Uri) -> io::Result<Stream> {
        let (secure, default) = match proxy.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => (false, 1080),
        };
        let host = proxy.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = Stream::new(connect_tcp(host, proxy.port_u16().unwrap_or(default)).await?);
        if secure { self.tls(host, stream, &["http/1.1"]).await } else { Ok(stream) }
    }

    #[cfg(feature = "rustls")]
    async fn tls(&self, host: &str, stream: Stream, protocols: &[&str]) -> io::Result<Stream> {
        let tls = self.shared.tls.connect(host, stream, protocols).await?;
        let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream::new(tls).http2(is_http2))
    }

    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_async, reason = "the same call as with the feature")]
    async fn tls(&self, _: &str, _: Stream, _: &[&str]) -> io::Result<Stream> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "TLS needs the feature `rustls` of bowline-client"))
    }
}

/// Of a proxy's address, what may be shown.
fn show(proxy: &Uri) -> String {
    format!("{}://{}", proxy.scheme_str().unwrap_or_default(), proxy.authority().map_or("", |it| it.as_str()))
}

/// What went wrong, without where it was noticed.
fn last_source(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

/// For hyper's client, which knows no other target.
impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Dialing {
        let dialer = self.clone();
        Box::pin(async move { dialer.dial().await.map(TokioIo::new) })
    }
}

/// Connects to a proxy.
#[derive(Clone, Debug)]
struct ToProxy(Dialer);

impl Service<Uri> for ToProxy {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Dialing {
        let Self(dialer) = self.clone();
        Box::pin(async move { dialer.to_proxy(&proxy).await.map(TokioIo::new) })
    }
}
