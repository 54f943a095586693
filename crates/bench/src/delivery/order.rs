//! What can be judged as events come in: the order in which a member is handed publications.

use super::{
    index::Shelf,
    member::{Desk, Hole, Member, Membership},
    record::{Name, Names, Place, Record},
    verdict::{Findings, Invariant},
};
use std::collections::{HashMap, HashSet};

/// I2: "one id per (room, epoch, off) for all clients", and one place for an id.
///
/// An id that was tried again may stand in two epochs: a log that is gone takes its idempotency keys with it. That is
/// [judged at the end](super::truth::i2_one_epoch_an_id), when all attempts are known.
pub(super) fn i2_one_id_a_place(number: usize, place: Place, record: &Record, desk: &mut Desk<'_>) {
    desk.findings.judge(Invariant::I2);
    let (known, other) = desk.book.claim(number, place, record);
    if known {
        return;
    }
    let publications = &desk.book.publications;
    if let Some(other) = other {
        let witness = publications[other].stands.iter().find(|stand| stand.place == place);
        let witness = witness.and_then(|stand| stand.ok.or(stand.recv)).unwrap_or(*record);
        desk.findings.found(Invariant::I2, desk.names, &[witness, *record], || {
            format!("{} is the place of two ids", desk.names.place(place))
        });
    }
    let stands = publications[number].stands.iter();
    let twin = stands.into_iter().find(|stand| stand.place.epoch == place.epoch && stand.place.off != place.off);
    if let Some(twin) = twin {
        let witness = twin.ok.or(twin.recv).unwrap_or(*record);
        desk.findings.found(Invariant::I2, desk.names, &[witness, *record], || {
            format!("one id has the places {} and {}", desk.names.place(twin.place), desk.names.place(place))
        });
    }
}

/// I3: "offsets strictly increase within an epoch". Whether this one does.
pub(super) fn i3_offsets_increase(current: &Membership, place: Place, record: &Record, desk: &mut Desk<'_>) -> bool {
    desk.findings.judge(Invariant::I3);
    match current.cursor {
        Some(cursor) if cursor.epoch == place.epoch && place.off <= cursor.off => {
            desk.findings.found(Invariant::I3, desk.names, &shown(current, record), || {
                format!("offset {} after {}", place.off, cursor.off)
            });
            false
        }
        _ => true,
    }
}

/// I4: "steps of 1, or a Gap that covers exactly the hole". Holes are [judged at the end](i4_holes), when it is known what was
/// not for the member.
pub(super) fn i4_steps_of_one(current: &mut Membership, place: Place, record: &Record, desk: &mut Desk<'_>) {
    desk.findings.judge(Invariant::I4);
    let Some(cursor) = current.cursor else { return };
    if cursor.epoch == place.epoch {
        current.hole(cursor, place.off, record);
    } else {
        desk.findings.found(Invariant::I4, desk.names, &shown(current, record), || "a new epoch without a gap".into());
    }
}

/// I4: a gap begins where the member stood, and covers something.
pub(super) fn i4_gap_fits(current: &mut Membership, from: Place, to: Place, record: &Record, desk: &mut Desk<'_>) {
    desk.findings.judge(Invariant::I4);
    if from.epoch == to.epoch && to.off <= from.off {
        desk.findings.found(Invariant::I4, desk.names, &[*record], || "a gap that covers nothing".into());
    }
    let Some(cursor) = current.cursor else { return };
    if cursor.epoch == from.epoch && from.off >= cursor.off {
        // Past what wasn't for the member, it stands further on.
        current.hole(cursor, from.off.saturating_add(1), record);
    } else {
        let stood = desk.names.place(cursor);
        desk.findings.found(Invariant::I4, desk.names, &shown(current, record), || {
            format!("a gap that begins elsewhere than at {stood}")
        });
    }
}

/// I4: a gap of unknown size has one.
pub(super) fn i4_gap_has_a_hole(gap: &Record, next: &Record, desk: &mut Desk<'_>) {
    desk.findings.judge(Invariant::I4);
    desk.findings.found(Invariant::I4, desk.names, &[*gap, *next], || "a gap that covers nothing".into());
}

/// I4, at the end: what was stepped over without a gap was not for the member.
pub(super) fn i4_holes(member: &Member, shelf: &Shelf<'_>, names: &Names, findings: &mut Findings) {
    let holes =
        member.memberships.iter().flat_map(|membership| membership.holes.iter().map(move |hole| (membership, hole)));
    for (membership, hole) in holes {
        findings.judge(Invariant::I4);
        let Some((missing, first)) = missing(hole, member, &membership.floated, shelf) else { continue };
        let mut events: Vec<_> = hole.last.into_iter().collect();
        let at = Place { epoch: hole.epoch, off: first };
        events.extend(shelf.witness(at));
        events.push(hole.next);
        findings.found(Invariant::I4, names, &events, || {
            format!("a hole without a gap: {missing} or more, at {} or later", names.place(at))
        });
    }
}

/// How many offsets of a hole neither were skipped rightly nor can be one of the receipts without a place, and the first.
fn missing(hole: &Hole, member: &Member, floated: &HashSet<usize>, shelf: &Shelf<'_>) -> Option<(u64, u64)> {
    let most = hole.floating + shelf.adrift_excused(member);
    let (mut floating, mut unknown) = (hole.floating, 0);
    for off in hole.after + 1..hole.before {
        let place = Place { epoch: hole.epoch, off };
        match shelf.holder(place) {
            Some(holder) if floated.contains(&holder) => floating = floating.saturating_sub(1),
            Some(_) if shelf.excused(member, place, hole.next.t) => {}
            Some(_) => return Some((1, off)),
            None => unknown += 1,
        }
        if unknown > most {
            return Some((unknown - most, off));
        }
    }
    // Whatever was received without a place has one in the hole.
    let most = floating + shelf.adrift_excused(member);
    let off = hole.after.saturating_add(1);
    (!(floating..=most).contains(&unknown)).then_some((unknown.abs_diff(floating), off))
}

/// I5: "no id twice per client object", however often it joins, unless it asks for what it had. That an id has one place
/// is I2; so it is enough that no place is received twice.
pub(super) fn i5_no_id_twice(
    earlier: &[Membership],
    current: &Membership,
    place: Place,
    record: &Record,
    desk: &mut Desk<'_>,
) {
    desk.findings.judge(Invariant::I5);
    if let Some(before) = earlier.iter().chain([current]).find(|membership| membership.received(place)) {
        desk.findings.found(Invariant::I5, desk.names, &shown(before, record), || {
            format!("{} comes again", desk.names.place(place))
        });
    }
}

/// I5 of what has no place that anyone knows.
pub(super) fn i5_no_float_twice(current: &Membership, record: &Record, desk: &mut Desk<'_>) {
    desk.findings.judge(Invariant::I5);
    desk.findings.found(Invariant::I5, desk.names, &shown(current, record), || "an id comes again".into());
}

/// I10: "nothing after leave-ok or from a superseded generation". Whether this may come.
pub(super) fn i10_nothing_after(
    member: Option<&Member>,
    resumed: Option<&Record>,
    record: &Record,
    names: &Names,
    findings: &mut Findings,
) -> bool {
    findings.judge(Invariant::I10);
    if let (Some(resumed), Some(generation)) = (resumed, record.generation)
        && resumed.generation > Some(generation)
    {
        findings.found(Invariant::I10, names, &[*resumed, *record], || "from a superseded generation".into());
        return false;
    }
    match member.and_then(|member| member.memberships.last()) {
        None => {
            findings.found(Invariant::I10, names, &[*record], || "to a client that never joined".into());
            false
        }
        Some(Membership { left: Some(left), .. }) => {
            findings.found(Invariant::I10, names, &[*left, *record], || "after the room was left".into());
            false
        }
        Some(_) => true,
    }
}

/// I10: each carrier that is attached has a higher generation than the one before.
pub(super) fn i10_generations_grow(
    generations: &mut HashMap<Name, Record>,
    record: &Record,
    names: &Names,
    findings: &mut Findings,
) {
    findings.judge(Invariant::I10);
    match generations.get(&record.proc) {
        Some(before) if before.generation >= record.generation => {
            findings.found(Invariant::I10, names, &[*before, *record], || "a generation that isn't new".into());
        }
        _ => {
            generations.insert(record.proc, *record);
        }
    }
}

fn shown(membership: &Membership, record: &Record) -> Vec<Record> {
    membership.last.into_iter().chain([*record]).collect()
}
