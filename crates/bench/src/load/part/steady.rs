//! Messages go, and are measured.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::schedule::nanoseconds;
use super::super::words::{Stretched, Word};
use super::{Part, seconds};
use crate::process::Sample;
use crate::{Behind, ClientUse, Counts, Error, Phase};

/// Most stretches of the measured time.
const MAX_STRETCHES: u64 = 600;
/// The shortest.
const SECOND: u64 = 1_000_000_000;

/// What was there when measuring began.
struct Began {
    sample: Sample,
    counts: Counts,
    /// When it was, and how many messages had been sent and delivered.
    mark: (u64, u64, u64),
    /// The same of the stretch that is under way.
    stretch: (u64, u64, u64),
    /// When stretches are to end.
    ends: VecDeque<u64>,
}

/// The measured time.
#[derive(Default)]
pub(super) struct Window {
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) deliveries: u64,
    pub(super) counts: Counts,
    pub(super) client: Option<ClientUse>,
    pub(super) behind: Option<Behind>,
}

impl Part<'_> {
    /// Sends what is due, and measures.
    pub(super) fn measure(&mut self) -> Result<Window, Error> {
        self.enter(Phase::WarmUp, nanoseconds(self.plan().warm_up));
        let mut began = None;
        while let Some(schedule) = &mut self.listeners.schedule {
            if let Some(at) = self.broken_off {
                schedule.cut(at);
            }
            let window = schedule.window();
            let now = self.now();
            if self.broken_off.is_some() || now >= window.end {
                break;
            }
            let boundary = match &mut began {
                None if now < window.start => window.start,
                None => began.insert(self.begin(&window)?).next_end(),
                Some(began) => {
                    if now >= began.next_end() {
                        self.end_stretch(began);
                    }
                    began.next_end()
                }
            };
            let next = self.speak()?;
            self.turn(boundary.min(window.end).min(next))?;
        }
        began.map_or(Ok(Window::default()), |began| self.end(began))
    }

    fn begin(&mut self, window: &Range<u64>) -> Result<Began, Error> {
        self.enter(Phase::Steady, window.end - window.start);
        for &member in &self.listeners.stalled {
            self.crowd.pause(self.listeners.base + member, true);
        }
        let (sent, deliveries) = (self.listeners.measure.sent, self.listeners.measure.deliveries);
        Ok(Began {
            sample: self.meter.sample()?,
            counts: self.crowd.counts(self.listeners.base),
            mark: (self.now(), sent, deliveries),
            stretch: (self.now(), sent, deliveries),
            ends: stretches(window),
        })
    }

    fn end_stretch(&mut self, began: &mut Began) {
        let (now, measure) = (self.now(), &mut self.listeners.measure);
        let (at, sent, deliveries) = std::mem::replace(&mut began.stretch, (now, measure.sent, measure.deliveries));
        began.ends.pop_front();
        (self.tell)(Word::Stretch(Stretched {
            seconds: seconds(at, now),
            sent: measure.sent - sent,
            deliveries: measure.deliveries - deliveries,
            times: measure.end_stretch(),
        }));
    }

    fn end(&mut self, mut began: Began) -> Result<Window, Error> {
        self.end_stretch(&mut began);
        let client = self.meter.usage(&began.sample, 0)?.client;
        let oldest = self.listeners.schedule.as_ref().and_then(|schedule| self.speakers.oldest(&self.crowd, schedule));
        let (at, sent, deliveries) = began.mark;
        let (now, measure) = (self.now(), &self.listeners.measure);
        Ok(Window {
            seconds: seconds(at, now),
            sent: measure.sent - sent,
            deliveries: measure.deliveries - deliveries,
            counts: self.crowd.counts(self.listeners.base).since(&began.counts),
            client: Some(client),
            behind: measure.behind(now, oldest),
        })
    }
}

impl Began {
    fn next_end(&self) -> u64 {
        self.ends.front().copied().unwrap_or(u64::MAX)
    }
}

/// Where stretches of the measured time end, but for the last.
pub(in crate::load) fn stretches(window: &Range<u64>) -> VecDeque<u64> {
    let length = (window.end - window.start).div_ceil(MAX_STRETCHES).div_ceil(SECOND).max(1) * SECOND;
    let ends = (1..MAX_STRETCHES).map(|number| window.start + number * length);
    ends.take_while(|end| end + length <= window.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_have_a_second_or_more_and_there_are_not_too_many() {
        for (duration, ends, length) in [
            (0, 0, 1),
            (900, 0, 1),
            (1_900, 0, 1),
            (2_500, 1, 1),
            (600_000, 599, 1),
            (601_000, 299, 2),
            (86_400_000, 599, 144),
        ] {
            let window = 5..5 + duration * 1_000_000;
            let found = stretches(&window);
            assert_eq!(
                (found.len(), found.front().copied().unwrap_or(5 + length * SECOND)),
                (ends, 5 + length * SECOND)
            );
        }
    }
}
