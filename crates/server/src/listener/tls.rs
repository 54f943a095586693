//! TLS with rustls, and certificates that change while connections are open.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ProducesTickets, ServerConnection};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::io::TlsStream;

/// The certificate and settings of TLS endpoints. Clones are handles to the same: what one [`reload`](Self::reload)s, all
/// present to the next client.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    config: RwLock<Arc<ServerConfig>>,
    files: Option<Files>,
}

struct Files {
    certificates: PathBuf,
    key: PathBuf,
    /// Outlives a reload: a client resumes its TLS session with the new certificate's server.
    tickets: Arc<dyn ProducesTickets>,
}

impl Tls {
    /// TLS 1.2 and 1.3 with the certificate chain in one PEM file (the server's own first) and its private key in
    /// another; both may be the same. Offers `h2` and `http/1.1` (ALPN), and session tickets without state.
    ///
    /// # Errors
    /// A [`TlsError`] that says which file, and why.
    pub fn from_pem_files(certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let tickets = ring::Ticketer::new().map_err(|source| TlsError::Config { source })?;
        let files = Files { certificates: certificates.into(), key: key.into(), tickets };
        let config = RwLock::new(files.read()?);
        Ok(Self(Arc::new(Inner { config, files: Some(files) })))
    }

    /// Settings of your own. They are taken as they are: set `alpn_protocols` to `h2` and `http/1.1`, or no client will
    /// speak HTTP/2.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(Inner { config: RwLock::new(config), files: None }))
    }

    /// Reads the files again. New handshakes use what they say now; open connections stay as they are. If anything is
    /// wrong with them the old certificate goes on. Blocks for as long as reading two files takes.
    ///
    /// # Errors
    /// A [`TlsError`] that says which file, and why; [`TlsError::NoFiles`] after [`from_config`](Self::from_config).
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = self.0.files.as_ref().ok_or(TlsError::NoFiles)?.read()?;
        self.replace(config);
        Ok(())
    }

    /// Uses other settings from the next handshake on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        // Nothing panics while it is held.
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The handshake of a client that has sent `hello`. Not cancel safe: dropping it drops the connection.
    pub(super) async fn accept(&self, tcp: TcpStream, hello: Vec<u8>) -> io::Result<TlsStream> {
        let config = Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner));
        let mut refused = None;
        let mut accept =
            pin!(TlsAcceptor::from(config).accept_with(tcp, |session| refused = feed(session, &hello).err()));
        drop(hello);
        if let Some(error) = refused {
            // Once, for the alert that says why; there is nothing to read that would help.
            poll_fn(|cx| {
                let _ = accept.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
            return Err(error);
        }
        accept.await
    }
}

/// Gives rustls what was read already: so the stream needs nothing in between for the rest of its life.
fn feed(session: &mut ServerConnection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        session.read_tls(&mut bytes)?;
        session.process_new_packets().map_err(io::Error::other)?;
    }
    Ok(())
}

impl Files {
    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let unreadable = |path: &Path, source| TlsError::File { path: path.into(), source };
        let certificates = CertificateDer::pem_file_iter(&self.certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .and_then(|found| if found.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(found) })
            .map_err(|source| unreadable(&self.certificates, source))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|source| unreadable(&self.key, source))?;
        // The provider by its name: which one is the process's default is for the application to say, if at all.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Config { source })?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|source| TlsError::Pair {
                certificates: self.certificates.clone(),
                key: self.key.clone(),
                source,
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = Arc::clone(&self.tickets);
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        let files = self.0.files.as_ref().map(|files| (&files.certificates, &files.key));
        f.debug_struct("Tls").field("files", &files).finish_non_exhaustive()
    }
}

/// Why certificates can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read, or has no certificate or no private key in PEM.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The key isn't that of the first certificate, or one of them is of a kind that isn't known.
    Pair {
        /// The file of the certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library can't be set up; on a working system that doesn't happen.
    Config {
        /// Why.
        source: rustls::Error,
    },
    /// There are no files to read again.
    NoFiles,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => {
                write!(
                    f,
                    "cannot use {}: {source}; it is to hold PEM, as a certificate authority gives it",
                    path.display()
                )
            }
            Self::Pair { certificates, key, source } => {
                let (certificates, key) = (certificates.display(), key.display());
                write!(
                    f,
                    "cannot use {key} with {certificates}: {source}; the key is to be that of the first certificate"
                )
            }
            Self::Config { source } => write!(f, "cannot set up TLS: {source}"),
            Self::NoFiles => f.write_str("the certificate comes from no file; replace the settings instead"),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Pair { source, .. } | Self::Config { source } => Some(source),
            Self::NoFiles => None,
        }
    }
}
