//! Rooms: logs of publications that members read from where they stand.
//!
//! ```text
//! broadcast ──► log (entries by offset) ──► blocks (encoded once a variant, lazily) ──► position × N ──► one write each
//! ```
//!
//! A member holds a position and no queue. To be slow is to fall off the end of the log; the room's [`SlowConsumer`] policy
//! says what comes of it, and the member is told of it by one [`Gap`].

mod blocks;
mod encoding;
mod idempotency;
mod log;
mod members;
mod name;
mod options;
mod presence;
mod publication;
mod reader;
mod registry;
mod resume;
mod seat;
mod state;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
    time::Instant,
};

pub use bowline_core::position::{Epoch, Gap, GapReason, InvalidPosition, Position};
use bowline_core::{Message, session::RoomNumber};
use tokio::runtime::Handle;

pub use self::{
    encoding::Encoding,
    name::{InvalidRoomName, RoomName},
    options::{RoomOptions, SlowConsumer},
    presence::{PresenceEvent, Present},
    publication::{Publication, PublishError, Published},
    reader::{Entry, JoinError, Read, Reader, Start},
};
pub(crate) use self::{
    encoding::presence_message,
    options::Patterns,
    registry::Rooms,
    seat::Seat,
    state::{Next, SWEEP_INTERVAL},
};
use self::{
    members::{FAN_OUT_BATCH, Member, NO_PRESENCE, tell},
    publication::Rejected,
    resume::Resume,
    state::State,
};
use crate::{metrics::Metrics, session::SessionId, signal::Signal};

/// A room: a log of publications, and those who read it. Cheap to clone.
///
/// The hub opens it when it is first asked for. It vanishes when nobody is in it, nobody holds this handle, and its log
/// is not kept for those that may come back ([`RoomOptions::empty_timeout`]).
#[derive(Clone)]
pub struct Room(Arc<Inner>);

struct Inner {
    name: RoomName,
    /// Its log's.
    number: RoomNumber,
    state: Mutex<State>,
    /// Where it is found while it is open.
    registry: Weak<Rooms>,
    /// Where a fan-out to many goes on; without a runtime it is done at once.
    runtime: Option<Handle>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Room {
    fn new(
        name: RoomName,
        number: RoomNumber,
        options: Arc<RoomOptions>,
        registry: &Arc<Rooms>,
        runtime: Option<Handle>,
    ) -> Self {
        let max_message_size = registry.max_message_size;
        let state = Mutex::new(State::new(name.clone(), number, options, max_message_size, Instant::now()));
        let metrics = Arc::clone(&registry.metrics);
        Self(Arc::new(Inner { name, number, state, registry: Arc::downgrade(registry), runtime, metrics }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of the application's runs behind the lock, and each change leaves the log whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.0.name
    }

    /// What its log is called for short, in sessions: as long as there is this handle, no other room has this number.
    pub(crate) fn number(&self) -> RoomNumber {
        self.0.number
    }

    /// The place after the latest publication.
    #[must_use]
    pub fn position(&self) -> Position {
        let state = self.state();
        state.log.place(state.log.head())
    }

    /// How many members it has, readers without a session included.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.state().members.len()
    }

    /// The sessions in it, in no order.
    #[must_use]
    pub fn members(&self) -> Vec<SessionId> {
        self.state().members.iter().filter_map(|(_, member)| member.session()).collect()
    }

    /// The sessions in it and who they are, in no order.
    #[must_use]
    pub fn presence(&self) -> Vec<Present> {
        self.state().members.iter().filter_map(|(_, member)| member.present.clone()).collect()
    }

    /// The last `count` publications of those that are kept for latecomers ([`RoomOptions::history`]), the oldest first.
    #[must_use]
    pub fn history(&self, count: usize) -> Vec<(Position, Message)> {
        let state = self.state();
        let after = state.log.last(count.min(state.options.history) as u64);
        let entries = state.log.index_of(after + 1).map(|index| state.log.from(index)).into_iter().flatten();
        entries.filter_map(|entry| Some((state.log.place(entry.offset), entry.message.clone()?))).collect()
    }

    /// Publishes to all members.
    ///
    /// # Errors
    /// See [`PublishError`]: nobody gets it then.
    pub fn broadcast(&self, publication: impl Into<Publication>) -> Result<Published, PublishError> {
        self.append(&mut self.state(), publication.into()).map_err(|rejected| rejected.error)
    }

    /// Publishes to all members but one, as a rule the one that it comes from.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn except(&self, session: SessionId, publication: impl Into<Publication>) -> Result<Published, PublishError> {
        self.broadcast(publication.into().except(session))
    }

    /// Publishes to all members; where the room pushes back ([`SlowConsumer::Backpressure`]), waits until there is room.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast); [`PublishError::Backpressure`] if `max_waiting_publishers` wait already.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped while it waits, nothing is published.
    pub async fn publish(&self, publication: impl Into<Publication>) -> Result<Published, PublishError> {
        let mut publication = Some(publication.into());
        let mut waiting = Waiting { room: self, place: None };
        poll_fn(|cx| {
            // It is there as long as this waits.
            let Some(next) = publication.take() else { return Poll::Pending };
            let mut state = self.state();
            match self.append(&mut state, next) {
                Ok(published) => Poll::Ready(Ok(published)),
                Err(Rejected { error: PublishError::Backpressure, publication: next })
                    if state.wait(&mut waiting.place, cx.waker()) =>
                {
                    publication = Some(*next);
                    Poll::Pending
                }
                Err(rejected) => Poll::Ready(Err(rejected.error)),
            }
        })
        .await
    }

    fn append(&self, state: &mut State, publication: Publication) -> Result<Published, Rejected> {
        let bytes = publication.message.len();
        let published = state.publish(publication, Instant::now())?;
        let handles = &self.0.metrics.handles;
        if published.duplicate {
            handles.duplicates.increment(1);
        } else {
            handles.publications.increment(1);
            handles.publication_bytes.increment(bytes as u64);
            self.tell(state);
        }
        Ok(published)
    }

    /// Tells the members that something is there: few at once, many by a task that lets others run.
    fn tell(&self, state: &mut State) {
        if let Some(runtime) = self.0.runtime.as_ref().filter(|_| state.members.len() > FAN_OUT_BATCH) {
            if state.teller.as_ref().is_some_and(|teller| !teller.is_finished()) {
                return;
            }
            let teller = runtime.spawn(self.clone().tell_all()).abort_handle();
            // Behind the lock it can't have come to its end, but for a runtime that has been shut down.
            if !teller.is_finished() {
                state.teller = Some(teller);
                return;
            }
        }
        let _ = tell(&state.members, 0, usize::MAX);
    }

    async fn tell_all(self) {
        let mut told = 0;
        let mut from = 0;
        loop {
            {
                let mut state = self.state();
                if from == 0 {
                    told = state.version;
                }
                match tell(&state.members, from, FAN_OUT_BATCH) {
                    Some(next) => from = next,
                    // What came meanwhile, those at the front don't know of.
                    None if state.version != told => from = 0,
                    None => {
                        state.teller = None;
                        return;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Lets a reader in. `wants_presence` tells it who comes and goes, if the room does.
    pub(crate) fn enter(&self, entrant: Entrant, start: Start) -> Result<Entered, JoinError> {
        let mut state = self.state();
        if state.is_gone {
            return Err(JoinError::Gone);
        }
        let history = state.options.history as u64;
        let (after, gap) = match start {
            Start::Newest => (state.log.head(), None),
            Start::Last(count) => (state.log.last(count.min(history)), None),
            Start::After(known) => state.log.resume(known, history),
        };
        let position = state.log.place(state.log.head());
        let from = gap.map_or_else(|| state.log.place(after), |gap| gap.from);
        let member = Member {
            signal: entrant.signal,
            bit: entrant.bit,
            next: after + 1,
            next_presence: NO_PRESENCE,
            gap: gap.map(Box::new),
            encoding: entrant.encoding,
            present: entrant.present,
            until: u64::MAX,
            is_over: false,
            resume: entrant.resumes.then(|| Box::new(Resume::new(after, gap))),
        };
        let has_news = after < state.log.head() || gap.is_some();
        let version = state.version;
        let index = state.join(member, entrant.wants_presence).ok_or(JoinError::RoomFull)?;
        self.0.metrics.handles.members.add(1);
        if state.version != version {
            self.tell(&mut state);
        } else if has_news && let Some(member) = state.members.get(index) {
            member.signal.raise(member.bit);
        }
        Ok(Entered { index, position, from, gap })
    }

    /// Gives the place of the reader at `index`, who has read nothing, to a session.
    fn seat(&self, index: usize, entrant: Entrant) {
        let mut state = self.state();
        let (signal, bit, version) = (Arc::clone(&entrant.signal), entrant.bit, state.version);
        state.seat(index, entrant);
        if state.version != version {
            self.tell(&mut state);
        }
        if state.has_more(index) {
            signal.raise(bit);
        }
    }

    /// Lets a reader go.
    pub(crate) fn depart(&self, index: usize) {
        let mut state = self.state();
        let version = state.version;
        state.leave(index, Instant::now());
        self.0.metrics.handles.members.sub(1);
        if state.version != version {
            self.tell(&mut state);
        }
        let is_empty = state.members.is_empty();
        drop(state);
        if is_empty && let Some(registry) = self.0.registry.upgrade() {
            registry.close_if_over(self);
        }
    }

    /// What the reader at `index` gets next, and whether there is more.
    #[inline]
    pub(crate) fn next(&self, index: usize) -> (Next, bool) {
        let mut state = self.state();
        let next = state.read(index);
        let more = state.has_more(index);
        drop(state);
        if let Next::Gap(gap) | Next::Disconnect(gap) = &next {
            let (reason, handles) = (gap.reason.into(), &self.0.metrics.handles);
            handles.gaps.of(reason).increment(1);
            if gap.from.epoch == gap.to.epoch {
                handles.missed.of(reason).increment(gap.to.offset.saturating_sub(gap.from.offset));
            }
        }
        (next, more)
    }

    /// The reader at `index` gets nothing that is published from here on.
    pub(crate) fn seal(&self, index: usize) {
        self.state().seal(index);
    }

    pub(crate) fn place_of(&self, index: usize) -> Position {
        self.state().place_of(index)
    }

    /// Drops what is too old.
    fn sweep(&self, now: Instant) {
        self.state().sweep(now);
    }
}

/// A publisher's place among those that wait, which it gives back however it ends.
struct Waiting<'a> {
    room: &'a Room,
    place: Option<usize>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.room.state().stop_waiting(place);
        }
    }
}

/// Who comes in.
pub(crate) struct Entrant {
    pub(crate) signal: Arc<Signal>,
    pub(crate) bit: u64,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) present: Option<Present>,
    pub(crate) wants_presence: bool,
    /// It may read the same again.
    pub(crate) resumes: bool,
}

/// How that went.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) index: usize,
    /// After the latest publication.
    pub(crate) position: Position,
    /// After which it gets publications, or where the gap begins.
    pub(crate) from: Position,
    pub(crate) gap: Option<Gap>,
}
