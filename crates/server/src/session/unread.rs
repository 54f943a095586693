//! Which rooms have something for a session.

use super::Shared;
use crate::{
    room::Next,
    signal::{ROOM_BITS, ROOMS, room_bit},
};

/// Rooms that have something, by their bits, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    bits: u64,
    /// Which of the bits comes next, so that a room in which there is always something doesn't keep others waiting.
    next_bit: u8,
}

/// What a reader says of what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It takes more.
    On,
    /// It takes more later.
    Pause,
    /// It takes no more of any room.
    Stop,
}

impl Unread {
    /// Something is there, as these bits of a signal say.
    pub(crate) const fn note(&mut self, bits: u64) {
        self.bits |= bits & ROOMS;
    }

    /// Something is there in the room at this place.
    pub(super) const fn note_place(&mut self, place: usize) {
        self.bits |= room_bit(place);
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Nobody wants to know any more.
    pub(crate) const fn clear(&mut self) {
        self.bits = 0;
    }

    /// One read of the log of each room that shares the first bit, of those that have something; `take` is given each with
    /// its room's place.
    #[inline]
    pub(crate) fn serve(&mut self, shared: &Shared, mut take: impl FnMut(usize, Next) -> Flow) {
        let later = self.bits & (u64::MAX << self.next_bit);
        let bit = if later == 0 { self.bits } else { later }.trailing_zeros();
        if bit >= ROOM_BITS {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are 56 bits")]
        let next_bit = bit as u8 + 1;
        self.next_bit = next_bit;
        let mut place = Some(bit as usize);
        let mut is_done = true;
        while let Some(at) = place {
            let (next, more, following) = shared.next_of(at);
            is_done &= !more;
            let flow = take(at, next);
            place = following;
            match flow {
                Flow::On => {}
                Flow::Pause if place.is_none() => {}
                Flow::Pause => {
                    // The others' turn comes later.
                    is_done = false;
                    break;
                }
                Flow::Stop => {
                    self.bits = 0;
                    return;
                }
            }
        }
        if is_done {
            self.bits &= !(1 << bit);
        }
    }
}
