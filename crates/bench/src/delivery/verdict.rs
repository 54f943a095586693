//! What the checker found.

use super::{
    event::Event,
    record::{Names, Record},
};
use serde::Serialize;
use std::fmt;

/// Violations of one invariant that are kept with their events; later ones are counted only.
const MAX_SHOWN: u64 = 20;

/// What must hold of every history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// Nothing invented.
    I1,
    /// One id per (room, epoch, off) for all clients.
    I2,
    /// Offsets strictly increase within an epoch.
    I3,
    /// Steps of 1, or a Gap that covers exactly the hole.
    I4,
    /// No id twice per client object.
    I5,
    /// An acknowledged publish is seen by all members joined before and still joined, or lies in their Gap.
    I6,
    /// A Gap only where history really was too short.
    I7,
    /// Publish A ok before publish B began ⇒ off(A) < off(B).
    I8,
    /// 10 s after healing all are at the top.
    I9,
    /// Nothing after leave-ok or from a superseded generation.
    I10,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Self; 10] =
        [Self::I1, Self::I2, Self::I3, Self::I4, Self::I5, Self::I6, Self::I7, Self::I8, Self::I9, Self::I10];

    const fn index(self) -> usize {
        self as usize
    }
}

/// An invariant that doesn't hold, and the events that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What is wrong.
    pub what: String,
    /// The events that show it, each with the number of its line, from 1.
    pub events: Vec<(u64, Event)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)?;
        for (line, event) in &self.events {
            let json = serde_json::to_string(event).map_err(|_| fmt::Error)?;
            write!(f, "\n  line {line}: {json}")?;
        }
        Ok(())
    }
}

/// What came of checking a history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// How many events there were.
    pub events: u64,
    /// Lines that are no event, with why. A history that has any proves nothing.
    pub malformed: Vec<(u64, String)>,
    /// The violations, in order of their first event: at most 20 of each invariant.
    pub violations: Vec<Violation>,
    judged: [u64; 10],
    violated: [u64; 10],
}

impl Verdict {
    /// Whether every line was an event and every invariant held.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.malformed.is_empty() && self.violated == [0; 10]
    }

    /// How often an invariant was put to the test: a run in which it never was proves nothing about it.
    #[must_use]
    pub fn judged(&self, invariant: Invariant) -> u64 {
        self.judged[invariant.index()]
    }

    /// How often it didn't hold.
    #[must_use]
    pub fn violated(&self, invariant: Invariant) -> u64 {
        self.violated[invariant.index()]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events, {} malformed lines;", self.events, self.malformed.len())?;
        for invariant in Invariant::ALL {
            write!(f, " {invariant:?} {}/{}", self.violated(invariant), self.judged(invariant))?;
        }
        for (line, why) in &self.malformed {
            write!(f, "\nline {line}: {why}")?;
        }
        self.violations.iter().try_for_each(|violation| write!(f, "\n{violation}"))
    }
}

/// Where the invariants report to while events come in.
#[derive(Debug, Default)]
pub(super) struct Findings {
    verdict: Verdict,
}

impl Findings {
    pub(super) fn event(&mut self) {
        self.verdict.events += 1;
    }

    pub(super) fn malformed(&mut self, line: u64, why: String) {
        if (self.verdict.malformed.len() as u64) < MAX_SHOWN {
            self.verdict.malformed.push((line, why));
        }
    }

    pub(super) fn judge(&mut self, invariant: Invariant) {
        self.verdict.judged[invariant.index()] += 1;
    }

    /// `what` is only made where the violation is kept.
    pub(super) fn found(
        &mut self,
        invariant: Invariant,
        names: &Names,
        shown: &[Record],
        what: impl FnOnce() -> String,
    ) {
        let count = &mut self.verdict.violated[invariant.index()];
        *count += 1;
        if *count <= MAX_SHOWN {
            let mut events: Vec<_> = shown.iter().map(|record| (record.line, names.event(record))).collect();
            events.dedup();
            self.verdict.violations.push(Violation { invariant, what: what(), events });
        }
    }

    pub(super) fn into_verdict(mut self) -> Verdict {
        let first = |violation: &Violation| violation.events.iter().map(|(line, _)| *line).max();
        self.verdict.violations.sort_by_key(first);
        self.verdict
    }
}
