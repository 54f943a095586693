//! A room's logs in order, once all events are there: what was published when, by offset and by time.

use super::{
    book::{Book, Publication, Room, Stand},
    member::Member,
    record::{Name, Place, Record},
};
use std::collections::HashMap;

/// A room at the end of a history.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    pub(super) room: &'a Room,
    pub(super) publications: &'a [Publication],
    pub(super) logs: HashMap<Name, Index>,
    /// When the publications began that may stand where nobody knows, in order: those that were tried more often than they
    /// have places.
    adrift: Vec<(u64, usize)>,
}

/// One life of a room's log.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) epoch: Name,
    /// By offset.
    pub(super) entries: Vec<Entry>,
    /// The latest beginning of an acknowledged publication up to and with each entry.
    latest_invoke: Vec<u64>,
    /// The earliest acknowledgement, and the earliest sign of life, from each entry on.
    pub(super) earliest: Vec<Times>,
    /// The entries by when they began, with the same, and the highest offset up to each.
    by_invoke: Vec<(u64, Times, u64)>,
    keys: HashMap<Name, Vec<(u64, u64)>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) off: u64,
    pub(super) publication: usize,
    pub(super) invoke: u64,
    pub(super) times: Times,
}

/// When a publication was in the log for certain; `u64::MAX` for never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) acknowledged: u64,
    pub(super) known: u64,
}

impl Times {
    const NEVER: Self = Self { acknowledged: u64::MAX, known: u64::MAX };

    fn min(self, other: Self) -> Self {
        Self { acknowledged: self.acknowledged.min(other.acknowledged), known: self.known.min(other.known) }
    }

    /// The running minimum from the end.
    fn from_the_end(times: impl DoubleEndedIterator<Item = Self>) -> Vec<Self> {
        let mut least = Self::NEVER;
        let mut all: Vec<_> = times
            .rev()
            .map(|times| {
                least = least.min(times);
                least
            })
            .collect();
        all.reverse();
        all
    }
}

impl<'a> Shelf<'a> {
    /// `numbers` are the publications of the room.
    pub(super) fn new(book: &'a Book, room: &'a Room, numbers: &[usize]) -> Self {
        let publications = &book.publications;
        let logs = room.logs.iter().map(|(epoch, log)| (*epoch, Index::new(*epoch, log, publications))).collect();
        let adrift = numbers.iter().filter(|number| publications[**number].is_adrift());
        let mut adrift: Vec<_> = adrift.map(|number| (publications[*number].began(), *number)).collect();
        adrift.sort_unstable();
        Self { room, publications, logs, adrift }
    }

    /// Whether what stands at `place` needn't come to `member`, which passed it at `t`.
    pub(super) fn excused(&self, member: &Member, place: Place, t: u64) -> bool {
        let Some(index) = self.logs.get(&place.epoch) else { return false };
        let Some(entry) = index.at(place.off) else { return false };
        let superseded = || self.room.rules.conflates && self.superseded(index, entry, t);
        member.excepted.contains(&entry.publication) || superseded()
    }

    fn superseded(&self, index: &Index, entry: &Entry, t: u64) -> bool {
        let Some(key) = self.publications[entry.publication].key else { return false };
        let same = index.keys.get(&key).map_or(&[][..], Vec::as_slice);
        let later = same.partition_point(|(off, _)| *off <= entry.off);
        let adrift =
            || self.adrift.iter().any(|(invoke, number)| *invoke <= t && self.publications[*number].key == Some(key));
        same[later..].iter().any(|(_, invoke)| *invoke <= t) || adrift()
    }

    /// The publication that stands there.
    pub(super) fn holder(&self, place: Place) -> Option<usize> {
        self.logs.get(&place.epoch)?.at(place.off).map(|entry| entry.publication)
    }

    /// How many publications may stand in a hole unknown to all, and not be for `member`.
    pub(super) fn adrift_excused(&self, member: &Member) -> u64 {
        let conflates = self.room.rules.conflates;
        self.adrift.iter().filter(|(_, number)| conflates || member.excepted.contains(number)).count() as u64
    }

    /// How many publications that began by `t` may stand where nobody knows.
    pub(super) fn adrift(&self, t: u64) -> u64 {
        self.adrift.partition_point(|(invoke, _)| *invoke <= t) as u64
    }

    /// Those that have no place that anyone knows.
    pub(super) fn placeless(&self) -> impl Iterator<Item = &'a Publication> + '_ {
        let all = self.adrift.iter().map(|(_, number)| &self.publications[*number]);
        all.filter(|publication| publication.stands.is_empty())
    }

    /// An event that shows what stands there.
    pub(super) fn witness(&self, place: Place) -> Option<Record> {
        let entry = self.logs.get(&place.epoch)?.at(place.off)?;
        let publication = &self.publications[entry.publication];
        let stand = publication.stands.iter().find(|stand| stand.place == place)?;
        stand.ok.or(publication.ok).or(stand.recv)
    }
}

impl Index {
    fn new(epoch: Name, log: &HashMap<u64, usize>, publications: &[Publication]) -> Self {
        let entry = |(off, number): (&u64, &usize)| {
            let publication = &publications[*number];
            let at = Place { epoch, off: *off };
            let stand = publication.stands.iter().find(|stand| stand.place == at);
            let times = stand.map_or(Times::NEVER, |stand| times(publication, stand));
            Entry { off: *off, publication: *number, invoke: publication.began(), times }
        };
        let mut entries: Vec<_> = log.iter().map(entry).collect();
        entries.sort_unstable_by_key(|entry| entry.off);
        let mut latest = 0;
        let latest_invoke = entries.iter().map(|entry| {
            latest = if entry.times.acknowledged == u64::MAX { latest } else { entry.invoke.max(latest) };
            latest
        });
        let latest_invoke = latest_invoke.collect();
        let mut keys: HashMap<_, Vec<_>> = HashMap::new();
        for entry in &entries {
            if let Some(key) = publications[entry.publication].key {
                keys.entry(key).or_default().push((entry.off, entry.invoke));
            }
        }
        let earliest = Times::from_the_end(entries.iter().map(|entry| entry.times));
        Self { epoch, latest_invoke, earliest, by_invoke: by_invoke(&entries), keys, entries }
    }

    pub(super) fn at(&self, off: u64) -> Option<&Entry> {
        self.entries.binary_search_by_key(&off, |entry| entry.off).ok().map(|at| &self.entries[at])
    }

    /// The highest offset that a publication begun by `t` has; 0 if there is none.
    pub(super) fn top(&self, t: u64) -> u64 {
        let at = self.by_invoke.partition_point(|(invoke, ..)| *invoke <= t);
        at.checked_sub(1).map_or(0, |last| self.by_invoke[last].2)
    }

    /// Acknowledged entries below `lo` that began at `since` or later, if there may be any.
    pub(super) fn below(&self, lo: u64, since: u64) -> &[Entry] {
        let at = self.entries.partition_point(|entry| entry.off < lo);
        let any = at.checked_sub(1).is_some_and(|last| self.latest_invoke[last] >= since);
        if any { &self.entries[..at] } else { &[] }
    }

    /// Entries above `hi`, if there may be any whose time by `column` is up to `by`.
    pub(super) fn above(&self, hi: u64, by: u64, column: fn(&Times) -> u64) -> &[Entry] {
        let at = self.entries.partition_point(|entry| entry.off <= hi);
        let any = self.earliest.get(at).is_some_and(|times| column(times) <= by);
        if any { &self.entries[at..] } else { &[] }
    }

    /// Whether any entry began at `since` or later and its time by `column` is up to `by`.
    pub(super) fn any_since(&self, since: u64, by: u64, column: fn(&Times) -> u64) -> bool {
        let at = self.by_invoke.partition_point(|(invoke, ..)| *invoke < since);
        self.by_invoke.get(at).is_some_and(|(_, times, _)| column(times) <= by)
    }
}

fn times(publication: &Publication, stand: &Stand) -> Times {
    let acknowledged = publication.acknowledged(stand).unwrap_or(u64::MAX);
    Times { acknowledged, known: publication.known(stand) }
}

fn by_invoke(entries: &[Entry]) -> Vec<(u64, Times, u64)> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.invoke);
    let earliest = Times::from_the_end(sorted.iter().map(|entry| entry.times));
    let mut top = 0;
    let rows = sorted.iter().zip(earliest).map(|(entry, times)| {
        top = entry.off.max(top);
        (entry.invoke, times, top)
    });
    rows.collect()
}

impl Publication {
    /// When the first attempt began; 0 if none is known.
    pub(super) fn began(&self) -> u64 {
        self.invoke.map_or(0, |record| record.t)
    }

    fn is_adrift(&self) -> bool {
        self.stands.is_empty() || self.invokes > self.stands.len() as u64
    }
}
