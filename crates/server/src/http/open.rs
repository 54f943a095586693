//! Opening a WebSocket at one of the hub's addresses.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame, Error};
use http::{Response, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;

use super::{
    Body, Grant,
    authorize::refusal,
    guards::{Turned, retry_after},
    query,
    service::Inner,
    upgrade::{self, Ask, Opened},
};
use crate::{
    handler::{ErasedHandler, erase},
    hub::{Admission, Hub},
    metrics::Refused,
    room::{PublishError, RoomName, Seat},
    session::Session,
};

impl Inner {
    /// `/ws`: a session with the hub's handler.
    pub(super) fn open_session(
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
        let (seat, may_publish) = (Mutex::new(Some(seat)), grant.may_publish(name));
        let handler = erase(move |session| {
            let seat = seat.lock().unwrap_or_else(PoisonError::into_inner).take();
            attend(session, seat, may_publish)
        });
        let response = open(&self.hub, Opening { parts, ask, upgrade, grant }, &self.subprotocols, handler)?;
        Ok(response.map(|()| Body::empty()))
    }
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
