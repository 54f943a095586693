//! Rule 8: WebSocket first, the next after a short delay, judged by what arrived; memory; upward again. Rule 7: buffering.

use super::*;

const MINUTE: u64 = 60_000;

#[test]
fn a_websocket_that_opens_in_time_is_all_there_is() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(900)), (Comet, Path::Open(10))]);
    assert_eq!(world.until(60 * MINUTE), ["0 start websocket", "900 carry websocket"]);
}

#[test]
fn a_path_that_strips_upgrade_costs_one_answer_and_nothing_the_next_time() {
    let stripped = (WebSocket, Path::Fail(30, FailureKind::Refused));
    let mut world = World::new(config(), &[stripped, (Comet, Path::Open(30))]);
    assert_eq!(world.until(1_000), ["0 start websocket", "30 start comet", "60 carry comet"]);
    world.end(FailureKind::Broken);
    world.until_carried();
    let log = std::mem::take(&mut world.log);
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(log[0].ends_with("wait") && log[1].ends_with("start comet") && log[2].ends_with("carry comet"), "{log:?}");
}

#[test]
fn a_websocket_whose_101_is_swallowed_is_dropped_within_10_s_while_the_session_lives() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed), (Comet, Path::Open(20))]);
    assert_eq!(
        world.until(20_000),
        ["0 start websocket", "1000 start comet", "1020 carry comet", "10000 abandon websocket"]
    );
    // It is tried again when the memory of it fades, and doesn't disturb the carrier.
    assert_eq!(world.until(330_000), ["310000 start websocket", "320000 stop websocket"]);
    world.paths(&[(WebSocket, Path::Open(50))]);
    assert_eq!(world.until(15 * MINUTE), ["620000 start websocket", "620050 stop comet", "620050 carry websocket"]);
}

/// 5 min each, a month of them: a try that takes the session away, is swallowed, and leaves nothing behind.
#[test]
fn ten_thousand_swallowed_tries_leave_nothing_behind() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed), (Comet, Path::Open(10))]);
    world.until(10_000);
    let mut tries = 0;
    while tries < 10_000 {
        let next = world.policy.poll_timeout(world.now).expect("it is tried again");
        let log = world.until(millis(next.duration_since(world.start)));
        if log.iter().any(|said| said.ends_with("start websocket")) {
            tries += 1;
            // The server has the request, and its answer is lost.
            world.end(FailureKind::Superseded);
            let lost = millis(world.now.duration_since(world.start));
            let log = world.until(lost + 13_000);
            assert!(log.iter().any(|said| said.ends_with("carry comet")), "{log:?}");
            assert!(log.iter().any(|said| said.ends_with("stop websocket")), "{log:?}");
            assert!(world.policy.attempts.is_empty() && world.policy.actions.is_empty(), "{:?}", world.policy);
        }
        world.names.clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("small") + 1
}

/// PROTOCOL.md §3: nothing of Comet within 2 s.
#[test]
fn a_buffering_path_is_found_out_within_2_5_s_and_remembered() {
    let stripped = (WebSocket, Path::Fail(30, FailureKind::Broken));
    let buffers = (Comet, Path::Swallowed);
    let mut world = World::new(config(), &[stripped, buffers, (LongPolling, Path::Open(30))]);
    assert_eq!(
        world.until(10_000),
        [
            "0 start websocket",
            "30 start comet",
            "2030 abandon comet",
            "2030 start long-polling",
            "2060 carry long-polling"
        ]
    );
    world.end(FailureKind::Broken);
    world.until_carried();
    let started: Vec<_> = world.log.iter().filter(|line| line.contains("start")).collect();
    assert!(started.len() == 1 && started[0].ends_with("long-polling"), "{started:?}");
}

#[test]
fn a_slow_connection_is_no_buffering() {
    // Comet's 2 s begin when the request is out: here, that never happens.
    let only = Config { transports: vec![Comet, LongPolling], ..config() };
    let mut world = World::new(only, &[(Comet, Path::Black)]);
    assert_eq!(world.until(10_000), ["0 start comet", "10000 abandon comet", "10000 wait"]);
}

#[test]
fn the_one_that_was_too_late_is_ended_and_tried_again_with_the_session() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(3_000)), (Comet, Path::Open(20))]);
    assert_eq!(
        world.until(MINUTE),
        [
            "0 start websocket",
            "1000 start comet",
            "1020 carry comet",
            // It got a session of its own, which is of no use; but it works.
            "3000 abandon websocket",
            "3000 start websocket",
            "6000 stop comet",
            "6000 carry websocket"
        ]
    );
}

#[test]
fn with_a_session_the_slower_better_one_goes_on_and_is_taken() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10)), (Comet, Path::Open(20))]);
    world.until(MINUTE);
    world.paths(&[(WebSocket, Path::Open(3_000))]);
    world.end(FailureKind::Broken);
    world.until_carried();
    let log = world.until(2 * MINUTE);
    let order: Vec<_> = log.iter().filter_map(|line| line.split_once(' ').map(|(_, what)| what)).collect();
    assert_eq!(
        order,
        ["wait", "start websocket", "start comet", "carry comet", "stop comet", "carry websocket"],
        "{log:?}"
    );
}

#[test]
fn a_try_upward_that_takes_the_session_away_is_waited_for_and_then_undone() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed), (Comet, Path::Open(20))]);
    world.until(309_999);
    assert_eq!(world.until(310_000), ["310000 start websocket"]);
    // The server took the WebSocket; its 101 is swallowed.
    world.end(FailureKind::Superseded);
    assert_eq!(world.until(313_000), ["312000 start comet", "312020 carry comet"]);
    assert_eq!(world.until(325_000), ["320000 stop websocket"]);
}

#[test]
fn a_try_upward_that_fails_gives_the_session_back_at_once() {
    let mut world = World::new(config(), &[(WebSocket, Path::Swallowed), (Comet, Path::Open(20))]);
    world.until(309_999);
    world.paths(&[(WebSocket, Path::Fail(100, FailureKind::Broken))]);
    world.until(310_050);
    world.end(FailureKind::Superseded);
    assert_eq!(world.until(311_000), ["310100 start comet", "310120 carry comet"]);
}

#[test]
fn superseded_without_a_try_of_ones_own_asks_again_and_not_in_a_loop() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10))]);
    world.until(5_000);
    world.end(FailureKind::Superseded);
    assert_eq!(world.until(5_500), ["5000 start websocket", "5010 carry websocket"]);
    world.end(FailureKind::Superseded);
    assert_eq!(world.until(5_500), ["5500 wait"]);
}

#[test]
fn a_try_that_came_too_late_and_superseded_the_winner_is_no_reason_to_wait() {
    let mut world = World::new(config(), &[(WebSocket, Path::Open(10)), (Comet, Path::Open(2_000))]);
    world.until(MINUTE);
    world.paths(&[(WebSocket, Path::Open(1_200))]);
    world.end(FailureKind::Broken);
    world.until_carried();
    assert!(world.log.iter().any(|line| line.ends_with("stop comet")), "{:?}", world.log);
    let now = u64::try_from(world.now.duration_since(world.start).as_millis()).expect("small");
    world.until(now + 10);
    world.end(FailureKind::Superseded);
    let log = world.until(now + 10);
    assert!(log.iter().any(|line| line.ends_with("start websocket")), "{log:?}");
}

#[test]
fn transports_are_tried_in_the_order_given() {
    let backwards = Config { transports: vec![Polling, Comet, WebSocket], ..config() };
    let mut world = World::new(
        backwards,
        &[
            (Polling, Path::Fail(10, FailureKind::Broken)),
            (Comet, Path::Fail(10, FailureKind::Broken)),
            (WebSocket, Path::Open(10)),
        ],
    );
    assert_eq!(world.until(1_000), ["0 start polling", "10 start comet", "20 start websocket", "30 carry websocket"]);
    // Both better ones are tried again, one at a time.
    let log = world.until(301_000);
    assert_eq!(log, ["300030 start polling", "300040 start comet"]);
}

#[test]
fn a_try_upward_that_reaches_nothing_is_not_made_again_at_once() {
    for (memory, tries) in [(Duration::ZERO, 60), (Duration::from_secs(20), 3)] {
        let config = Config { memory, ..config() };
        let mut world =
            World::new(config, &[(WebSocket, Path::Fail(10, FailureKind::Broken)), (Comet, Path::Open(10))]);
        world.until(30);
        world.paths(&[(WebSocket, Path::Fail(0, FailureKind::Unreachable))]);
        let log = world.until(60_000);
        let started = log.iter().filter(|line| line.ends_with("start websocket")).count();
        assert!(started > 0 && started <= tries, "{started} tries in a minute with a memory of {memory:?}");
    }
}
