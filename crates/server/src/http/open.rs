//! Opening a WebSocket at one of the hub's addresses.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bowline_core::{
    CloseCode, CloseFrame, Error,
    session::{SESSION_SUBPROTOCOL_PREFIX, SUBPROTOCOL},
};
use http::{Response, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;

use super::{
    Body, Grant, RequestExt as _,
    authorize::refusal,
    collect::malformed,
    guards::{Turned, retry_after},
    query,
    service::Inner,
    session::acknowledge,
    upgrade::{self, Ask, Opened},
};
use crate::{
    handler::{ErasedHandler, erase},
    hub::{Admission, Hub},
    metrics::{Held, Open, Refused, Transport},
    room::{PublishError, RoomName, Seat},
    session::{Session, Socket},
};

impl Inner {
    /// `/ws`: a WebSocket with the hub's handler.
    pub(super) fn open_web_socket(
        &self,
        parts: Parts,
        ask: Option<Ask>,
        upgrade: OnUpgrade,
        grant: Grant,
    ) -> Result<Response<Body>, Turned> {
        let handler = Arc::clone(&self.hub.config().handler);
        let response = open(&self.hub, Opening { parts, ask, upgrade, grant }, &self.subprotocols, handler)?;
        Ok(response.map(|()| Body::empty()))
    }

    /// `/session`, or `/ws` where `bowline.v1` is offered: a WebSocket that carries a session.
    pub(super) fn open_session(
        &self,
        mut parts: Parts,
        ask: Option<Ask>,
        upgrade: OnUpgrade,
        grant: Grant,
    ) -> Result<Response<Body>, Turned> {
        if !query::offers(&parts.headers, SUBPROTOCOL) {
            return Err(malformed("This address is for sessions. Offer the subprotocol bowline.v1, or open /ws.\n"));
        }
        let known = match parts.subprotocol_token(SESSION_SUBPROTOCOL_PREFIX) {
            Some(secret) => Some(self.session(secret.parse().ok().as_ref(), &grant)?),
            None if self.hub.session_count() >= self.hub.config().max_sessions => return Err(self.full()),
            None => None,
        };
        if let Some(session) = &known {
            acknowledge(session, &parts.headers)?;
        }
        let config = Arc::clone(self.hub.session_connection());
        let Grant { identity, headers, rights, .. } = grant;
        let Opened { response, negotiated } = upgrade::answer(ask, &parts, &config, &[SUBPROTOCOL.into()], headers)?;
        if known.is_none() {
            self.guards.take_open(&parts, Instant::now())?;
        }
        let slot = parts.extensions.remove();
        let hub = self.hub.clone();
        tokio::spawn(async move {
            let Some(ws) = upgrade::stream(upgrade, &negotiated, config).await else { return };
            let held = Held { open: Open::new(hub.metrics(), Transport::SessionWebSocket), slot };
            let max_message = hub.config().connection.get_limits().get_max_message_size();
            let socket = Box::new(Socket::new(ws, rights, held, max_message));
            let is_new = known.is_none();
            let handler = &*hub.config().handler;
            let session = known.or_else(|| hub.open_carried(identity, Some(Box::new(parts)), handler));
            match session {
                // It was taken while there was room, and now there is none, or the hub drains.
                None => socket.close(CloseCode::TRY_AGAIN_LATER),
                Some(session) => match session.attach_socket(socket, is_new) {
                    Err(socket) => socket.close(ended()),
                    Ok(()) if is_new => {}
                    Ok(()) => hub.metrics().handles.resumed.increment(1),
                },
            }
        });
        Ok(response.map(|()| Body::empty()))
    }

    /// `/rooms/{room}`: a session that is in the room.
    pub(super) fn open_room(
        &self,
        parts: Parts,
        ask: Option<Ask>,
        upgrade: OnUpgrade,
        grant: Grant,
        name: &RoomName,
    ) -> Result<Response<Body>, Turned> {
        let start = query::start(&parts)?;
        // Taken before the answer, so that a client that knows itself in the room misses nothing that is published then.
        let seat = self.with_room(name, |room| room.reserve(start))?;
        let (seat, may_publish) = (Mutex::new(Some(seat)), grant.rights.may_publish(name));
        let handler = erase(move |session| {
            let seat = seat.lock().unwrap_or_else(PoisonError::into_inner).take();
            attend(session, seat, may_publish)
        });
        let response = open(&self.hub, Opening { parts, ask, upgrade, grant }, &self.subprotocols, handler)?;
        Ok(response.map(|()| Body::empty()))
    }
}

/// 4002: the session ended while its WebSocket was being opened.
fn ended() -> Option<CloseFrame> {
    CloseCode::new(4002).map(|code| CloseFrame::new(code, "the session has ended"))
}

/// A request for a WebSocket that has passed all guards.
pub(super) struct Opening {
    pub(super) parts: Parts,
    pub(super) ask: Option<Ask>,
    pub(super) upgrade: OnUpgrade,
    pub(super) grant: Grant,
}

/// Answers it, and serves the session once the response is on its way.
pub(super) fn open(
    hub: &Hub,
    opening: Opening,
    subprotocols: &[Box<str>],
    handler: Arc<dyn ErasedHandler>,
) -> Result<Response<()>, Turned> {
    if hub.session_count() >= hub.config().max_sessions {
        let text = "The server has as many sessions as it may have. Try again later.\n";
        let full = retry_after(refusal(StatusCode::SERVICE_UNAVAILABLE, text), Duration::from_secs(1));
        return Err(Turned::new(Refused::Sessions, full));
    }
    let Opening { mut parts, ask, upgrade, grant } = opening;
    let config = Arc::clone(&hub.config().connection);
    let Opened { response, negotiated } = upgrade::answer(ask, &parts, &config, subprotocols, grant.headers)?;
    let slot = parts.extensions.remove();
    let admission = Admission { identity: grant.identity, request: Some(Box::new(parts)), slot };
    let hub = hub.clone();
    tokio::spawn(async move {
        let Some(ws) = upgrade::stream(upgrade, &negotiated, config).await else { return };
        if let Err(mut ws) = hub.serve_erased(ws, admission, &*handler) {
            let busy = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "");
            // It was taken while there was room, and now there is none, or the hub drains. A client that is gone need
            // not know.
            drop(ws.close(busy).await);
        }
    });
    Ok(response)
}

/// What a raw WebSocket at a room's address does: it gets what is published there, and publishes what it sends. There is a
/// seat, since the handler is for one session.
async fn attend(mut session: Session, seat: Option<Seat>, may_publish: bool) -> Result<(), Error> {
    drop(session.take_request());
    let Some(room) = seat.and_then(|seat| {
        let room = seat.room().clone();
        session.join_at(seat).ok().map(|()| room)
    }) else {
        return Ok(());
    };
    while let Some(message) = session.recv().await? {
        if !may_publish {
            session.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "you may not publish in this room"));
            break;
        }
        // In a room that pushes back this waits, and with it the client, whose messages aren't read meanwhile.
        let frame = match room.publish(message).await {
            Ok(_) => continue,
            Err(PublishError::TooLarge { .. }) => CloseFrame::new(CloseCode::MESSAGE_TOO_BIG, ""),
            Err(_) => CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "the room is busy"),
        };
        session.close(frame);
        break;
    }
    Ok(())
}
