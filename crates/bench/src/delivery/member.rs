//! A client object in a room: what it was handed, and what it was told that it missed.

use super::{
    book::Book,
    event::Kind,
    order,
    record::{Name, Names, Place, Record},
    verdict::Findings,
};
use std::collections::{HashSet, VecDeque};

/// What the invariants read and write while events come in.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) names: &'a Names,
    pub(super) book: &'a mut Book,
    pub(super) findings: &'a mut Findings,
}

#[derive(Debug, Default)]
pub(super) struct Member {
    /// From each join to its leave.
    pub(super) memberships: Vec<Membership>,
    /// Publications that are not for it.
    pub(super) excepted: HashSet<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Membership {
    /// The join was done.
    pub(super) joined: Option<Record>,
    /// The client asked for what it may have had before.
    replay: bool,
    /// It no longer wants to be in the room, or was lost.
    pub(super) leaving: Option<Record>,
    /// It is out: nothing may come.
    pub(super) left: Option<Record>,
    pub(super) cursor: Option<Place>,
    pub(super) last: Option<Record>,
    pub(super) segments: Vec<Segment>,
    pub(super) holes: Vec<Hole>,
    /// Gaps with both ends, and whether these were told.
    pub(super) gaps: Vec<(Record, bool)>,
    /// When it was last told that the log has begun anew.
    pub(super) anew: u64,
    /// Receipts since `cursor` whose places nobody knows.
    floating: u64,
    /// The publications of all such receipts.
    pub(super) floated: HashSet<usize>,
    /// A gap of unknown size: it ends before the next publication that has a place.
    pub(super) open_gap: Option<Record>,
    /// What came after a publication whose place isn't known yet.
    waiting: VecDeque<Record>,
}

/// Offsets that follow one another, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) epoch: Name,
    pub(super) lo: u64,
    pub(super) hi: u64,
    /// Told to be missing, not received.
    pub(super) gap: bool,
}

/// Offsets that were neither received nor told to be missing: right only if they weren't for the member.
#[derive(Debug)]
pub(super) struct Hole {
    pub(super) epoch: Name,
    pub(super) after: u64,
    pub(super) before: u64,
    /// So many of them were received, under ids whose places nobody knows.
    pub(super) floating: u64,
    pub(super) last: Option<Record>,
    pub(super) next: Record,
}

impl Member {
    pub(super) fn join(&mut self, record: &Record, replay: bool, desk: &mut Desk<'_>) {
        if self.memberships.last().is_none_or(|last| last.leaving.is_some() || last.left.is_some()) {
            self.memberships.push(Membership { replay, ..Membership::default() });
        }
        let Some(current) = self.memberships.last_mut() else { return };
        match record.kind {
            Kind::Ok if current.joined.is_none() => {
                current.joined = Some(*record);
                if let Some(place) = record.at {
                    current.begin(place, record, desk);
                }
            }
            Kind::Fail => current.left = Some(*record),
            Kind::Invoke | Kind::Ok | Kind::Info => {}
        }
    }

    pub(super) fn leave(&mut self, record: &Record) {
        let Some(current) = self.memberships.last_mut() else { return };
        match record.kind {
            Kind::Fail => current.leaving = None,
            Kind::Invoke | Kind::Ok | Kind::Info => {
                current.leaving.get_or_insert(*record);
            }
        }
        if record.kind == Kind::Ok {
            current.left = Some(*record);
        }
    }

    /// Takes what the application was handed, in order: what has no place yet holds up what comes after it.
    pub(super) fn take(&mut self, record: &Record, desk: &mut Desk<'_>) {
        let Some(which) = self.memberships.len().checked_sub(1) else { return };
        self.memberships[which].waiting.push_back(*record);
        // What it had before it joined again comes first.
        let first = self.memberships.iter().position(|membership| !membership.waiting.is_empty());
        for which in first.unwrap_or(which)..=which {
            self.settle(which, false, desk);
            if !self.memberships[which].waiting.is_empty() {
                return;
            }
        }
    }

    /// Takes what waited and whose place is known by now; with `end`, also what never got one.
    pub(super) fn settle(&mut self, which: usize, end: bool, desk: &mut Desk<'_>) {
        while let Some(record) = self.memberships[which].waiting.front().copied() {
            let current = &mut self.memberships[which];
            match record.id.map(|id| desk.book.number(record.room, id)) {
                None => current.gap(&record, desk),
                Some(number) => match record.at.or_else(|| desk.book.place(number, current.cursor, end)) {
                    Some(place) => {
                        order::i2_one_id_a_place(number, place, &record, desk);
                        self.step(which, place, &record, desk);
                    }
                    None if end => current.float(number, &record, desk),
                    None => return,
                },
            }
            self.memberships[which].waiting.pop_front();
        }
    }

    fn step(&mut self, which: usize, place: Place, record: &Record, desk: &mut Desk<'_>) {
        let (earlier, rest) = self.memberships.split_at_mut(which);
        let Some(current) = rest.first_mut() else { return };
        current.close_gap(place, record, desk);
        let earlier: &[_] = if current.replay { &[] } else { earlier };
        order::i5_no_id_twice(earlier, current, place, record, desk);
        if order::i3_offsets_increase(current, place, record, desk) {
            order::i4_steps_of_one(current, place, record, desk);
            current.receive(place, record);
        }
    }
}

impl Membership {
    /// The place at which the member begins; what came before that was told must fit on.
    fn begin(&mut self, place: Place, record: &Record, desk: &mut Desk<'_>) {
        let start = Segment { epoch: place.epoch, lo: place.off.saturating_add(1), hi: place.off, gap: false };
        let Some(first) = self.segments.first().copied() else {
            self.segments.push(start);
            self.cursor = Some(place);
            self.last = Some(*record);
            return;
        };
        let next = self.last.unwrap_or(*record);
        let now = (self.cursor, self.last, self.floating);
        (self.cursor, self.last, self.floating) = (Some(place), Some(*record), 0);
        let first = Place { epoch: first.epoch, off: first.lo };
        if order::i3_offsets_increase(self, first, &next, desk) {
            order::i4_steps_of_one(self, first, &next, desk);
        }
        (self.cursor, self.last, self.floating) = now;
    }

    fn receive(&mut self, place: Place, record: &Record) {
        match self.segments.last_mut() {
            Some(last) if !last.gap && last.epoch == place.epoch && last.hi.checked_add(1) == Some(place.off) => {
                last.hi = place.off;
            }
            _ => self.segments.push(Segment { epoch: place.epoch, lo: place.off, hi: place.off, gap: false }),
        }
        self.arrive(place, record);
    }

    /// A receipt without a place: it stands somewhere between those that have one.
    fn float(&mut self, number: usize, record: &Record, desk: &mut Desk<'_>) {
        self.floating += u64::from(self.cursor.is_some());
        if !self.floated.insert(number) {
            order::i5_no_float_twice(self, record, desk);
        }
    }

    fn arrive(&mut self, place: Place, record: &Record) {
        self.cursor = Some(place);
        self.last = Some(*record);
        self.floating = 0;
    }

    pub(super) fn hole(&mut self, cursor: Place, before: u64, record: &Record) {
        if before - cursor.off > 1 || self.floating > 0 {
            self.holes.push(Hole {
                epoch: cursor.epoch,
                after: cursor.off,
                before,
                floating: self.floating,
                last: self.last,
                next: *record,
            });
        }
    }

    fn gap(&mut self, record: &Record, desk: &mut Desk<'_>) {
        match (record.from, record.at) {
            (Some(from), Some(to)) => self.told(from, to, (*record, true), desk),
            _ => self.open_gap = Some(*record),
        }
    }

    fn told(&mut self, from: Place, to: Place, (record, told): (Record, bool), desk: &mut Desk<'_>) {
        let record = &record;
        order::i4_gap_fits(self, from, to, record, desk);
        self.gaps.push((*record, told));
        let start = from.off.saturating_add(1);
        if from.epoch == to.epoch {
            self.segments.push(Segment { epoch: from.epoch, lo: start, hi: to.off, gap: true });
        } else {
            self.segments.push(Segment { epoch: from.epoch, lo: start, hi: u64::MAX, gap: true });
            self.segments.push(Segment { epoch: to.epoch, lo: 1, hi: to.off, gap: true });
            self.anew = record.t;
        }
        self.arrive(to, record);
    }

    /// A gap of unknown size reaches from where the member stood to before `next`.
    fn close_gap(&mut self, next: Place, record: &Record, desk: &mut Desk<'_>) {
        let Some(mut gap) = self.open_gap.take() else { return };
        let to = Place { off: next.off.saturating_sub(1), ..next };
        match self.cursor {
            Some(from) if from == to => order::i4_gap_has_a_hole(&gap, record, desk),
            Some(from) => {
                (gap.from, gap.at) = (Some(from), Some(to));
                self.floating = 0;
                self.told(from, to, (gap, false), desk);
            }
            // It had nothing with a place before.
            None => self.segments.push(Segment { epoch: to.epoch, lo: 1, hi: to.off, gap: true }),
        }
    }

    /// Whether it received this; while events come in.
    pub(super) fn received(&self, place: Place) -> bool {
        let beyond = self.cursor.is_none_or(|cursor| cursor.epoch == place.epoch && cursor.off < place.off);
        !beyond && self.segments.iter().any(|segment| !segment.gap && segment.has(place))
    }
}

impl Segment {
    pub(super) fn has(&self, place: Place) -> bool {
        self.epoch == place.epoch && (self.lo..=self.hi).contains(&place.off)
    }
}
