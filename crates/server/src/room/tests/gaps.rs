//! Where readers begin, and what they are told when publications are gone.

use super::{Ground, lenient, numbers};
use crate::room::{Epoch, Gap, GapReason, Position, SlowConsumer};

#[test]
fn the_last_few_begin_so_many_before_the_head() {
    let mut ground = Ground::new(lenient().max_log_count(3));
    assert_eq!(ground.state.log.last(7), 0, "of none");
    ground.count(1..=5);
    let starts = [0, 1, 2, 3, 4, u64::MAX].map(|count| ground.state.log.last(count));
    assert_eq!(starts, [5, 4, 3, 2, 2, 2]);
}

#[test]
fn whoever_comes_back_in_time_misses_nothing() {
    let mut ground = Ground::new(lenient().max_log_count(3));
    ground.count(1..=5);
    for known in 2..=5 {
        assert_eq!(ground.state.log.resume(ground.at(known), 3), (known, None));
    }
}

#[test]
fn whoever_comes_back_late_is_told_exactly_what_is_gone() {
    let mut ground = Ground::new(lenient().max_log_count(3));
    ground.count(1..=5);
    for known in 0..=1 {
        let gap = Gap { from: ground.at(known), to: ground.at(2), reason: GapReason::Expired };
        assert_eq!(ground.state.log.resume(ground.at(known), 3), (2, Some(gap)));
    }
}

/// The log may hold more for those that are slow than it does for those that come back.
#[test]
fn history_bounds_what_those_get_that_come_back() {
    let mut ground = Ground::new(lenient());
    ground.count(1..=5);
    assert_eq!(ground.state.log.resume(ground.at(3), 2), (3, None));
    let gap = Gap { from: ground.at(2), to: ground.at(3), reason: GapReason::Expired };
    assert_eq!(ground.state.log.resume(ground.at(2), 2), (3, Some(gap)));
    let gap = Gap { from: ground.at(4), to: ground.at(5), reason: GapReason::Expired };
    assert_eq!(ground.state.log.resume(ground.at(4), 0), (5, Some(gap)));
    assert_eq!(ground.state.log.resume(ground.at(5), 0), (5, None), "the latest is known, so nothing was missed");
}

#[test]
fn another_epoch_and_the_future_begin_anew() {
    let mut ground = Ground::new(lenient());
    ground.count(1..=5);
    let other = Position { epoch: Epoch::random(), offset: 3 };
    let gap = Gap { from: other, to: ground.at(3), reason: GapReason::Epoch };
    assert_eq!(ground.state.log.resume(other, 2), (3, Some(gap)));
    let future = ground.at(6);
    let gap = Gap { from: future, to: ground.at(0), reason: GapReason::Epoch };
    assert_eq!(ground.state.log.resume(future, 9), (0, Some(gap)));
}

#[test]
fn each_hole_is_told_once_and_exactly() {
    let mut ground = Ground::new(lenient().max_log_count(3));
    let reader = ground.reader(0);
    ground.count(1..=2);
    assert_eq!(ground.read(reader), numbers(1..=2));
    ground.count(3..=7);
    assert_eq!(ground.read(reader), ["gap 2-4", "5", "6", "7"]);
    ground.count(8..=10);
    assert_eq!(ground.read(reader), numbers(8..=10), "three may be behind");
    ground.count(11..=14);
    assert_eq!(ground.read(reader), ["gap 10-11", "12", "13", "14"]);
    assert!(ground.read(reader).is_empty());
}

#[test]
fn the_newest_comes_after_a_gap_where_the_room_skips_to_it() {
    let mut ground = Ground::new(lenient().max_log_count(3).slow_consumer(SlowConsumer::SkipToNewest));
    let reader = ground.reader(0);
    ground.count(1..=4);
    assert_eq!(ground.read(reader), ["gap 0-4"]);
    ground.count(5..=6);
    assert_eq!(ground.read(reader), ["5", "6"]);
}

/// A hole that is told by nothing but the disconnection must be the last that comes.
#[test]
fn nothing_comes_after_a_disconnection() {
    let mut ground = Ground::new(lenient().max_log_count(3).slow_consumer(SlowConsumer::Disconnect));
    let reader = ground.reader(0);
    ground.count(1..=4);
    assert_eq!(ground.read(reader), ["disconnect 0-1"]);
    ground.count(5..=6);
    assert!(ground.read(reader).is_empty());
    // Whoever comes back to where it stood is told of the same hole.
    assert_eq!(ground.state.place_of(reader), ground.at(0));
}

#[test]
fn a_gap_of_another_epoch_comes_before_anything_else() {
    let mut ground = Ground::new(lenient());
    let reader = ground.reader(0);
    let from = Position { epoch: Epoch::random(), offset: 9 };
    let gap = Gap { from, to: ground.at(0), reason: GapReason::Epoch };
    ground.state.members[reader].gap = Some(Box::new(gap));
    ground.count(1..=1);
    assert_eq!(ground.read(reader), ["gap 9-0", "1"]);
}
