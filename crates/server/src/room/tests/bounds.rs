//! How much a log holds, and how many may read it.

use std::time::Duration;

use super::{Ground, lenient, member, numbers};
use crate::room::{PublishError, RoomOptions};

#[test]
fn the_oldest_goes_past_the_bound_on_count() {
    let mut ground = Ground::new(lenient().max_log_count(3));
    let reader = ground.reader(0);
    ground.count(1..=3);
    assert_eq!((ground.state.log.len(), ground.state.log.lost()), (3, 0));
    ground.count(4..=4);
    assert_eq!((ground.state.log.len(), ground.state.log.lost()), (3, 1));
    assert_eq!(ground.read(reader), ["gap 0-1", "2", "3", "4"]);
}

#[test]
fn a_log_of_no_publication_still_has_the_latest() {
    let mut ground = Ground::new(lenient().max_log_count(0));
    let reader = ground.reader(0);
    ground.count(1..=2);
    assert_eq!(ground.read(reader), ["gap 0-1", "2"]);
}

#[test]
fn history_past_the_bound_on_count_raises_it() {
    let mut ground = Ground::new(lenient().max_log_count(2).history(4));
    ground.count(1..=5);
    assert_eq!(ground.state.log.len(), 4);
}

#[test]
fn the_oldest_goes_past_the_bound_on_bytes() {
    let mut ground = Ground::new(lenient().max_log_bytes(10));
    let reader = ground.reader(0);
    ground.say("aaaaa").unwrap();
    ground.say("bbbbb").unwrap();
    assert_eq!((ground.state.log_bytes(), ground.state.log.lost()), (10, 0));
    ground.say("c").unwrap();
    assert_eq!((ground.state.log_bytes(), ground.state.log.lost()), (6, 1));
    assert_eq!(ground.read(reader), ["gap 0-1", "bbbbb", "c"]);
}

#[test]
fn a_message_larger_than_the_log_is_refused_and_nothing_goes_for_it() {
    let mut ground = Ground::new(lenient().max_log_bytes(10));
    let reader = ground.reader(0);
    ground.say("a").unwrap();
    assert_eq!(ground.say("b".repeat(11)), Err(PublishError::TooLarge { max: 10 }));
    assert_eq!(ground.read(reader), ["a"]);
    ground.say("c".repeat(10)).unwrap();
    assert_eq!((ground.state.log.len(), ground.state.log_bytes()), (1, 10));
    assert_eq!(ground.read(reader), ["c".repeat(10)]);
}

/// Else a hub whose clients may send 1 MiB would refuse what is over 256 KiB.
#[test]
fn what_a_client_may_send_is_taken_though_the_log_is_smaller() {
    let mut ground = Ground::taking(20, lenient().max_log_bytes(10));
    let reader = ground.reader(0);
    ground.say("a").unwrap();
    ground.say("b".repeat(20)).unwrap();
    assert_eq!((ground.state.log.len(), ground.state.log_bytes()), (1, 20), "alone");
    assert_eq!(ground.read(reader), ["gap 0-1".to_owned(), "b".repeat(20)]);
    assert_eq!(ground.say("c".repeat(21)), Err(PublishError::TooLarge { max: 20 }));
    ground.say("d").unwrap();
    assert_eq!((ground.state.log.len(), ground.state.log_bytes()), (1, 1), "it goes with the next");
    ground.say("e".repeat(9)).unwrap();
    assert_eq!(ground.state.log.len(), 2);
    assert_eq!(ground.read(reader), ["d".to_owned(), "e".repeat(9)]);
}

#[test]
fn the_old_go_past_the_bound_on_age_and_not_before() {
    let age = Duration::from_secs(10);
    let mut ground = Ground::new(lenient().max_log_age(age));
    let reader = ground.reader(0);
    ground.count(1..=1);
    ground.now += Duration::from_secs(1);
    ground.count(2..=2);
    let second = ground.now;
    ground.now += age - Duration::from_secs(1);
    ground.state.trim(ground.now);
    assert_eq!(ground.state.log.lost(), 0, "as old as may be");
    ground.now += Duration::from_nanos(1);
    ground.state.trim(ground.now);
    assert_eq!(ground.state.log.lost(), 1, "a nanosecond older");
    ground.now = second + age + Duration::from_nanos(1);
    ground.state.trim(ground.now);
    assert!(ground.state.log.is_empty(), "the latest goes as well");
    assert_eq!(ground.read(reader), ["gap 0-2"]);
    ground.count(3..=3);
    assert_eq!(ground.read(reader), ["3"]);
}

#[test]
fn bounds_can_be_turned_off() {
    let unbounded = lenient()
        .max_log_count(usize::MAX)
        .max_log_bytes(usize::MAX)
        .max_log_age(Duration::MAX)
        .max_members(usize::MAX);
    let mut ground = Ground::new(unbounded);
    let reader = ground.reader(0);
    ground.count(1..=5_000);
    ground.now += Duration::from_secs(1_000_000);
    ground.state.trim(ground.now);
    assert_eq!(ground.read(reader), numbers(1..=5_000));
}

#[test]
fn a_full_room_takes_nobody_until_somebody_leaves() {
    let mut ground = Ground::new(RoomOptions::default().max_members(2));
    let first = ground.reader(0);
    ground.reader(0);
    assert_eq!(ground.state.join(member(0, None, None), false), None);
    ground.state.leave(first, ground.now);
    assert!(ground.state.join(member(0, None, None), false).is_some());
    assert_eq!(ground.state.members.len(), 2);
}
