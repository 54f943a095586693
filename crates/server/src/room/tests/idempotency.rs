//! Publishers that try again.

use std::time::Duration;

use super::{Ground, lenient};
use crate::room::{Publication, PublishError, RoomOptions, SlowConsumer};

fn attempt(key: &str) -> Publication {
    Publication::new("once").idempotency_key(key)
}

#[test]
fn a_repetition_is_answered_with_the_first_place_and_goes_to_nobody() {
    let mut ground = Ground::new(lenient());
    let reader = ground.reader(0);
    let first = ground.say(attempt("a")).unwrap();
    ground.say("between").unwrap();
    let again = ground.say(attempt("a")).unwrap();
    assert_eq!((first.duplicate, again.duplicate, again.position), (false, true, first.position));
    assert_eq!(ground.read(reader), ["once", "between"]);
}

/// Else a client could make another's publication go to nobody, by guessing its key.
#[test]
fn the_same_key_of_another_publisher_is_another_key() {
    let mut ground = Ground::new(lenient());
    let of = |publisher: &str| Publication::new("once").idempotency_key_of(publisher, "a");
    for publication in [of("ann"), of("ben"), of(""), attempt("a")] {
        assert!(!ground.say(publication.clone()).unwrap().duplicate, "{publication:?}");
        assert!(ground.say(publication.clone()).unwrap().duplicate, "{publication:?}");
    }
}

#[test]
fn a_key_lasts_for_the_window_and_no_longer() {
    let window = Duration::from_secs(60);
    let mut ground = Ground::new(lenient().idempotency_window(window));
    ground.say(attempt("a")).unwrap();
    ground.now += window;
    assert!(ground.say(attempt("a")).unwrap().duplicate);
    ground.now += Duration::from_nanos(1);
    assert!(!ground.say(attempt("a")).unwrap().duplicate);
}

#[test]
fn so_many_keys_are_known_and_no_more() {
    for (max, known) in [(3, 3), (0, 0)] {
        let mut ground = Ground::new(lenient().max_idempotency_keys(max));
        for key in ["a", "b", "c", "d"] {
            ground.say(attempt(key)).unwrap();
        }
        // From the latest back: what is asked for is known at most as it was.
        let keys = ["d", "c", "b", "a"].iter().take_while(|key| ground.say(attempt(key)).unwrap().duplicate).count();
        assert_eq!(keys, known);
    }
}

#[test]
fn a_publication_that_was_refused_may_be_tried_again() {
    let options = RoomOptions::default().slow_consumer(SlowConsumer::Backpressure).max_log_count(1);
    let mut ground = Ground::new(options);
    let reader = ground.reader(0);
    ground.say(attempt("a")).unwrap();
    assert_eq!(ground.say(attempt("b")), Err(PublishError::Backpressure));
    assert!(ground.say(attempt("a")).unwrap().duplicate, "a repetition needs no room");
    ground.read(reader);
    assert!(!ground.say(attempt("b")).unwrap().duplicate);
}

#[test]
fn keys_of_255_bytes_are_taken_and_longer_ones_are_not() {
    let mut ground = Ground::new(lenient());
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    assert!(ground.say(Publication::new("m").key(&*longest).idempotency_key(&*longest)).is_ok());
    assert_eq!(ground.say(Publication::new("m").key(&*longer)), Err(PublishError::KeyTooLong));
    assert_eq!(ground.say(attempt(&longer)), Err(PublishError::KeyTooLong));
    assert_eq!(ground.state.log.head(), 1);
}
