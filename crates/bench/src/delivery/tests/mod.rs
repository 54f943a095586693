//! The checker is checked: no alarm over what is right, and an alarm over each thing planted.

mod examples;
mod ground;
mod history;
mod plant;
mod random;
mod scale;

use super::{Checker, Event, Invariant, Options, Verdict};
use history::history;
use plant::{PLANTS, Plant};
use random::Random;

const CLEAN_RUNS: u64 = 1000;
/// Histories in which each fault is planted and has to be found; many more with `BOWLINE_LONG`.
const PLANTED_RUNS: u64 = 50;
const MANY_PLANTED_RUNS: u64 = 1000;
/// A fault that finds its place in fewer than one in so many histories isn't tested.
const MAX_TRIES: u64 = 200;

fn judge(events: &[Event]) -> Verdict {
    let mut checker = Checker::new(Options::default());
    events.iter().for_each(|event| checker.event(event));
    checker.finish()
}

/// The same history with the lines of each process together, as in files that were joined.
fn joined(events: &[Event], seed: u64) -> Vec<Event> {
    let mut joined = events.to_vec();
    let rank = |event: &Event| event.proc.bytes().map(u64::from).sum::<u64>().wrapping_mul(seed * 2 + 1) % 97;
    joined.sort_by_key(|event| (rank(event), event.proc.clone()));
    joined
}

#[test]
fn a_thousand_clean_histories_raise_no_alarm_and_test_every_invariant() {
    let mut judged = [0; 10];
    for seed in 0..CLEAN_RUNS {
        let events = history(seed);
        for (order, events) in [("merged", &events), ("joined", &joined(&events, seed))] {
            let verdict = judge(events);
            assert!(verdict.is_clean(), "seed {seed}, {order}: {verdict}");
            for (sum, invariant) in judged.iter_mut().zip(Invariant::ALL) {
                *sum += verdict.judged(invariant);
            }
        }
    }
    for (sum, invariant) in judged.iter().zip(Invariant::ALL) {
        assert!(*sum > CLEAN_RUNS, "{invariant:?} was judged {sum} times");
    }
}

#[test]
fn whatever_is_planted_is_found() {
    let runs = if std::env::var_os("BOWLINE_LONG").is_some() { MANY_PLANTED_RUNS } else { PLANTED_RUNS };
    for Plant { name, expected, plant } in PLANTS {
        let (mut planted, mut seed) = (0, 0);
        while planted < runs {
            seed += 1;
            assert!(seed < MAX_TRIES * runs, "{name} found its place in {planted} histories only");
            let events = history(seed);
            let Some(events) = plant(&events, &mut Random::new(!seed)) else { continue };
            planted += 1;
            let events = if seed.is_multiple_of(2) { joined(&events, seed) } else { events };
            let verdict = judge(&events);
            let found = expected.iter().any(|invariant| verdict.violated(*invariant) > 0);
            assert!(found, "seed {seed}: {name} escaped {expected:?}: {verdict}");
            let shown = verdict.violations.iter().all(|violation| !violation.events.is_empty());
            assert!(shown, "seed {seed}: {name} was found, and not shown: {verdict}");
        }
    }
}
