//! Waking up at a time where the system has no timer that is an event: as exactly as its poller's timeout is.

use std::time::Duration;

use mio::{Events, Poll, Token};

use crate::process::monotonic_nanoseconds;
use crate::{Error, open};

/// The poller's timeout.
#[derive(Debug)]
pub(super) struct Alarm;

impl Alarm {
    pub(super) fn new(_: &Poll, _: Token) -> Result<Self, Error> {
        Ok(Self)
    }

    /// Waits for events until a time of `CLOCK_MONOTONIC` at the most.
    pub(super) fn wait(&mut self, poll: &mut Poll, events: &mut Events, until: u64) -> Result<(), Error> {
        open::poll(poll, events, Duration::from_nanos(until.saturating_sub(monotonic_nanoseconds())))
    }

    /// It is no event.
    pub(super) fn rang(&mut self) {}
}
