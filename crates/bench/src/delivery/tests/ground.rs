//! What is known of a history without a fault, to plant one where it is a fault.

use super::super::{Event, From, Kind, Op};
use std::collections::{HashMap, HashSet};

/// The default of the option.
pub(super) const SETTLE: u64 = 10_000_000_000;

pub(super) struct Ground<'a> {
    events: &'a [Event],
    /// By room and id; ids that stand in one place only.
    places: HashMap<(String, String), (String, u64)>,
    /// For each event, the next one that the same member saw of the same room.
    next: Vec<Option<usize>>,
    excepted: HashSet<(&'a str, &'a str, &'a str)>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(events: &'a [Event]) -> Self {
        let mut places = HashMap::new();
        let mut twice = HashSet::new();
        let mut next = vec![None; events.len()];
        let mut last: HashMap<(&str, &str), usize> = HashMap::new();
        let mut excepted = HashSet::new();
        for (at, event) in events.iter().enumerate() {
            let id = event.id.as_deref().unwrap_or_default();
            if let (Op::Pub | Op::Recv, Some(epoch), Some(off)) = (event.op, &event.epoch, event.off) {
                let place = (epoch.clone(), off);
                let key = (event.room.clone(), id.to_owned());
                if places.insert(key.clone(), place.clone()).is_some_and(|before| before != place) {
                    twice.insert(key);
                }
            }
            match event.op {
                Op::Except => drop(excepted.insert((&*event.proc, &*event.room, id))),
                Op::Recv | Op::Gap | Op::Join | Op::Leave => {
                    if let Some(before) = last.insert((&event.proc, &event.room), at) {
                        next[before] = Some(at);
                    }
                }
                _ => {}
            }
        }
        places.retain(|key, _| !twice.contains(key));
        Self { events, places, next, excepted }
    }

    pub(super) fn places(&self) -> HashMap<(String, String), (String, u64)> {
        self.places.clone()
    }

    pub(super) fn next(&self, at: usize) -> Option<usize> {
        self.next[at]
    }

    fn before(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|before| self.next[*before] == Some(at))
    }

    pub(super) fn same_member(&self, one: usize, other: usize) -> bool {
        self.events[one].proc == self.events[other].proc && self.events[one].room == self.events[other].room
    }

    pub(super) fn same_id(&self, event: &Event, at: usize) -> bool {
        event.room == self.events[at].room && event.id == self.events[at].id && event.op != Op::Except
    }

    /// Whether `event` is a receipt of the same place, told with it.
    pub(super) fn same_place(&self, event: &Event, at: usize) -> bool {
        let Event { room, epoch, off, .. } = &self.events[at];
        event.op == Op::Recv && (&event.room, &event.epoch, &event.off) == (room, epoch, off)
    }

    /// A receipt that was told its place.
    pub(super) fn is_told(&self, at: usize) -> bool {
        self.events[at].op == Op::Recv && self.events[at].off.is_some()
    }

    /// A receipt whose place is known.
    pub(super) fn is_placed_receipt(&self, at: usize) -> bool {
        let Event { op, room, id, off, .. } = &self.events[at];
        // Where a retry stands is uncertain, unless it was told.
        let tries = |event: &&Event| event.op == Op::Pub && event.kind == Kind::Invoke && self.same_id(event, at);
        if off.is_none() && self.events.iter().filter(tries).count() > 1 {
            return false;
        }
        let placed = || self.places.contains_key(&(room.clone(), id.clone().unwrap_or_default()));
        *op == Op::Recv && placed()
    }

    /// A receipt or a gap whose place is known.
    pub(super) fn is_placed(&self, at: usize) -> bool {
        self.is_placed_receipt(at) || self.is_gap(at) && self.events[at].from.is_some()
    }

    /// A gap that says from where to where it reaches.
    pub(super) fn is_gap(&self, at: usize) -> bool {
        self.events[at].op == Op::Gap && self.events[at].from.is_some()
    }

    /// A receipt that nothing excuses from missing.
    pub(super) fn must_have(&self, at: usize) -> bool {
        self.is_placed_receipt(at) && !self.conflates(&self.events[at].room)
    }

    /// Whether someone else knows the place of what was received.
    pub(super) fn known_elsewhere(&self, at: usize) -> bool {
        let other = |event: &Event| event.op == Op::Pub || event.proc != self.events[at].proc;
        let Event { epoch, off, .. } = &self.events[at];
        let same = |event: &Event| off.is_none() || (&event.epoch, &event.off) == (epoch, off);
        let knows = |event: &Event| event.off.is_some() && other(event) && self.same_id(event, at) && same(event);
        self.events.iter().any(knows)
    }

    pub(super) fn conflates(&self, room: &str) -> bool {
        self.rules(room).is_some_and(|rules| rules.conflates)
    }

    fn rules(&self, room: &str) -> Option<super::super::Rules> {
        self.events.iter().find(|event| event.op == Op::Room && event.room == room)?.rules
    }

    /// Whether the member had a known place before, so that a hole shows.
    pub(super) fn follows_something(&self, at: usize) -> bool {
        let Some(before) = self.before(at) else { return false };
        let event = &self.events[before];
        match event.op {
            Op::Join => event.kind == Kind::Ok && event.off.is_some() && self.joined_in_peace(before),
            Op::Leave => false,
            _ => self.is_placed(before),
        }
    }

    /// Nothing came before the join's answer.
    fn joined_in_peace(&self, join: usize) -> bool {
        self.before(join).is_some_and(|before| self.events[before].op == Op::Join)
    }

    /// The acknowledgement of what was received.
    pub(super) fn acknowledged(&self, at: usize) -> Option<&'a Event> {
        self.events.iter().find(|event| event.op == Op::Pub && event.kind == Kind::Ok && self.same_id(event, at))
    }

    /// The first attempt to publish.
    pub(super) fn invoked(&self, at: usize) -> Option<usize> {
        self.events
            .iter()
            .position(|event| event.op == Op::Pub && event.kind == Kind::Invoke && self.same_id(event, at))
    }

    pub(super) fn epochs(&self) -> Vec<String> {
        let mut epochs: Vec<_> = self.events.iter().filter_map(|event| event.epoch.clone()).collect();
        epochs.sort();
        epochs.dedup();
        epochs.push("an epoch that isn't".into());
        epochs
    }

    /// Whether a gap covers a publication that is for the member, in the epoch where it goes on.
    pub(super) fn covers_something(&self, at: usize) -> bool {
        let (Some(from), Some(to)) = (&self.events[at].from, self.events[at].off) else { return false };
        let other = Some(&from.epoch) != self.events[at].epoch.as_ref();
        other || (from.off + 1..=to).any(|off| self.is_lost(at, off))
    }

    /// Whether the last that a gap covers is for the member, and another before it is covered.
    pub(super) fn ends_with_a_loss(&self, at: usize) -> bool {
        let Some(to) = self.events[at].off else { return false };
        let same = self.events[at].from.as_ref().map(|from| &from.epoch) == self.events[at].epoch.as_ref();
        same && self.events[at].from.as_ref().is_some_and(|from| from.off + 1 < to) && self.is_lost(at, to)
    }

    /// Whether the offset has a known id that the member may not miss.
    fn is_lost(&self, at: usize, off: u64) -> bool {
        let Event { proc, room, epoch, .. } = &self.events[at];
        let place = (epoch.clone().unwrap_or_default(), off);
        let holder = self.places.iter().find(|((of, _), stands)| of == room && **stands == place);
        holder.is_some_and(|((_, id), _)| !self.excepted.contains(&(&**proc, &**room, &**id))) && !self.conflates(room)
    }

    /// Whether the member's last place was exactly this.
    pub(super) fn stands_at(&self, at: usize, from: Option<&From>) -> bool {
        let Some(before) = self.before(at) else { return false };
        let stands = (self.events[before].epoch.as_ref(), self.events[before].off);
        stands == (from.map(|from| &from.epoch), from.map(|from| from.off))
    }

    /// Whether the room tells what it loses, and a member goes on at the oldest that is kept.
    pub(super) fn lost_is_told(&self, at: usize) -> bool {
        let room = &self.events[at].room;
        let tells = self.events.iter().any(|event| event.op == Op::Trim && event.room == *room);
        tells && self.rules(room).is_some_and(|rules| !rules.newest)
    }

    /// What the log had lost by then.
    pub(super) fn lost_by(&self, at: usize) -> Option<u64> {
        let event = &self.events[at];
        let trims =
            self.events.iter().filter(|trim| trim.op == Op::Trim && trim.room == event.room && trim.t <= event.t);
        trims.filter(|trim| trim.epoch == event.epoch).filter_map(|trim| trim.off).max().or(Some(0))
    }

    /// Whether someone was in the room from before the publish to long after, and isn't excepted from it.
    pub(super) fn members_throughout(&self, at: usize) -> bool {
        let ok = &self.events[at];
        let Some(invoked) = self.invoked(at) else { return false };
        let joined = |join: &usize| {
            let event = &self.events[*join];
            event.op == Op::Join && event.kind == Kind::Ok && event.room == ok.room
        };
        let stays = |join: &usize| {
            (*join..self.events.len())
                .all(|later| !self.same_member(later, *join) || !matches!(self.events[later].op, Op::Leave | Op::Gap))
        };
        let meant = |join: &usize| {
            let id = ok.id.as_deref().unwrap_or_default();
            !self.excepted.contains(&(&*self.events[*join].proc, &*ok.room, id))
        };
        (0..invoked).any(|join| joined(&join) && stays(&join) && meant(&join))
    }
}
