//! What is judged of gaps, once all events are there.

use super::{
    index::{Index, Shelf},
    member::Member,
    record::{Names, Place, Record},
    verdict::{Findings, Invariant},
};

/// I7: "a Gap only where history really was too short".
///
/// What a log no longer had at a time is known from its promise to keep a number of publications, and from remarks that it lost
/// some. A member goes on at the oldest that is kept, or in a room whose rules say so at the newest. A gap into another epoch
/// needs a log that is over.
pub(super) fn i7_history_was_too_short(member: &Member, shelf: &Shelf<'_>, names: &Names, findings: &mut Findings) {
    for (gap, told) in member.memberships.iter().flat_map(|membership| &membership.gaps) {
        let (Some(from), Some(to)) = (gap.from, gap.at) else { continue };
        let judged = if from.epoch == to.epoch {
            within(gap, from, to, *told, shelf)
        } else {
            across(gap, from, to, *told, shelf)
        };
        let Some(fault) = judged else { continue };
        findings.judge(Invariant::I7);
        if let Some((what, witness)) = fault {
            let shown: Vec<_> = witness.into_iter().chain([*gap]).collect();
            findings.found(Invariant::I7, names, &shown, || what);
        }
    }
}

/// What is wrong with a gap, and an event that shows it.
type Fault = Option<(String, Option<Record>)>;

/// `None` where nothing is known of the log's past.
fn within(gap: &Record, from: Place, to: Place, told: bool, shelf: &Shelf<'_>) -> Option<Fault> {
    let lost = lost(to, gap.t, shelf)?;
    let first = from.off.saturating_add(1);
    let witness = || shelf.witness(Place { off: first.max(lost.saturating_add(1)), ..to });
    if first > lost {
        return Some(Some((format!("a gap from {first}, and the log had everything after {lost}"), witness())));
    }
    Some(reaches_too_far(gap, to, told, lost, shelf).map(|what| (what, witness())))
}

fn across(gap: &Record, from: Place, to: Place, told: bool, shelf: &Shelf<'_>) -> Option<Fault> {
    let later = |index: &Index| index.entries.iter().find(|entry| entry.invoke > gap.t).map(|entry| entry.off);
    if let Some(off) = shelf.logs.get(&from.epoch).and_then(later) {
        let witness = shelf.witness(Place { off, ..from });
        return Some(Some(("a gap out of an epoch that went on".into(), witness)));
    }
    let Some(lost) = lost(to, gap.t, shelf) else { return Some(None) };
    let witness = || shelf.witness(Place { off: lost.saturating_add(1), ..to });
    Some(reaches_too_far(gap, to, told, lost, shelf).map(|what| (what, witness())))
}

/// A gap whose end wasn't told may be followed by what wasn't for the member.
fn reaches_too_far(gap: &Record, to: Place, told: bool, lost: u64, shelf: &Shelf<'_>) -> Option<String> {
    let most = if shelf.room.rules.newest { top(to, gap.t, shelf) } else { lost };
    (told && to.off > most).then(|| format!("a gap up to {}, and it should end at {most} at the latest", to.off))
}

/// The highest offset that the log may have lost by `t`; `None` if nothing is known of that.
fn lost(to: Place, t: u64, shelf: &Shelf<'_>) -> Option<u64> {
    let trims = shelf.room.trims.iter().filter(|trim| trim.t <= t).filter_map(|trim| trim.at);
    let trimmed = trims.filter(|at| at.epoch == to.epoch).map(|at| at.off).max();
    // A log that tells what it loses has lost nothing else.
    let told = (!shelf.room.trims.is_empty()).then_some(trimmed.unwrap_or(0));
    told.or_else(|| shelf.room.rules.history.map(|history| top(to, t, shelf).saturating_sub(history)))
}

/// The highest offset that the log can have had at `t`.
fn top(to: Place, t: u64, shelf: &Shelf<'_>) -> u64 {
    let known = shelf.logs.get(&to.epoch).map_or(0, |index| index.top(t));
    known.saturating_add(shelf.adrift(t))
}
