//! Members that may read the same again.

use bowline_core::{message::Encoding as Frames, session::AheadOfSent};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{FRAMES, Ground, Next, lenient, member, numbers};
use crate::room::{Encoding, RoomOptions, SlowConsumer, resume::Resume};

/// A member that may, and begins after `offset`.
fn resuming(ground: &mut Ground, offset: u64, encoding: Option<Encoding>) -> usize {
    let mut member = member(offset, encoding, None);
    member.resume = Some(Box::new(Resume::new(offset, None)));
    ground.state.join(member, false).expect("there is room")
}

#[test]
fn the_same_is_read_again_until_it_is_acknowledged() {
    let mut ground = Ground::new(lenient());
    let index = resuming(&mut ground, 0, Some(FRAMES));
    ground.count(1..=5);
    assert_eq!(ground.read(index), numbers(1..=5));
    assert!(ground.read(index).is_empty());
    for (acked, left) in [(0, 1..=5), (3, 4..=5), (1, 4..=5), (4, 5..=5)] {
        assert_eq!(ground.state.acknowledge(index, acked), Ok(()));
        ground.state.rewind(index, Some(FRAMES));
        assert_eq!(ground.read(index), numbers(left), "{acked}");
    }
    assert_eq!(ground.state.acknowledge(index, 6), Err(AheadOfSent { acked: 6, last: 5 }));
    ground.count(6..=6);
    assert!(ground.state.acknowledge(index, 6).is_err(), "it is in the log, and was not given");
    assert_eq!(ground.state.acknowledge(index, 5), Ok(()));
    ground.state.rewind(index, None);
    assert_eq!(ground.read(index), ["6"]);
}

/// Blocks are kept for encodings that have readers, and for no others.
#[test]
fn another_encoding_is_another_reader() {
    let mut ground = Ground::new(lenient());
    let session = Encoding::Session(Frames::PLAIN);
    let index = resuming(&mut ground, 0, None);
    ground.count(1..=5);
    let readers = |ground: &Ground| -> Vec<_> {
        ground.state.variants.iter().map(|variant| (variant.encoding, variant.readers)).collect()
    };
    assert_eq!(readers(&ground), []);
    for encoding in [Some(session), Some(session), Some(Encoding::EventStream), None, Some(FRAMES)] {
        ground.state.rewind(index, encoding);
        while !matches!(ground.state.read(index), Next::UpToDate) {}
        assert_eq!(readers(&ground), encoding.map(|encoding| (encoding, 1)).into_iter().collect::<Vec<_>>());
        assert_eq!(ground.state.blocks().0, usize::from(encoding.is_some()));
    }
    ground.state.leave(index, ground.now);
    assert_eq!(readers(&ground), []);
}

#[test]
fn one_that_was_to_disconnect_reads_on_by_its_next_carrier() {
    let mut ground = Ground::new(RoomOptions::default().max_log_count(3));
    let index = resuming(&mut ground, 0, Some(FRAMES));
    ground.count(1..=5);
    assert_eq!(ground.read(index), ["disconnect 0-2"]);
    assert!(ground.read(index).is_empty());
    ground.state.rewind(index, Some(FRAMES));
    assert_eq!(ground.read(index), ["gap 0-2", "3", "4", "5"]);
}

#[test]
fn publishers_wait_for_it_unless_it_is_left_behind() {
    let mut ground = Ground::new(RoomOptions::default().slow_consumer(SlowConsumer::Backpressure).max_log_count(2));
    let index = resuming(&mut ground, 0, Some(FRAMES));
    ground.count(1..=2);
    assert!(ground.say("3").is_err());
    // What it was given, it was given.
    assert_eq!(ground.read(index), numbers(1..=2));
    ground.count(3..=3);
    ground.state.rewind(index, Some(FRAMES));
    assert!(ground.say("4").is_err());
    ground.state.leave_behind(index);
    ground.count(4..=4);
    ground.state.rewind(index, Some(FRAMES));
    assert_eq!(ground.read(index), ["gap 0-2", "3", "4"]);
}

/// A client that hears a part of what each carrier was given, and acknowledges a part of what it has.
#[test]
fn whatever_is_lost_the_client_misses_nothing_but_what_one_gap_says() {
    for seed in 0..300 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut ground = Ground::new(lenient().max_log_count(rng.random_range(1..12)));
        let (mut published, mut place) = (rng.random_range(0..5), 0);
        ground.count(1..=published);
        let lost = ground.state.log.lost();
        let index = resuming(&mut ground, lost, None);
        place = place.max(lost);
        for step in 0..200 {
            let more = rng.random_range(0..6);
            ground.count(published + 1..=published + more);
            published += more;
            if rng.random_bool(0.3) {
                ground.state.rewind(index, [None, Some(FRAMES)][rng.random_range(0..2)]);
            }
            let gone = ground.state.log.lost();
            let told = ground.read(index);
            // A cut may come anywhere.
            let heard = if rng.random_bool(0.5) { told.len() } else { rng.random_range(0..=told.len()) };
            for told in &told[..heard] {
                match told.strip_prefix("gap ") {
                    Some(gap) => {
                        let (from, to) = gap.split_once('-').expect("two places");
                        let (from, to): (u64, u64) = (from.parse().expect("one"), to.parse().expect("one"));
                        if to > place {
                            assert!(from <= place && to <= gone, "{seed} {step}: {gap} at {place}, {gone} are gone");
                            place = to;
                        }
                    }
                    None => {
                        let number: u64 = told.parse().expect("a number");
                        assert!(number <= place + 1, "{seed} {step}: {number} at {place}");
                        place = place.max(number);
                    }
                }
            }
            if heard < told.len() {
                ground.state.rewind(index, None);
            }
            if rng.random_bool(0.2) {
                assert_eq!(ground.state.acknowledge(index, place), Ok(()), "{seed} {step}");
            }
        }
        ground.state.rewind(index, None);
        let end = ground.read(index);
        assert!(end.is_empty() || end.last() == Some(&published.to_string()), "{seed}");
    }
}
