//! `bowline serve`: SIGTERM drains, SIGHUP reloads.

mod common;

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rcgen::generate_simple_self_signed;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use self::common::{Directory, Server, assert_echo, bowline, closed, get, signal, soon};

#[tokio::test]
async fn the_end_of_its_input_is_a_sigterm_where_that_is_asked_for() {
    let mut server = Server::start("serve", &["--until-stdin-ends", "--drain-window", "0s"]).await;
    let mut client = server.client_at("/rooms/a").await;
    drop(server.child.stdin.take());
    assert_eq!(closed(&mut client).await.map(|frame| u16::from(frame.code)), Some(1012));
    server.said("drained").await;
    assert_eq!(server.ended().await.code(), Some(0));
    // Else it is nothing to it.
    let mut server = Server::start("serve", &[]).await;
    drop(server.child.stdin.take());
    assert_echo(&mut server.client_at("/rooms/a").await, Message::text("still here")).await;
}

#[tokio::test]
async fn sigterm_drains_with_1012_and_each_clients_own_delay() {
    let args = ["--drain-window", "200ms", "--drain-reconnect-within", "1h", "--room-history", "10"];
    let mut server = Server::start("serve", &args).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(server.client_at("/rooms/a").await);
    }
    assert_echo(&mut clients[0], Message::text("before")).await;
    let mut stream = soon(TcpStream::connect(&server.address)).await.expect("it accepts");
    let request = b"GET /rooms/a?history=1 HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";
    soon(stream.write_all(request)).await.expect("sent");
    let mut lines = BufReader::new(stream).lines();
    while soon(lines.next_line()).await.expect("readable").expect("it goes on") != "data: before" {}

    signal(&server.child, Signal::TERM);
    let mut delays = Vec::new();
    for mut client in clients {
        // What was published before comes before it.
        let frame = closed(&mut client).await.expect("a code");
        assert_eq!(u16::from(frame.code), 1012);
        let delay = frame.reason.strip_prefix("retry=").and_then(|delay| delay.parse::<u32>().ok());
        delays.push(delay.unwrap_or_else(|| panic!("no delay in {:?}", frame.reason)));
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 1 && delays.iter().all(|delay| *delay <= 3_600_000), "{delays:?}");
    // The stream says the same in its own way, and ends.
    let mut retry = false;
    while let Some(line) = soon(lines.next_line()).await.expect("readable") {
        retry |= line.starts_with("retry: ");
    }
    assert!(retry);
    drop(lines);
    server.said("drained").await;
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn nothing_is_accepted_while_it_drains() {
    let mut server = Server::start("serve", &["--close-timeout", "1h", "--drain-deadline", "1h"]).await;
    // It answers no Close frame, so the stop takes its time.
    let silent = server.client_at("/rooms/a").await;
    signal(&server.child, Signal::TERM);
    server.said("draining").await;
    soon(async { while TcpStream::connect(&server.address).await.is_ok() {} }).await;
    drop(silent);
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn the_deadline_drops_who_never_answers() {
    let args = ["--close-timeout", "1h", "--drain-window", "0", "--drain-deadline", "100ms"];
    let mut server = Server::start("serve", &args).await;
    let mut silent = server.client_at("/rooms/a").await;
    // Its own message comes back: what is open by then is a session.
    silent.send("here".into()).await.expect("sent");
    soon(silent.next()).await.expect("open").expect("a message");
    signal(&server.child, Signal::INT);
    server.said("some did not end in time").await;
    assert_eq!(server.ended().await.code(), Some(0));
    drop(silent);
}

#[tokio::test]
async fn a_second_signal_exits_at_once() {
    for (by, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut server = Server::start("serve", &["--close-timeout", "1h", "--drain-deadline", "1h"]).await;
        let silent = server.client_at("/rooms/a").await;
        signal(&server.child, Signal::TERM);
        server.said("draining").await;
        signal(&server.child, by);
        assert_eq!(server.ended().await.code(), Some(code));
        drop(silent);
    }
}

/// A certificate for localhost and its key, as PEM.
fn certificate(directory: &Directory) -> CertificateDer<'static> {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    directory.write("key.pem", &made.signing_key.serialize_pem());
    directory.write("chain.pem", &made.cert.pem());
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).expect("PEM")
}

/// A TLS connection that trusts one certificate.
async fn dial(address: &str, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = soon(TcpStream::connect(address)).await.expect("it accepts");
    let name = ServerName::try_from("localhost").expect("a name");
    soon(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

#[tokio::test]
async fn sighup_reads_the_certificate_again() {
    let directory = Directory::new();
    let old = certificate(&directory);
    let (chain, key) = (directory.path("chain.pem"), directory.path("key.pem"));
    let args = ["--tls-cert", &chain, "--tls-key", &key, "--listen-plain", "127.0.0.1:0"];
    let mut server = Server::start("serve", &args).await;
    let plain = soon(server.stdout.next_line()).await.expect("readable").expect("a line");
    let plain = plain.strip_prefix("listening on ").expect("an address").to_owned();
    let tried = soon(server.stdout.next_line()).await.expect("readable").expect("a line");
    assert_eq!(tried, format!("try it: https://{}/", server.address));
    assert_eq!(get(&plain, "/healthz").await.status, 200);

    let request = "wss://localhost/echo".into_client_request().expect("a URL");
    let tls = dial(&server.address, &old).await.expect("trusted");
    let (mut before, _) = soon(client_async(request.clone(), tls)).await.expect("it accepts");

    // A key that isn't the certificate's changes nothing.
    let (good_key, good_chain) = (directory.read("key.pem"), directory.read("chain.pem"));
    let new = certificate(&directory);
    let (new_key, new_chain) = (directory.read("key.pem"), directory.read("chain.pem"));
    directory.write("chain.pem", &good_chain);
    signal(&server.child, Signal::HUP);
    server.said("the certificate stays as it is").await;
    assert_ne!(good_key, new_key);
    dial(&server.address, &old).await.expect("trusted");

    directory.write("chain.pem", &new_chain);
    signal(&server.child, Signal::HUP);
    server.said("the certificate was read again").await;
    let tls = dial(&server.address, &new).await.expect("trusted");
    let (mut after, _) = soon(client_async(request, tls)).await.expect("it accepts");
    assert!(dial(&server.address, &old).await.is_err(), "it is no longer shown");
    // Open connections go on.
    for client in [&mut before, &mut after] {
        soon(client.send(Message::text("a"))).await.expect("sent");
        let answer = soon(client.next()).await.expect("open").expect("received");
        assert_eq!(answer, Message::text("a"));
    }
}

#[tokio::test]
async fn sighup_reads_the_file_again_and_says_what_needs_a_restart() {
    let directory = Directory::new();
    let file = directory.write("a.toml", "[status]\npage = false\n");
    let mut server = Server::start("serve", &["--config", &file, "--max-headers", "50"]).await;
    assert_eq!(get(&server.address, "/").await.status, 404);

    directory.write(
        "a.toml",
        "[status]\npage = true\n[limits]\nmax_headers = 1\nmax_rooms = 1\n[[rooms]]\npattern = \"a\"\n",
    );
    signal(&server.child, Signal::HUP);
    let line = server.said("a restart is needed").await;
    assert!(line.contains("limits.max_rooms, rooms") && !line.contains("max_headers"), "{line}");
    let line = server.said("the settings were read again").await;
    assert!(line.contains("status.page"), "{line}");
    assert_eq!(get(&server.address, "/").await.status, 200);

    directory.write("a.toml", "[status]\npage = maybe\n");
    signal(&server.child, Signal::HUP);
    let line = server.said("the settings stay as they are").await;
    assert!(line.contains("a.toml:2"), "{line}");
    assert_eq!(get(&server.address, "/").await.status, 200);
}

#[tokio::test]
async fn it_serves_without_standard_output() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = bowline(&["serve", "--listen", "127.0.0.1:0", "--log", "debug"]);
    let mut child = command.stdout(std::process::Stdio::from(writer)).spawn().expect("the binary starts");
    let mut stderr = common::lines(child.stderr.take().expect("piped"));
    common::said(&mut stderr, "listening").await;
    signal(&child, Signal::TERM);
    assert_eq!(soon(child.wait()).await.expect("it ran").code(), Some(0));
}
