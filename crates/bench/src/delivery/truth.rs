//! What is judged of publications, once all events are there.

use super::{
    book::Publication,
    index::{Index, Shelf},
    member::Member,
    record::{Name, Names, Place, Record},
    verdict::{Findings, Invariant},
};

/// I1: "nothing invented". What was received or acknowledged was published before, into this room, and no attempt to publish
/// it is known to have failed alone.
pub(super) fn i1_nothing_invented(publication: &Publication, names: &Names, findings: &mut Findings) {
    let oks = publication.stands.iter().filter_map(|stand| stand.ok).chain(publication.ok);
    let Some(seen) = oks.chain(publication.recv).min_by_key(|record| record.t) else { return };
    findings.judge(Invariant::I1);
    let id = || names.text(publication.id).to_owned();
    match publication.invoke {
        None => findings.found(Invariant::I1, names, &[seen], || format!("{} was never published", id())),
        Some(invoke) if seen.t < invoke.t => {
            findings
                .found(Invariant::I1, names, &[seen, invoke], || format!("{} is there before it was published", id()));
        }
        Some(invoke) if publication.fails >= publication.invokes => {
            findings.found(Invariant::I1, names, &[invoke, seen], || format!("{} failed, and is there", id()));
        }
        Some(_) => {}
    }
}

/// I1: nothing comes to a member that isn't for it.
pub(super) fn i1_nothing_excepted(
    (proc, room): (Name, Name),
    member: &Member,
    shelf: &Shelf<'_>,
    names: &Names,
    findings: &mut Findings,
) {
    let mut received: Vec<_> =
        member.memberships.iter().flat_map(|membership| &membership.segments).filter(|segment| !segment.gap).collect();
    received.sort_unstable_by_key(|segment| (segment.epoch, segment.lo));
    for number in &member.excepted {
        findings.judge(Invariant::I1);
        let publication = &shelf.publications[*number];
        let comes = |place: &Place| {
            let at = received.partition_point(|segment| (segment.epoch, segment.lo) <= (place.epoch, place.off));
            at.checked_sub(1).is_some_and(|before| received[before].has(*place))
        };
        if let Some(stand) = publication.stands.iter().find(|stand| comes(&stand.place)) {
            let shown: Vec<_> = stand.ok.or(stand.recv).into_iter().collect();
            findings.found(Invariant::I1, names, &shown, || {
                let (proc, room) = (names.text(proc), names.text(room));
                format!("{} in {room} is not for {proc}, which has it", names.text(publication.id))
            });
        }
    }
}

/// I2: an id has places in two epochs only if it was tried again, since a log that is gone takes its idempotency keys with it.
pub(super) fn i2_one_epoch_an_id(publication: &Publication, names: &Names, findings: &mut Findings) {
    let [first, second, ..] = &publication.stands[..] else { return };
    let epochs = publication.stands.iter().map(|stand| stand.place.epoch);
    let epochs = epochs.collect::<std::collections::HashSet<_>>().len() as u64;
    if epochs > publication.invokes {
        let shown: Vec<_> = [first, second].into_iter().filter_map(|stand| stand.ok.or(stand.recv)).collect();
        findings.found(Invariant::I2, names, &shown, || {
            format!("one id has the places {} and {}", names.place(first.place), names.place(second.place))
        });
    }
}

/// I8: "publish A ok before publish B began ⇒ off(A) < off(B)".
pub(super) fn i8_real_time_order(index: &Index, shelf: &Shelf<'_>, names: &Names, findings: &mut Findings) {
    for (at, later) in index.entries.iter().enumerate() {
        findings.judge(Invariant::I8);
        let first = index.earliest.get(at + 1).map_or(u64::MAX, |times| times.acknowledged);
        if first >= later.invoke {
            continue;
        }
        let done = index.entries[at + 1..].iter().find(|entry| entry.times.acknowledged < later.invoke);
        let acknowledged = done.and_then(|entry| shelf.witness(Place { epoch: index.epoch, off: entry.off }));
        let shown: Vec<_> = acknowledged.into_iter().chain(shelf.publications[later.publication].invoke).collect();
        findings.found(Invariant::I8, names, &shown, || {
            format!("offset {} was acknowledged before the publish of {} began", done.map_or(0, |e| e.off), later.off)
        });
    }
}

/// I8 between epochs: one is over when the next begins.
pub(super) fn i8_epochs_follow(shelf: &Shelf<'_>, names: &Names, findings: &mut Findings) {
    // When the first publication of each was acknowledged, and when the last began.
    let span = |index: &Index| {
        let acknowledged = index.entries.iter().filter(|entry| entry.times.acknowledged != u64::MAX);
        let first = acknowledged.clone().min_by_key(|entry| entry.times.acknowledged)?;
        let last = acknowledged.max_by_key(|entry| entry.invoke)?;
        Some((index.epoch, *first, *last))
    };
    let mut spans: Vec<_> = shelf.logs.values().filter_map(span).collect();
    spans.sort_unstable_by_key(|(epoch, ..)| *epoch);
    for (at, (epoch, first, last)) in spans.iter().enumerate() {
        for (other, first_of_other, last_of_other) in &spans[at + 1..] {
            findings.judge(Invariant::I8);
            let before = first.times.acknowledged < last_of_other.invoke;
            let after = first_of_other.times.acknowledged < last.invoke;
            if before && after {
                let places = [
                    (*epoch, first.off),
                    (*other, last_of_other.off),
                    (*other, first_of_other.off),
                    (*epoch, last.off),
                ];
                let shown: Vec<Record> = places
                    .iter()
                    .filter_map(|(epoch, off)| shelf.witness(Place { epoch: *epoch, off: *off }))
                    .collect();
                findings.found(Invariant::I8, names, &shown, || {
                    format!("the epochs {} and {} take turns", names.text(*epoch), names.text(*other))
                });
            }
        }
    }
}
