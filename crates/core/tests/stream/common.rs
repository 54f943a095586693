//! Peers: a connection machine without I/O for scripted streams, and pairs of WebSockets.

use std::{sync::Arc, time::Instant};

use bowline_core::{
    CloseCode, Message, Role,
    buffer::Input,
    connection::{Config, Connection, Event},
    handshake::Negotiated,
    stream::WebSocket,
};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
};

use crate::scripted::Scripted;

/// A configuration that sets no timer.
pub(crate) fn untimed() -> Config {
    Config::default().keepalive(None)
}

pub(crate) fn socket<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    role: Role,
    config: impl Into<Arc<Config>>,
) -> WebSocket<IO> {
    WebSocket::from_raw(io, &Negotiated::assumed(role), config, BytesMut::new())
}

/// A server on a scripted stream, and the stream.
pub(crate) fn scripted(io: Scripted, config: Config) -> (WebSocket<Scripted>, Scripted) {
    (socket(io.clone(), Role::Server, config), io)
}

/// A client and a server with `size` bytes of room each way between them.
pub(crate) fn pair(size: usize, config: Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = duplex(size);
    let config = Arc::new(config);
    (socket(client, Role::Client, Arc::clone(&config)), socket(server, Role::Server, config))
}

/// Two ends of a TCP connection.
pub(crate) async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// The other end of a scripted stream, without I/O.
pub(crate) struct Peer(Connection);

impl Peer {
    pub(crate) fn client() -> Self {
        Self::new(Role::Client)
    }

    pub(crate) fn new(role: Role) -> Self {
        let unlimited = bowline_core::Limits::default().max_message_size(usize::MAX).max_control_rate(u32::MAX);
        let config = Arc::new(untimed().limits(unlimited));
        Self(Connection::new(&Negotiated::assumed(role), config, Instant::now()))
    }

    /// What it writes.
    pub(crate) fn wire(&mut self, say: impl FnOnce(&mut Connection)) -> Vec<u8> {
        say(&mut self.0);
        let mut wire = Vec::new();
        while self.0.output_len() > 0 {
            let output = self.0.output();
            let mut slices = [std::io::IoSlice::new(&[]); bowline_core::connection::MAX_SLICES];
            let count = output.fill_slices(&mut slices);
            let bytes = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>();
            output.advance(bytes.len());
            wire.extend_from_slice(&bytes);
        }
        wire
    }

    /// The frames of these messages.
    pub(crate) fn messages(&mut self, messages: &[Message]) -> Vec<u8> {
        self.wire(|client| messages.iter().for_each(|message| client.send(message.clone()).unwrap()))
    }

    pub(crate) fn ping(&mut self, payload: impl Into<Bytes>) -> Vec<u8> {
        self.wire(|client| client.ping(payload.into()).unwrap())
    }

    pub(crate) fn close(&mut self, code: CloseCode) -> Vec<u8> {
        self.wire(|client| client.close(Some(&code.into()), Instant::now()))
    }

    /// What it understands of the server's bytes; everything must be whole.
    pub(crate) fn understand(&mut self, wire: &[u8]) -> Vec<Event> {
        let mut input = Input::new(BytesMut::from(wire));
        let mut events = Vec::new();
        while let Some(event) = self.0.receive(&mut input, Instant::now).unwrap() {
            events.push(event);
        }
        events
    }
}

/// Messages of many lengths: headers of each size, and one that is written from where it is.
pub(crate) fn messages() -> Vec<Message> {
    [0, 1, 125, 126, 9_000]
        .into_iter()
        .enumerate()
        .map(|(index, len)| if index % 2 == 0 { "t".repeat(len).into() } else { vec![b'b'; len].into() })
        .collect()
}

pub(crate) fn events(messages: &[Message]) -> Vec<Event> {
    messages.iter().cloned().map(Event::Message).collect()
}
