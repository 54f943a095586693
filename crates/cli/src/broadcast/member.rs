//! A connection: the opening handshake, and then a member of the room that its path names.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use bowline_core::handshake::{Refusal, Request};
use bowline_core::stream::{Acceptor, WebSocket};
use bowline_core::{CloseCode, CloseFrame, Error};
use bowline_server::handler::{Handler, Outcome};
use bowline_server::hub::Admission;
use bowline_server::io::Io;
use bowline_server::listener::Slot;
use bowline_server::log::Untrusted;
use bowline_server::room::{JoinError, PublishError, Room, RoomName, Start};
use bowline_server::{Hub, Session};
use http::HeaderMap;
use tokio::net::TcpStream;
use tracing::field;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) acceptor: Acceptor,
    pub(super) hub: Hub,
    /// How many of the latest publications a newcomer gets.
    pub(super) history: u64,
}

/// One connection, up to where the hub takes it over.
pub(super) async fn connection(server: &'static Server, mut slot: Slot, number: u64, tcp: TcpStream, peer: SocketAddr) {
    let opened = {
        let handshake = pin!(handshake(server, number, tcp, peer));
        slot.unless_stopping(handshake).await
    };
    let Some(Some((ws, room))) = opened else { return };
    let member = Member { room, history: server.history, slot: Mutex::new(Some(slot)) };
    if let Err(mut ws) = server.hub.serve_with(ws, Admission::default(), member) {
        // It stops, or has all the sessions it may have. A client that is gone need not know.
        drop(ws.close(CloseFrame::from(CloseCode::TRY_AGAIN_LATER)).await);
    }
}

async fn handshake(
    server: &'static Server,
    number: u64,
    tcp: TcpStream,
    peer: SocketAddr,
) -> Option<(WebSocket<Io>, RoomName)> {
    let mut room = None;
    let look = |request: &Request| {
        let path = request.uri().path();
        tracing::debug!(number, %peer, path = field::display(Untrusted(path)), "open");
        let name = RoomName::new(path);
        room = Some(name.map_err(|error| Refusal::bad_request(format!("The path is the room: {error}.\n")))?);
        Ok(HeaderMap::new())
    };
    match server.acceptor.accept_with(Io::Tcp(tcp), look).await {
        Ok(ws) => room.map(|room| (ws, room)),
        Err(error) => {
            tracing::debug!(number, %peer, %error, "no WebSocket");
            None
        }
    }
}

/// What a session does: it gets what is published in its room, and publishes what it receives.
#[derive(Debug)]
struct Member {
    room: RoomName,
    history: u64,
    /// Given back when the session ends. Taken once, as the handler is for one session.
    slot: Mutex<Option<Slot>>,
}

impl Handler for Member {
    type Output = Outcome;

    fn handle(&self, session: Session) -> impl Future<Output = Outcome> + Send + 'static {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (room, history) = (self.room.clone(), self.history);
        async move {
            let outcome = attend(session, room, history).await.into();
            drop(slot);
            outcome
        }
    }
}

async fn attend(mut session: Session, name: RoomName, history: u64) -> Result<(), Error> {
    let room = match join(&session, &name, history) {
        Ok(room) => room,
        Err(frame) => {
            session.close(frame);
            return Ok(());
        }
    };
    while let Some(message) = session.recv().await? {
        match room.publish(message).await {
            Ok(_) => {}
            Err(error) => {
                session.close(because(error));
                break;
            }
        }
    }
    Ok(())
}

fn join(session: &Session, name: &RoomName, history: u64) -> Result<Room, CloseFrame> {
    /// The last member may leave between the two, and a new room take its place, but hardly twice in a row.
    const ATTEMPTS: usize = 8;
    let busy = |error: &dyn std::fmt::Display| CloseFrame::new(CloseCode::TRY_AGAIN_LATER, error.to_string());
    let mut failed = JoinError::Gone;
    for _ in 0..ATTEMPTS {
        let room = session.hub().room(name.clone()).map_err(|error| busy(&error))?;
        match session.join(&room, Start::Last(history)) {
            Ok(_) => return Ok(room),
            Err(error) => failed = error,
        }
        if failed != JoinError::Gone {
            break;
        }
    }
    Err(busy(&failed))
}

fn because(error: PublishError) -> CloseFrame {
    let code = match error {
        PublishError::TooLarge { .. } => CloseCode::MESSAGE_TOO_BIG,
        _ => CloseCode::TRY_AGAIN_LATER,
    };
    CloseFrame::new(code, error.to_string())
}
