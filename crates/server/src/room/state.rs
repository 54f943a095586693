//! What a room holds, behind its lock.

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use bowline_core::{Message, session::RoomNumber};
use slab::Slab;
use tokio::task::AbortHandle;

use super::{
    Entrant, Gap, GapReason, Position, Publication, PublishError, Published, RoomOptions, SlowConsumer,
    blocks::Variant,
    encoding::Encoding,
    idempotency::Idempotency,
    log::{Bounds, Log},
    members::{Member, NO_PRESENCE},
    name::RoomName,
    presence::{PresenceEvent, Present},
    publication::Rejected,
};

/// The log, who reads it, and from where.
#[derive(Debug)]
pub(super) struct State {
    name: RoomName,
    pub(super) options: Arc<RoomOptions>,
    /// The most bytes of a publication.
    max_len: usize,
    pub(super) log: Log,
    /// Events of presence, whose messages are their wire form.
    pub(super) presence: Option<Box<PresenceLog>>,
    pub(super) variants: Vec<Variant>,
    pub(super) members: Slab<Member>,
    idempotency: Idempotency,
    /// Publishers that wait until a member has caught up.
    waiting: Slab<Waker>,
    /// Counts what there is to be told.
    pub(super) version: u64,
    /// The task that is telling the members. It has finished, too, where its runtime was shut down.
    pub(super) teller: Option<AbortHandle>,
    /// Since when nobody is there.
    pub(super) empty_since: Option<Instant>,
    /// It is no longer the hub's: whoever finds it asks the hub again.
    pub(super) is_gone: bool,
}

#[derive(Debug)]
pub(super) struct PresenceLog {
    log: Log,
    pub(super) variants: Vec<Variant>,
}

impl PresenceLog {
    /// Drops what is past `max` events, but for the latest, or older than `oldest`.
    fn trim(&mut self, max: usize, oldest: Option<Instant>) {
        self.log.trim(Bounds { count: max.max(1), bytes: usize::MAX }, oldest);
        self.variants.iter_mut().for_each(|variant| variant.trim(&self.log));
    }
}

/// What a member gets next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing, before it is told.
    UpToDate,
    /// Whole frames or events, and how many publications they are.
    Encoded(bytes::Bytes, u32),
    /// A message, for those that encode themselves.
    Message(Position, Message),
    /// An event of presence, for those that encode themselves.
    Presence(Message),
    /// It misses publications.
    Gap(Gap),
    /// It was slow, and is not borne with.
    Disconnect(Gap),
}

impl State {
    /// A publication of `max_message_size` finds room in the log, alone if need be.
    pub(super) fn new(
        name: RoomName,
        number: RoomNumber,
        options: Arc<RoomOptions>,
        max_message_size: usize,
        now: Instant,
    ) -> Self {
        let presence =
            options.presence.then(|| Box::new(PresenceLog { log: Log::of_presence(number), variants: Vec::new() }));
        Self {
            name,
            log: Log::new(number, options.slow_consumer == SlowConsumer::KeepLatest),
            presence,
            variants: Vec::new(),
            members: Slab::new(),
            idempotency: Idempotency::default(),
            waiting: Slab::new(),
            version: 0,
            teller: None,
            empty_since: Some(now),
            is_gone: false,
            max_len: options.max_log_bytes.max(max_message_size),
            options,
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds { count: self.options.log_count(), bytes: self.options.max_log_bytes }
    }

    /// Appends a publication, unless that was done before.
    pub(super) fn publish(&mut self, mut publication: Publication, now: Instant) -> Result<Published, Rejected> {
        match self.find(&publication, now) {
            Ok(None) => {}
            Ok(Some(offset)) => return Ok(Published { position: self.log.place(offset), duplicate: true }),
            Err(error) => return Err(Rejected { error, publication: Box::new(publication) }),
        }
        let attempt = publication.attempt.take();
        let offset = self.log.append(publication, now);
        if let Some(attempt) = attempt {
            self.idempotency.add(attempt, offset, now, self.options.max_idempotency_keys);
        }
        self.version += 1;
        self.trim(now);
        Ok(Published { position: self.log.place(offset), duplicate: false })
    }

    /// Where it is, if it was published before; or why it can't be published now.
    fn find(&mut self, publication: &Publication, now: Instant) -> Result<Option<u64>, PublishError> {
        publication.check()?;
        if let Some(attempt) = &publication.attempt
            && let Some(offset) = self.idempotency.find(attempt, now, self.options.idempotency_window)
        {
            return Ok(Some(offset));
        }
        let len = publication.message.len();
        if len > self.max_len {
            return Err(PublishError::TooLarge { max: self.max_len });
        }
        if self.options.slow_consumer == SlowConsumer::Backpressure && self.is_in_the_way(len) {
            return Err(PublishError::Backpressure);
        }
        Ok(None)
    }

    /// Whether a publication would have to go for one of `len` bytes though a member has not got it.
    fn is_in_the_way(&self, len: usize) -> bool {
        let last = self.log.last_in_the_way(len, self.bounds());
        last.is_some_and(|last| self.members.iter().any(|(_, member)| member.next <= last && member.is_waited_for()))
    }

    /// Drops what is past the bounds.
    pub(super) fn trim(&mut self, now: Instant) {
        let oldest = now.checked_sub(self.options.max_log_age);
        if self.log.trim(self.bounds(), oldest) {
            self.variants.iter_mut().for_each(Variant::clear);
        }
        self.variants.iter_mut().for_each(|variant| variant.trim(&self.log));
        self.idempotency.forget(now, self.options.idempotency_window);
        if let Some(presence) = &mut self.presence {
            presence.trim(self.options.max_presence_log, oldest);
        }
    }

    /// Lets a member in; `None` if there are as many as may be.
    pub(super) fn join(&mut self, member: Member, wants_presence: bool) -> Option<usize> {
        if self.members.len() >= self.options.max_members {
            return None;
        }
        self.empty_since = None;
        let index = self.members.insert(member);
        self.admit(index, wants_presence);
        Some(index)
    }

    /// Gives the place of the member at `index`, who has read nothing, to somebody else.
    pub(super) fn seat(&mut self, index: usize, entrant: Entrant) {
        let Some(member) = self.members.get_mut(index) else { return };
        let Entrant { signal, bit, encoding, present, wants_presence, .. } = entrant;
        (member.signal, member.bit, member.encoding, member.present) = (signal, bit, encoding, present);
        self.admit(index, wants_presence);
    }

    /// Prepares for what the member at `index` will read, and tells the others of it.
    fn admit(&mut self, index: usize, wants_presence: bool) {
        let Some(member) = self.members.get(index) else { return };
        let present = member.present.clone();
        if let Some(encoding) = member.encoding {
            count_reader(&mut self.variants, encoding);
            if let Some(presence) = self.presence.as_deref_mut() {
                count_reader(&mut presence.variants, encoding);
            }
        }
        if let Some(present) = present {
            self.tell_presence(&PresenceEvent::Joined(present));
        }
        if let Some(presence) = self.presence.as_deref().filter(|_| wants_presence)
            && let Some(member) = self.members.get_mut(index)
        {
            // After its own coming, which it isn't told, and so can't miss.
            member.next_presence = presence.log.head() + 1;
        }
    }

    /// Lets a member go.
    pub(super) fn leave(&mut self, index: usize, now: Instant) {
        let Some(member) = self.members.try_remove(index) else { return };
        if let Some(encoding) = member.encoding {
            forget_reader(&mut self.variants, encoding);
            if let Some(presence) = self.presence.as_deref_mut() {
                forget_reader(&mut presence.variants, encoding);
            }
        }
        if self.members.is_empty() {
            self.empty_since = Some(now);
            self.members = Slab::new();
        }
        if let Some(present) = member.present {
            self.tell_presence(&PresenceEvent::Left(present));
        }
        self.wake_publishers();
    }

    /// What is published from here on is not for the member at `index`, which closes.
    pub(super) fn seal(&mut self, index: usize) {
        let head = self.log.head();
        if let Some(member) = self.members.get_mut(index) {
            member.until = head;
            member.next_presence = NO_PRESENCE;
        }
        self.wake_publishers();
    }

    fn tell_presence(&mut self, event: &PresenceEvent) {
        let Some(presence) = self.presence.as_deref_mut().filter(|_| !self.members.is_empty()) else { return };
        let about = match event {
            PresenceEvent::Joined(Present { session, .. }) => Some(*session),
            _ => None,
        };
        let mut publication = Publication::new(event.to_message(&self.name));
        publication.except = about;
        presence.log.append(publication, Instant::now());
        self.version += 1;
        presence.trim(self.options.max_presence_log, None);
    }

    /// A publisher waits at `place`, or at one that it is given; whether it may.
    pub(super) fn wait(&mut self, place: &mut Option<usize>, waker: &Waker) -> bool {
        if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(place)) {
            waiting.clone_from(waker);
            return true;
        }
        if self.waiting.len() >= self.options.max_waiting_publishers {
            return false;
        }
        *place = Some(self.waiting.insert(waker.clone()));
        true
    }

    /// A publisher waits no more.
    pub(super) fn stop_waiting(&mut self, place: usize) {
        self.waiting.try_remove(place);
    }

    /// They keep their places until they have published or given up.
    pub(super) fn wake_publishers(&self) {
        self.waiting.iter().for_each(|(_, waiting)| waiting.wake_by_ref());
    }

    /// Drops what is too old.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.trim(now);
        self.wake_publishers();
    }

    /// What the member at `index` gets next.
    pub(super) fn read(&mut self, index: usize) -> Next {
        let next = self.read_on(index);
        if let Some(member) = self.members.get_mut(index)
            && let Some(resume) = &mut member.resume
        {
            resume.sent_to(member.next - 1);
        }
        next
    }

    fn read_on(&mut self, index: usize) -> Next {
        let Some(member) = self.members.get_mut(index).filter(|member| member.reads_on()) else {
            return Next::UpToDate;
        };
        if let Some(gap) = member.gap.take() {
            return Next::Gap(*gap);
        }
        if member.next <= self.log.lost() {
            return fall_behind(member, &self.log, self.options.slow_consumer);
        }
        if member.next <= self.log.head() {
            let next = read_log(&self.log, &mut self.variants, member);
            if !self.waiting.is_empty() {
                self.wake_publishers();
            }
            if !matches!(next, Next::UpToDate) {
                return next;
            }
        }
        self.read_presence(index)
    }

    /// Whether the member at `index` has more to read.
    pub(super) fn has_more(&self, index: usize) -> bool {
        let Some(member) = self.members.get(index).filter(|member| member.reads_on()) else { return false };
        let presence = self.presence.as_ref();
        member.next <= self.log.head()
            || member.gap.is_some()
            || presence.is_some_and(|presence| member.next_presence <= presence.log.head())
    }

    fn read_presence(&mut self, index: usize) -> Next {
        let (Some(presence), Some(member)) = (self.presence.as_deref_mut(), self.members.get_mut(index)) else {
            return Next::UpToDate;
        };
        if member.next_presence == NO_PRESENCE || member.next_presence > presence.log.head() {
            return Next::UpToDate;
        }
        if member.next_presence <= presence.log.lost() {
            member.next_presence = presence.log.head() + 1;
            return Next::Presence(PresenceEvent::Missed.to_message(&self.name));
        }
        std::mem::swap(&mut member.next, &mut member.next_presence);
        let next = read_log(&presence.log, &mut presence.variants, member);
        std::mem::swap(&mut member.next, &mut member.next_presence);
        match next {
            // Presence has no place of its own that anybody could come back to.
            Next::Encoded(bytes, _) => Next::Encoded(bytes, 0),
            Next::Message(_, message) => Next::Presence(message),
            next => next,
        }
    }

    /// Where the member at `index` stands.
    pub(super) fn place_of(&self, index: usize) -> Position {
        let next = self.members.get(index).map_or(1, |member| member.next);
        self.log.place(next.saturating_sub(1))
    }

    /// Whether the room may vanish: nobody is there, and nobody can come back to the place where it was. Where history is
    /// kept, an empty log is a place, too.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let kept_for = if self.options.history > 0 { self.options.empty_timeout } else { Duration::ZERO };
        self.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= kept_for)
    }

    /// How many blocks there are, and their bytes.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> (usize, usize) {
        self.variants.iter().map(Variant::size).fold((0, 0), |all, size| (all.0 + size.0, all.1 + size.1))
    }

    /// Bytes of payload in the log.
    pub(super) const fn log_bytes(&self) -> usize {
        self.log.bytes()
    }
}

pub(super) fn count_reader(variants: &mut Vec<Variant>, encoding: Encoding) {
    match variants.iter_mut().find(|variant| variant.encoding == encoding) {
        Some(variant) => variant.readers += 1,
        None => variants.push(Variant::new(encoding)),
    }
}

pub(super) fn forget_reader(variants: &mut Vec<Variant>, encoding: Encoding) {
    if let Some(at) = variants.iter().position(|variant| variant.encoding == encoding) {
        variants[at].readers -= 1;
        if variants[at].readers == 0 {
            variants.swap_remove(at);
        }
    }
}

fn fall_behind(member: &mut Member, log: &Log, policy: SlowConsumer) -> Next {
    let to = if policy == SlowConsumer::SkipToNewest { log.head() } else { log.lost() };
    let gap = Gap { from: log.place(member.next - 1), to: log.place(to), reason: GapReason::Slow };
    if policy == SlowConsumer::Disconnect {
        // It keeps its place, so that it can come back to it.
        member.is_over = true;
        return Next::Disconnect(gap);
    }
    member.next = to + 1;
    Next::Gap(gap)
}

fn read_log(log: &Log, variants: &mut [Variant], member: &mut Member) -> Next {
    let session = member.session();
    let Some(encoding) = member.encoding else {
        let found = log.index_of(member.next).and_then(|at| log.from(at).find(|entry| entry.is_for(session)));
        member.next = found.map_or(log.head(), |entry| entry.offset) + 1;
        let message = found.and_then(|entry| Some((log.place(entry.offset), entry.message.clone()?)));
        return message.map_or(Next::UpToDate, |(place, message)| Next::Message(place, message));
    };
    let Some(variant) = variants.iter_mut().find(|variant| variant.encoding == encoding) else {
        return Next::UpToDate;
    };
    let run = variant.read(log, member.next, session);
    member.next = run.next;
    if run.count == 0 { Next::UpToDate } else { Next::Encoded(run.bytes, run.count) }
}

/// How often what is too old is looked for.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
