//! Rooms that keep the latest publication of each key.

use std::time::Duration;

use super::{Ground, keyed, lenient};
use crate::room::{RoomOptions, SlowConsumer};

fn latest() -> RoomOptions {
    lenient().slow_consumer(SlowConsumer::KeepLatest)
}

#[test]
fn superseded_ones_are_stepped_over_without_a_gap() {
    let mut ground = Ground::new(latest());
    let reader = ground.reader(0);
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")] {
        ground.say(keyed(key, text)).unwrap();
    }
    ground.say("none").unwrap();
    assert_eq!(ground.read(reader), ["b1", "a3", "none"]);
    ground.say(keyed("b", "b2")).unwrap();
    assert_eq!(ground.read(reader), ["b2"]);
}

#[test]
fn keys_mean_nothing_where_the_room_keeps_all() {
    let mut ground = Ground::new(lenient());
    let reader = ground.reader(0);
    ground.say(keyed("a", "1")).unwrap();
    ground.say(keyed("a", "2")).unwrap();
    assert_eq!(ground.read(reader), ["1", "2"]);
}

/// One that was read before it was superseded is in a block, which others must not get it from.
#[test]
fn a_block_gives_nothing_that_was_superseded_since() {
    let mut ground = Ground::new(latest());
    let (quick, slow) = (ground.reader(0), ground.reader(0));
    for (key, text) in [("a", "a1"), ("b", "b1"), ("c", "c1")] {
        ground.say(keyed(key, text)).unwrap();
    }
    assert_eq!(ground.read(quick), ["a1", "b1", "c1"]);
    ground.say(keyed("b", "b2")).unwrap();
    assert_eq!(ground.read(slow), ["a1", "c1", "b2"]);
    assert_eq!(ground.read(quick), ["b2"]);
}

/// A hot key between two cold ones: the cold ones stay where they are, and the hot one's must not pile up behind them.
#[test]
fn a_hot_key_between_cold_ones_costs_a_bounded_memory() {
    let mut ground = Ground::new(latest().max_log_bytes(1 << 20));
    let (quick, slow) = (ground.reader(0), ground.reader(0));
    ground.say(keyed("cold", "first")).unwrap();
    ground.say(keyed("hot", "h0")).unwrap();
    ground.say(keyed("cool", "second")).unwrap();
    let mut most = (0, 0, 0);
    for round in 1..=10_000 {
        ground.say(keyed("hot", format!("h{round}"))).unwrap();
        assert_eq!(ground.read(quick).last(), Some(&format!("h{round}")));
        let blocks = ground.state.blocks();
        most = (most.0.max(ground.state.log.len()), most.1.max(blocks.0), most.2.max(blocks.1));
    }
    assert!(most.0 <= 40 && most.1 <= 40 && most.2 <= 2_000, "entries, blocks, bytes: {most:?}");
    assert_eq!(ground.read(slow), ["first", "second", "h10000"]);
    assert_eq!(ground.state.log.lost(), 0);
}

/// Superseded at the front, they leave the log one by one; so must their blocks.
#[test]
fn a_single_key_costs_a_bounded_memory() {
    let mut ground = Ground::new(latest());
    let quick = ground.reader(0);
    for round in 0..1_000 {
        ground.say(keyed("only", round.to_string())).unwrap();
        assert_eq!(ground.read(quick), [round.to_string()]);
        assert!(ground.state.log.len() <= 1 && ground.state.blocks().0 <= 2, "{:?}", ground.state.blocks());
    }
}

/// What was superseded no longer counts towards `max_log_bytes`, and yet stands in blocks.
#[test]
fn superseded_bytes_in_blocks_stay_within_the_bound_on_bytes() {
    const MAX: usize = 100_000;
    let mut ground = Ground::new(latest().max_log_bytes(MAX));
    let quick = ground.reader(0);
    ground.say(keyed("cold", "first")).unwrap();
    for round in 0..100 {
        let text = format!("{round}{}", "x".repeat(MAX / 2));
        ground.say(keyed("hot", text.clone())).unwrap();
        assert_eq!(ground.read(quick).last(), Some(&text));
        let (_, bytes) = ground.state.blocks();
        assert!(bytes <= 2 * MAX + 100, "{bytes} bytes in blocks after {round}");
    }
}

#[test]
fn past_the_bounds_the_oldest_goes_with_a_gap() {
    let mut ground = Ground::new(latest().max_log_count(3));
    let reader = ground.reader(0);
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("d", "d1")] {
        ground.say(keyed(key, text)).unwrap();
    }
    assert_eq!(ground.read(reader), ["gap 0-2", "a2", "c1", "d1"], "a1 was superseded, b1 is gone");
    // A key that has left the log begins anew.
    ground.say(keyed("b", "b2")).unwrap();
    ground.say(keyed("b", "b3")).unwrap();
    assert_eq!(ground.read(reader), ["b3"]);
    let again = ground.reader(0);
    assert_eq!(ground.read(again), ["gap 0-3", "c1", "d1", "b3"]);
}

#[test]
fn whoever_comes_back_has_not_missed_what_was_superseded() {
    let mut ground = Ground::new(latest().history(2));
    for (key, text) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2")] {
        ground.say(keyed(key, text)).unwrap();
    }
    assert_eq!(ground.state.log.resume(ground.at(1), 2).1, None);
    assert!(ground.state.log.resume(ground.at(1), 1).1.is_some(), "a2 is not for latecomers");
}

#[test]
fn what_is_too_old_goes_though_it_is_the_latest_of_its_key() {
    let mut ground = Ground::new(latest().max_log_age(Duration::from_secs(1)));
    let reader = ground.reader(0);
    ground.say(keyed("a", "a1")).unwrap();
    ground.now += Duration::from_secs(2);
    ground.say(keyed("a", "a2")).unwrap();
    assert_eq!(ground.read(reader), ["a2"], "superseded before it was too old");
    ground.now += Duration::from_secs(2);
    ground.state.trim(ground.now);
    assert!(ground.state.log.is_empty() && ground.state.blocks() == (0, 0));
}
