//! The times that something was killed, and what became of the clients each time.

use std::{sync::Arc, time::Duration};

use crate::{Wave, flow::Crowd};

/// The times so far.
pub(super) struct Waves {
    crowd: Arc<Crowd>,
    clients: usize,
    /// When they began to talk.
    start: Duration,
    all: Vec<Wave>,
    last: Last,
}

/// What is known of the last time.
#[derive(Default)]
struct Last {
    at: Duration,
    /// Carriers lost before it, but for those that are not replaced yet.
    disconnects: u64,
    all_are_back: bool,
}

impl Waves {
    pub(super) fn new(crowd: &Arc<Crowd>, clients: usize) -> Self {
        Self { crowd: Arc::clone(crowd), clients, start: crowd.now(), all: Vec::new(), last: Last::default() }
    }

    /// When they began to talk.
    pub(super) const fn start(&self) -> Duration {
        self.start
    }

    /// Something is killed now.
    pub(super) fn begin(&mut self) {
        self.end();
        let away = self.clients.saturating_sub(self.crowd.carried()) as u64;
        let (at, disconnects) = (self.crowd.now(), self.crowd.totals().disconnects.saturating_sub(away));
        self.crowd.totals().recovery.kill(at, self.clients);
        self.last = Last { at, disconnects, all_are_back: false };
        self.all.push(Wave { at: (at - self.start).as_secs_f64(), ..Wave::default() });
    }

    /// All clients were carried again in time.
    pub(super) const fn all_are_back(&mut self) {
        self.last.all_are_back = true;
    }

    /// What became of the last: also of those that noticed late.
    fn end(&mut self) {
        let (totals, Last { at, disconnects, all_are_back }) = (self.crowd.totals(), &self.last);
        let Some(wave) = self.all.last_mut() else { return };
        wave.cut = totals.disconnects - disconnects;
        let back = totals.last_back.filter(|back| back >= at && *all_are_back);
        wave.back = back.map(|back| (back - *at).as_secs_f64());
    }

    pub(super) fn into_all(mut self) -> Vec<Wave> {
        self.end();
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Settings;

    #[test]
    fn who_notices_late_is_counted_and_who_does_not_come_back_too() {
        let none = Duration::ZERO;
        let settings = Settings { size: 48, period: none, slow_pause: none, drain_timeout: none };
        let crowd = Arc::new(Crowd::new(settings));
        let mut waves = Waves::new(&crowd, 2);
        crowd.carry(true);
        crowd.carry(true);
        waves.begin();
        waves.all_are_back();
        crowd.totals().disconnects = 3;
        crowd.totals().last_back = Some(crowd.now());
        waves.begin();
        crowd.totals().disconnects = 5;
        waves.begin();
        waves.all_are_back();
        // One is away already when the next begins.
        crowd.totals().disconnects = 6;
        crowd.carry(false);
        waves.begin();
        let all = waves.into_all();
        assert_eq!(all.iter().map(|wave| wave.cut).collect::<Vec<_>>(), [3, 2, 1, 1]);
        assert_eq!(all.iter().map(|wave| wave.back.is_some()).collect::<Vec<_>>(), [true, false, false, false]);
    }
}
