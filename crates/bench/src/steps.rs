//! Closed loops in steps, between which they tell how far they are.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::process::float;
use crate::{Error, Event, Phase, Progress};

/// How long a step takes at most.
const STEP: Duration = Duration::from_millis(250);

/// Tells how far a run is, whose deliveries are counted and nothing else.
pub(crate) struct Steps<'a> {
    tell: &'a mut dyn FnMut(&Event) -> ControlFlow<()>,
    clients: usize,
    broken_off: bool,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(clients: usize, tell: &'a mut dyn FnMut(&Event) -> ControlFlow<()>) -> Self {
        Self { tell, clients, broken_off: false }
    }

    /// Whether it was told to break off.
    pub(crate) const fn is_broken_off(&self) -> bool {
        self.broken_off
    }

    /// Takes `duration`, step by step, or less where it is told to break off: then there are no further steps. `step` goes on
    /// for as long as it is told to, or less where nothing is left to do, and counts deliveries from any beginning.
    pub(crate) fn take(
        &mut self,
        phase: Phase,
        duration: Duration,
        mut step: impl FnMut(Duration) -> Result<u64, Error>,
    ) -> Result<(), Error> {
        let (began, mut last, mut before) = (Instant::now(), Instant::now(), None);
        while !self.broken_off {
            let length = duration.saturating_sub(began.elapsed()).min(STEP);
            if length.is_zero() {
                break;
            }
            let start = Instant::now();
            let deliveries = step(length)?;
            if start.elapsed() < length {
                break;
            }
            let (now, since) = (Instant::now(), before.replace(deliveries));
            let count = since.map_or(0, |since| deliveries.saturating_sub(since));
            let seconds = (now - began).as_secs_f64();
            let mut progress = Progress::new(phase, seconds, duration.as_secs_f64(), self.clients);
            progress.deliveries = deliveries;
            progress.rate = float(count) / (now - last).as_secs_f64().max(1e-9);
            last = now;
            self.broken_off = (self.tell)(&Event::Progress(progress)).is_break();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn it_goes_on_until_told_not_to() {
        let (mut told, mut stepped) = (0, 0);
        let mut tell = |_: &Event| {
            told += 1;
            if told == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut steps = Steps::new(1, &mut tell);
        for phase in [Phase::WarmUp, Phase::Steady] {
            let step = |length| {
                thread::sleep(length);
                stepped += 1;
                Ok(stepped)
            };
            steps.take(phase, Duration::from_secs(3_600), step).unwrap();
        }
        assert_eq!((told, stepped), (3, 3));
    }

    #[test]
    fn a_step_that_ends_early_is_the_last() {
        let mut tell = |_: &Event| ControlFlow::Continue(());
        let (mut steps, mut stepped) = (Steps::new(1, &mut tell), 0);
        let step = |_| {
            stepped += 1;
            Ok(stepped)
        };
        steps.take(Phase::Steady, Duration::from_secs(3_600), step).unwrap();
        assert_eq!(stepped, 1);
    }

    #[test]
    fn no_time_is_no_step() {
        let mut tell = |_: &Event| ControlFlow::Continue(());
        let mut steps = Steps::new(1, &mut tell);
        steps.take(Phase::WarmUp, Duration::ZERO, |_| panic!("a step")).unwrap();
    }
}
