//! The application's end of a client.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowline_core::{
    CloseCode, CloseFrame, Message,
    position::Position,
    session::{JoinStart, Member, Publish},
};
use futures_core::Stream;
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    Builder, Event, RequestError, RoomEvent, SendError, SendErrorReason,
    carrier::Means,
    command::{Command, Published},
    config::Config,
    driver::Driver,
    mailbox::Mailbox,
    net::Dialer,
    queue::Queue,
};

/// A client: one session, whatever carries it. It is a [`Stream`] of [`Event`]s, and [`sender`](Self::sender) gives what sends.
///
/// A task of its own connects, reconnects and moves between transports. Its events must be taken for the session to go on: where
/// [`Builder::mailbox`] is full, the client reads nothing more. The task ends once the client, all [`Sender`]s and all
/// [`RoomHandle`]s are dropped: it then sends what was queued and ends the session, within `close_timeout`.
pub struct Client {
    events: Arc<Mailbox<Event>>,
    sender: Sender,
}

impl Client {
    /// Makes a client of the sessions at `url`: the address under which the server has them, `ws`, `wss`, `http` or `https`. The
    /// requests go to `{url}/session`.
    #[must_use]
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn start(config: Arc<Config>, dialer: Dialer, runtime: &Handle) -> Self {
        let queue = Arc::new(Queue::new(config.queue));
        let events = Arc::new(Mailbox::new(config.session.mailbox_count, config.session.mailbox_bytes));
        let sender = Sender(Arc::new(Held { queue: Arc::clone(&queue), max_message_size: config.max_message_size }));
        runtime.spawn(Driver::new(Means::new(config, dialer), queue, Arc::clone(&events)).run());
        Self { events, sender }
    }

    /// What sends: for any number of tasks.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The next event; `None` after [`Event::Closed`].
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.events.poll_next(cx)).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.events.abandon();
    }
}

impl Stream for Client {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_next(cx)
    }
}

/// What sends, for any number of tasks: cloning is cheap.
#[derive(Clone)]
pub struct Sender(Arc<Held>);

/// What keeps the client's task going.
struct Held {
    queue: Arc<Queue>,
    max_message_size: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.queue.close(CloseCode::NORMAL_CLOSURE.into());
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Sender {
    /// Queues a message; where the queue is full, [`Overflow`](crate::Overflow) says what happens. It goes out in order, as soon as
    /// something carries the session, and once: unless the session is lost ([`Event::SessionLost`]).
    ///
    /// # Errors
    /// [`SendError`]; the message comes back in it.
    ///
    /// # Cancel safety
    /// Dropped before it is done, the message is not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = self.checked(message.into())?;
        self.0.queue.send(Command::Send { message, acked: None }).await
    }

    /// Sends a message, and waits until the server has it.
    ///
    /// # Errors
    /// [`SendError`]; where the message was certainly not sent, it comes back in it.
    ///
    /// # Cancel safety
    /// Dropped before it is done, the message is sent or not.
    pub async fn send_acked(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = self.checked(message.into())?;
        let (acked, told) = oneshot::channel();
        self.0.queue.send(Command::Send { message, acked: Some(acked) }).await?;
        told.await.unwrap_or_else(|_| Err(SendError::new(SendErrorReason::Closed, None)))
    }

    /// Publishes in a room, which the session need not be in if the server permits that, and waits until the publication is in
    /// the room's log.
    ///
    /// # Errors
    /// [`RequestError`]. After [`Unknown`](RequestError::Unknown) it may be tried again with the same
    /// [`idempotency_key`](Publication::idempotency_key), and is there once.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it is published or not.
    pub async fn publish(&self, room: &str, publication: impl Into<Publication>) -> Result<Published, RequestError> {
        let Publication { message, key, idempotency_key } = publication.into();
        let max = self.0.max_message_size;
        if message.len() > max {
            return Err(RequestError::TooLarge { max });
        }
        let publish = Box::new(Publish { room: room.to_owned(), message, key, idempotency_key });
        self.ask(|answer| Command::Publish { publish, answer }).await
    }

    /// Joins a room. What happens in it comes by the handle, which must be read: where its mailbox is full
    /// ([`Builder::mailbox`]), the client reads nothing more. Dropping the handle leaves the room.
    ///
    /// The room outlives any change of carriers, and the loss of the session: then it is joined again where the
    /// handle's last publication was, with one gap if it must be.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the room is left again.
    pub async fn join(&self, room: &str, start: JoinStart) -> Result<RoomHandle, RequestError> {
        let name: Arc<str> = room.into();
        let asked = Arc::clone(&name);
        let (mailbox, position) = self.ask(|answer| Command::Join { room: asked, start, answer }).await?;
        Ok(RoomHandle { name, mailbox, position, sender: self.clone(), left: false })
    }

    /// Who is in a room.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn members(&self, room: &str) -> Result<Vec<Member>, RequestError> {
        self.ask(|answer| Command::Members { room: room.into(), answer }).await
    }

    /// Leaves a room that the server's application had the session join; of one that was [joined](Self::join), drop or
    /// [leave](RoomHandle::leave) the handle.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the room is left or not.
    pub async fn leave(&self, room: &str) -> Result<(), RequestError> {
        self.ask(|answer| Command::Leave { room: room.into(), answer: Some(answer) }).await
    }

    /// Closes the client: what was queued is still sent, then the session ends; [`Event::Closed`] tells. After `close_timeout`
    /// it ends in any case.
    pub fn close(&self, frame: impl Into<CloseFrame>) {
        self.0.queue.close(frame.into());
    }

    /// Says that the network has changed: whatever carries is checked at once, and no wait is sat out. That the machine slept is
    /// noticed without it.
    pub fn check(&self) {
        self.0.queue.check();
    }

    fn checked(&self, message: Message) -> Result<Message, SendError> {
        let max = self.0.max_message_size;
        if message.len() > max {
            Err(SendError::new(SendErrorReason::TooLarge { max }, Some(message)))
        } else {
            Ok(message)
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, RequestError>>) -> Command,
    ) -> Result<T, RequestError> {
        let (answer, told) = oneshot::channel();
        self.0.queue.ask(command(answer)).await.map_err(|_| RequestError::Closed)?;
        told.await.unwrap_or(Err(RequestError::Closed))
    }
}

/// A message for all members of a room, and what sets it apart from others. Whatever is a [`Message`] converts into it.
#[derive(Clone, Debug)]
pub struct Publication {
    message: Message,
    key: Option<String>,
    idempotency_key: Option<String>,
}

impl Publication {
    /// A publication that is nothing but a message.
    #[must_use]
    pub fn new(message: impl Into<Message>) -> Self {
        Self { message: message.into(), key: None, idempotency_key: None }
    }

    /// What the message is about: where the room keeps the latest for each key, this one supersedes those with the same key.
    /// At most 255 bytes.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A name for the attempt: a publication with the same one, within the room's window, is answered with the first one's
    /// place and goes to nobody. At most 255 bytes.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

impl<T: Into<Message>> From<T> for Publication {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}

/// A room that was joined: a [`Stream`] of what happens in it. Dropping it leaves the room.
pub struct RoomHandle {
    name: Arc<str>,
    mailbox: Arc<Mailbox<RoomEvent>>,
    position: Position,
    sender: Sender,
    left: bool,
}

impl RoomHandle {
    /// The room's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place at which it was joined: after it its publications follow.
    #[must_use]
    pub const fn joined_at(&self) -> Position {
        self.position
    }

    /// What happens next; `None` once the room was left, or the client is closed. In the order of their offsets, each
    /// publication at most once, none missing: or first exactly one gap that tells which. Once the client is closed, what its
    /// [mailbox](crate::Builder::mailbox) had no room for is dropped.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        poll_fn(|cx| self.mailbox.poll_next(cx)).await
    }

    /// Publishes in the room; see [`Sender::publish`].
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, it is published or not.
    pub async fn publish(&self, publication: impl Into<Publication>) -> Result<Published, RequestError> {
        self.sender.publish(&self.name, publication).await
    }

    /// Who is in the room.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn members(&self) -> Result<Vec<Member>, RequestError> {
        self.sender.members(&self.name).await
    }

    /// Leaves the room, and waits until the server says so. What was not read is dropped.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the room is left all the same.
    pub async fn leave(mut self) -> Result<(), RequestError> {
        self.mailbox.abandon();
        let (sender, name) = (self.sender.clone(), Arc::clone(&self.name));
        let (answer, told) = oneshot::channel();
        self.left = true;
        sender.0.queue.ask_now(Command::Leave { room: name, answer: Some(answer) });
        told.await.unwrap_or(Err(RequestError::Closed))
    }
}

impl fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHandle").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        self.mailbox.abandon();
        if !self.left {
            self.sender.0.queue.ask_now(Command::Leave { room: Arc::clone(&self.name), answer: None });
        }
    }
}

impl Stream for RoomHandle {
    type Item = RoomEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RoomEvent>> {
        self.mailbox.poll_next(cx)
    }
}
