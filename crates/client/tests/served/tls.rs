//! TLS, and HTTP/2 by it.

use std::sync::{Arc, Mutex};

use bowline_client::{Client, Proxy, TlsConfig, Transport};
use bowline_server::{
    Hub,
    http::{Grant, Guards},
    listener::{Endpoint, Running, Server, Tls},
};
use http::{Version, request::Parts};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer};

use super::support::{echo, soon, text};

/// A server with a certificate for `127.0.0.1`, what trusts it, and which versions of HTTP it was asked by.
pub(crate) struct Secure {
    pub(crate) running: Running,
    pub(crate) trusting: TlsConfig,
    pub(crate) versions: Arc<Mutex<Vec<Version>>>,
}

impl Secure {
    pub(crate) fn start(protocols: &[&str]) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key");
        let provider = || Arc::new(ring::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("valid")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a pair");
        server.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let client = builder.expect("valid").with_root_certificates(roots).with_no_client_auth();

        let versions = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&versions);
        let authorize = move |request: Arc<Parts>| {
            seen.lock().expect("whole").push(request.version);
            async { Ok(Grant::new()) }
        };
        let endpoint = Endpoint::address("127.0.0.1:0").tls(Tls::from_config(Arc::new(server)));
        let hub = Hub::builder().handler(echo).build();
        let bound = Server::new().listen(endpoint).bind().expect("a free port");
        let running = bound.serve(hub.service(Guards::new().authorize(authorize)));
        Self { running, trusting: TlsConfig::new(Arc::new(client)), versions }
    }

    pub(crate) fn url(&self) -> String {
        format!("wss://{}", self.running.local_addrs()[0])
    }
}

#[tokio::test]
async fn each_transport_goes_over_tls_and_http_2_where_it_can() {
    for (protocols, version) in [(&["h2", "http/1.1"][..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)] {
        let server = Secure::start(protocols);
        for transport in Transport::ALL {
            let builder = Client::builder(&server.url()).transports([transport]).tls(server.trusting.clone());
            let mut client = builder.proxy(Proxy::Direct).build().expect("checked");
            for number in 0..20 {
                client.sender().send(format!("{number}")).await.expect("open");
                assert_eq!(text(&mut client).await, format!("{number}"), "{transport}");
            }
            let mut seen = std::mem::take(&mut *server.versions.lock().expect("whole"));
            seen.dedup();
            let expected = if transport == Transport::WebSocket { Version::HTTP_11 } else { version };
            assert_eq!(seen, [expected], "{transport}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_told() {
    let (server, other) = (Secure::start(&["http/1.1"]), Secure::start(&[]));
    let mut client = Client::builder(&server.url()).tls(other.trusting).proxy(Proxy::Direct).build().expect("checked");
    let event = soon(client.next()).await;
    let Some(bowline_client::Event::Disconnected { reason, .. }) = event else { panic!("{event:?}") };
    assert!(reason.contains("certificate"), "{reason}");
}
