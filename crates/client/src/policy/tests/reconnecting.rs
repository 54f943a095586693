//! Rule 9: full jitter, hints as floors, reset by proven use only; and what ends a session, or the client.

use super::*;

const SECOND: u64 = 1_000;

fn works() -> World {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10))]);
    world.until(SECOND);
    world
}

#[test]
fn a_server_that_is_not_there_is_asked_once_a_round() {
    let refuses = Path::Fail(1, FailureKind::Unreachable);
    let mut world = World::new(config(), &[(WebSocket, refuses), (Comet, refuses)]);
    assert_eq!(world.until(1), ["0 start websocket", "1 wait"]);
    world.until(600 * SECOND);
    let longest: Vec<_> = [500, 1_000, 2_000, 4_000, 8_000, 16_000].map(Duration::from_millis).to_vec();
    for (n, wait) in world.waits.iter().enumerate() {
        assert!(*wait <= longest.get(n).copied().unwrap_or(Duration::from_secs(20)), "wait {n} is {wait:?}");
    }
    assert!(world.waits.len() > 30, "{}", world.waits.len());
}

#[test]
fn the_wait_after_a_loss_is_spread_and_the_hint_is_its_floor() {
    for hint in [None, Some(Duration::from_secs(3))] {
        let mut world = works();
        world.end_with(FailureKind::Broken, hint);
        let floor = hint.unwrap_or_default();
        assert!(world.waits[0] >= floor && world.waits[0] <= floor + Duration::from_secs(6), "{:?}", world.waits);
        let took = world.until_carried();
        assert!(u128::from(took) >= world.waits[0].as_millis(), "{took} ms after a wait of {:?}", world.waits);
    }
}

#[test]
fn a_hint_of_any_transport_that_failed_counts() {
    let busy = Path::Fail(10, FailureKind::Broken);
    let mut world = World::new(Config { transports: vec![LongPolling], ..config() }, &[(LongPolling, Path::Swallowed)]);
    let id = AttemptId(1);
    let failure = Failure { kind: FailureKind::Broken, floor: Some(Duration::from_secs(7)) };
    world.policy.handle_failed(id, failure, world.now);
    world.act();
    assert!(world.waits[0] >= Duration::from_secs(7), "{:?}", world.waits);
    world.paths(&[(LongPolling, busy)]);
    assert!(world.until(6_999).iter().all(|line| !line.ends_with("start long-polling") || line.starts_with("0 ")));
}

#[test]
fn backoff_is_reset_by_30_s_of_use_and_not_before() {
    let (mut young, mut old) = (Vec::new(), Vec::new());
    for (age, waits) in [(29, &mut young), (30, &mut old)] {
        let mut world = works();
        for _ in 0..200 {
            let until = u64::try_from(world.now.duration_since(world.start).as_millis()).expect("small");
            world.until(until + age * SECOND);
            world.end(FailureKind::Broken);
            world.until_carried();
            world.until(u64::try_from(world.now.duration_since(world.start).as_millis()).expect("small"));
        }
        waits.append(&mut world.waits);
    }
    let longest = |waits: &[Duration]| waits.iter().max().copied().unwrap_or_default();
    assert!(longest(&old) <= Duration::from_secs(6), "{:?}", longest(&old));
    assert!(longest(&young) > Duration::from_secs(15), "{:?}", longest(&young));
}

#[test]
fn carriers_that_break_young_three_times_are_avoided() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10)), (Comet, Path::Open(10))]);
    for _ in 0..3 {
        let now = u64::try_from(world.now.duration_since(world.start).as_millis()).expect("small");
        world.until(now + 29 * SECOND);
        assert_eq!(world.names[&world.carrier.expect("it carries")], WebSocket);
        world.end(FailureKind::Broken);
        world.until_carried();
    }
    assert_eq!(world.names[&world.carrier.expect("it carries")], Comet);
}

#[test]
fn after_sleep_the_carrier_is_checked_at_once() {
    let mut world = works();
    world.wake();
    assert_eq!(world.until(SECOND), ["1000 check websocket"]);
}

#[test]
fn after_sleep_no_wait_is_sat_out() {
    let mut world = works();
    world.end_with(FailureKind::Broken, Some(Duration::from_secs(3_600)));
    world.until(5 * SECOND);
    world.wake();
    assert_eq!(world.until(6 * SECOND), ["5000 start websocket", "5010 carry websocket"]);
}

#[test]
fn after_sleep_tries_of_before_are_begun_anew() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed)]);
    world.until(500);
    world.paths(&[(WebSocket, Path::Open(10))]);
    world.wake();
    assert_eq!(world.until(800), ["500 abandon websocket", "500 start websocket", "510 carry websocket"]);
}

#[test]
fn a_session_that_is_gone_is_opened_anew_at_once() {
    let mut world = works();
    world.paths(&[(WebSocket, Path::Fail(10, FailureKind::Gone)), (Comet, Path::Fail(10, FailureKind::Gone))]);
    world.until(40 * SECOND);
    world.end(FailureKind::Broken);
    let log = world.until(40 * SECOND + 6_030);
    let what: Vec<_> = log.iter().filter_map(|line| line.split_once(' ').map(|(_, what)| what)).collect();
    let expected = ["wait", "start websocket", "start comet", "forget", "start websocket"];
    assert_eq!(what[..5], expected, "{log:?}");
    // Where nothing is at that address for a new session either, it is refused, not lost again.
    assert!(!what[5..].contains(&"forget"), "{log:?}");
}

#[test]
fn a_websockets_404_is_believed_only_where_no_other_transport_contradicts() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10))]);
    world.until(40 * SECOND);
    world.paths(&[(WebSocket, Path::Fail(10, FailureKind::Gone)), (Comet, Path::Open(10))]);
    world.end(FailureKind::Broken);
    world.until_carried();
    assert!(!world.log.iter().any(|line| line.contains("forget")), "{:?}", world.log);

    let only = Config { transports: vec![WebSocket], ..config() };
    let mut world = World::new(only, &[(WebSocket, Path::Open(10))]);
    world.until(40 * SECOND);
    world.end(FailureKind::Broken);
    world.paths(&[(WebSocket, Path::Fail(10, FailureKind::Gone))]);
    let log = world.until(46 * SECOND + 10);
    let forgets = log.iter().filter(|line| line.contains("forget")).count();
    assert_eq!(forgets, 1, "{log:?}");
}

#[test]
fn a_session_that_is_lost_as_soon_as_it_is_there_is_no_loop() {
    let mut world = works();
    world.until(2 * SECOND);
    world.policy.handle_lost(world.now);
    world.act();
    assert_eq!(
        world.until(2_010),
        ["2000 stop websocket", "2000 forget", "2000 start websocket", "2010 carry websocket"]
    );
    world.policy.handle_lost(world.now);
    world.act();
    assert_eq!(world.until(2_010), ["2010 stop websocket", "2010 forget", "2010 wait"]);
}

#[test]
fn a_session_that_ends_since_the_server_goes_is_followed_by_another_when_the_server_says() {
    let mut world = works();
    world.until(40 * SECOND);
    world.end_with(FailureKind::Gone, Some(Duration::from_secs(3)));
    assert_eq!(world.until(40 * SECOND), ["40000 forget", "40000 wait"]);
    assert!(world.waits[0] >= Duration::from_secs(3) && world.waits[0] <= Duration::from_secs(9), "{:?}", world.waits);
}

#[test]
fn refused_by_all_is_the_end_once_it_was_refused_so_often() {
    let all = Transport::ALL.map(|transport| (transport, Path::Fail(10, FailureKind::Refused)));
    for (gives_up_at_once, was_carried, rounds) in
        [(true, false, 1), (false, false, 3), (true, true, 3), (false, true, 3)]
    {
        let config = Config { gives_up_at_once, ..config() };
        let mut world =
            if was_carried { World::new(config, &[(WebSocket, Path::Open(10))]) } else { World::new(config, &all) };
        if was_carried {
            world.until(SECOND);
            world.paths(&all);
            world.end(FailureKind::Broken);
        }
        let log = world.until(100 * SECOND);
        assert_eq!(log.last().map(|line| line.ends_with("give up")), Some(true), "{log:?}");
        let starts = log.iter().filter(|line| line.ends_with("start polling")).count();
        assert_eq!(starts, rounds, "{log:?}");
    }
}

#[test]
fn one_that_breaks_is_no_refusal() {
    let refused = Path::Fail(10, FailureKind::Refused);
    let paths = [
        (WebSocket, refused),
        (Comet, refused),
        (LongPolling, refused),
        (Polling, Path::Fail(10, FailureKind::Broken)),
    ];
    let mut world = World::new(config(), &paths);
    assert!(world.until(60 * SECOND).iter().all(|line| !line.ends_with("give up")));
}

#[test]
fn stopping_closes_whatever_there_is() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed), (Comet, Path::Open(20))]);
    world.until(2 * SECOND);
    world.policy.stop();
    world.act();
    let log = world.until(600 * SECOND);
    assert_eq!(log, ["2000 abandon websocket", "2000 stop comet"]);
    assert_eq!(world.policy.poll_timeout(world.now), None);
}
