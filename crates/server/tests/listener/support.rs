//! A service that does what a test asks for, and a client that writes bytes.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bowline_server::io::Io;
use bowline_server::listener::{ConnectionInfo, ConnectionSlot, Running, Server};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, copy, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// `/panic`, `/hang`, `/big`; `/upgrade` echoes bytes, and `/hold` only waits for their end. Else it says hello, who asks and what
/// was posted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestService {
    pub(crate) sessions: Arc<AtomicUsize>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

impl tower_service::Service<Request<Incoming>> for TestService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Answer {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl TestService {
    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let info = *request.extensions().get::<ConnectionInfo>().expect("every request has one");
        match request.uri().path() {
            "/panic" => panic!("asked for"),
            "/hang" => pending().await,
            "/big" => return Response::new(vec![b'.'; BIG].into()),
            "/upgrade" | "/hold" => return self.upgrade(request),
            _ => {}
        }
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let said = format!("hello {} tls={} posted={}", info.peer(), info.is_tls(), body.len());
        Response::new(said.into())
    }

    fn upgrade(self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        if request.method() != Method::CONNECT {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", "upgrade".parse().expect("valid"));
            response.headers_mut().insert("upgrade", "websocket".parse().expect("valid"));
        }
        let hold = request.uri().path() == "/hold";
        let slot = request.extensions_mut().remove::<ConnectionSlot>().expect("every request has one");
        let upgrade = hyper::upgrade::on(request);
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            self.sessions.fetch_add(1, Ordering::SeqCst);
            let (io, ahead) = Io::from_upgraded(upgraded);
            if hold {
                discard(io).await;
            } else {
                Box::pin(echo(io, ahead)).await;
            }
            self.sessions.fetch_sub(1, Ordering::SeqCst);
            drop(slot);
        });
        response
    }
}

/// Says what it runs on, then sends back what comes.
async fn echo(mut io: Io, ahead: Bytes) {
    let kind = match &io {
        Io::Tcp(_) => "tcp;",
        Io::Upgraded(_) => "upgraded;",
        Io::Other(_) => "other;",
        _ => "tls;",
    };
    if io.write_all(kind.as_bytes()).await.is_ok() && io.write_all(&ahead).await.is_ok() && io.flush().await.is_ok() {
        let (mut read, mut write) = split(io);
        let _ = copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
    }
}

/// Reads to the end, and owns no buffer while nothing comes: as a session's task does.
async fn discard(mut io: Io) {
    poll_fn(|cx| {
        let mut scratch = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            if ready!(Pin::new(&mut io).poll_read(cx, &mut buffer)).is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    })
    .await;
}

/// `server` on a free port.
pub(crate) fn start(server: Server) -> (Running, SocketAddr) {
    let running = server.listen("127.0.0.1:0").bind().expect("a free port").serve(TestService::default());
    let address = running.local_addrs()[0];
    (running, address)
}

/// A connection on which `bytes` were written.
pub(crate) async fn client(address: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut tcp = TcpStream::connect(address).await.expect("it accepts");
    tcp.set_nodelay(true).expect("open");
    tcp.write_all(bytes.as_ref()).await.expect("it reads");
    tcp
}

/// Bytes of the big answer.
pub(crate) const BIG: usize = 512 << 10;

/// What comes until the end, which must be an orderly one.
pub(crate) async fn to_end(tcp: &mut TcpStream) -> String {
    let mut read = Vec::new();
    soon(tcp.read_to_end(&mut read)).await.expect("an end in good order");
    String::from_utf8(read).expect("text")
}

/// What `bytes` are answered, until the server ends the connection.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    to_end(&mut client(address, bytes).await).await
}

/// One answer, by its Content-Length.
pub(crate) async fn one_answer(tcp: &mut TcpStream) -> String {
    let mut read = String::new();
    while !read.contains("\r\n\r\n") {
        read.push(char::from(soon(tcp.read_u8()).await.expect("an answer")));
    }
    let length = read.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    soon(tcp.read_exact(&mut body)).await.expect("a body");
    read + &String::from_utf8(body).expect("text")
}

/// Reads exactly this.
pub(crate) async fn expect(tcp: &mut (impl AsyncReadExt + Unpin), said: &str) {
    let mut read = vec![0; said.len()];
    soon(tcp.read_exact(&mut read)).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&read), said);
}

/// Fails the test where it would hang.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.expect("it takes no half a minute")
}

/// Waits until `check` holds.
pub(crate) async fn until(mut check: impl FnMut() -> bool) {
    soon(async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
pub(crate) const UPGRADE: &str =
    "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
