//! Who closes first, with what unread and what queued, over TCP and TLS: every peer gets its code and its bytes.

use std::{future::pending, sync::Arc, time::Duration};

use bowline_core::{CloseCode, CloseFrame, Error, stream::WebSocket};
use bowline_server::{
    Hub, Session,
    http::Guards,
    listener::{Endpoint, Running, Server, Tls},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpSocket,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring},
};

use crate::support::{PATIENCE, client, no_sessions};

/// Who says Close first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    /// The handler returns.
    Server,
    Client,
    /// The handler closes, and receives nothing from there on.
    Absent,
    /// Neither has heard of the other's when it says its own.
    Both,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    first: First,
    /// The client sent 64 KiB that the handler doesn't receive.
    unread: bool,
    /// The handler sent 512 KiB that the client has not read.
    queued: bool,
}

fn orders() -> impl Iterator<Item = Order> {
    let firsts = [First::Server, First::Absent, First::Client, First::Both].into_iter();
    firsts.flat_map(|first| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(unread, queued)| Order {
            first,
            unread,
            queued,
        })
    })
}

const QUEUED: usize = 512 << 10;
const UNREAD: usize = 64 << 10;

/// Does its part of an order, as the client's first message says.
async fn handle(mut session: Session) -> Result<(), Error> {
    let asked = session.recv().await?.ok_or(Error::Closed)?;
    let asked = asked.as_text().unwrap_or_default().to_owned();
    if asked.contains("queued") {
        session.send("x".repeat(QUEUED)).await.map_err(|_| Error::Closed)?;
    }
    if asked.contains("absent") {
        session.close(CloseFrame::from(CloseCode::NORMAL_CLOSURE));
        pending::<()>().await;
    }
    if asked.contains("first") {
        // The client's unread input is in the socket by now.
        tokio::time::sleep(Duration::from_millis(50)).await;
        return Ok(());
    }
    // Messages that nobody receives may stand before the Close.
    while let Ok(Some(_)) = session.recv().await {}
    Ok(())
}

struct Ground {
    hub: Hub,
    running: Running,
    connector: Option<TlsConnector>,
}

impl Ground {
    fn new(tls: bool) -> Self {
        let hub = Hub::builder().handler(handle).build();
        let mut endpoint = Endpoint::address("127.0.0.1:0");
        let mut connector = None;
        if tls {
            let (server, client) = configs();
            endpoint = endpoint.tls(Tls::from_config(Arc::new(server)));
            connector = Some(TlsConnector::from(Arc::new(client)));
        }
        let bound = Server::new().listen(endpoint).bind().unwrap();
        Self { running: bound.serve(hub.service(Guards::new())), hub, connector }
    }

    async fn pass(&self, order: Order) {
        // So little that most of what is queued stays in the server.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let tcp = socket.connect(self.running.local_addrs()[0]).await.unwrap();
        match &self.connector {
            None => self.open(tcp, order).await,
            Some(connector) => {
                let tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
                self.open(tls, order).await;
            }
        }
        no_sessions(&self.hub).await;
    }

    async fn open<IO: AsyncRead + AsyncWrite + Unpin>(&self, mut io: IO, order: Order) {
        let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        io.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(io.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        run(client(io), order).await;
    }
}

/// The client's part.
async fn run<IO: AsyncRead + AsyncWrite + Unpin>(mut client: WebSocket<IO>, order: Order) {
    let mut asked = String::from("please");
    match order.first {
        First::Client => {}
        First::Absent => asked.push_str(" absent"),
        First::Server | First::Both => asked.push_str(" first"),
    }
    if order.queued {
        asked.push_str(" queued");
    }
    client.feed(asked).await.unwrap();
    if order.unread {
        client.feed("y".repeat(UNREAD)).await.unwrap();
    }
    if matches!(order.first, First::Client | First::Both) {
        client.start_close(CloseFrame::new(CloseCode::GOING_AWAY, "client"));
    }
    client.flush().await.unwrap();
    // Everything that the server can do without being read, it has done.
    tokio::time::sleep(Duration::from_millis(150)).await;
    let mut bytes = 0;
    while let Some(message) = timeout(PATIENCE, client.recv()).await.expect("it ends").unwrap() {
        bytes += message.len();
    }
    assert_eq!(bytes, if order.queued { QUEUED } else { 0 });
    let ended = client.ended().unwrap();
    assert!(ended.is_clean());
    let code = ended.frame().map(|frame| frame.code().get());
    match order.first {
        First::Server | First::Absent => assert_eq!(code, Some(1000)),
        First::Client => assert_eq!(code, Some(1001)),
        // As the server got to it.
        First::Both => assert!(matches!(code, Some(1000 | 1001)), "{code:?}"),
    }
}

fn configs() -> (ServerConfig, ClientConfig) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let key = signing_key.serialize_der().try_into().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (server, client.with_root_certificates(roots).with_no_client_auth())
}

async fn all(tls: bool) {
    let ground = Ground::new(tls);
    for order in orders() {
        println!("{order:?}");
        timeout(PATIENCE, ground.pass(order)).await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_peer_gets_its_code_and_its_bytes_over_tcp() {
    all(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_peer_gets_its_code_and_its_bytes_over_tls() {
    all(true).await;
}
