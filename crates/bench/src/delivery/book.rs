//! What was published, and where it stands.

use super::{
    event::{Kind, Op, Rules},
    record::{Name, Place, Record},
};
use std::collections::HashMap;

/// The publications of a history, and the logs of its rooms.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) publications: Vec<Publication>,
    numbers: HashMap<(Name, Name), usize>,
    pub(super) rooms: HashMap<Name, Room>,
}

#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) rules: Rules,
    pub(super) logs: HashMap<Name, HashMap<u64, usize>>,
    pub(super) trims: Vec<Record>,
}

/// One id in one room, however often it was tried.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) room: Name,
    pub(super) id: Name,
    pub(super) key: Option<Name>,
    /// The first attempt.
    pub(super) invoke: Option<Record>,
    pub(super) invokes: u64,
    /// Attempts that certainly didn't publish it.
    pub(super) fails: u64,
    /// The first acknowledgement that told no place.
    pub(super) ok: Option<Record>,
    /// The first receipt.
    pub(super) recv: Option<Record>,
    /// Where it stands: in one place, if all is well and no retry met a new log.
    pub(super) stands: Vec<Stand>,
}

/// A place that someone was told a publication has.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) place: Place,
    pub(super) ok: Option<Record>,
    pub(super) recv: Option<Record>,
}

impl Publication {
    /// When it was first known to be where it stands.
    pub(super) fn known(&self, stand: &Stand) -> u64 {
        let recv = stand.recv.map_or(u64::MAX, |record| record.t);
        self.acknowledged(stand).unwrap_or(u64::MAX).min(recv)
    }

    /// When it was first acknowledged.
    pub(super) fn acknowledged(&self, stand: &Stand) -> Option<u64> {
        // Of which of two places an acknowledgement without one speaks is unknown.
        let unplaced = self.ok.filter(|_| self.stands.len() == 1);
        [stand.ok, unplaced].into_iter().flatten().map(|record| record.t).min()
    }
}

impl Book {
    pub(super) fn number(&mut self, room: Name, id: Name) -> usize {
        *self.numbers.entry((room, id)).or_insert_with(|| {
            self.publications.push(Publication {
                room,
                id,
                key: None,
                invoke: None,
                invokes: 0,
                fails: 0,
                ok: None,
                recv: None,
                stands: Vec::new(),
            });
            self.publications.len() - 1
        })
    }

    /// An attempt to publish, or what came of one; the number of the publication.
    pub(super) fn publish(&mut self, number: usize, record: &Record) {
        let publication = &mut self.publications[number];
        publication.key = publication.key.or(record.key);
        match record.kind {
            Kind::Invoke => {
                publication.invokes += 1;
                earliest(&mut publication.invoke, record);
            }
            Kind::Ok if record.at.is_none() => earliest(&mut publication.ok, record),
            Kind::Fail => publication.fails += 1,
            Kind::Ok | Kind::Info => {}
        }
    }

    /// Where a publication stands that a member at `cursor` received without its place, if that is certain.
    ///
    /// One that was tried again may stand in several lives of the log, of which only some are told. Before the `end` it is
    /// certain only where the one attempt was acknowledged: its publisher's lines have come that far.
    pub(super) fn place(&self, number: usize, cursor: Option<Place>, end: bool) -> Option<Place> {
        let publication = &self.publications[number];
        let acknowledged = publication.stands.iter().any(|stand| stand.ok.is_some());
        if publication.invokes > 1 || !(end || acknowledged) {
            return None;
        }
        let places = || publication.stands.iter().map(|stand| stand.place);
        let next = cursor.and_then(|cursor| places().find(|at| at.epoch == cursor.epoch && at.off > cursor.off));
        next.or_else(|| places().next_back())
    }

    /// Notes that `record` has the publication at `place`. Whether that was known, and who else was said to stand there.
    pub(super) fn claim(&mut self, number: usize, place: Place, record: &Record) -> (bool, Option<usize>) {
        let publication = &mut self.publications[number];
        let log = self.rooms.entry(publication.room).or_default().logs.entry(place.epoch).or_default();
        let holder = *log.entry(place.off).or_insert(number);
        let known = publication.stands.iter().position(|stand| stand.place == place);
        let at = known.unwrap_or_else(|| {
            publication.stands.push(Stand { place, ok: None, recv: None });
            publication.stands.len() - 1
        });
        let stand = &mut publication.stands[at];
        earliest(if record.op == Op::Pub { &mut stand.ok } else { &mut stand.recv }, record);
        (known.is_some(), (holder != number).then_some(holder))
    }
}

/// Keeps the earlier of two.
pub(super) fn earliest(kept: &mut Option<Record>, record: &Record) {
    if kept.is_none_or(|kept| record.t < kept.t) {
        *kept = Some(*record);
    }
}
