//! A server on a port of its own, and a client that sees what goes over the wire.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bowline_core::connection::Config;
use bowline_server::{
    http::{Body, Guards, HubService},
    hub::Hub,
    listener::ConnectionInfo,
    room::{Room, RoomOptions},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Builder};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::timeout,
};
use tower_service::Service;

/// Nothing that is awaited here takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn hub(options: RoomOptions) -> Hub {
    hub_with(options, 100, Config::default())
}

pub(crate) fn hub_with(options: RoomOptions, max_rooms: usize, config: Config) -> Hub {
    Hub::builder().room_options("*", options).max_rooms(max_rooms).connection(config).build()
}

pub(crate) fn room(hub: &Hub, name: &str) -> Room {
    hub.room(name).unwrap()
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn hub(hub: &Hub) -> Self {
        Self::new(hub.service(Guards::new()), false).await
    }

    pub(crate) async fn guarded(hub: &Hub, guards: Guards) -> Self {
        Self::new(hub.service(guards), false).await
    }

    pub(crate) async fn service(service: HubService) -> Self {
        Self::new(service, false).await
    }

    /// Serves HTTP/1.1, or HTTP/2 without TLS.
    pub(crate) async fn new<S>(service: S, http2: bool) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accept = async move {
            loop {
                let (tcp, peer) = listener.accept().await.unwrap();
                let service = service.clone();
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectionInfo::new(peer, address, false));
                    service.clone().call(request)
                });
                let io = TokioIo::new(tcp);
                if http2 {
                    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    builder.enable_connect_protocol();
                    tokio::spawn(builder.serve_connection(io, service));
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(builder.serve_connection(io, service).with_upgrades());
                }
            }
        };
        Self { address, task: tokio::spawn(accept).abort_handle() }
    }

    /// Sends a request on a connection of its own, which ends when the response is dropped.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        timeout(PATIENCE, sender.send_request(request)).await.expect("an answer in time").unwrap()
    }

    pub(crate) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers, "").await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = builder(method, target, headers).header("host", self.host());
        Answer::of(self.send(request.body(Full::new(body.into())).unwrap()).await).await
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What comes back for these bytes until the server closes the connection.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.expect("an end in time").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub(crate) fn builder(method: &str, target: &str, headers: &[(&str, &str)]) -> Builder {
    headers
        .iter()
        .fold(Request::builder().method(method).uri(target), |builder, (name, value)| builder.header(*name, *value))
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    async fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("a body in time").unwrap().to_bytes();
        Self { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Waits for what has no event of its own, such as the end of a task of the server's.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}
