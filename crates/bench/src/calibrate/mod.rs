//! What the machine does at the best, without any server of ours.

mod echo;
mod wake;

use std::fmt;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crate::suite::Cores;
use crate::{Calibration, Distribution, Error};

/// How often the timer is waited for.
const TIMERS: u32 = 250;
/// How long it is set to.
const TIMER: Duration = Duration::from_millis(1);
/// How often the clock is read.
const READINGS: u32 = 200_000;

/// Measures what this machine does at the best, for some 2.5 seconds. It is to be idle.
///
/// # Errors
/// No sockets or threads to be had.
pub fn calibrate() -> Result<Calibration, Error> {
    let tcp_echo_per_second = echo::per_second()?;
    let apart = Some(Cores::take()?).filter(Cores::are_apart);
    Ok(Calibration {
        tcp_echo_per_second,
        across_cores: apart.map(wake::round_trips).transpose()?,
        on_one_core: wake::round_trips(Cores::take_one()?)?,
        timer: lateness(),
        clock_nanoseconds: clock(),
    })
}

fn lateness() -> Distribution {
    let mut late = Distribution::default();
    for _ in 0..TIMERS {
        let due = Instant::now() + TIMER;
        thread::sleep(TIMER);
        late.record(nanoseconds(due.elapsed()));
    }
    late
}

/// How long reading the clock takes, in nanoseconds.
pub(crate) fn clock() -> f64 {
    let start = Instant::now();
    for _ in 0..READINGS {
        black_box(Instant::now());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(READINGS)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16} {:.0} round trips per second, 64 connections", "bare TCP", self.tcp_echo_per_second)?;
        for (name, times) in [
            ("across cores", self.across_cores.as_ref()),
            ("on one core", Some(&self.on_one_core)),
            ("timer late by", Some(&self.timer)),
        ] {
            let Some(times) = times else { continue };
            let [median, p99, max] =
                [times.at(0.5), times.at(0.99), times.max()].map(|milliseconds| milliseconds * 1e3);
            writeln!(f, "{name:<16} {median:.0} µs median, {p99:.0} p99, {max:.0} at most")?;
        }
        writeln!(f, "{:<16} {:.0} ns a reading", "clock", self.clock_nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_sane() {
        let Calibration { tcp_echo_per_second, across_cores, on_one_core, timer, clock_nanoseconds } =
            calibrate().unwrap();
        assert!(tcp_echo_per_second > 1_000.0, "{tcp_echo_per_second}");
        assert!((1.0..100_000.0).contains(&clock_nanoseconds), "{clock_nanoseconds}");
        assert_eq!(timer.count(), u64::from(TIMERS));
        let cores = thread::available_parallelism().unwrap().get();
        assert_eq!(across_cores.is_some(), cores > 1);
        for times in across_cores.iter().chain([&on_one_core]) {
            assert!(times.count() > 10, "{times:?}");
            // A round trip through the kernel takes more than reading the clock, and the median no more than the longest.
            assert!(times.at(0.5) * 1e6 > clock_nanoseconds && times.at(0.5) <= times.max(), "{times:?}");
        }
    }
}
