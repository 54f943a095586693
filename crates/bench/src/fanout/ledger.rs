//! Which publications are still on their way, and how long the others took.

use crate::{Error, Latency};
use hdrhistogram::{CreationError, Histogram};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Longest latency that is told from longer ones.
const LONGEST: Duration = Duration::from_secs(3600);

/// Publications in the order of their numbers, from the oldest that someone lacks.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Copies that came.
    deliveries: u64,
    /// Subscribers that got a first publication.
    joined: usize,
    times: Times,
}

#[derive(Debug)]
struct Entry {
    /// Subscribers that lack it.
    lacking: usize,
    due: Instant,
    sent: Instant,
    /// When the first copy came.
    arrived: Option<Instant>,
    /// Whether its latency is of interest: it was published in the measured time, and nobody was let go without it.
    measured: bool,
}

/// From when a publication was due to when its first and last copy came; and from when it was sent to the last.
#[derive(Debug)]
struct Times {
    measuring: bool,
    first: Histogram<u64>,
    last: Histogram<u64>,
    last_from_sending: Histogram<u64>,
}

impl Ledger {
    pub(crate) fn new() -> Result<Self, Error> {
        let times = Times::new().map_err(|source| Error::io("make a histogram")(io::Error::other(source)))?;
        Ok(Self { first: 0, entries: VecDeque::new(), deliveries: 0, joined: 0, times })
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    pub(crate) fn joined(&self) -> usize {
        self.joined
    }

    /// Publications from the oldest that someone lacks to the newest.
    pub(crate) fn outstanding(&self) -> usize {
        self.entries.len()
    }

    /// Number of the oldest that someone lacks.
    pub(crate) fn oldest(&self) -> u64 {
        self.first
    }

    /// Whether latencies are kept of what is published from now on.
    pub(crate) fn measure(&mut self, measuring: bool) {
        self.times.measuring = measuring;
    }

    /// The next publication is sent, and was due at `due`.
    pub(crate) fn sent(&mut self, due: Instant, sent: Instant, subscribers: usize) {
        let measured = self.times.measuring;
        self.entries.push_back(Entry { lacking: subscribers, due, sent, arrived: None, measured });
    }

    /// A subscriber that had none before gets its first with number `number`.
    pub(crate) fn join(&mut self, number: u64) {
        self.joined += 1;
        self.pass(self.first..number);
    }

    /// A subscriber got these, one after another.
    pub(crate) fn receive(&mut self, numbers: Range<u64>) {
        self.deliveries += numbers.end - numbers.start;
        let mut complete = false;
        for number in numbers {
            let Some(entry) = entry(&mut self.entries, self.first, number) else { continue };
            entry.lacking = entry.lacking.saturating_sub(1);
            if entry.arrived.is_none() {
                let now = Instant::now();
                entry.arrived = Some(now);
                if entry.measured {
                    record(&mut self.times.first, now - entry.due);
                }
            }
            complete |= entry.lacking == 0;
        }
        if complete {
            self.settle();
        }
    }

    /// One came that was passed over before.
    pub(crate) fn receive_late(&mut self) {
        self.deliveries += 1;
    }

    /// Nobody waits any more for a subscriber to get these.
    pub(crate) fn pass(&mut self, numbers: Range<u64>) {
        for number in numbers.start.max(self.first)..numbers.end {
            let Some(entry) = entry(&mut self.entries, self.first, number) else { continue };
            entry.lacking = entry.lacking.saturating_sub(1);
            entry.measured = false;
        }
        self.settle();
    }

    /// Takes the oldest away while nobody lacks them.
    fn settle(&mut self) {
        let now = Instant::now();
        while let Some(Entry { lacking: 0, due, sent, measured, .. }) = self.entries.front() {
            if *measured {
                record(&mut self.times.last, now - *due);
                record(&mut self.times.last_from_sending, now - *sent);
            }
            self.entries.pop_front();
            self.first += 1;
        }
    }

    /// First copy, last copy, and last copy from the sending on.
    pub(crate) fn latencies(&self) -> [Latency; 3] {
        [&self.times.first, &self.times.last, &self.times.last_from_sending].map(Latency::of)
    }
}

fn entry(entries: &mut VecDeque<Entry>, first: u64, number: u64) -> Option<&mut Entry> {
    entries.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

impl Times {
    fn new() -> Result<Self, CreationError> {
        // Three digits, from a microsecond on: as fine as a clock and a poller are.
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let histogram = Histogram::new_with_bounds(1_000, longest, 3)?;
        Ok(Self { measuring: false, first: histogram.clone(), last: histogram.clone(), last_from_sending: histogram })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(subscribers: usize, publications: usize) -> Ledger {
        let mut ledger = Ledger::new().unwrap();
        ledger.measure(true);
        let now = Instant::now();
        (0..publications).for_each(|_| ledger.sent(now, now, subscribers));
        ledger
    }

    #[test]
    fn a_publication_is_outstanding_until_the_last_has_it() {
        let mut ledger = ledger(2, 2);
        ledger.receive(0..2);
        assert_eq!((ledger.outstanding(), ledger.oldest(), ledger.deliveries()), (2, 0, 2));
        ledger.receive(0..1);
        assert_eq!((ledger.outstanding(), ledger.oldest()), (1, 1));
        ledger.receive(1..2);
        assert_eq!((ledger.outstanding(), ledger.deliveries()), (0, 4));
        assert!(ledger.latencies().iter().all(|latency| latency.count == 2));
    }

    #[test]
    fn one_that_somebody_is_let_go_without_has_no_last_copy() {
        let mut ledger = ledger(2, 1);
        ledger.receive(0..1);
        ledger.pass(0..1);
        assert_eq!((ledger.outstanding(), ledger.deliveries()), (0, 1));
        ledger.receive_late();
        assert_eq!(ledger.latencies().map(|latency| latency.count), [1, 0, 0]);
        assert_eq!(ledger.deliveries(), 2);
    }

    #[test]
    fn who_joins_late_lacks_nothing_from_before() {
        let mut ledger = ledger(2, 3);
        ledger.receive(0..3);
        ledger.join(2);
        assert_eq!((ledger.oldest(), ledger.joined()), (2, 1));
        ledger.receive(2..3);
        assert_eq!(ledger.outstanding(), 0);
    }
}
