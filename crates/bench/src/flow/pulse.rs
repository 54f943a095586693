//! Telling meanwhile, and ending when that is asked for.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};

use super::Crowd;
use crate::{Event, Phase, Progress, process::float};

/// How often to tell.
const TELL: Duration = Duration::from_millis(250);

/// Whom to tell.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(&Event) -> ControlFlow<()>;

/// Tells how far a run is, four times a second.
pub(crate) struct Pulse<'a> {
    tell: Tell<'a>,
    told: Instant,
    deliveries: u64,
    broken: bool,
}

impl<'a> Pulse<'a> {
    pub(crate) fn new(tell: Tell<'a>) -> Self {
        Self { tell, told: Instant::now(), deliveries: 0, broken: false }
    }

    /// Whether it was asked to end the run.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Tells something; an answer to end holds from then on.
    pub(crate) fn tell(&mut self, event: &Event) {
        self.broken |= (self.tell)(event).is_break();
    }

    /// Does something, and tells meanwhile; `None` once the run is to end. What ends a run goes by [`see_through`](Self::see_through).
    pub(crate) async fn during<T>(
        &mut self,
        crowd: &Crowd,
        phase: (Phase, Duration),
        doing: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(doing);
        let (began, mut ticks) = (Instant::now(), ticks());
        while !self.broken {
            tokio::select! {
                done = &mut doing => return Some(done),
                _ = ticks.tick() => self.progress(crowd, phase, began),
            }
        }
        None
    }

    /// Does something to its end, and tells meanwhile.
    pub(crate) async fn see_through<T>(
        &mut self,
        crowd: &Crowd,
        phase: (Phase, Duration),
        doing: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(doing);
        let (began, mut ticks) = (Instant::now(), ticks());
        loop {
            tokio::select! {
                done = &mut doing => return done,
                _ = ticks.tick() => self.progress(crowd, phase, began),
            }
        }
    }

    fn progress(&mut self, crowd: &Crowd, (phase, of): (Phase, Duration), began: Instant) {
        let now = Instant::now();
        let progress = {
            let mut totals = crowd.totals();
            let seconds = (now - self.told).as_secs_f64().max(1e-3);
            let recent = std::mem::take(&mut totals.recent);
            Progress {
                phase,
                seconds: (now - began).as_secs_f64(),
                of: of.as_secs_f64(),
                clients: crowd.carried(),
                sent: totals.echoes + totals.publications,
                deliveries: totals.deliveries,
                rate: float(totals.deliveries - self.deliveries) / seconds,
                p50: recent.at(0.5),
                p99: recent.at(0.99),
                faults: totals.faults(),
            }
        };
        (self.told, self.deliveries) = (now, progress.deliveries);
        self.tell(&Event::Progress(progress));
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
