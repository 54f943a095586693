//! What the proxy does to what passes.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::Error;
use crate::random::Random;

/// Longest delay, and longest jitter: an hour. A longer one is a slip.
pub const MAX_DELAY: Duration = Duration::from_secs(3600);

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has these two")]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    /// Both of them, in the order in which the proxy keeps what it has two of.
    pub(super) const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }

    pub(super) const fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// How a connection is ended, towards both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "TCP has these two")]
pub enum End {
    /// In order: a FIN after what was passed. The default. What still comes is read and thrown away for up to 2 s, because
    /// closing a socket with unread input would turn the FIN into a reset, and take what was passed with it.
    #[default]
    Fin,
    /// By a reset (`SO_LINGER` 0). A peer sees `ECONNRESET`, after what its kernel had already got.
    Reset,
}

/// How a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is accepted and reset at once: `connect` succeeds, and the first read fails.
    Reset,
    /// Nobody listens: `connect` fails with `ECONNREFUSED`. Whoever asks for any free port doesn't get this one
    /// meanwhile.
    NotListening,
}

/// What one direction goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) rate: Option<u64>,
    pub(super) one_byte_writes: bool,
    pub(super) black_hole: Option<u64>,
}

/// Where connections are cut; each draws its place when it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cut {
    direction: Option<Direction>,
    between: RangeInclusive<u64>,
}

/// The faults that a proxy injects; none by default. They combine, and a method called again replaces what it said before.
///
/// Where a method asks for a direction, `None` is both of them.
///
/// ```
/// use std::time::Duration;
/// use bowline_bench::proxy::{Direction, Faults};
///
/// let _slow_and_fragile = Faults::default()
///     .delay(None, Duration::from_millis(50))
///     .rate(Direction::ToClient, 64 << 10)
///     .cut_between(None, 0..=100_000)
///     .seed(7);
/// ```
///
/// # What a change reaches
/// [`Proxy::set_faults`](super::Proxy::set_faults) changes delay, jitter, rate, one-byte writes, the black hole, the idle
/// timeout and the way of ending for open connections too, from the next byte on. A connection keeps the place of its cut and
/// the HTTP faults that it was accepted with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    seed: u64,
    shapes: [Shape; 2],
    cut: Option<Cut>,
    end: End,
    idle_timeout: Option<Duration>,
    refusal: Option<Refusal>,
    strip_upgrade: bool,
    swallow_101: bool,
    buffer_responses: bool,
}

impl Faults {
    /// Where all randomness comes from; 0 by default. The `n`th connection of a proxy draws the same for the same seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Holds every byte, and the end of the stream, for this long; 0 by default, at most [`MAX_DELAY`]. What waits fills the
    /// buffer ([`Config::max_buffer`](super::Config::max_buffer)), so no more than that passes in one delay.
    #[must_use]
    pub fn delay(self, direction: impl Into<Option<Direction>>, delay: Duration) -> Self {
        self.shape(direction, |shape| shape.delay = delay)
    }

    /// Adds a random time up to this one to the delay, drawn for each read; 0 by default, at most [`MAX_DELAY`]. Nothing
    /// overtakes: what drew less waits for what came before it.
    #[must_use]
    pub fn jitter(self, direction: impl Into<Option<Direction>>, jitter: Duration) -> Self {
        self.shape(direction, |shape| shape.jitter = jitter)
    }

    /// Passes at most this many bytes a second of each connection, at least 1; no limit by default.
    #[must_use]
    pub fn rate(self, direction: impl Into<Option<Direction>>, bytes_per_second: u64) -> Self {
        self.shape(direction, |shape| shape.rate = Some(bytes_per_second))
    }

    /// Writes each byte by itself, with `TCP_NODELAY` set, and lets other tasks run after each; off by default. A peer that is
    /// slow to read may still find several at once.
    #[must_use]
    pub fn one_byte_writes(self, direction: impl Into<Option<Direction>>) -> Self {
        self.shape(direction, |shape| shape.one_byte_writes = true)
    }

    /// Passes so many bytes of a connection, and from then on takes what comes and passes nothing, not even its end; no black
    /// hole by default. Nobody is told, and the connection stays open until both sides have ended it. A direction that lost
    /// something stays black when the fault is taken back: TCP never leaves bytes out.
    #[must_use]
    pub fn black_hole(self, direction: impl Into<Option<Direction>>, after: u64) -> Self {
        self.shape(direction, |shape| shape.black_hole = Some(after))
    }

    /// Cuts every connection once so many bytes have passed in this direction, at 0 before the first one; never by default.
    /// With `None` each connection draws the direction. [`end`](Self::end) says how.
    #[must_use]
    pub fn cut_at(self, direction: impl Into<Option<Direction>>, bytes: u64) -> Self {
        self.cut_between(direction, bytes..=bytes)
    }

    /// As [`cut_at`](Self::cut_at), at a place that each connection draws, all with the same odds. One that passes less than
    /// it drew is not cut: [`Counts::cuts`](super::Counts::cuts) tells how many were.
    #[must_use]
    pub fn cut_between(mut self, direction: impl Into<Option<Direction>>, between: RangeInclusive<u64>) -> Self {
        self.cut = Some(Cut { direction: direction.into(), between });
        self
    }

    /// Cuts a connection when nothing was read from either side for this long, as gateways do; never by default.
    #[must_use]
    pub fn cut_idle(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// How cuts end a connection; by [`End::Fin`] by default.
    #[must_use]
    pub const fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// Refuses new connections; off by default.
    #[must_use]
    pub fn refuse(mut self, refusal: impl Into<Option<Refusal>>) -> Self {
        self.refusal = refusal.into();
        self
    }

    /// Takes `Upgrade`, and the word in `Connection`, out of every HTTP/1.1 request, so that the server answers as without an
    /// upgrade; off by default. Everything else passes as it is.
    #[must_use]
    pub const fn strip_upgrade(mut self, strip: bool) -> Self {
        self.strip_upgrade = strip;
        self
    }

    /// Takes an answer of 101 and all that the server sends after it; off by default. The client hears nothing more, not even
    /// the end, and what it sends still reaches the server.
    #[must_use]
    pub const fn swallow_101(mut self, swallow: bool) -> Self {
        self.swallow_101 = swallow;
        self
    }

    /// Holds every HTTP/1.1 response until its end, whether that is known by its length, its last chunk or the end of the
    /// connection; off by default. One longer than [`Config::max_held`](super::Config::max_held) comes in pieces of that. An
    /// answer of 101 passes, and what follows it is not held ([`swallow_101`](Self::swallow_101) takes it).
    #[must_use]
    pub const fn buffer_responses(mut self, buffer: bool) -> Self {
        self.buffer_responses = buffer;
        self
    }

    fn shape(mut self, direction: impl Into<Option<Direction>>, change: impl Fn(&mut Shape)) -> Self {
        match direction.into() {
            Some(direction) => change(&mut self.shapes[direction.index()]),
            None => self.shapes.iter_mut().for_each(change),
        }
        self
    }

    /// Whether they can be carried out.
    pub(super) fn check(&self) -> Result<(), Error> {
        let problem = |problem: String| Err(Error::Plan { problem });
        for shape in &self.shapes {
            if shape.delay.max(shape.jitter) > MAX_DELAY {
                return problem("a delay or jitter is over an hour, the most there may be".into());
            }
            if shape.rate == Some(0) {
                return problem("a rate of 0 bytes a second passes nothing: a black hole does that".into());
            }
        }
        match &self.cut {
            Some(Cut { between, .. }) if between.is_empty() => {
                problem(format!("no byte lies between {} and {}: swap them", between.start(), between.end()))
            }
            _ if self.idle_timeout == Some(Duration::ZERO) => {
                problem("every connection is idle for 0 s: give a longer time to cut idle ones after".into())
            }
            _ => Ok(()),
        }
    }

    pub(super) const fn shape_of(&self, direction: Direction) -> Shape {
        self.shapes[direction.index()]
    }

    pub(super) const fn get_end(&self) -> End {
        self.end
    }

    pub(super) const fn get_idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    pub(super) const fn get_refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    pub(super) const fn strips_upgrade(&self) -> bool {
        self.strip_upgrade
    }

    pub(super) const fn swallows_101(&self) -> bool {
        self.swallow_101
    }

    pub(super) const fn buffers_responses(&self) -> bool {
        self.buffer_responses
    }

    /// The random numbers of the `number`th connection.
    pub(super) fn random(&self, number: u64) -> Random {
        // Two neighbours of one seed, and one number of two seeds, must not run in step.
        Random::new(Random::new(self.seed).next() ^ Random::new(!number).next())
    }

    /// Where to cut a connection with these random numbers.
    pub(super) fn draw_cut(&self, random: &mut Random) -> Option<(Direction, u64)> {
        let cut = self.cut.as_ref()?;
        let (start, end) = (*cut.between.start(), *cut.between.end());
        // Both are drawn in any case, so that naming a direction leaves the places as they are.
        let drawn = Direction::BOTH[usize::from(random.up_to(1) == 1)];
        Some((cut.direction.unwrap_or(drawn), start + random.up_to(end - start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let past = MAX_DELAY + Duration::from_nanos(1);
        let faults = Faults::default;
        for (faults, right) in [
            (faults(), true),
            (faults().delay(None, MAX_DELAY).jitter(None, MAX_DELAY).rate(None, 1).cut_at(None, u64::MAX), true),
            (faults().delay(Direction::ToServer, past), false),
            (faults().jitter(Direction::ToClient, past), false),
            (faults().rate(None, 0), false),
            (faults().cut_between(None, 7..=7), true),
            #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
            (faults().cut_between(None, 7..=6), false),
            (faults().cut_idle(Duration::from_nanos(1)), true),
            (faults().cut_idle(Duration::ZERO), false),
        ] {
            assert_eq!(faults.check().is_ok(), right, "{faults:?}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_something_else() {
        let drawn = |seed| {
            let faults = Faults::default().cut_between(None, 0..=1_000_000).seed(seed);
            (1..=100).map(|number| faults.draw_cut(&mut faults.random(number))).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        let same = drawn(1).iter().zip(drawn(2)).filter(|(one, other)| **one == *other).count();
        assert!(same < 5, "{same} of 100");
    }

    #[test]
    fn every_byte_of_both_directions_may_be_hit() {
        let faults = Faults::default().cut_between(None, 10..=14);
        let hit: std::collections::BTreeSet<_> = (1..=500)
            .filter_map(|number| faults.draw_cut(&mut faults.random(number)))
            .map(|(direction, at)| (direction.index(), at))
            .collect();
        let all = (0..2).flat_map(|direction| (10..=14).map(move |at| (direction, at))).collect();
        assert_eq!(hit, all);
    }
}
