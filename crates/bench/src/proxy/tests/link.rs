//! Both directions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::Direction::{ToClient, ToServer};
use crate::proxy::counts::Tally;
use crate::proxy::link::{Link, Over, Step};
use crate::proxy::{Config, Counts, End, Faults};

const SECOND: Duration = Duration::from_secs(1);

struct Run {
    link: Link,
    tally: Arc<Tally>,
    now: Instant,
}

impl Run {
    fn new(faults: &Faults) -> Self {
        let (tally, now) = (Arc::<Tally>::default(), Instant::now());
        let link = Link::new(faults, &Config::default(), 1, Arc::clone(&tally), now);
        Self { link, tally, now }
    }

    /// Writes whatever there is to write now: what came out, by direction, and what else is to be done.
    fn go(&mut self) -> ([Vec<u8>; 2], Result<Step, Over>) {
        let mut out = [Vec::new(), Vec::new()];
        loop {
            let step = self.link.step(self.now);
            let Ok(Step { write, .. }) = step else { return (out, step) };
            if write == [false; 2] {
                return (out, step);
            }
            for direction in [ToServer, ToClient].into_iter().filter(|direction| write[direction.index()]) {
                let bytes = self.link.output(direction).to_vec();
                self.link.wrote(direction, self.now, bytes.len());
                out[direction.index()].extend(bytes);
            }
        }
    }

    fn counts(&self) -> Counts {
        self.tally.now()
    }
}

/// Bytes of either side are life; whether they pass is no matter.
#[test]
fn an_idle_connection_is_cut_when_its_time_is_over_and_not_before() {
    let mut run = Run::new(&Faults::default().cut_idle(30 * SECOND));
    let start = run.now;
    for direction in [ToServer, ToClient, ToServer] {
        let (_, step) = run.go();
        assert_eq!(step, Ok(Step { deadline: Some(run.now + 30 * SECOND), ..Step::default() }));
        run.now += 30 * SECOND - Duration::from_nanos(1);
        assert!(run.go().1.is_ok());
        run.link.receive(direction, run.now, b"x".to_vec());
    }
    run.now += 30 * SECOND;
    assert_eq!(run.go().1, Err(Over::Cut));
    assert_eq!((run.counts().idle_cuts, run.now - start > 115 * SECOND), (1, true));
}

#[test]
fn a_timeout_set_later_counts_from_the_last_byte() {
    let mut run = Run::new(&Faults::default());
    run.now += 10 * SECOND;
    run.link.receive(ToServer, run.now, b"x".to_vec());
    run.now += 5 * SECOND;
    assert_eq!(run.go().1, Ok(Step::default()));
    run.link.set_faults(&Faults::default().cut_idle(6 * SECOND));
    assert_eq!(run.go().1.map(|step| step.deadline), Ok(Some(run.now + SECOND)));
}

#[test]
fn each_direction_has_faults_of_its_own() {
    let mut run = Run::new(&Faults::default().delay(ToServer, SECOND).black_hole(ToClient, 1));
    run.link.receive(ToServer, run.now, b"up".to_vec());
    run.link.receive(ToClient, run.now, b"down".to_vec());
    let (out, step) = run.go();
    assert_eq!(out, [b"".to_vec(), b"d".to_vec()]);
    run.now += SECOND;
    assert_eq!(step.map(|step| step.deadline), Ok(Some(run.now)));
    assert_eq!(run.go().0, [b"up".to_vec(), b"".to_vec()]);
    let counts = run.counts();
    assert_eq!((counts.to_server.received, counts.to_server.sent, counts.to_server.swallowed), (2, 2, 0));
    assert_eq!((counts.to_client.received, counts.to_client.sent, counts.to_client.swallowed), (4, 1, 3));
}

#[test]
fn a_connection_ends_when_both_sides_have_ended() {
    let mut run = Run::new(&Faults::default());
    run.link.receive_end(ToServer, run.now, End::Fin);
    assert_eq!(run.go().1.map(|step| step.finish), Ok([true, false]));
    run.link.receive(ToClient, run.now, b"still".to_vec());
    assert_eq!(run.go(), ([b"".to_vec(), b"still".to_vec()], Ok(Step::default())));
    run.link.receive_end(ToClient, run.now, End::Fin);
    assert_eq!(run.go().1.map(|step| step.finish), Ok([false, true]));
    assert_eq!(run.go().1, Err(Over::Ended));
}

#[test]
fn a_reset_is_handed_on_after_what_came_before_it() {
    for from in [ToServer, ToClient] {
        let mut run = Run::new(&Faults::default().delay(None, SECOND));
        run.link.receive(from, run.now, b"last".to_vec());
        run.link.receive_end(from, run.now, End::Reset);
        assert!(run.go().1.is_ok());
        run.now += SECOND;
        let (out, over) = run.go();
        assert_eq!((out[from.index()].as_slice(), over), (&b"last"[..], Err(Over::Reset)));
    }
}

/// A side that can no longer be written to has something to say still, maybe.
#[test]
fn a_lost_receiver_is_heard_to_its_end() {
    let mut run = Run::new(&Faults::default());
    run.link.receive(ToClient, run.now, b"too late".to_vec());
    run.link.receiver_lost(ToClient);
    run.link.receive(ToServer, run.now, b"last".to_vec());
    assert_eq!(run.go(), ([b"last".to_vec(), b"".to_vec()], Ok(Step::default())));
    run.link.receive_end(ToServer, run.now, End::Fin);
    assert_eq!(run.go().1, Err(Over::Reset));
}

/// In a black hole nobody hears of anybody's end; with both gone there is nothing left to hold.
#[test]
fn a_black_hole_is_silent_about_ends() {
    for end in [End::Fin, End::Reset] {
        let mut run = Run::new(&Faults::default().black_hole(None, 0));
        run.link.receive_end(ToServer, run.now, end);
        assert_eq!(run.go().1, Ok(Step::default()));
        run.link.receive(ToClient, run.now, b"anyone?".to_vec());
        assert_eq!(run.go().1, Ok(Step::default()));
        run.link.receive_end(ToClient, run.now, end);
        assert_eq!(run.go().1, Err(Over::Ended));
    }
}

#[test]
fn after_a_swallowed_101_the_client_hears_nothing_and_is_heard() {
    let mut run = Run::new(&Faults::default().swallow_101(true));
    let upgrade = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_vec();
    run.link.receive(ToServer, run.now, upgrade.clone());
    assert_eq!(run.go().0, [upgrade, Vec::new()]);
    run.link.receive(ToClient, run.now, b"HTTP/1.1 101 Switching Protocols\r\n\r\nframe".to_vec());
    run.link.receive(ToClient, run.now, b"frame".to_vec());
    run.link.receive(ToServer, run.now, b"frame".to_vec());
    assert_eq!(run.go(), ([b"frame".to_vec(), Vec::new()], Ok(Step::default())));
    // The server gives up, in either way, and the connection stays open for the client.
    run.link.receive_end(ToClient, run.now, End::Reset);
    assert_eq!(run.go().1, Ok(Step::default()));
    run.link.receive_end(ToServer, run.now, End::Fin);
    assert_eq!(run.go().1, Err(Over::Ended));
    let counts = run.counts();
    assert_eq!((counts.switches_swallowed, counts.to_client.sent), (1, 0));
    assert_eq!(counts.to_client.received, counts.to_client.swallowed);
}

#[test]
fn a_stripped_request_and_a_held_response_are_counted() {
    let mut run = Run::new(&Faults::default().strip_upgrade(true).buffer_responses(true).delay(None, SECOND));
    run.link.receive(ToServer, run.now, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec());
    run.link.receive(ToClient, run.now, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na".to_vec());
    run.now += SECOND;
    run.link.receive(ToClient, run.now, b"b".to_vec());
    // A held response is delayed from when it ends.
    assert_eq!(run.go().0, [b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new()]);
    run.now += SECOND;
    assert_eq!(run.go().0[1], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!((run.counts().upgrades_stripped, run.counts().responses_held), (1, 1));
}
