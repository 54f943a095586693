//! A place in a room.

use super::{Entered, Entrant, JoinError, Room, Start};

/// A place among a room's readers, given up when dropped. Who will be in the room soon takes one before, so that nothing
/// published meanwhile is missed.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) room: Room,
    pub(super) index: usize,
    is_taken: bool,
}

impl Seat {
    pub(super) fn take(room: &Room, entrant: Entrant, start: Start) -> Result<(Self, Entered), JoinError> {
        let entered = room.enter(entrant, start)?;
        Ok((Self { room: room.clone(), index: entered.index, is_taken: false }, entered))
    }

    pub(crate) const fn room(&self) -> &Room {
        &self.room
    }

    /// Gives it to a session, which gives it up itself; what it is called there.
    pub(crate) fn give(mut self, entrant: Entrant) -> usize {
        self.is_taken = true;
        self.room.seat(self.index, entrant);
        self.index
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.is_taken {
            self.room.depart(self.index);
        }
    }
}
