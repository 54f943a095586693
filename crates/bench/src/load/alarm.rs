//! Waking up at a time. epoll's own timeout counts milliseconds, which is coarse beside what is measured.

use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::{Error, open};

/// A timer that is an event of a poller.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    /// When it rings, if it is set.
    at: Option<u64>,
}

impl Alarm {
    pub(super) fn new(poll: &Poll, token: Token) -> Result<Self, Error> {
        let make = |error: rustix::io::Errno| Error::io("make a timer")(error.into());
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(make)?;
        let source = &mut SourceFd(&timer.as_raw_fd());
        poll.registry().register(source, token, Interest::READABLE).map_err(Error::io("watch a timer"))?;
        Ok(Self { timer, at: None })
    }

    /// Waits for events until a time of `CLOCK_MONOTONIC` at the most.
    pub(super) fn wait(&mut self, poll: &mut Poll, events: &mut Events, until: u64) -> Result<(), Error> {
        self.set(until)?;
        open::poll_event(poll, events)
    }

    /// Lets it ring at a time, and not before. It is an event once, as the poller tells of changes: nothing has to be
    /// read from it.
    fn set(&mut self, at: u64) -> Result<(), Error> {
        if self.at == Some(at) {
            return Ok(());
        }
        let part = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        // 0 would switch it off.
        let it_value = Timespec { tv_sec: part(at / 1_000_000_000), tv_nsec: part(at % 1_000_000_000).max(1) };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)
            .map_err(|error| Error::io("set a timer")(error.into()))?;
        self.at = Some(at);
        Ok(())
    }

    /// It has rung.
    pub(super) fn rang(&mut self) {
        self.at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::monotonic_nanoseconds;

    #[test]
    fn it_rings_at_its_time_and_again() {
        let mut poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(&poll, Token(5)).unwrap();
        let mut events = Events::with_capacity(4);
        for after in [300_000, 0, 100_000] {
            let at = monotonic_nanoseconds() + after;
            alarm.wait(&mut poll, &mut events, at).unwrap();
            assert!(monotonic_nanoseconds() >= at);
            assert_eq!(events.iter().map(mio::event::Event::token).collect::<Vec<_>>(), [Token(5)]);
            alarm.rang();
        }
    }
}
