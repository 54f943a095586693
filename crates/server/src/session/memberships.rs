//! The rooms that a session is in.

use slab::Slab;

use crate::room::Room;

/// The rooms that the session is in, each at a place that it keeps.
#[derive(Default)]
pub(super) struct Memberships {
    /// At place 0. Here, because most sessions are in one room or none, and are told of what comes there all the time.
    first: Option<Membership>,
    /// At the places from 1 on.
    others: Option<Box<Slab<Membership>>>,
    pub(super) is_closed: bool,
}

impl Memberships {
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Membership)> {
        let others = self.others.iter().flat_map(|others| others.iter());
        self.first.iter().map(|first| (0, first)).chain(others.map(|(key, joined)| (key + 1, joined)))
    }

    pub(super) fn get(&self, place: usize) -> Option<&Membership> {
        match place.checked_sub(1) {
            None => self.first.as_ref(),
            Some(key) => self.others.as_ref()?.get(key),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// The place that the next one gets.
    pub(super) fn vacant(&self) -> usize {
        if self.first.is_none() { 0 } else { self.others.as_ref().map_or(0, |others| others.vacant_key()) + 1 }
    }

    /// One more than the highest place that is taken.
    pub(super) fn places(&self) -> usize {
        1 + self.others.as_ref().map_or(0, |others| others.capacity())
    }

    pub(super) fn insert(&mut self, joined: Membership) {
        if self.first.is_none() {
            self.first = Some(joined);
        } else {
            self.others.get_or_insert_default().insert(joined);
        }
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<Membership> {
        match place.checked_sub(1) {
            None => self.first.take(),
            Some(key) => self.others.as_mut()?.try_remove(key),
        }
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Membership> + use<> {
        let others = self.others.take().into_iter().flat_map(|others| others.into_iter());
        self.first.take().into_iter().chain(others.map(|(_, joined)| joined))
    }
}

pub(super) struct Membership {
    pub(super) room: Room,
    /// Its place among the room's members.
    pub(super) index: usize,
    /// The number of the record that told the client of it; 0 where none does.
    pub(super) joined: u64,
}
