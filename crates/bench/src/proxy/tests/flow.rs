//! One direction.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::faults::Shape;
use crate::proxy::flow::{Flow, MADE_UP, MAX_CHUNKS, Next, READ_SIZE};
use crate::proxy::{Direction, End, Faults};
use crate::random::Random;

const MAX_QUEUED: usize = 64 << 10;
const MILLISECOND: Duration = Duration::from_millis(1);

fn shape(faults: &Faults) -> Shape {
    faults.shape_of(Direction::ToClient)
}

/// A flow, and what came out of it.
struct Run {
    flow: Flow,
    start: Instant,
    now: Instant,
    out: Vec<u8>,
    writes: Vec<(Duration, usize)>,
}

impl Run {
    fn new(faults: &Faults, cut_at: Option<u64>) -> Self {
        let now = Instant::now();
        let flow = Flow::new(shape(faults), MAX_QUEUED, cut_at, Random::new(1), now);
        Self { flow, start: now, now, out: Vec::new(), writes: Vec::new() }
    }

    fn receive(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.flow.room());
        self.flow.receive(self.now, bytes.to_vec());
    }

    /// Goes on, waiting where it has to, until there is something else to do.
    fn go(&mut self) -> Next {
        loop {
            match self.flow.poll(self.now) {
                Next::Write => {
                    let output = self.flow.output();
                    assert!(!output.is_empty());
                    self.out.extend_from_slice(output);
                    let len = output.len();
                    self.writes.push((self.now - self.start, len));
                    self.flow.wrote(self.now, len);
                }
                Next::Wait(until) => {
                    assert!(until > self.now);
                    self.now = until;
                }
                next => return next,
            }
        }
    }
}

fn numbers(count: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(count).collect()
}

#[test]
fn nothing_is_done_to_bytes_without_a_fault() {
    let mut run = Run::new(&Faults::default(), None);
    run.receive(b"one");
    run.receive(b"two");
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!((run.out.as_slice(), run.now), (&b"onetwo"[..], run.start));
    run.flow.receive_end(run.now, End::Fin);
    assert!(!run.flow.is_done());
    assert_eq!((run.go(), run.go()), (Next::Finish(End::Fin), Next::Nothing));
    assert!(run.flow.is_done());
}

#[test]
fn a_delay_is_the_same_for_all_bytes_and_for_the_end() {
    let mut run = Run::new(&Faults::default().delay(Direction::ToClient, 30 * MILLISECOND), None);
    run.receive(b"a");
    run.now += 10 * MILLISECOND;
    run.receive(b"b");
    run.now += 10 * MILLISECOND;
    run.flow.receive_end(run.now, End::Fin);
    assert_eq!(run.go(), Next::Finish(End::Fin));
    assert_eq!(run.writes, [(30 * MILLISECOND, 1), (40 * MILLISECOND, 1)]);
    assert_eq!(run.now - run.start, 50 * MILLISECOND);
}

#[test]
fn jitter_stays_in_its_bounds_and_reorders_nothing() {
    let mut run = Run::new(&Faults::default().delay(None, 10 * MILLISECOND).jitter(None, 20 * MILLISECOND), None);
    let bytes = numbers(1000);
    for byte in &bytes {
        run.receive(&[*byte]);
        run.now += MILLISECOND / 100;
    }
    run.now = run.start;
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!(run.out, bytes);
    let waits = |(index, (at, _)): (u32, &(Duration, usize))| *at - index * (MILLISECOND / 100);
    let waits: Vec<_> = (0..).zip(&run.writes).map(waits).collect();
    assert!(waits.iter().all(|wait| (10 * MILLISECOND..=30 * MILLISECOND).contains(wait)), "{waits:?}");
    assert!(waits.iter().max() > waits.iter().min());
}

#[test]
fn a_rate_is_never_exceeded_nor_missed_by_much() {
    for rate in [1, 99, 100, 1000, 64 << 10, 100 << 20] {
        let total = usize::try_from(rate * 2).unwrap_or_default().min(MAX_QUEUED);
        let mut run = Run::new(&Faults::default().rate(None, rate), None);
        for chunk in numbers(total).chunks(READ_SIZE) {
            run.receive(chunk);
        }
        assert_eq!(run.go(), Next::Nothing);
        assert_eq!(run.out, numbers(total));
        // The last write is over when its bytes would have passed.
        let (last, len) = run.writes.last().copied().expect("written");
        let seconds = last.as_secs_f64() + len as f64 / rate as f64;
        let expected = total as f64 / rate as f64;
        assert!((seconds - expected).abs() <= expected / 1000.0, "{rate}: {seconds} s, not {expected} s");
        // A rest earns next to nothing.
        run.now += Duration::from_secs(60);
        let (start, before) = (run.now - run.start, run.writes.len());
        run.receive(&[0]);
        run.receive(&[0]);
        run.go();
        let after: Vec<_> = run.writes[before..].iter().map(|(at, _)| *at - start).collect();
        assert_eq!(after, [Duration::ZERO, Duration::from_nanos(1_000_000_000 / rate).saturating_sub(MADE_UP)]);
    }
}

#[test]
fn each_byte_is_a_write_of_its_own() {
    let mut run = Run::new(&Faults::default().one_byte_writes(Direction::ToClient), None);
    run.receive(b"hello");
    run.go();
    assert_eq!((run.out.as_slice(), run.writes.len()), (&b"hello"[..], 5));
    assert!(run.flow.is_by_one_byte());
}

#[test]
fn the_queue_is_full_at_its_limit_and_not_before() {
    let mut run = Run::new(&Faults::default().delay(None, MILLISECOND), None);
    while run.flow.room() > 1 {
        run.receive(&numbers(run.flow.room() - 1));
    }
    assert_eq!(run.flow.room(), 1);
    run.receive(&[0]);
    assert_eq!(run.flow.room(), 0);
    run.go();
    assert_eq!((run.out.len(), run.flow.room()), (MAX_QUEUED, READ_SIZE));

    for _ in 0..MAX_CHUNKS - 1 {
        run.receive(&[0]);
    }
    assert_ne!(run.flow.room(), 0);
    run.receive(&[0]);
    assert_eq!(run.flow.room(), 0);
}

#[test]
fn a_cut_comes_after_exactly_so_many_bytes() {
    for at in 0..=10 {
        for one_by_one in [false, true] {
            let mut run = Run::new(&Faults::default(), Some(at));
            for byte in numbers(10).chunks(if one_by_one { 1 } else { 10 }) {
                run.receive(byte);
            }
            assert_eq!(run.go(), Next::Cut);
            assert_eq!(run.out, numbers(usize::try_from(at).expect("small")));
        }
    }
    let mut run = Run::new(&Faults::default(), Some(11));
    run.receive(&numbers(10));
    assert_eq!(run.go(), Next::Nothing);
}

#[test]
fn a_black_hole_takes_what_comes_after_so_many_bytes() {
    for after in 0..=10 {
        let mut run = Run::new(&Faults::default().black_hole(None, after), None);
        run.receive(&numbers(7));
        run.go();
        run.receive(&numbers(10)[7..]);
        assert_eq!(run.go(), Next::Nothing);
        assert_eq!(run.out, numbers(usize::try_from(after).expect("small")));
        assert_eq!(run.flow.take_swallowed(), 10 - after);
        assert_eq!(run.flow.room(), READ_SIZE, "it goes on reading");
        run.flow.receive_end(run.now, End::Fin);
        assert_eq!(run.go(), Next::Nothing);
        assert!(run.flow.is_done());
    }
}

#[test]
fn a_flow_that_lost_bytes_stays_black() {
    let open = shape(&Faults::default());
    let black = shape(&Faults::default().black_hole(None, 0));
    let mut run = Run::new(&Faults::default(), None);
    run.receive(b"a");
    run.go();
    // It was black for a while, and nothing came.
    run.flow.set_shape(black);
    assert_eq!(run.go(), Next::Nothing);
    run.flow.set_shape(open);
    run.receive(b"b");
    run.go();
    assert_eq!(run.out, b"ab");
    // Something came.
    run.flow.set_shape(black);
    run.receive(b"c");
    run.go();
    run.flow.set_shape(open);
    run.receive(b"d");
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!((run.out.as_slice(), run.flow.take_swallowed()), (&b"ab"[..], 2));
}

#[test]
fn after_swallowing_began_what_was_there_before_still_passes() {
    let mut run = Run::new(&Faults::default().delay(None, MILLISECOND), None);
    run.receive(b"before");
    run.flow.swallow();
    run.receive(b"after");
    run.flow.receive_end(run.now, End::Fin);
    assert!(!run.flow.is_done());
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!((run.out.as_slice(), run.flow.take_swallowed()), (&b"before"[..], 5));
    assert!(run.flow.is_done());
}

#[test]
fn a_reset_comes_after_the_bytes_and_even_after_a_fin() {
    let mut run = Run::new(&Faults::default(), None);
    run.receive(b"a");
    run.flow.receive_end(run.now, End::Reset);
    assert_eq!(run.go(), Next::Finish(End::Reset));
    assert_eq!(run.out, b"a");

    let mut run = Run::new(&Faults::default(), None);
    run.flow.receive_end(run.now, End::Fin);
    assert_eq!(run.go(), Next::Finish(End::Fin));
    run.flow.sender_lost();
    assert_eq!((run.go(), run.go()), (Next::Finish(End::Reset), Next::Nothing));

    // Writing to it failed first: its end, however it looks, is a reset.
    let mut run = Run::new(&Faults::default(), None);
    run.flow.sender_lost();
    run.flow.receive_end(run.now, End::Fin);
    assert_eq!(run.go(), Next::Finish(End::Reset));
}

#[test]
fn without_a_receiver_what_comes_is_thrown_away_uncounted() {
    let mut run = Run::new(&Faults::default(), None);
    run.receive(b"a");
    run.flow.receiver_lost();
    run.receive(b"b");
    assert_eq!(run.go(), Next::Nothing);
    assert!(!run.flow.is_done());
    run.flow.receive_end(run.now, End::Fin);
    assert_eq!(run.go(), Next::Nothing);
    assert!(run.flow.is_done());
    assert_eq!((run.out.as_slice(), run.flow.take_swallowed()), (&b""[..], 0));
}
