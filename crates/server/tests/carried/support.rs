//! A server in memory, and a client that sees what goes over the wire.

use std::time::Duration;

use bowline_server::{
    Hub,
    http::{Guards, HubService},
    hub::HubBuilder,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{DuplexStream, duplex},
    time::timeout,
};
use tower_service::Service as _;

use crate::events::{Event, parse};

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

    /// A new session, opened by a poll.
    pub(crate) async fn open(&self) -> Client {
        let answer = self.ask("GET", "/session", &[("bowline-session", "new")], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open = answer.events()[0].clone();
        assert_eq!(open.name, "open");
        let secret = open.json()["session"].as_str().unwrap().to_owned();
        Client { site: self.clone(), secret, sent: 0 }
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
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
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
        let (events, rest) = parse(&self.text);
        assert_eq!(rest, "", "{self:?}");
        events
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
    /// The number of the last record that it has sent.
    pub(crate) sent: u64,
}

impl Client {
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

/// Waits for what has no event of its own, such as the end of a task of the server's.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}
