//! TLS for `wss://`, by rustls.

#[cfg(not(feature = "rustls"))]
use std::io;

#[cfg(feature = "rustls")]
use tokio_rustls::rustls;

/// Whom a client trusts for `wss://`. The default: the system's root certificates, TLS 1.2 and 1.3.
///
/// Exists without the feature `rustls` too, so that signatures are the same; then `wss://` is an error that says so.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    #[cfg(feature = "rustls")]
    given: Option<std::sync::Arc<rustls::ClientConfig>>,
}

#[cfg(not(feature = "rustls"))]
impl TlsConfig {
    #[expect(clippy::unused_self, reason = "the same call as with the feature")]
    pub(super) fn unsupported(&self) -> io::Error {
        let text = "wss:// needs TLS, which this build leaves out; enable the feature `rustls` of bowline-core";
        io::Error::new(io::ErrorKind::Unsupported, text)
    }
}

#[cfg(test)]
#[cfg(feature = "rustls")]
#[path = "tls_tests.rs"]
mod tests;

#[cfg(feature = "rustls")]
mod with_rustls {
    use std::{
        io,
        sync::{Arc, OnceLock},
    };

    use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
    use tokio::{
        io::{AsyncRead, AsyncWrite},
        net::TcpStream,
        task::spawn_blocking,
    };
    use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

    use super::TlsConfig;

    /// The system's roots, read once: they are some 140 certificates in files.
    static NATIVE: OnceLock<Arc<ClientConfig>> = OnceLock::new();

    impl TlsConfig {
        /// TLS as `config` has it: other roots, a client certificate, a protocol version. It is used as it is; leave
        /// `alpn_protocols` empty, or name `http/1.1` alone, as nothing else is spoken here.
        #[must_use]
        pub const fn new(config: Arc<ClientConfig>) -> Self {
            Self { given: Some(config) }
        }

        /// Speaks TLS to `host` over a stream that is connected to it already, and offers these protocols (RFC 7301), best
        /// first, whatever `alpn_protocols` says. Time is the caller's to bound.
        ///
        /// # Errors
        /// `InvalidInput` for a host that no certificate can name, `InvalidData` for a certificate that isn't trusted,
        /// `NotFound` where the system has no roots, and the transport's.
        ///
        /// # Cancel safety
        /// Dropping it closes the connection.
        pub async fn connect<IO>(&self, host: &str, io: IO, protocols: &[&str]) -> io::Result<TlsStream<IO>>
        where
            IO: AsyncRead + AsyncWrite + Unpin,
        {
            let name = server_name(host)?;
            let mut config = ClientConfig::clone(&*self.config().await?);
            config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
            TlsConnector::from(Arc::new(config)).connect(name, io).await
        }

        /// What it takes to speak TLS to `host`, found out before anything is connected.
        pub(in super::super) async fn connector(&self, host: &str) -> io::Result<Connector> {
            let name = server_name(host)?;
            Ok(Connector { tls: self.config().await?.into(), name })
        }

        async fn config(&self) -> io::Result<Arc<ClientConfig>> {
            Ok(match (&self.given, NATIVE.get()) {
                (Some(config), _) | (None, Some(config)) => Arc::clone(config),
                (None, None) => {
                    let loaded = spawn_blocking(with_native_roots).await.map_err(io::Error::other)??;
                    Arc::clone(NATIVE.get_or_init(|| loaded))
                }
            })
        }
    }

    fn server_name(host: &str) -> io::Result<ServerName<'static>> {
        ServerName::try_from(host.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{host:?} is no name that a certificate can have"))
        })
    }

    /// TLS to one host.
    pub(in super::super) struct Connector {
        tls: TlsConnector,
        name: ServerName<'static>,
    }

    impl Connector {
        pub(in super::super) async fn connect(self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
            self.tls.connect(self.name, tcp).await
        }
    }

    fn with_native_roots() -> io::Result<Arc<ClientConfig>> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map_or_else(|| "the system has none".to_owned(), ToString::to_string);
            let text = format!("there are no root certificates to trust ({why}); install them, or give a `TlsConfig`");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        // The provider is named: `ClientConfig::builder` panics where an application has linked two.
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // A server that prefers HTTP/2 would choose it, and know no upgrade.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
