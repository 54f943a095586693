//! A peer that does what the test says, byte for byte.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use bowline_client::{Backoff, Builder, Client, Event, Transport};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

pub(crate) const SECRET: &str = "a.AAECAwQFBgcICQoLDA0ODw";
pub(crate) const OTHER: &str = "b.AAECAwQFBgcICQoLDA0ODw";

/// Waits, but not for ever: what a test waits for comes at once, or never.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// A server that hands every request to the test.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    requests: mpsc::Receiver<Asked>,
    accepting: JoinHandle<()>,
}

/// A request that waits for what the test does with it.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: String,
    headers: HashMap<String, String>,
    stream: TcpStream,
    /// Where the connection goes on.
    back: mpsc::Sender<TcpStream>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Peer {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (found, requests) = mpsc::channel(64);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, found.clone()));
            }
        });
        Self { address, requests, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mount", self.address)
    }

    /// The next request, of whatever connection.
    pub(crate) async fn next(&mut self) -> Asked {
        soon(self.requests.recv()).await.expect("it accepts")
    }

    /// The next two requests: the one that `is_first` says of, and the other.
    pub(crate) async fn two(&mut self, is_first: impl Fn(&Asked) -> bool) -> (Asked, Asked) {
        let (one, other) = (self.next().await, self.next().await);
        assert!(is_first(&one) != is_first(&other), "two of a kind: {} and {}", one.target, other.target);
        if is_first(&one) { (one, other) } else { (other, one) }
    }

    /// Nothing is asked for so long.
    pub(crate) async fn quiet(&mut self, time: Duration) {
        if let Ok(Some(asked)) = tokio::time::timeout(time, self.requests.recv()).await {
            panic!("{} {} was asked", asked.method, asked.target);
        }
    }

    /// A client that tries these, with short times.
    pub(crate) fn client(&self, transports: &[Transport]) -> Builder {
        let short = Duration::from_millis(20);
        Client::builder(&self.url())
            .transports(transports.iter().copied())
            .proxy(bowline_client::Proxy::Direct)
            .backoff(Backoff::default().base(short).spread(short).max(short))
    }
}

async fn serve(stream: TcpStream, found: mpsc::Sender<Asked>) {
    let mut next = Some(stream);
    while let Some(mut stream) = next.take() {
        let Some((method, target, headers)) = head(&mut stream).await else { return };
        let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let body = String::from_utf8(body).expect("UTF-8");
        let (back, mut returned) = mpsc::channel(1);
        if found.send(Asked { method, target, body, headers, stream, back }).await.is_err() {
            return;
        }
        next = returned.recv().await;
    }
}

async fn head(stream: &mut TcpStream) -> Option<(String, String, HashMap<String, String>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("UTF-8");
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Some((method, target, headers))
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn session(&self) -> &str {
        self.header("bowline-session").expect("every request has it")
    }

    pub(crate) fn is_web_socket(&self) -> bool {
        self.header("upgrade").is_some()
    }

    pub(crate) async fn answer(mut self, status: &str, headers: &[&str], body: &str) {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length =
            if status.starts_with("204") { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let answer = format!("HTTP/1.1 {status}\r\n{length}{headers}\r\n{body}");
        // The client may have gone.
        let _ = self.stream.write_all(answer.as_bytes()).await;
        let _ = self.back.send(self.stream).await;
    }

    pub(crate) async fn events(self, body: &str) {
        self.answer("200 OK", &["Content-Type: text/event-stream"], body).await;
    }

    /// The client's records up to this one are acknowledged.
    pub(crate) async fn ack(self, number: u64) {
        self.events(&format!("event: ack\ndata: {number}\n\n")).await;
    }

    /// An answer that goes on.
    pub(crate) async fn stream(mut self) -> Streaming {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = self.stream.write_all(head.as_bytes()).await;
        Streaming(self)
    }

    pub(crate) async fn upgrade(self) -> WebSocket {
        self.upgrade_to("bowline.v1").await
    }

    pub(crate) async fn upgrade_to(mut self, subprotocol: &str) -> WebSocket {
        let accept = derive_accept_key(self.header("sec-websocket-key").expect("a handshake").as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await.expect("the client waits");
        WebSocket(WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await)
    }
}

/// An answer that goes on.
pub(crate) struct Streaming(Asked);

impl Streaming {
    pub(crate) async fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        let _ = self.0.stream.write_all(chunk.as_bytes()).await;
    }

    pub(crate) async fn end(mut self) {
        let _ = self.0.stream.write_all(b"0\r\n\r\n").await;
        let Asked { stream, back, .. } = self.0;
        let _ = back.send(stream).await;
    }

    /// The client has closed the connection.
    pub(crate) async fn closed(mut self) {
        let read = soon(self.0.stream.read(&mut [0; 1])).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

/// A WebSocket, somebody else's.
pub(crate) struct WebSocket(pub(crate) WebSocketStream<TcpStream>);

impl WebSocket {
    pub(crate) async fn send(&mut self, text: &str) {
        soon(self.0.send(Message::text(text))).await.expect("open");
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match soon(self.0.next()).await.expect("open").expect("open") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("no text, but {other:?}"),
            }
        }
    }

    /// The next text that isn't an acknowledgement.
    pub(crate) async fn record(&mut self) -> String {
        loop {
            let text = self.text().await;
            if !text.starts_with("\u{1e}event: ack") {
                return text;
            }
        }
    }

    /// The next Ping's payload; it is answered.
    pub(crate) async fn ping(&mut self) -> String {
        loop {
            if let Message::Ping(payload) = soon(self.0.next()).await.expect("open").expect("open") {
                soon(self.0.flush()).await.expect("open");
                return String::from_utf8(payload.to_vec()).expect("UTF-8");
            }
        }
    }

    /// Reads until the client's Close frame and gives its code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    }
}

/// The data of an `open`.
pub(crate) fn open_data(secret: Option<&str>, ack: u64, from: u64) -> String {
    let session = secret.map(|secret| format!("\"session\":\"{secret}\",")).unwrap_or_default();
    format!(
        "{{\"version\":1,{session}\"id\":\"000102030405060708090a0b0c0d0e0f\",\"ack\":{ack},\"from\":{from},\"ttl\":60000}}"
    )
}

/// An `open` as an event of a stream.
pub(crate) fn open(secret: Option<&str>, ack: u64, from: u64) -> String {
    format!("event: open\ndata: {}\n\n", open_data(secret, ack, from))
}

/// An `open` as a WebSocket message.
pub(crate) fn ws_open(secret: Option<&str>, ack: u64, from: u64) -> String {
    format!("\u{1e}event: open\ndata: {}", open_data(secret, ack, from))
}

/// The next event.
pub(crate) async fn event(client: &mut Client) -> Event {
    soon(client.next()).await.expect("it is not closed")
}

pub(crate) fn connected(transport: Transport) -> Event {
    Event::Connected { transport }
}

pub(crate) fn message(text: &str) -> Event {
    Event::Message(text.into())
}
