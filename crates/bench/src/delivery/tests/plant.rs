//! Faults planted into a history in which there is none.

use super::{
    super::{Event, Invariant, Kind, Op},
    ground::{Ground, SETTLE},
    random::Random,
};
use Invariant::{I1, I2, I3, I4, I5, I6, I7, I8, I9, I10};

/// A fault, and the invariants of which one has to notice it.
pub(super) struct Plant {
    pub(super) name: &'static str,
    pub(super) expected: &'static [Invariant],
    /// `None` where the history has no place for it.
    pub(super) plant: fn(&[Event], &mut Random) -> Option<Vec<Event>>,
}

pub(super) const PLANTS: &[Plant] = &[
    Plant { name: "a drop", expected: &[I4], plant: dropped },
    Plant { name: "a drop at the end", expected: &[I6], plant: dropped_at_the_end },
    Plant { name: "a drop before a leave", expected: &[I6], plant: dropped_before_a_leave },
    Plant { name: "an unacknowledged drop at the end", expected: &[I9], plant: dropped_unacknowledged },
    Plant { name: "a duplicate", expected: &[I5], plant: duplicated },
    Plant { name: "a late duplicate", expected: &[I3], plant: duplicated_late },
    Plant { name: "a duplicate after joining again", expected: &[I5], plant: duplicated_after_joining_again },
    Plant { name: "a publication at two places", expected: &[I2], plant: doubled },
    Plant { name: "a swap", expected: &[I3, I4], plant: swapped },
    Plant { name: "two ids swapped", expected: &[I2], plant: ids_swapped },
    Plant { name: "a wrong epoch", expected: &[I2, I4], plant: wrong_epoch },
    Plant { name: "an invented id", expected: &[I1], plant: invented },
    Plant { name: "an invented publication", expected: &[I1], plant: invented_at_the_end },
    Plant { name: "an id from another room", expected: &[I1], plant: from_another_room },
    Plant { name: "a publication that failed", expected: &[I1], plant: failed },
    Plant { name: "a publication for others", expected: &[I1], plant: for_others },
    Plant { name: "an early ack", expected: &[I8], plant: acknowledged_early },
    Plant { name: "an ack for nothing", expected: &[I6], plant: acknowledged_for_nothing },
    Plant { name: "an ack of another place", expected: &[I2], plant: acknowledged_elsewhere },
    Plant { name: "a missing gap", expected: &[I4], plant: gap_missing },
    Plant { name: "a gap too wide at its end", expected: &[I3], plant: gap_too_far },
    Plant { name: "a gap too wide at its start", expected: &[I4], plant: gap_too_early },
    Plant { name: "a gap too narrow", expected: &[I4], plant: gap_too_narrow },
    Plant { name: "a gap told twice", expected: &[I4], plant: gap_twice },
    Plant { name: "a gap over what was kept", expected: &[I7], plant: gap_over_what_was_kept },
    Plant { name: "a gap that history doesn't excuse", expected: &[I7], plant: gap_unneeded },
    Plant { name: "a gap out of a log that goes on", expected: &[I7], plant: gap_out_of_a_living_epoch },
    Plant { name: "a delivery after the leave", expected: &[I10], plant: after_the_leave },
    Plant { name: "a delivery to a stranger", expected: &[I10], plant: to_a_stranger },
    Plant { name: "a delivery from a superseded generation", expected: &[I10], plant: superseded },
    Plant { name: "a generation given twice", expected: &[I10], plant: generation_twice },
];

type Planted = Option<Vec<Event>>;

/// Edits a copy at one of the places that `fits`.
fn edit(
    events: &[Event],
    random: &mut Random,
    fits: impl Fn(usize) -> bool,
    edit: impl FnOnce(&mut Vec<Event>, usize),
) -> Planted {
    let places: Vec<_> = (0..events.len()).filter(|at| fits(*at)).collect();
    let at = *random.pick(&places)?;
    let mut copy = events.to_vec();
    edit(&mut copy, at);
    Some(copy)
}

fn dropped(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let fits = |at: usize| {
        ground.must_have(at)
            && ground.known_elsewhere(at)
            && ground.follows_something(at)
            && ground.next(at).is_some_and(|next| ground.is_placed(next))
    };
    edit(events, random, fits, |events, at| drop(events.remove(at)))
}

fn dropped_at_the_end(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let fits = |at| {
        ground.must_have(at)
            && ground.follows_something(at)
            && ground.acknowledged(at).is_some()
            && ground.next(at).is_none()
    };
    edit(events, random, fits, |events, at| drop(events.remove(at)))
}

fn dropped_before_a_leave(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let late = |at: usize, leave: usize| {
        let due = events[leave].t.checked_sub(SETTLE);
        let last = ground.next(leave).is_none_or(|next| events[next].op == Op::Leave);
        last && events[leave].op == Op::Leave && ground.acknowledged(at).is_some_and(|ok| Some(ok.t) <= due)
    };
    let whole = !events.iter().any(|event| event.op == Op::Heal);
    let fits = |at| {
        whole
            && ground.must_have(at)
            && ground.follows_something(at)
            && ground.next(at).is_some_and(|leave| late(at, leave))
    };
    edit(events, random, fits, |events, at| drop(events.remove(at)))
}

/// Another member has it, so that it is in the log.
fn dropped_unacknowledged(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let seen = |at: usize| events.iter().any(|event| ground.same_place(event, at) && event.proc != events[at].proc);
    let fits = |at: usize| {
        ground.next(at).is_none()
            && ground.is_told(at)
            && ground.must_have(at)
            && ground.follows_something(at)
            && ground.acknowledged(at).is_none()
            && seen(at)
    };
    edit(events, random, fits, |events, at| drop(events.remove(at)))
}

fn duplicated(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    edit(events, random, |at| ground.is_placed_receipt(at), |events, at| events.insert(at, events[at].clone()))
}

fn duplicated_late(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let fits = |at| ground.is_placed_receipt(at) && ground.next(at).is_some_and(|next| ground.is_placed_receipt(next));
    edit(events, random, fits, |events, at| {
        let next = Ground::new(events).next(at).expect("it fits");
        let again = Event { t: events[next].t, generation: events[next].generation, ..events[at].clone() };
        let same = again.epoch == events[next].epoch;
        events.insert(next + usize::from(same), again);
    })
}

fn duplicated_after_joining_again(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let before =
        |join: usize| (0..join).rev().find(|at| ground.same_member(*at, join) && ground.is_placed_receipt(*at));
    let fits = |at: usize| events[at].op == Op::Join && events[at].kind == Kind::Ok && before(at).is_some();
    edit(events, random, fits, |events, at| {
        let old = before(at).expect("it fits");
        let (t, generation) = (events[at].t, events[at].generation);
        events.insert(at + 1, Event { t, generation, ..events[old].clone() });
    })
}

/// A retry that the log took for a new publication.
fn doubled(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    edit(
        events,
        random,
        |at| ground.is_told(at),
        |events, at| {
            let first = events[at].clone();
            let again = Event::new(events[events.len() - 1].t, &first.proc, Kind::Ok, Op::Pub, &first.room);
            let again = again.id(first.id.unwrap_or_default()).at(first.epoch.unwrap_or_default(), 1_000_000);
            events.push(again);
        },
    )
}

fn swapped(events: &[Event], random: &mut Random) -> Planted {
    exchanged(events, random, |first, second| {
        std::mem::swap(&mut first.id, &mut second.id);
        std::mem::swap(&mut first.off, &mut second.off);
    })
}

/// Only where the rest of the history knows which is right.
fn ids_swapped(events: &[Event], random: &mut Random) -> Planted {
    exchanged(events, random, |first, second| std::mem::swap(&mut first.id, &mut second.id))
}

fn exchanged(events: &[Event], random: &mut Random, exchange: impl FnOnce(&mut Event, &mut Event)) -> Planted {
    let ground = Ground::new(events);
    let receipt = |at| ground.is_told(at) && ground.known_elsewhere(at);
    let pair = |at: usize| ground.next(at).filter(|next| receipt(*next) && events[*next].epoch == events[at].epoch);
    edit(
        events,
        random,
        |at| receipt(at) && pair(at).is_some(),
        |events, at| {
            let next = pair(at).expect("it fits");
            let (before, after) = events.split_at_mut(next);
            exchange(&mut before[at], &mut after[0]);
        },
    )
}

fn wrong_epoch(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let other = random.pick(&ground.epochs()).cloned().unwrap_or_default();
    let fits = |at| ground.is_told(at) && ground.follows_something(at) && events[at].epoch.as_ref() != Some(&other);
    edit(events, random, fits, |events, at| events[at].epoch = Some(other.clone()))
}

fn invented(events: &[Event], random: &mut Random) -> Planted {
    edit(events, random, |at| events[at].op == Op::Recv, |events, at| events[at].id = Some("invented".into()))
}

fn invented_at_the_end(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    edit(
        events,
        random,
        |at| ground.is_told(at) && ground.next(at).is_none(),
        |events, at| {
            let off = events[at].off.map(|off| off + 1);
            events.insert(at + 1, Event { off, id: Some("invented".into()), ..events[at].clone() });
        },
    )
}

fn from_another_room(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let other = |at: usize| events.iter().find(|event| event.op == Op::Pub && event.room != events[at].room);
    let fits = |at| ground.is_placed_receipt(at) && other(at).is_some();
    edit(events, random, fits, |copy, at| copy[at].id = other(at).expect("it fits").id.clone())
}

fn failed(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let tries = |at: usize| events.iter().filter(|event| event.op == Op::Pub && ground.same_id(event, at)).count();
    let fits = |at: usize| {
        let done = events[at].op == Op::Pub && events[at].kind == Kind::Ok;
        done && tries(at) == 2 && events.iter().any(|event| event.op == Op::Recv && ground.same_id(event, at))
    };
    edit(events, random, fits, |events, at| {
        let event = &mut events[at];
        (event.kind, event.epoch, event.off) = (Kind::Fail, None, None);
    })
}

fn for_others(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    edit(
        events,
        random,
        |at| ground.is_told(at),
        |events, at| {
            let Event { proc, room, id, .. } = events[at].clone();
            events.insert(0, Event { id, ..Event::new(0, proc, Kind::Info, Op::Except, room) });
        },
    )
}

/// The acknowledgement of what stands further on is moved to before the beginning of what stands before it.
fn acknowledged_early(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let later = |at: usize| {
        let epoch = |event: &Event| event.op == Op::Pub && event.kind == Kind::Ok && event.epoch == events[at].epoch;
        (0..events.len()).find(|other| {
            let event = &events[*other];
            epoch(event) && event.off > events[at].off && ground.invoked(*other) < ground.invoked(at)
        })
    };
    let fits = |at: usize| {
        let done = events[at].op == Op::Pub && events[at].kind == Kind::Ok;
        done && later(at).is_some()
    };
    edit(events, random, fits, |events, at| {
        let ok = later(at).expect("it fits");
        let began = Ground::new(events).invoked(at).expect("what is acknowledged began");
        let t = events[began].t - 1;
        let early = Event { t, ..events[ok].clone() };
        events.push(early);
    })
}

/// Acknowledged, and then lost with all that was in the log after it.
fn acknowledged_for_nothing(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let heard = |at: usize| ground.members_throughout(at);
    let fits = |at: usize| {
        let done = events[at].op == Op::Pub && events[at].kind == Kind::Ok;
        done && !ground.conflates(&events[at].room) && heard(at)
    };
    edit(events, random, fits, |events, at| {
        let (room, epoch, off) = (events[at].room.clone(), events[at].epoch.clone(), events[at].off);
        let places = Ground::new(events).places();
        let lost = |event: &Event| {
            let place = event.id.as_ref().and_then(|id| places.get(&(event.room.clone(), id.clone())));
            let beyond = place.is_some_and(|(at, place)| Some(at) == epoch.as_ref() && Some(*place) >= off);
            event.op == Op::Recv && event.room == room && beyond
        };
        events.retain(|event| !(lost(event) || event.op == Op::Gap && event.room == room));
    })
}

fn acknowledged_elsewhere(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let told = |at: usize| events.iter().any(|event| ground.same_place(event, at));
    let fits = |at: usize| events[at].op == Op::Pub && events[at].kind == Kind::Ok && told(at);
    edit(events, random, fits, |events, at| events[at].off = events[at].off.map(|off| off + 1))
}

fn gap_missing(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let next = |at| ground.next(at).is_some_and(|next| ground.is_placed(next));
    let fits = |at| ground.is_gap(at) && ground.covers_something(at) && next(at);
    edit(events, random, fits, |events, at| drop(events.remove(at)))
}

fn gap_too_far(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let next = |at: usize| ground.next(at).filter(|next| ground.is_told(*next));
    edit(
        events,
        random,
        |at| ground.is_gap(at) && next(at).is_some(),
        |copy, at| {
            copy[at].off = next(at).and_then(|next| copy[next].off);
        },
    )
}

fn gap_too_early(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let fits = |at: usize| ground.is_gap(at) && events[at].from.as_ref().is_some_and(|from| from.off > 0);
    let fits = |at| fits(at) && ground.follows_something(at) && ground.stands_at(at, events[at].from.as_ref());
    edit(events, random, fits, |events, at| {
        if let Some(from) = &mut events[at].from {
            from.off -= 1;
        }
    })
}

fn gap_too_narrow(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let next = |at| ground.next(at).is_some_and(|next| ground.is_placed(next));
    let fits = |at: usize| ground.is_gap(at) && ground.ends_with_a_loss(at) && next(at);
    edit(events, random, fits, |events, at| events[at].off = events[at].off.map(|off| off - 1))
}

fn gap_twice(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    edit(events, random, |at| ground.is_gap(at), |events, at| events.insert(at, events[at].clone()))
}

fn gap_over_what_was_kept(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let next = |at: usize| ground.next(at).filter(|next| ground.is_told(*next));
    edit(
        events,
        random,
        |at| ground.is_gap(at) && ground.lost_is_told(at) && next(at).is_some(),
        |copy, at| {
            let next = next(at).expect("it fits");
            copy[at].off = copy[next].off;
            copy.remove(next);
        },
    )
}

fn gap_unneeded(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let kept = |at: usize| ground.lost_is_told(at) && ground.lost_by(at) < events[at].off;
    edit(
        events,
        random,
        |at| ground.is_told(at) && kept(at),
        |events, at| {
            let Event { epoch, off, .. } = events[at].clone();
            let (epoch, off) = (epoch.unwrap_or_default(), off.unwrap_or_default());
            let event = Event { op: Op::Gap, id: None, ..events[at].clone() };
            events[at] = event.from(epoch, off - 1);
        },
    )
}

fn gap_out_of_a_living_epoch(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let goes_on = |at: usize| {
        let acknowledged =
            |event: &Event| event.op == Op::Pub && event.room == events[at].room && event.epoch == events[at].epoch;
        (at..events.len()).any(|later| acknowledged(&events[later]) && ground.invoked(later) > Some(at))
    };
    edit(
        events,
        random,
        |at| ground.is_told(at) && goes_on(at),
        |events, at| {
            let Event { epoch, off, .. } = events[at].clone();
            let (epoch, off) = (epoch.unwrap_or_default(), off.unwrap_or_default());
            let gap = Event { op: Op::Gap, id: None, t: events[at].t, ..events[at].clone() };
            events.insert(at + 1, gap.from(epoch, off).at("an epoch that isn't", 0));
        },
    )
}

fn after_the_leave(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let left = |at: usize| events[at].op == Op::Leave && events[at].kind == Kind::Ok;
    let last = |leave: usize| (0..leave).rev().find(|at| ground.same_member(*at, leave) && events[*at].op == Op::Recv);
    edit(
        events,
        random,
        |at| left(at) && last(at).is_some(),
        |events, at| {
            let old = last(at).expect("it fits");
            let (t, generation) = (events[at].t, events[at].generation);
            events.insert(at + 1, Event { t, generation, ..events[old].clone() });
        },
    )
}

fn to_a_stranger(events: &[Event], random: &mut Random) -> Planted {
    edit(
        events,
        random,
        |at| events[at].op == Op::Recv,
        |events, at| {
            events.insert(at + 1, Event { proc: "stranger".into(), ..events[at].clone() });
        },
    )
}

fn superseded(events: &[Event], random: &mut Random) -> Planted {
    let ground = Ground::new(events);
    let resumed = |at: usize| {
        (0..at).rev().find(|before| events[*before].op == Op::Resume && events[*before].proc == events[at].proc)
    };
    edit(
        events,
        random,
        |at| ground.is_told(at) && resumed(at).is_some(),
        |events, at| {
            events[at].generation = events[at].generation.map(|generation| generation - 1);
        },
    )
}

fn generation_twice(events: &[Event], random: &mut Random) -> Planted {
    edit(events, random, |at| events[at].op == Op::Resume, |events, at| events.insert(at + 1, events[at].clone()))
}
