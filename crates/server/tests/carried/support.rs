//! A server in memory, and a client that sees what goes over the wire.

use std::time::Duration;

use bowline_server::{
    Hub,
    http::{Guards, HubService},
    hub::HubBuilder,
    session::{SessionHandle, SessionId},
};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use tower_service::Service as _;

use crate::events::{Event, all, take};

/// Nothing that is awaited here takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How the client talks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

/// A server, and how it is talked to.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) service: HubService,
    pub(crate) http: Http,
}

impl Site {
    pub(crate) fn new(http: Http, hub: HubBuilder) -> Self {
        Self::guarded(http, hub, Guards::new())
    }

    pub(crate) fn guarded(http: Http, hub: HubBuilder, guards: Guards) -> Self {
        let hub = hub.build();
        Self { service: hub.service(guards), hub, http }
    }

    /// A connection of its own, which is served.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(64 << 10);
        let service = self.service.clone();
        let service = service_fn(move |request: Request<Incoming>| service.clone().call(request));
        let io = TokioIo::new(far);
        if self.http == Http::Two {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.enable_connect_protocol();
            tokio::spawn(builder.serve_connection(io, service));
        } else {
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(io, service).with_upgrades());
        }
        near
    }

    /// Sends a request on a connection of its own, which ends when the response is dropped.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Response<Incoming> {
        let io = TokioIo::new(self.connect());
        let answer = if self.http == Http::Two {
            let uri = format!("http://test{}", request.uri()).parse().unwrap();
            *request.uri_mut() = uri;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            timeout(PATIENCE, sender.send_request(request)).await
        } else {
            request.headers_mut().insert("host", "test".parse().unwrap());
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            timeout(PATIENCE, sender.send_request(request)).await
        };
        answer.expect("an answer in time").unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer::of(self.send(request(method, target, headers, body)).await).await
    }

    /// Asks without any connection.
    pub(crate) async fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let response = self.service.clone().call(request(method, target, headers, body)).await.unwrap();
        Answer::of(response).await
    }

    /// A new session, opened by a poll.
    pub(crate) async fn open(&self) -> Client {
        let answer = self.ask("GET", "/session", &[("bowline-session", "new")], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open = answer.events()[0].clone();
        assert_eq!(open.name, "open");
        Client::new(self, &open)
    }
}

pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(target);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of<B: Body<Data = Bytes, Error: std::fmt::Debug>>(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("a body in time").unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self { status: head.status.as_u16(), headers: head.headers, text }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Its events, all of them whole.
    pub(crate) fn events(&self) -> Vec<Event> {
        all(&self.text)
    }

    /// The data of its events, without the first, which is `open`.
    pub(crate) fn data(&self) -> Vec<String> {
        let events = self.events();
        assert_eq!(events[0].name, "open", "{self:?}");
        events[1..].iter().map(|event| event.data.clone()).collect()
    }
}

/// A client of a session, by polls and POSTs.
pub(crate) struct Client {
    pub(crate) site: Site,
    pub(crate) secret: String,
    pub(crate) id: Option<SessionId>,
    /// The number of the last record that it has sent.
    pub(crate) sent: u64,
}

impl Client {
    /// As `open` says.
    pub(crate) fn new(site: &Site, open: &Event) -> Self {
        assert_eq!(open.name, "open");
        let open = open.json();
        let id = open["id"].as_str().unwrap().parse().unwrap();
        Self { site: site.clone(), secret: open["session"].as_str().unwrap().to_owned(), id: Some(id), sent: 0 }
    }

    /// The session, as the server's application has it.
    pub(crate) fn handle(&self) -> SessionHandle {
        self.site.hub.session(self.id.unwrap()).unwrap()
    }

    pub(crate) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("bowline-session", &*self.secret)];
        all.extend(headers);
        self.site.ask("GET", target, &all, "").await
    }

    /// Polls once with this cursor.
    pub(crate) async fn poll(&self, cursor: &str) -> Answer {
        self.get("/session", &[("bowline-cursor", cursor)]).await
    }

    /// Polls with this cursor, and waits.
    pub(crate) async fn wait(&self, cursor: &str) -> Answer {
        self.get("/session?wait=25", &[("bowline-cursor", cursor)]).await
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        let headers = [("bowline-session", &*self.secret), ("content-type", "text/event-stream")];
        self.site.ask("POST", "/session", &headers, body).await
    }

    /// Sends one record: an event without `id`. The answer is an acknowledgement of it.
    pub(crate) async fn say(&mut self, event: &str) {
        self.sent += 1;
        let answer = self.post(&format!("id: {}\n{event}\n\n", self.sent)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text, format!("event: ack\ndata: {}\n\n", self.sent));
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.say(&format!("data: {text}")).await;
    }

    pub(crate) async fn end(&self) -> Answer {
        self.site.ask("DELETE", "/session", &[("bowline-session", &self.secret)], "").await
    }
}

/// A stream that goes on (Comet).
pub(crate) struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    /// Attaches one to the session; `new` opens one.
    pub(crate) async fn attach(site: &Site, session: &str, cursor: Option<&str>) -> Self {
        let mut headers = vec![("bowline-session", session), ("accept", "text/event-stream")];
        headers.extend(cursor.map(|cursor| ("bowline-cursor", cursor)));
        let response = site.send(request("GET", "/session", &headers, "")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Option<String> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("it goes on in time")?.unwrap();
            if let Ok(data) = frame.into_data() {
                return Some(String::from_utf8(data.to_vec()).unwrap());
            }
        }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = take(&mut self.text) {
                return Some(event);
            }
            let piece = self.piece().await?;
            self.text.push_str(&piece);
        }
    }

    /// The data of the next event.
    pub(crate) async fn data(&mut self) -> String {
        self.next().await.expect("it goes on").data
    }
}

/// Somebody else's WebSocket.
pub(crate) type WebSocket = WebSocketStream<Box<dyn Io>>;

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The answer to a request for a WebSocket; the WebSocket itself where that is what came of it.
pub(crate) async fn upgrade(
    site: &Site,
    target: &str,
    protocols: &str,
    headers: &[(&str, &str)],
) -> Result<WebSocket, Answer> {
    let io = TokioIo::new(site.connect());
    let mut request = request("GET", target, headers, "");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-version", "13".parse().unwrap());
    headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
    let response = if site.http == Http::Two {
        *request.method_mut() = "CONNECT".parse().unwrap();
        *request.uri_mut() = format!("http://test{target}").parse().unwrap();
        request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        // The server's SETTINGS say that it knows extended CONNECT.
        tokio::time::sleep(Duration::from_millis(1)).await;
        timeout(PATIENCE, sender.send_request(request)).await
    } else {
        headers.insert("host", "test".parse().unwrap());
        headers.insert("upgrade", "websocket".parse().unwrap());
        headers.insert("connection", "upgrade".parse().unwrap());
        headers.insert("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==".parse().unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        timeout(PATIENCE, sender.send_request(request)).await
    };
    let response = response.expect("an answer in time").unwrap();
    if response.status() != 101 && (site.http == Http::One || response.status() != 200) {
        return Err(Answer::of(response).await);
    }
    assert_eq!(response.headers()["sec-websocket-protocol"], "bowline.v1");
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let io: Box<dyn Io> = Box::new(TokioIo::new(upgraded));
    Ok(WebSocketStream::from_raw_socket(io, Role::Client, None).await)
}

/// A WebSocket that carries the session, or opens one.
pub(crate) async fn socket(site: &Site, secret: Option<&str>) -> WebSocket {
    let protocols =
        secret.map_or_else(|| "bowline.v1".into(), |secret| format!("bowline.v1, bowline.session.{secret}"));
    upgrade(site, "/session", &protocols, &[]).await.expect("it is taken")
}

/// The next message, as a text; a binary one in hexadecimal, a Close as `close <code> <reason>`.
pub(crate) async fn next(socket: &mut WebSocket) -> String {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("it comes in time").expect("it goes on");
        match message.unwrap() {
            Message::Text(text) => return text.as_str().to_owned(),
            Message::Binary(bytes) => return bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Message::Close(Some(frame)) => return format!("close {} {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => return "close".to_owned(),
            _ => {}
        }
    }
}

/// Does the rest of the closing handshake, once the server's Close has come.
pub(crate) async fn answer_close(socket: &mut WebSocket) {
    while let Some(Ok(_)) = timeout(PATIENCE, socket.next()).await.expect("it ends in time") {}
}

pub(crate) async fn send(socket: &mut WebSocket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// The event that a message of a session's WebSocket is.
pub(crate) fn event_of(message: &str) -> Event {
    let event = message.strip_prefix('\u{1e}').unwrap_or_else(|| panic!("{message:?} is an event"));
    all(&format!("{event}\n\n")).remove(0)
}

/// Waits for what has no event of its own, such as the end of a task of the server's.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}
