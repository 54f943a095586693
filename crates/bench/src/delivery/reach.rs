//! What is judged of members, once all events are there: that everything reached them.

use super::{
    index::{Entry, Index, Shelf, Times},
    member::{Member, Membership},
    record::{Name, Names, Place, Record},
    verdict::{Findings, Invariant},
};

/// How long a run was, and when it had settled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// What reaches a member does so within this.
    pub(super) settle: u64,
    /// No fault was injected from here on.
    pub(super) heal: u64,
    /// The last event.
    pub(super) end: u64,
}

impl Clock {
    /// What must have reached a member by `t` is what was there at this time; `None` while faults are at work.
    fn due(self, t: u64) -> Option<u64> {
        t.checked_sub(self.settle).filter(|due| *due >= self.heal)
    }
}

/// I6: "an acknowledged publish is seen by all members joined before and still joined, or lies in their Gap".
pub(super) fn i6_acknowledged_is_seen(
    member: &Member,
    shelf: &Shelf<'_>,
    clock: Clock,
    names: &Names,
    findings: &mut Findings,
) {
    for membership in &member.memberships {
        let Some(joined) = membership.joined else { continue };
        findings.judge(Invariant::I6);
        let due = clock.due(membership.leaving.map_or(clock.end, |leaving| leaving.t));
        let view = View { member, membership, shelf, since: joined.t };
        for index in shelf.logs.values() {
            let before = view.skipped(index);
            let missed = before.or_else(|| view.missed(index, due?, |times| times.acknowledged));
            if let Some(entry) = missed {
                let place = Place { epoch: index.epoch, off: entry.off };
                findings.found(Invariant::I6, names, &view.shown(joined, place), || {
                    format!("{} was acknowledged, and is missing", names.place(place))
                });
            }
        }
        i6_without_a_place(&view, joined, due, names, findings);
    }
}

/// I6 of a publication that was acknowledged without a place, and came to nobody.
fn i6_without_a_place(view: &View<'_>, joined: Record, due: Option<u64>, names: &Names, findings: &mut Findings) {
    for publication in view.shelf.placeless() {
        let (Some(ok), Some(invoke), None) = (publication.ok, publication.invoke, publication.recv) else { continue };
        let gapped = view.membership.gaps.iter().any(|(gap, _)| gap.t >= ok.t);
        let here = invoke.t > view.since && due.is_some_and(|due| ok.t <= due);
        let excepted = view.member.excepted.iter().any(|number| view.shelf.publications[*number].id == publication.id);
        if here && !gapped && !excepted {
            findings.found(Invariant::I6, names, &[joined, invoke, ok], || {
                format!("{} was acknowledged, and is missing", names.text(publication.id))
            });
        }
    }
}

/// I9: "10 s after healing all are at the top": of what anyone knows to be in a log, nothing is missing at the end.
pub(super) fn i9_at_the_top(member: &Member, shelf: &Shelf<'_>, clock: Clock, names: &Names, findings: &mut Findings) {
    let Some(membership) = member.memberships.last() else { return };
    let (Some(joined), None, Some(due)) = (membership.joined, membership.leaving, clock.due(clock.end)) else { return };
    findings.judge(Invariant::I9);
    let view = View { member, membership, shelf, since: joined.t };
    for index in shelf.logs.values() {
        if let Some(entry) = view.missed(index, due, |times| times.known) {
            let place = Place { epoch: index.epoch, off: entry.off };
            findings.found(Invariant::I9, names, &view.shown(joined, place), || {
                let stands = membership.cursor.map_or_else(|| "nothing".into(), |cursor| names.place(cursor));
                format!("{} is in the log, and the member stands at {stands}", names.place(place))
            });
        }
    }
}

/// A member between a join and its leave.
struct View<'a> {
    member: &'a Member,
    membership: &'a Membership,
    shelf: &'a Shelf<'a>,
    since: u64,
}

impl View<'_> {
    /// The lowest and the highest offset it had or was told to miss.
    fn bounds(&self, epoch: Name) -> Option<(u64, u64)> {
        let segments = self.membership.segments.iter().filter(|segment| segment.epoch == epoch);
        segments.map(|segment| (segment.lo, segment.hi)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    fn excused(&self, index: &Index, entry: &Entry, t: u64) -> bool {
        let floated = self.membership.floated.contains(&entry.publication);
        floated || self.shelf.excused(self.member, Place { epoch: index.epoch, off: entry.off }, t)
    }

    /// What began after the join and stands before the first thing received.
    fn skipped(&self, index: &Index) -> Option<Entry> {
        let (lo, _) = self.bounds(index.epoch)?;
        let missed = |entry: &&Entry| {
            entry.times.acknowledged != u64::MAX && entry.invoke > self.since && !self.excused(index, entry, u64::MAX)
        };
        index.below(lo, self.since).iter().rev().find(missed).copied()
    }

    /// What was there at `due`, by `column`, and had not come by the end.
    fn missed(&self, index: &Index, due: u64, column: fn(&Times) -> u64) -> Option<Entry> {
        // A gap of unknown size that nothing followed may reach to all that had begun by then.
        let gapped = |entry: &Entry| self.membership.open_gap.is_some_and(|gap| entry.invoke <= gap.t);
        let missed =
            |entry: &&Entry| column(&entry.times) <= due && !gapped(entry) && !self.excused(index, entry, u64::MAX);
        if let Some((_, hi)) = self.bounds(index.epoch) {
            return index.above(hi, due, column).iter().find(missed).copied();
        }
        // Of a log of which it had nothing, it misses what began while it was there to see it.
        let since = self.since.max(self.membership.anew);
        let began = |entry: &&Entry| entry.invoke > since && missed(entry);
        index.any_since(since, due, column).then(|| index.entries.iter().find(began).copied()).flatten()
    }

    fn shown(&self, joined: Record, place: Place) -> Vec<Record> {
        let last = self.membership.last;
        [Some(joined), self.shelf.witness(place), last].into_iter().flatten().collect()
    }
}
