//! TLS: what is spoken after it, certificates that change, hellos in pieces.

use std::sync::Arc;
use std::time::Duration;

use bowline_server::listener::{Endpoint, Running, Server, Tls, TlsError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use super::support::{GET, LAST_GET, TestService, UPGRADE, expect, soon, until};

/// A directory of its own, gone with the test.
struct Files(std::path::PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bowline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }

    /// A new certificate and key, and the certificate.
    fn write(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        std::fs::write(self.path("cert.pem"), cert.pem()).expect("room");
        std::fs::write(self.path("key.pem"), signing_key.serialize_pem()).expect("room");
        cert.der().clone()
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        Tls::from_pem_files(self.path("cert.pem"), self.path("key.pem"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A key that guards nothing, and a certificate for `other.example` that it signed: for servers in other processes.
const KEY: &[u8] = include_bytes!("../../../core/src/stream/testdata/key.der");
const CERTIFICATE: &[u8] = include_bytes!("../../../core/src/stream/testdata/for_name.der");

/// A server's side for `other.example`.
pub(crate) fn throwaway() -> Tls {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("valid")
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFICATE.into()], KEY.try_into().expect("a key"))
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Tls::from_config(Arc::new(config))
}

/// A client's side that trusts these, and that of [`throwaway`].
pub(crate) fn trusting(certificates: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CERTIFICATE.into()).expect("a certificate");
    for certificate in certificates {
        roots.add(certificate.clone()).expect("a certificate");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("valid");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn connect(
    running: &Running,
    name: &'static str,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(running.local_addrs()[0]).await?;
    soon(TlsConnector::from(Arc::clone(config)).connect(name.try_into().expect("a name"), tcp)).await
}

fn serve(tls: Tls, server: Server) -> Running {
    let endpoint = Endpoint::address("127.0.0.1:0").tls(tls);
    server.listen(endpoint).bind().expect("a free port").serve(TestService::default())
}

async fn get(mut tls: TlsStream<TcpStream>) -> String {
    tls.write_all(LAST_GET.as_bytes()).await.expect("open");
    let mut answer = String::new();
    soon(tls.read_to_string(&mut answer)).await.expect("an answer, and close_notify");
    answer
}

#[tokio::test]
async fn requests_and_upgrades_pass() {
    let running = serve(throwaway(), Server::new());
    let config = trusting(&[]);
    let answer = get(connect(&running, "other.example", &config).await.expect("TLS")).await;
    assert!(answer.contains("tls=true"), "{answer}");
    let mut tls = connect(&running, "other.example", &config).await.expect("TLS");
    tls.write_all(format!("{UPGRADE}ahead").as_bytes()).await.expect("open");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(tls.read_u8()).await.expect("an answer"));
    }
    expect(&mut tls, "tls;ahead").await;
    assert_eq!(running.counts().open, 1);
    tls.shutdown().await.expect("open");
    assert_eq!(soon(tls.read(&mut [0])).await.expect("close_notify"), 0);
    until(|| running.counts().open == 0).await;
}

#[tokio::test]
async fn alpn_chooses_http2() {
    let running = serve(throwaway(), Server::new());
    let mut config = Arc::unwrap_or_clone(trusting(&[]));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tls = connect(&running, "other.example", &Arc::new(config)).await.expect("TLS");
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(tls);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = http::Request::get("https://other.example/").body(http_body_util::Empty::<bytes::Bytes>::new());
    let response = soon(send.send_request(request.expect("valid"))).await.expect("an answer");
    assert_eq!((response.status(), response.version()), (http::StatusCode::OK, http::Version::HTTP_2));
}

#[tokio::test]
async fn certificates_change_while_connections_are_open() {
    let files = Files::new("reload");
    let first = trusting(&[files.write()]);
    let tls = files.tls().expect("a pair");
    let running = serve(tls.clone(), Server::new());
    let open = connect(&running, "localhost", &first).await.expect("the first");
    let second = trusting(&[files.write()]);
    connect(&running, "localhost", &second).await.expect_err("not before it is told");
    tls.reload().expect("a pair");
    connect(&running, "localhost", &second).await.expect("the second");
    // Apart from the session that this client could resume, the first is gone; and what is open stays so.
    let afresh = trusting(&[]);
    connect(&running, "localhost", &afresh).await.expect_err("nobody's");
    assert!(get(open).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn bad_files_change_nothing_and_are_named() {
    let files = Files::new("bad");
    let trust = trusting(&[files.write()]);
    let tls = files.tls().expect("a pair");
    let running = serve(tls.clone(), Server::new());
    let key = std::fs::read(files.path("key.pem")).expect("written");
    let certificate = std::fs::read(files.path("cert.pem")).expect("written");
    files.write();
    let other_key = std::fs::read(files.path("key.pem")).expect("written");
    let cases: [(&str, Option<&[u8]>, &str); 6] = [
        ("cert.pem", None, "cert.pem"),
        ("cert.pem", Some(b""), "cert.pem"),
        ("cert.pem", Some(&key), "cert.pem"),
        ("key.pem", None, "key.pem"),
        ("key.pem", Some(b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"), "key.pem"),
        ("key.pem", Some(&other_key), "the key is to be that of the first certificate"),
    ];
    for (name, content, said) in cases {
        std::fs::write(files.path("cert.pem"), &certificate).expect("room");
        std::fs::write(files.path("key.pem"), &key).expect("room");
        match content {
            Some(content) => std::fs::write(files.path(name), content).expect("room"),
            None => std::fs::remove_file(files.path(name)).expect("there"),
        }
        let error = tls.reload().expect_err(name).to_string();
        assert!(error.contains(said), "{error}");
        assert!(files.tls().is_err());
        connect(&running, "localhost", &trust).await.expect("the old one");
    }
    assert!(matches!(throwaway().reload(), Err(TlsError::NoFiles)));
}

/// A client's first flight.
fn hello() -> Vec<u8> {
    let name = "other.example".try_into().expect("a name");
    let mut session = ClientConnection::new(trusting(&[]), name).expect("valid");
    let mut hello = Vec::new();
    session.write_tls(&mut hello).expect("memory");
    hello
}

#[tokio::test]
async fn a_hello_may_come_in_two_pieces() {
    let running = serve(throwaway(), Server::new());
    for split in 0..hello().len() {
        let name = "other.example".try_into().expect("a name");
        let mut session = ClientConnection::new(trusting(&[]), name).expect("valid");
        let mut hello = Vec::new();
        session.write_tls(&mut hello).expect("memory");
        let mut tcp = TcpStream::connect(running.local_addrs()[0]).await.expect("it accepts");
        tcp.set_nodelay(true).expect("open");
        tcp.write_all(&hello[..split]).await.expect("open");
        // Turns for the server, which is on this thread too.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        tcp.write_all(&hello[split..]).await.expect("open");
        let mut header = [0; 5];
        soon(tcp.read_exact(&mut header)).await.expect("an answer");
        assert_eq!(header[0], 22, "a ServerHello, split at {split}");
    }
}

#[tokio::test]
async fn a_hello_may_come_in_many_records() {
    let running = serve(throwaway(), Server::new());
    let hello = hello();
    let records: Vec<u8> = hello[5..]
        .chunks(7)
        .flat_map(|part| [&[22, 3, 1, 0, u8::try_from(part.len()).expect("7")], part].concat())
        .collect();
    let mut tcp = TcpStream::connect(running.local_addrs()[0]).await.expect("it accepts");
    tcp.write_all(&records).await.expect("open");
    let mut header = [0; 5];
    soon(tcp.read_exact(&mut header)).await.expect("an answer");
    assert_eq!(header[0], 22, "a ServerHello");
}

#[tokio::test]
async fn what_is_no_tls_gets_an_alert_and_the_end() {
    let running = serve(throwaway(), Server::new());
    let mut tcp = TcpStream::connect(running.local_addrs()[0]).await.expect("it accepts");
    tcp.write_all(GET.as_bytes()).await.expect("open");
    let mut answer = Vec::new();
    soon(tcp.read_to_end(&mut answer)).await.expect("an end");
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    until(|| running.counts().open == 0).await;
    assert_eq!(running.counts().tls_failed, 1);
}

#[tokio::test]
async fn the_deadline_is_one_for_all() {
    let running = serve(throwaway(), Server::new().handshake_timeout(Duration::from_millis(300)));
    let hello = hello();
    for sent in [&[][..], &hello[..10], &hello] {
        let mut tcp = TcpStream::connect(running.local_addrs()[0]).await.expect("it accepts");
        tcp.write_all(sent).await.expect("open");
        let _ = soon(tcp.read_to_end(&mut Vec::new())).await;
    }
    // The handshake is done, and no request comes.
    let mut tls = connect(&running, "other.example", &trusting(&[])).await.expect("TLS");
    tls.write_all(b"GET / HT").await.expect("open");
    let mut answer = Vec::new();
    let _ = soon(tls.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
    until(|| running.counts().open == 0).await;
    assert_eq!(running.counts().timed_out, 4);
}

#[tokio::test]
async fn over_the_limit_of_an_address_it_is_closed_without_a_word() {
    let running = serve(throwaway(), Server::new().max_connections_per_ip(1));
    let _held = connect(&running, "other.example", &trusting(&[])).await.expect("TLS");
    let mut tcp = TcpStream::connect(running.local_addrs()[0]).await.expect("it accepts");
    assert_eq!(soon(tcp.read(&mut [0])).await.expect("an end"), 0);
    assert_eq!(running.counts().refused_per_ip, 1);
}
