//! What a client asks of rooms, carried out as it arrives.

use bowline_core::session::{ClientRecord, FailedReason, JoinStart, Member, Publish, ServerRecord, max_event};

use super::Carried;
use crate::{
    http::Rights,
    hub::RoomError,
    room::{JoinError, Publication, PublishError, Room, RoomName, Start},
    session::Shared,
};

/// Why something was not done: for programs, and for people.
type Failed = (FailedReason, String);

/// A room may vanish between being found and being entered, but hardly twice in a row.
const ATTEMPTS: usize = 8;

/// What a member has of a list in JSON besides its identity.
const MEMBER_LEN: usize = 64;

impl Carried {
    /// Does what the record with this number asks, and answers it. A message is none of them.
    pub(super) fn carry_out(&mut self, shared: &Shared, to: u64, record: ClientRecord, rights: &Rights) {
        let done = match record {
            ClientRecord::Message(_) => return,
            ClientRecord::Close(frame) => return self.ask_to_close(frame),
            ClientRecord::Join { room, start } => return self.join(shared, to, &room, start, rights),
            ClientRecord::Leave { room } => leave(shared, to, room),
            ClientRecord::Publish(publish) => publish_in(shared, to, *publish, rights),
            ClientRecord::Members { room } => members(shared, to, room, rights),
        };
        self.answer(to, done);
    }

    fn answer(&mut self, to: u64, done: Result<ServerRecord, Failed>) {
        self.tell(done.unwrap_or_else(|(error, text)| ServerRecord::Failed { to, error, text }));
    }

    fn join(&mut self, shared: &Shared, to: u64, name: &str, start: JoinStart, rights: &Rights) {
        let start = match start {
            JoinStart::Newest => Start::Newest,
            JoinStart::History(count) => Start::Last(count),
            JoinStart::After(position) => Start::After(position),
        };
        let joined = permitted(name, |name| rights.may_join(name), "You may not join this room.")
            .and_then(|name| self.enter_named(shared, Some(to), &name, start));
        if let Err(failed) = joined {
            self.answer(to, Err(failed));
        }
    }

    fn enter_named(&mut self, shared: &Shared, to: Option<u64>, name: &RoomName, start: Start) -> Result<(), Failed> {
        let mut failed = JoinError::Gone;
        for _ in 0..ATTEMPTS {
            let room = shared.hub.room(name.clone()).map_err(not_opened)?;
            match self.enter(shared, to, &room, start) {
                Ok(_) => return Ok(()),
                Err(error) => failed = error,
            }
            if failed != JoinError::Gone {
                break;
            }
        }
        Err(not_joined(failed))
    }

    /// Joins the room and tells the client, before anything of the room can come.
    pub(crate) fn enter(
        &mut self,
        shared: &Shared,
        to: Option<u64>,
        room: &Room,
        start: Start,
    ) -> Result<crate::room::Entered, JoinError> {
        let entered = shared.enter(room, self.encoding, self.next_number(), |entrant| {
            let entered = room.enter(entrant, start)?;
            Ok((entered.index, entered))
        })?;
        let (name, number) = (room.name().as_str().to_owned(), room.number());
        self.tell(ServerRecord::Joined { to, room: name, number, position: entered.from });
        Ok(entered)
    }

    /// The application has it leave.
    pub(crate) fn left(&mut self, room: &str) {
        self.tell(ServerRecord::Left { to: None, room: room.to_owned() });
    }
}

/// The room's name, if it is one and it may.
fn permitted(name: &str, may: impl Fn(&RoomName) -> bool, forbidden: &str) -> Result<RoomName, Failed> {
    let name = RoomName::new(name).map_err(|error| (FailedReason::RoomName, error.to_string()))?;
    if may(&name) { Ok(name) } else { Err((FailedReason::Forbidden, forbidden.to_owned())) }
}

fn leave(shared: &Shared, to: u64, room: String) -> Result<ServerRecord, Failed> {
    if shared.depart(&room) {
        Ok(ServerRecord::Left { to: Some(to), room })
    } else {
        Err((FailedReason::NotJoined, "the session is not in the room".to_owned()))
    }
}

fn publish_in(shared: &Shared, to: u64, publish: Publish, rights: &Rights) -> Result<ServerRecord, Failed> {
    let Publish { room, message, key, idempotency_key } = publish;
    let name = permitted(&room, |name| rights.may_publish(name), "You may not publish in this room.")?;
    let mut publication = Publication::new(message);
    if let Some(key) = key {
        publication = publication.key(key);
    }
    if let Some(key) = idempotency_key {
        publication = publication.attempt_of(shared.identity.as_ref(), key);
    }
    let room = shared.hub.room(name).map_err(not_opened)?;
    let published = room.broadcast(publication).map_err(not_published)?;
    Ok(ServerRecord::Published { to, position: published.position, duplicate: published.duplicate })
}

fn members(shared: &Shared, to: u64, room: String, rights: &Rights) -> Result<ServerRecord, Failed> {
    let name = permitted(&room, |name| rights.may_join(name), "You may not know who is in this room.")?;
    let max = max_event(shared.hub.config().connection.get_limits().get_max_message_size());
    let too_large = || (FailedReason::TooLarge, "the room has more members than an answer may name".to_owned());
    let Some(open) = shared.hub.open_room(&name) else {
        return Ok(ServerRecord::Members { to, room, members: Vec::new() });
    };
    if open.member_count().saturating_mul(MEMBER_LEN) > max {
        return Err(too_large());
    }
    let mut len = 0_usize;
    let members = open.presence().into_iter().map(|present| {
        // Each character takes six in JSON at the most.
        len = len.saturating_add(MEMBER_LEN + present.identity.as_ref().map_or(0, |identity| 6 * identity.len()));
        Member { session: present.session, identity: present.identity.as_deref().map(str::to_owned) }
    });
    let members = members.collect();
    if len > max { Err(too_large()) } else { Ok(ServerRecord::Members { to, room, members }) }
}

fn not_opened(error: RoomError) -> Failed {
    let reason = match error {
        RoomError::Name(_) => FailedReason::RoomName,
        RoomError::TooMany => FailedReason::TooManyRooms,
    };
    (reason, error.to_string())
}

fn not_joined(error: JoinError) -> Failed {
    let reason = match error {
        JoinError::RoomFull => FailedReason::RoomFull,
        JoinError::TooManyRooms => FailedReason::TooManyRooms,
        JoinError::AlreadyJoined => FailedReason::JoinedAlready,
        // A client's join waits for room in the ring; and one whose session ends has no answer.
        JoinError::Gone | JoinError::SessionEnded | JoinError::RingFull => FailedReason::Gone,
    };
    (reason, error.to_string())
}

fn not_published(error: PublishError) -> Failed {
    let reason = match error {
        PublishError::Backpressure => FailedReason::Backpressure,
        PublishError::TooLarge { .. } => FailedReason::TooLarge,
        PublishError::KeyTooLong => FailedReason::Key,
    };
    (reason, error.to_string())
}
