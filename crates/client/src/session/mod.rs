//! The client's side of a session, without I/O: what was sent and is not acknowledged, who waits for an answer, which rooms
//! it is in, and where.
//!
//! ```text
//!                    open arrived            carrier ended, or heard nothing
//!  opening ───────────────────────► carried ────────────────────────────────► between
//!     ▲                                │  ▲                                       │
//!     │ 404: the session is lost       │  └───────────────────────────────────────┘
//!     └────────────────────────────────┤            open arrived
//!                                      │ close record, or the application is done
//!                                      ▼
//!                                    ended
//! ```
//!
//! Drain [`poll_delivery`](Session::poll_delivery) after each call that takes something in.

mod receive;
mod rooms;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bowline_core::{
    CloseFrame, Message,
    session::{
        AttachError, Carrier, ClientRecord, Cursor, Endpoint, FailedReason, JoinStart, Member, Open, RingBounds,
        Secret, SessionId,
    },
};
use tokio::sync::oneshot;

pub(crate) use self::receive::{Broken, Item};
use self::rooms::{Room, Rooms};
use crate::{
    command::{Answer, Command, JoinedRoom, Published},
    error::{RequestError, SendError, SendErrorReason},
    event::{Event, RoomEvent},
    mailbox::Mailbox,
};

/// What holds of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) ring: RingBounds,
    /// Of what waits for the reader of one room.
    pub(crate) mailbox_count: usize,
    pub(crate) mailbox_bytes: usize,
}

/// A session, and what the application is owed of it.
#[derive(Debug)]
pub(crate) struct Session {
    bounds: Bounds,
    identity: Option<(Secret, SessionId)>,
    endpoint: Endpoint<ClientRecord>,
    carrier: Option<Carrier>,
    /// The number of the last record that any carrier or request was given: the server may have it.
    sent: u64,
    waiting: BTreeMap<u64, Waiting>,
    rooms: Rooms,
    deliveries: VecDeque<Delivery>,
    closed: Option<CloseFrame>,
    /// The record `close` is on its way.
    closing: bool,
}

/// Who waits for a record to be acknowledged or answered.
#[derive(Debug)]
enum Waiting {
    Acked(oneshot::Sender<Result<(), SendError>>),
    Published(Answer<Published>),
    Joined(Arc<str>),
    Left(Arc<str>, Option<Answer<()>>),
    Members(Answer<Vec<Member>>),
}

/// Something for the application.
#[derive(Debug)]
pub(crate) enum Delivery {
    Event(Event),
    Room(Arc<Mailbox<RoomEvent>>, RoomEvent),
    /// Nothing more comes of the room.
    End(Arc<Mailbox<RoomEvent>>),
}

impl Session {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            identity: None,
            endpoint: Endpoint::new(bounds.ring),
            carrier: None,
            sent: 0,
            waiting: BTreeMap::new(),
            rooms: Rooms::default(),
            deliveries: VecDeque::new(),
            closed: None,
            closing: false,
            bounds,
        }
    }

    /// What gives the right to it, once it is there.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.identity.as_ref().map(|(secret, _)| secret)
    }

    /// Takes what the application asks for, if there is [room](Self::has_room) for it.
    pub(crate) fn command(&mut self, command: Command) {
        match command {
            Command::Send { message, acked } => {
                let number = self.push(ClientRecord::Message(message));
                if let Some(acked) = acked {
                    self.waiting.insert(number, Waiting::Acked(acked));
                }
            }
            Command::Publish { publish, answer } => {
                let number = self.push(ClientRecord::Publish(publish));
                self.waiting.insert(number, Waiting::Published(answer));
            }
            Command::Members { room, answer } => {
                let number = self.push(ClientRecord::Members { room: room.to_string() });
                self.waiting.insert(number, Waiting::Members(answer));
            }
            Command::Join { room, start, answer } => self.join(room, start, answer),
            Command::Leave { room, answer } => self.leave(room, answer),
        }
    }

    fn join(&mut self, room: Arc<str>, start: JoinStart, answer: Answer<JoinedRoom>) {
        if self.rooms.get(&room).is_some_and(|room| !room.is_leaving()) {
            let reason = FailedReason::JoinedAlready;
            let _ = answer.send(Err(RequestError::Failed { reason, text: "this client is in the room".to_owned() }));
            return;
        }
        let mailbox = Arc::new(Mailbox::new(self.bounds.mailbox_count, self.bounds.mailbox_bytes));
        self.rooms.insert(Arc::clone(&room), Room::joining(start, mailbox, answer));
        self.push_join(room, start);
    }

    fn push_join(&mut self, room: Arc<str>, start: JoinStart) {
        let number = self.push(ClientRecord::Join { room: room.to_string(), start });
        self.waiting.insert(number, Waiting::Joined(room));
    }

    fn leave(&mut self, room: Arc<str>, answer: Option<Answer<()>>) {
        match self.rooms.get_mut(&room) {
            // Nothing more of it is handed on, whatever is under way.
            Some(room) => room.leave(),
            // It ended before its handle was dropped.
            None if answer.is_none() => return,
            None => {}
        }
        let number = self.push(ClientRecord::Leave { room: room.to_string() });
        self.waiting.insert(number, Waiting::Left(room, answer));
    }

    /// Ends the session, after all that was sent before.
    pub(crate) fn close(&mut self, frame: CloseFrame) {
        if !std::mem::replace(&mut self.closing, true) {
            self.push(ClientRecord::Close(frame));
        }
    }

    /// Whether a record of so many bytes can be taken.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        self.endpoint.ring.has_room(size)
    }

    fn push(&mut self, record: ClientRecord) -> u64 {
        self.endpoint.ring.push(record)
    }

    /// A carrier begins. Gives how many records were sent before that the server hasn't got.
    pub(crate) fn attach(&mut self, open: &Open) -> Result<u64, Broken> {
        let carrier = self.endpoint.attach(open.ack, open.from).map_err(|error| match error {
            AttachError::AheadOfSent(error) => Broken::Lost(error.to_string()),
            AttachError::Hole(error) => Broken::Carrier(error.to_string()),
        })?;
        self.carrier = Some(carrier);
        self.settle_acked();
        self.rooms.begin_carrier();
        if let Some(secret) = open.session {
            self.identity = Some((secret, open.id));
        }
        Ok(self.sent.saturating_sub(self.endpoint.ring.acked()))
    }

    /// A carrier begins that doesn't say what the server has: it knows nothing new.
    pub(crate) fn attach_blindly(&mut self) -> Result<u64, Broken> {
        let Some((_, id)) = self.identity else {
            return Err(Broken::Carrier("the server didn't say which session is new".to_owned()));
        };
        let (ack, from) = (self.endpoint.ring.acked(), self.endpoint.intake.last());
        self.attach(&Open { session: None, id, ack, from, ttl: Duration::ZERO, heartbeat: None })
    }

    /// Nothing carries the session for now.
    pub(crate) fn detach(&mut self) {
        self.carrier = None;
    }

    /// The next message for the carrier, if it is a WebSocket.
    pub(crate) fn poll_message(&mut self) -> Option<Message> {
        let carrier = self.carrier.as_mut()?;
        let message = self.endpoint.poll_message(carrier)?;
        self.sent = self.sent.max(carrier.sent());
        Some(message)
    }

    /// Whether there are records that the server hasn't acknowledged.
    pub(crate) fn has_unacked(&self) -> bool {
        !self.endpoint.ring.is_empty()
    }

    /// The unacknowledged records in their order, for the body of a `POST`, at most `max_count`, and as many as `fit` says of.
    pub(crate) fn batch(&mut self, max_count: usize, mut fit: impl FnMut(u64, &ClientRecord) -> bool) -> u64 {
        let mut last = self.endpoint.ring.acked();
        for (number, record) in self.endpoint.ring.after(last).take(max_count) {
            if !fit(number, record) {
                break;
            }
            last = number;
        }
        self.sent = self.sent.max(last);
        last
    }

    /// The server has the records up to this one.
    pub(crate) fn acked(&mut self, number: u64) -> Result<(), Broken> {
        self.endpoint.ring.ack(number).map_err(|error| Broken::Lost(error.to_string()))?;
        self.settle_acked();
        Ok(())
    }

    fn settle_acked(&mut self) {
        let acked = self.endpoint.ring.acked();
        // What is answered waits on.
        for (_, waiting) in self.waiting.extract_if(..=acked, |_, waiting| matches!(waiting, Waiting::Acked(_))) {
            if let Waiting::Acked(told) = waiting {
                let _ = told.send(Ok(()));
            }
        }
    }

    /// What this end has, to be told to the server with a request.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { direct: self.endpoint.intake.last(), rooms: self.rooms.cursor() }
    }

    /// A request with this cursor was answered: the server knows.
    pub(crate) fn confirmed(&mut self, cursor: &Cursor) {
        self.rooms.confirmed(cursor);
        if cursor.direct == self.endpoint.intake.last() {
            self.endpoint.intake.acked_now();
        }
    }

    /// The acknowledgement to be sent now on a WebSocket, if one is due.
    pub(crate) fn take_ack(&mut self, now: Instant) -> Option<Cursor> {
        let direct = self.endpoint.intake.take_ack(now)?;
        Some(Cursor { direct, rooms: self.rooms.take_told() })
    }

    /// When an acknowledgement is due.
    pub(crate) fn ack_due(&self) -> Option<Instant> {
        self.endpoint.intake.poll_timeout()
    }

    /// The session is gone at the server. What it may have got is unknown; what it certainly hasn't goes to the next session,
    /// and the rooms are joined again.
    pub(crate) fn lose(&mut self) {
        let old = std::mem::replace(&mut self.endpoint, Endpoint::new(self.bounds.ring));
        let mut waiting = std::mem::take(&mut self.waiting);
        let sent = std::mem::take(&mut self.sent);
        self.identity = None;
        self.carrier = None;
        let mut unsent = waiting.split_off(&(sent + 1));
        waiting.into_values().for_each(|waiting| self.tell_lost(waiting));
        let asked = |room: &Arc<str>| unsent.values().any(|w| matches!(w, Waiting::Joined(other) if other == room));
        for (room, start) in self.rooms.lost(asked) {
            self.push_join(room, start);
        }
        for (number, record) in old.ring.after(sent) {
            match unsent.remove(&number) {
                // A new session is in no room.
                Some(waiting @ Waiting::Left(..)) => self.tell_lost(waiting),
                waiting => {
                    let new = self.push(record.clone());
                    self.waiting.extend(waiting.map(|waiting| (new, waiting)));
                }
            }
        }
        self.deliver(Event::SessionLost);
    }

    fn tell_lost(&mut self, waiting: Waiting) {
        // Whoever waits may have gone.
        match waiting {
            Waiting::Acked(told) => drop(told.send(Err(SendError::new(SendErrorReason::Unknown, None)))),
            Waiting::Published(answer) => drop(answer.send(Err(RequestError::Unknown))),
            Waiting::Members(answer) => drop(answer.send(Err(RequestError::Unknown))),
            // The room is joined again.
            Waiting::Joined(_) => {}
            // A new session is in no room.
            Waiting::Left(room, answer) => {
                self.rooms.remove_if_left(&room);
                answer.map(|answer| answer.send(Ok(())));
            }
        }
    }

    /// How the server ended the session, if it just did.
    pub(crate) fn take_closed(&mut self) -> Option<CloseFrame> {
        self.closed.take()
    }

    /// Whether the session's end is on its way.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Something for the application.
    pub(crate) fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// Whether nothing waits to be given to the application.
    pub(crate) fn is_delivered(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// How much waits to be given to the application.
    pub(crate) fn undelivered(&self) -> usize {
        self.deliveries.len()
    }

    /// Gives an event to the application, after those before it.
    pub(crate) fn deliver(&mut self, event: Event) {
        self.deliveries.push_back(Delivery::Event(event));
    }

    /// Puts back what the application has no room for yet.
    pub(crate) fn put_back(&mut self, delivery: Delivery) {
        self.deliveries.push_front(delivery);
    }

    /// Ends what the application waits for: the client is closed. The ends of the rooms are to be delivered.
    pub(crate) fn end(&mut self) {
        self.waiting.clear();
        self.deliveries.extend(self.rooms.end());
    }

    /// The bytes of a record, as they count for an acknowledgement.
    fn received(&mut self, now: Instant, bytes: usize) {
        self.endpoint.intake.received(|| now, bytes);
    }
}
