//! What a client has of its session.

use std::io::Write as _;
use std::time::Instant;

use bowline_core::Message;
use bowline_core::position::{Epoch, Gap, Position};
use bowline_core::session::{Cursor, Intake, Offered, Open, RoomNumber, ServerRecord, ServerSignal};

use super::Came;

/// What hands on what came.
pub(super) type Take<'a> = &'a mut dyn FnMut(Came<'_>);
/// How many bytes are payload of a delivery, if what came is one; or why the client is of no more use.
pub(super) type Delivered = Result<Option<usize>, String>;

/// Where a client stands: in the direct stream, and in each of its rooms. What it has already it passes over.
#[derive(Debug, Default)]
pub(super) struct Reader {
    is_open: bool,
    pub(super) intake: Intake,
    rooms: Vec<Room>,
    /// The room that a publication came of last: mostly the next is of the same.
    latest: usize,
    /// Answers to `join` that are to come.
    joining: usize,
}

/// A room that it is in.
#[derive(Debug)]
struct Room {
    number: RoomNumber,
    epoch: Epoch,
    /// The last publication that came.
    offset: u64,
    /// The last that is acknowledged.
    acked: u64,
}

impl Reader {
    /// Whether its session is open.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// It asks for a room.
    pub(super) const fn joins(&mut self) {
        self.joining += 1;
    }

    /// Whether it waits to hear that it is in a room.
    pub(super) const fn is_joining(&self) -> bool {
        self.joining > 0
    }

    /// A carrier begins.
    pub(super) fn opened(&mut self, open: &Open, take: Take<'_>) -> Result<(), String> {
        self.intake.attach(open.from).map_err(|hole| hole.to_string())?;
        if !std::mem::replace(&mut self.is_open, true) {
            take(Came::Open);
        }
        Ok(())
    }

    /// A message came; over HTTP with its number.
    pub(super) fn message(&mut self, number: Option<u64>, text: &[u8], now: Instant, take: Take<'_>) -> Delivered {
        Ok(self.is_new(number, text.len(), now)?.then(|| {
            take(Came::Message(text));
            text.len()
        }))
    }

    /// A publication came on a WebSocket.
    pub(super) fn numbered(
        &mut self,
        number: RoomNumber,
        offset: u64,
        text: &[u8],
        now: Instant,
        take: Take<'_>,
    ) -> Delivered {
        let room = self.room(|room| room.number == number);
        let room = room.ok_or_else(|| format!("a publication came of room {number}, which the client isn't in"))?;
        let is_new = room.pass(offset);
        Ok(self.published(is_new, text, now, take))
    }

    /// A publication came over HTTP.
    pub(super) fn placed(&mut self, position: Position, text: &[u8], now: Instant, take: Take<'_>) -> Delivered {
        let room = self.room(|room| room.epoch == position.epoch);
        let room = room.ok_or_else(|| format!("a publication came at {position}, in no room of the client's"))?;
        let is_new = room.pass(position.offset);
        Ok(self.published(is_new, text, now, take))
    }

    /// A record came that may be any.
    pub(super) fn record(
        &mut self,
        number: Option<u64>,
        record: ServerRecord,
        now: Instant,
        take: Take<'_>,
    ) -> Delivered {
        if let ServerRecord::Message(message) = &record {
            return self.message(number, bytes(message), now, take);
        }
        if !self.is_new(number, 0, now)? {
            return Ok(None);
        }
        match record {
            ServerRecord::Joined { to, number, position, .. } => {
                self.enter(number, position)?;
                if to.is_some() {
                    self.joining = self.joining.saturating_sub(1);
                    take(Came::Joined);
                }
            }
            ServerRecord::Failed { error, text, .. } => {
                return Err(format!("the server refused what a client asked: {} ({text})", error.as_str()));
            }
            ServerRecord::Close(frame) => {
                let (code, reason) = (frame.code().get(), frame.reason().as_str());
                return Err(format!("the server ended the session with {code} {reason}"));
            }
            _ => {}
        }
        Ok(None)
    }

    /// What has no number came, besides the `open` of a carrier.
    pub(super) fn signal(&mut self, signal: &ServerSignal, now: Instant, take: Take<'_>) -> Result<(), String> {
        match signal {
            ServerSignal::From(number) => self.intake.attach(*number).map_err(|hole| hole.to_string()),
            ServerSignal::Gap { gap, number, .. } => self.skip(gap, *number, now, take),
            ServerSignal::Superseded => Err("another carrier superseded the client's".into()),
            _ => Ok(()),
        }
    }

    /// Appends what it has, as it acknowledges it, and takes it to be acknowledged by that.
    pub(super) fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.intake.acked_now();
        // Writing to a vector doesn't fail.
        let _ = write!(out, "{}", self.intake.last());
        for room in self.rooms.iter_mut().filter(|room| room.offset > room.acked) {
            let _ = write!(out, " {}.{}", room.number, room.offset);
            room.acked = room.offset;
        }
    }

    fn is_new(&mut self, number: Option<u64>, payload: usize, now: Instant) -> Result<bool, String> {
        let last = self.intake.last();
        let offered = match number {
            Some(number) => self.intake.offer(number),
            None => self.intake.next(),
        };
        self.intake.received(|| now, payload);
        match offered {
            Offered::New => Ok(true),
            Offered::Duplicate => Ok(false),
            Offered::Hole => {
                Err(format!("record {} came after record {last}: one is missing", number.unwrap_or_default()))
            }
        }
    }

    fn published(&mut self, is_new: bool, text: &[u8], now: Instant, take: Take<'_>) -> Option<usize> {
        self.intake.received(|| now, text.len());
        is_new.then(|| {
            take(Came::Message(text));
            text.len()
        })
    }

    fn room(&mut self, is_it: impl Fn(&Room) -> bool) -> Option<&mut Room> {
        if !self.rooms.get(self.latest).is_some_and(&is_it) {
            self.latest = self.rooms.iter().position(is_it)?;
        }
        self.rooms.get_mut(self.latest)
    }

    fn enter(&mut self, number: RoomNumber, Position { epoch, offset }: Position) -> Result<(), String> {
        let entered = Room { number, epoch, offset, acked: offset };
        if let Some(room) = self.room(|room| room.number == number) {
            *room = entered;
        } else if self.rooms.len() < Cursor::MAX_ROOMS {
            self.rooms.push(entered);
        } else {
            return Err(format!("the server has a client join more than {} rooms", Cursor::MAX_ROOMS));
        }
        Ok(())
    }

    /// A gap is told until it is acknowledged: what of it the client has passed is none.
    fn skip(&mut self, gap: &Gap, number: Option<RoomNumber>, now: Instant, take: Take<'_>) -> Result<(), String> {
        let Gap { from, to, .. } = gap;
        let room = self.room(|room| room.epoch == from.epoch || room.epoch == to.epoch);
        let room = room.ok_or_else(|| format!("a gap came to {to}, in no room of the client's"))?;
        if room.epoch != to.epoch {
            *room = Room { number: number.unwrap_or(room.number), epoch: to.epoch, offset: 0, acked: 0 };
        }
        let skipped = to.offset.saturating_sub(room.offset);
        room.offset += skipped;
        self.intake.received(|| now, 0);
        if skipped > 0 {
            take(Came::Gap(skipped));
        }
        Ok(())
    }
}

impl Room {
    /// Goes on to a publication; false where it was there.
    const fn pass(&mut self, offset: u64) -> bool {
        let is_new = offset > self.offset;
        if is_new {
            self.offset = offset;
        }
        is_new
    }
}

pub(super) fn bytes(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
    }
}
