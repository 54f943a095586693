//! The hub: all sessions and rooms of a service.

mod config;
mod drain;
mod secrets;
mod sessions;

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Weak},
};

use bowline_core::{
    connection::Config,
    session::{Secret, max_event},
    stream::WebSocket,
};
use http::request::Parts;
use tokio::{
    runtime::Handle,
    time::{Instant, interval_at},
};
use tracing::Span;

pub(crate) use self::config::HubConfig;
pub(crate) use self::drain::Stopping;
pub use self::{config::HubBuilder, drain::Drain};
use self::{secrets::Secrets, sessions::Sessions};
use crate::{
    handler::{ErasedHandler, Handler, HandlerFuture, Outcome, erase},
    io::Io,
    listener::ConnectionSlot,
    metrics::{Held, Metrics, Open, Transport},
    room::{InvalidRoomName, Room, RoomName, Rooms, SWEEP_INTERVAL},
    session::{Carried, Link, Session, SessionHandle, SessionId, Shared},
    span, transport,
};

/// All sessions and rooms of a service, and how they behave. Cheap to clone: all clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    config: HubConfig,
    rooms: Arc<Rooms>,
    sessions: Sessions,
    secrets: Secrets,
    /// As `config.connection`, but that an event may be longer than a message.
    session_connection: Arc<Config>,
    stopping: Stopping,
    metrics: Arc<Metrics>,
    runtime: Option<Handle>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("rooms", &self.room_count())
            .field("sessions", &self.session_count())
            .finish_non_exhaustive()
    }
}

/// Why there is no such room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// The name is none.
    Name(InvalidRoomName),
    /// There are `max_rooms`.
    TooMany,
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::TooMany => f.write_str("there are as many rooms as there may be (max_rooms)"),
        }
    }
}

impl std::error::Error for RoomError {}

impl From<InvalidRoomName> for RoomError {
    fn from(error: InvalidRoomName) -> Self {
        Self::Name(error)
    }
}

impl From<std::convert::Infallible> for RoomError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// What a WebSocket is served with.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Admission {
    /// Who it is.
    pub identity: Option<Arc<str>>,
    /// The request that opened it.
    pub request: Option<Box<Parts>>,
    /// What counts it among the listener's connections, for as long as it lives.
    pub slot: Option<ConnectionSlot>,
}

impl Hub {
    /// Builds a hub.
    #[must_use]
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    fn new(config: HubConfig) -> Self {
        let runtime = Handle::try_current().ok();
        let metrics = Arc::new(Metrics::new());
        let rooms = Arc::new(Rooms::new(&config, Arc::clone(&metrics)));
        if let Some(runtime) = &runtime {
            runtime.spawn(sweep(Arc::downgrade(&rooms)));
        }
        let limits = config.connection.get_limits().clone();
        let max_message_size = max_event(limits.get_max_message_size());
        let session_connection = Config::clone(&config.connection).limits(limits.max_message_size(max_message_size));
        Self(Arc::new(Inner {
            config,
            rooms,
            sessions: Sessions::default(),
            secrets: Secrets::default(),
            session_connection: Arc::new(session_connection),
            stopping: Stopping::default(),
            metrics,
            runtime,
        }))
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.0.config
    }

    #[cfg(test)]
    pub(crate) fn rooms(&self) -> &Arc<Rooms> {
        &self.0.rooms
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The room, which is opened if need be. It vanishes again if nobody joins it.
    ///
    /// # Errors
    /// See [`RoomError`].
    pub fn room<N>(&self, name: N) -> Result<Room, RoomError>
    where
        N: TryInto<RoomName>,
        RoomError: From<N::Error>,
    {
        self.0.rooms.open(name.try_into()?, self.0.runtime.as_ref()).ok_or(RoomError::TooMany)
    }

    /// The room, if it is open.
    #[must_use]
    pub fn open_room(&self, name: &RoomName) -> Option<Room> {
        self.0.rooms.get(name)
    }

    /// The session, if there is one of this name.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<SessionHandle> {
        self.sessions().get(id).map(SessionHandle::new)
    }

    /// How many rooms are open.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.0.rooms.len()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions().len()
    }

    /// Whether it takes new sessions: not once it drains.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping().has_begun()
    }

    pub(crate) fn stopping(&self) -> &Stopping {
        &self.0.stopping
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Serves a WebSocket as a session, by the hub's own handler, in a task of its own.
    ///
    /// # Errors
    /// The hub drains, or has `max_sessions`: the WebSocket comes back.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn serve(&self, ws: WebSocket<Io>, admission: Admission) -> Result<SessionHandle, Box<WebSocket<Io>>> {
        self.serve_erased(ws, admission, &*self.0.config.handler)
    }

    /// As [`serve`](Self::serve), by another handler.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    ///
    /// # Panics
    /// As [`serve`](Self::serve).
    pub fn serve_with(
        &self,
        ws: WebSocket<Io>,
        admission: Admission,
        handler: impl Handler,
    ) -> Result<SessionHandle, Box<WebSocket<Io>>> {
        self.serve_erased(ws, admission, &*erase(handler))
    }

    pub(crate) fn serve_erased(
        &self,
        ws: WebSocket<Io>,
        admission: Admission,
        handler: &dyn ErasedHandler,
    ) -> Result<SessionHandle, Box<WebSocket<Io>>> {
        if !self.admits_one_more() {
            return Err(Box::new(ws));
        }
        let Admission { identity, request, slot } = admission;
        let held = Held { open: Open::new(self.metrics(), Transport::WebSocket), slot };
        let shared = Arc::new(Shared::new(self.clone(), Link::Raw(ws), None, identity));
        self.begin(&shared, request, handler, |handled, span| {
            transport::web_socket_task(Arc::clone(&shared), handled, held, span)
        });
        Ok(SessionHandle::new(shared))
    }

    /// A session that goes from carrier to carrier, and has none yet; `None` where no other may be.
    pub(crate) fn open_carried(
        &self,
        identity: Option<Arc<str>>,
        request: Option<Box<Parts>>,
        handler: &dyn ErasedHandler,
    ) -> Option<Arc<Shared>> {
        let carried = Box::new(Carried::new(self.config().session_ring)?);
        if !self.admits_one_more() {
            return None;
        }
        let secret = Secret::mint(&self.config().node);
        let shared = Arc::new(Shared::new(self.clone(), Link::Carried(carried), Some(secret), identity));
        self.0.secrets.add(secret, Arc::clone(&shared));
        self.begin(&shared, request, handler, |handled, span| {
            transport::carried_task(Arc::clone(&shared), handled, span)
        });
        Some(shared)
    }

    /// The session that goes from carrier to carrier and has this secret.
    pub(crate) fn carried(&self, secret: &Secret) -> Option<Arc<Shared>> {
        self.0.secrets.get(secret)
    }

    /// How the WebSockets of such sessions behave.
    pub(crate) fn session_connection(&self) -> &Arc<Config> {
        &self.0.session_connection
    }

    /// Counts one more session, if it may be.
    fn admits_one_more(&self) -> bool {
        // Before it is counted: where there is none, this panics.
        let _runtime = Handle::current();
        self.is_ready() && self.sessions().reserve(self.config().max_sessions)
    }

    /// Begins a session that was counted, in a task of its own.
    fn begin<T: Future<Output = ()> + Send + 'static>(
        &self,
        shared: &Arc<Shared>,
        request: Option<Box<Parts>>,
        handler: &dyn ErasedHandler,
        task: impl FnOnce(HandlerFuture, Option<Box<Span>>) -> T,
    ) {
        let span = span::of_session(shared.id, shared.identity.as_deref(), request.as_deref());
        self.sessions().add(Arc::clone(shared));
        self.metrics().handles.sessions.add(1);
        let session = Session::new(Arc::clone(shared), request);
        // One that panics before it has given its future does so in the session's task, as any other.
        let handled = catch_unwind(AssertUnwindSafe(|| handler.handle(session)));
        let handled = handled.unwrap_or_else(|panic| Box::pin(panics(panic)));
        tokio::spawn(task(handled, span));
        // A drain that began meanwhile doesn't know of it.
        if let Some(frame) = self.stopping().frame() {
            shared.close(frame);
        }
    }

    /// A session has ended. Whether it was one until now.
    pub(crate) fn forget(&self, session: &Shared) -> bool {
        if let Some(secret) = session.secret() {
            self.0.secrets.remove(secret);
        }
        let is_new = self.sessions().remove(session.id);
        if is_new {
            self.metrics().handles.sessions.sub(1);
        }
        is_new
    }
}

#[expect(clippy::unused_async, reason = "it is to panic when it is polled")]
async fn panics(panic: Box<dyn Any + Send>) -> Outcome {
    resume_unwind(panic)
}

/// Drops what is too old, as long as the hub is there.
async fn sweep(rooms: Weak<Rooms>) {
    let mut ticks = interval_at(Instant::now() + SWEEP_INTERVAL, SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(rooms) = rooms.upgrade() else { return };
        rooms.sweep().await;
    }
}
