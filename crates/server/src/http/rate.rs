//! Rates: how many messages and bytes a second, with a burst.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many messages, and how many bytes, somebody may send a second, and how many more at once after a pause. The
/// default bounds neither.
///
/// What is over is refused as a whole, and costs nothing of what is left. A message with more bytes than the burst is
/// refused always: let the burst be `max_message_size` or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    messages: Option<Rate>,
    bytes: Option<Rate>,
}

impl RateLimit {
    /// No bound yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { messages: None, bytes: None }
    }

    /// At most `a_second` messages on average and `burst` at once; each at least 1.
    #[must_use]
    pub const fn messages(mut self, a_second: u32, burst: u32) -> Self {
        self.messages = Some(Rate::new(a_second as u64, burst as u64));
        self
    }

    /// At most `a_second` bytes on average and `burst` at once; each at least 1.
    #[must_use]
    pub const fn bytes(mut self, a_second: u64, burst: u64) -> Self {
        self.bytes = Some(Rate::new(a_second, burst));
        self
    }

    /// A full bucket.
    #[must_use]
    pub const fn bucket(self, now: Instant) -> Bucket {
        Bucket { limit: self, since: now, level: Level { messages: 0, bytes: 0 } }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    a_second: u64,
    burst: u64,
}

const fn at_least_1(count: u64) -> u64 {
    if count == 0 { 1 } else { count }
}

impl Rate {
    const fn new(a_second: u64, burst: u64) -> Self {
        Self { a_second: at_least_1(a_second), burst: at_least_1(burst) }
    }

    /// How long it takes at this rate to earn so many.
    fn nanos(self, count: u64) -> u64 {
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.a_second);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// When the bucket would be full again after `count` more, if there is room: `full_at` and `now` are nanoseconds.
    fn take(self, full_at: u64, count: u64, now: u64) -> Option<u64> {
        let full_at = full_at.max(now).saturating_add(self.nanos(count));
        (full_at - now <= self.nanos(self.burst)).then_some(full_at)
    }

    /// How long until there is room for `count`.
    fn wait(self, full_at: u64, count: u64, now: u64) -> u64 {
        let full_at = full_at.max(now).saturating_add(self.nanos(count));
        full_at.saturating_sub(now.saturating_add(self.nanos(self.burst)))
    }
}

/// What is left of a [`RateLimit`]: a token bucket for messages and one for bytes. It reads no clock.
#[derive(Clone, Debug)]
pub struct Bucket {
    limit: RateLimit,
    since: Instant,
    level: Level,
}

impl Bucket {
    /// Takes `messages` and `bytes` out of it if both are left; else nothing, and answers false.
    pub fn take(&mut self, messages: u64, bytes: u64, now: Instant) -> bool {
        self.level.take(self.limit, messages, bytes, nanos(self.since, now))
    }

    /// How long until one message of so many bytes will be let through, if nothing else is taken meanwhile.
    #[must_use]
    pub fn wait(&self, bytes: u64, now: Instant) -> Duration {
        self.level.wait(self.limit, bytes, nanos(self.since, now))
    }
}

fn nanos(since: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(since).as_nanos()).unwrap_or(u64::MAX)
}

/// When each bucket will be full again (the "generic cell rate algorithm"): nothing is lost by rounding, however often
/// it is asked.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    messages: u64,
    bytes: u64,
}

impl Level {
    fn take(&mut self, limit: RateLimit, messages: u64, bytes: u64, now: u64) -> bool {
        let take = |rate: Option<Rate>, full_at, count| match rate {
            Some(rate) => rate.take(full_at, count, now),
            None => Some(full_at),
        };
        let taken = take(limit.messages, self.messages, messages).zip(take(limit.bytes, self.bytes, bytes));
        if let Some((messages, bytes)) = taken {
            *self = Self { messages, bytes };
        }
        taken.is_some()
    }

    fn wait(&self, limit: RateLimit, bytes: u64, now: u64) -> Duration {
        let wait = |rate: Option<Rate>, full_at, count| rate.map_or(0, |rate| rate.wait(full_at, count, now));
        Duration::from_nanos(wait(limit.messages, self.messages, 1).max(wait(limit.bytes, self.bytes, bytes)))
    }

    fn is_full(&self, now: u64) -> bool {
        self.messages.max(self.bytes) <= now
    }
}

/// The most addresses whose rate is watched at a time. Those whose bucket is full again are forgotten when room is
/// needed; if none is, a newcomer is refused. Worst-case memory: 6 MiB.
pub(crate) const MAX_ADDRESSES: usize = 65_536;

/// How often room is looked for, so that newcomers can't make the server do nothing else.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A [`RateLimit`] for each address.
#[derive(Debug)]
pub(crate) struct AddressLimits {
    limit: RateLimit,
    max: usize,
    since: Instant,
    levels: Mutex<Levels>,
}

#[derive(Debug)]
struct Levels {
    of: HashMap<IpAddr, Level>,
    /// When room was last looked for.
    swept: Option<u64>,
}

impl AddressLimits {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self::with_max(limit, MAX_ADDRESSES)
    }

    fn with_max(limit: RateLimit, max: usize) -> Self {
        let levels = Levels { of: HashMap::new(), swept: None };
        Self { limit, max, since: Instant::now(), levels: Mutex::new(levels) }
    }

    /// Takes one message of so many bytes.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn take(&self, address: IpAddr, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.ask(address, bytes, now, true)
    }

    /// Whether one message of so many bytes could be taken; it isn't.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn check(&self, address: IpAddr, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.ask(address, bytes, now, false)
    }

    fn ask(&self, address: IpAddr, bytes: u64, now: Instant, takes: bool) -> Result<(), Duration> {
        let (address, now) = (customer(address), nanos(self.since, now));
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.of.len() >= self.max && !levels.of.contains_key(&address) {
            levels.sweep(now);
            if levels.of.len() >= self.max {
                return Err(SWEEP_INTERVAL);
            }
        }
        let mut level = levels.of.get(&address).copied().unwrap_or_default();
        if !level.take(self.limit, 1, bytes, now) {
            return Err(level.wait(self.limit, bytes, now));
        }
        if takes {
            levels.of.insert(address, level);
        }
        Ok(())
    }
}

impl Levels {
    fn sweep(&mut self, now: u64) {
        let interval = u64::try_from(SWEEP_INTERVAL.as_nanos()).unwrap_or(u64::MAX);
        if self.swept.is_none_or(|swept| now.saturating_sub(swept) >= interval) {
            self.swept = Some(now);
            self.of.retain(|_, level| !level.is_full(now));
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them (RFC 6177 §2), and an IPv4 address is the same written as IPv6.
fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = RateLimit::new().messages(10, 3).bucket(start);
        let taken = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(1, 1 << 40, now)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(bucket.wait(0, start), 100 * MS);
        assert!(!bucket.take(1, 0, start + 99 * MS));
        assert!(bucket.take(1, 0, start + 100 * MS));
        assert!(!bucket.take(1, 0, start + 199 * MS));
        // Two seconds earn twenty, of which the bucket holds three. A clock that goes backwards earns nothing.
        assert_eq!(taken(&mut bucket, start + 2_000 * MS), 3);
        assert_eq!(taken(&mut bucket, start), 0);
    }

    #[test]
    fn bytes_and_messages_are_taken_together_or_not_at_all() {
        let start = Instant::now();
        let mut bucket = RateLimit::new().messages(1, 2).bytes(1_000, 100).bucket(start);
        assert!(!bucket.take(1, 101, start));
        assert!(bucket.take(1, 100, start));
        assert!(!bucket.take(1, 1, start));
        assert_eq!(bucket.wait(1, start), MS);
        assert!(!bucket.take(1, 2, start + MS));
        // What was refused has cost nothing: the second message is still there.
        assert!(bucket.take(1, 1, start + MS));
        assert!(!bucket.take(1, 0, start + MS));
    }

    #[test]
    fn nothing_is_lost_by_rounding() {
        let start = Instant::now();
        let mut bucket = RateLimit::new().messages(3, 1).bucket(start);
        let taken = (0..30_000).filter(|ms| bucket.take(1, 0, start + *ms * MS)).count();
        assert!((89..=90).contains(&taken), "{taken}");
    }

    #[test]
    fn no_bound_bounds_nothing_and_zero_is_one() {
        let start = Instant::now();
        assert!(RateLimit::new().bucket(start).take(u64::MAX, u64::MAX, start));
        let mut bucket = RateLimit::new().messages(0, 0).bucket(start);
        assert!(bucket.take(1, 0, start) && !bucket.take(1, 0, start) && bucket.take(1, 0, start + 1_000 * MS));
        let mut bucket = RateLimit::new().bytes(1, u64::MAX).bucket(start);
        assert!(bucket.take(1, u64::MAX, start));
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn addresses_are_bounded_and_forgotten_when_full() {
        let limits = AddressLimits::with_max(RateLimit::new().messages(1, 1), 2);
        let start = limits.since;
        assert_eq!(limits.take(v4(1), 0, start), Ok(()));
        assert_eq!(limits.take(v4(1), 0, start), Err(1_000 * MS));
        assert_eq!(limits.take(v4(2), 0, start + 500 * MS), Ok(()));
        // The map is full, and neither of the two is forgotten yet.
        assert_eq!(limits.take(v4(3), 0, start + 500 * MS), Err(SWEEP_INTERVAL));
        // The first would be, but room was just looked for.
        assert_eq!(limits.take(v4(3), 0, start + 1_499 * MS), Err(SWEEP_INTERVAL));
        assert_eq!(limits.take(v4(3), 0, start + 1_500 * MS), Ok(()));
        assert_eq!(limits.take(v4(2), 0, start + 1_500 * MS), Ok(()));
        assert!(limits.levels.lock().unwrap().of.len() <= 2);
    }

    #[test]
    fn a_check_takes_nothing() {
        let limits = AddressLimits::with_max(RateLimit::new().messages(1, 1).bytes(1_000, 100), 1);
        let start = limits.since;
        for _ in 0..3 {
            assert_eq!(limits.check(v4(1), 100, start), Ok(()));
            assert!(limits.check(v4(1), 101, start).is_err());
            assert_eq!(limits.check(v4(2), 0, start), Ok(()), "nobody is watched yet");
        }
        assert_eq!(limits.take(v4(1), 100, start), Ok(()));
        assert_eq!(limits.check(v4(1), 0, start), Err(1_000 * MS));
        assert_eq!(limits.check(v4(2), 0, start), Err(SWEEP_INTERVAL));
    }

    #[test]
    fn a_customer_is_a_network_of_ipv6() {
        let limits = AddressLimits::new(RateLimit::new().messages(1, 1));
        let now = Instant::now();
        let taken = |address: &str| limits.take(address.parse().unwrap(), 0, now).is_ok();
        assert!(taken("2001:db8::1") && !taken("2001:db8::2:3") && taken("2001:db8:0:1::1"));
        assert!(taken("10.0.0.1") && !taken("::ffff:10.0.0.1"));
    }
}
