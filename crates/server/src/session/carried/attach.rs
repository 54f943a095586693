//! Carriers come and go.

use bowline_core::{
    CloseCode, CloseFrame,
    session::{AheadOfSent, Carrier, Cursor, Open, ServerSignal},
};
use tokio::time::Instant;

use super::{By, Carried, Socket};
use crate::{
    room::Encoding,
    session::{Link, Shared},
    signal::CARRIER,
};

/// A response that was attached.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Which: until another is attached.
    pub(crate) carrier: Carrier,
    /// What it begins with, but for the heartbeat.
    pub(crate) open: Open,
}

/// The session is over.
#[derive(Debug)]
pub(crate) struct Gone;

impl Carried {
    /// The client has what the cursor says.
    pub(super) fn acknowledge(&mut self, shared: &Shared, cursor: &Cursor) -> Result<(), AheadOfSent> {
        let before = self.ends.ring.acked();
        self.ends.ring.ack(cursor.direct)?;
        if self.ends.ring.acked() > before {
            self.full_since = None;
        }
        shared.acknowledge_rooms(cursor)
    }

    /// Begins a carrier; the one before is superseded.
    fn attach(&mut self, shared: &Shared, by: By, encoding: Option<Encoding>, is_new: bool) -> Result<Open, Gone> {
        // Neither is ahead of itself.
        let attached = self.ends.attach(self.ends.ring.acked(), self.ends.intake.last());
        self.carrier = attached.map_err(|_| Gone)?;
        std::mem::replace(&mut self.by, by).supersede();
        self.ends.intake.acked_now();
        self.encoding = encoding;
        if std::mem::take(&mut self.is_left_behind) {
            // It was away, and has had no chance to acknowledge.
            self.full_since = None;
        }
        if let Some(closing) = &mut self.closing {
            closing.is_given = false;
        }
        shared.rewind_rooms(encoding, &mut self.unread);
        Ok(Open {
            session: shared.secret().copied().filter(|_| is_new),
            id: shared.id,
            ack: self.ends.intake.last(),
            from: self.carrier.sent(),
            ttl: shared.hub.config().session_ttl,
            heartbeat: None,
        })
    }

    pub(super) fn is_carried_by(&self, carrier: &Carrier) -> bool {
        self.ends.is_current(carrier) && matches!(self.by, By::Response(_))
    }

    /// The carrier is gone.
    pub(super) fn detach(&mut self) -> By {
        std::mem::replace(&mut self.by, By::Nothing(Instant::now()))
    }

    /// The WebSocket, if that is what carries it, is taken away to be closed.
    pub(crate) fn take_socket(&mut self) -> Option<Box<Socket>> {
        if !matches!(self.by, By::WebSocket(_)) {
            return None;
        }
        if let By::WebSocket(socket) = self.detach() { Some(socket) } else { None }
    }
}

impl By {
    /// Another carrier was attached.
    fn supersede(self) {
        match self {
            Self::Nothing(_) | Self::Response(None) => {}
            // It finds out by itself.
            Self::Response(Some(waker)) => waker.wake(),
            Self::WebSocket(socket) => socket.close(superseded()),
        }
    }
}

/// 4001 (section 5 of the protocol).
fn superseded() -> Option<CloseFrame> {
    CloseCode::new(4001).map(|code| CloseFrame::new(code, "superseded"))
}

impl Shared {
    /// The client has what the cursor says. One of a session that is over says nothing.
    ///
    /// # Errors
    /// It was never sent so much.
    pub(crate) fn acknowledge(&self, cursor: &Cursor) -> Result<(), AheadOfSent> {
        let mut wire = self.wire();
        let Link::Carried(carried) = &mut wire.link else { return Ok(()) };
        carried.acknowledge(self, cursor)?;
        drop(wire);
        self.signal.raise(CARRIER);
        Ok(())
    }

    /// Attaches a response.
    pub(crate) fn attach_response(&self, is_new: bool) -> Result<Attached, Gone> {
        let mut wire = self.wire();
        let Link::Carried(carried) = &mut wire.link else { return Err(Gone) };
        let open = carried.attach(self, By::Response(None), Some(Encoding::EventStream), is_new)?;
        let carrier = carried.carrier.clone();
        drop(wire);
        self.signal.raise(CARRIER);
        Ok(Attached { carrier, open })
    }

    /// Attaches a WebSocket; where the session is over, it comes back.
    pub(crate) fn attach_socket(&self, socket: Box<Socket>, is_new: bool) -> Result<(), Box<Socket>> {
        let mut wire = self.wire();
        let Link::Carried(carried) = &mut wire.link else { return Err(socket) };
        let encoding = socket.ws.shared_encoding().map(Encoding::Session);
        if let Ok(open) = carried.attach(self, By::WebSocket(socket), encoding, is_new) {
            carried.say(&ServerSignal::Open(open));
        }
        drop(wire);
        self.signal.raise(CARRIER);
        Ok(())
    }

    /// The response is gone, if it still was the carrier.
    pub(crate) fn detach(&self, carrier: &Carrier) {
        let mut wire = self.wire();
        if let Link::Carried(carried) = &mut wire.link
            && carried.is_carried_by(carrier)
        {
            carried.detach();
            drop(wire);
            self.signal.raise(CARRIER);
        }
    }
}
