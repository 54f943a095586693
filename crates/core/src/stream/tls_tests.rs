//! TLS against a server with a certificate of its own.
//!
//! `testdata/key.der` is a P-256 key in PKCS #8 that guards nothing; the two certificates are self-signed with it, valid
//! 2024–2124, one for 127.0.0.1 and one for `other.example`. Made by `openssl genpkey`, `openssl req -new`, `openssl ca -selfsign`.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls};

use super::{super::ClientStream, TlsConfig};
use crate::handshake::ClientRequest;

const KEY: &[u8] = include_bytes!("testdata/key.der");
const FOR_ADDRESS: &[u8] = include_bytes!("testdata/for_address.der");
const FOR_NAME: &[u8] = include_bytes!("testdata/for_name.der");

/// A server that echoes one connection with this certificate, and the configuration that trusts it.
async fn server(certificate: &'static [u8]) -> (SocketAddr, TlsConfig, impl Future<Output = io::Result<()>>) {
    let certificate = CertificateDer::from(certificate);
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::try_from(KEY).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = async move {
        let (tcp, _) = listener.accept().await?;
        let mut tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await?;
        let mut received = [0; 5];
        tls.read_exact(&mut received).await?;
        tls.write_all(&received).await?;
        tls.shutdown().await
    };
    (address, trusting(roots), echo)
}

fn trusting(roots: RootCertStore) -> TlsConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    TlsConfig::new(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let (address, tls, echo) = server(FOR_ADDRESS).await;
    let request = ClientRequest::new(&format!("wss://{address}/")).unwrap();
    let client = async {
        let mut client = ClientStream::connect(&request, &tls).await.unwrap();
        assert!(client.tcp().nodelay().unwrap() && client.is_write_vectored());
        client.write_all(b"hello").await.unwrap();
        client.flush().await.unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        client.shutdown().await.unwrap();
        received
    };
    let (received, echoed) = tokio::join!(client, echo);
    assert_eq!(received, "hello");
    echoed.unwrap();
}

/// Neither an unknown certificate nor one for another name is trusted.
#[tokio::test]
async fn an_untrusted_certificate_is_an_error() {
    for (certificate, trusted) in [(FOR_ADDRESS, false), (FOR_NAME, true)] {
        let (address, tls, echo) = server(certificate).await;
        let tls = if trusted { tls } else { trusting(RootCertStore::empty()) };
        let request = ClientRequest::new(&format!("wss://{address}/")).unwrap();
        let (connected, echoed) = tokio::join!(ClientStream::connect(&request, &tls), echo);
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::InvalidData, "trusted: {trusted}");
        assert!(echoed.is_err());
    }
}

/// It is found out before anything is connected or looked up.
#[tokio::test]
async fn a_name_that_no_certificate_can_have_is_an_error() {
    let request = ClientRequest::new("wss://under_score!/").unwrap();
    let error = ClientStream::connect(&request, &TlsConfig::default()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
}

/// The system's roots are found, or the error says what to do.
#[tokio::test]
async fn the_systems_roots() {
    match TlsConfig::default().connector("example.com").await {
        Ok(_) => {}
        Err(error) => assert!(error.to_string().contains("install them"), "{error}"),
    }
}
