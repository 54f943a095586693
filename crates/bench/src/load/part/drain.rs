//! What is under way is waited for, and all is judged.

use std::time::Duration;

use super::super::schedule::nanoseconds;
use super::super::speakers::Speakers;
use super::super::words::{PartReport, Word};
use super::Part;
use super::steady::Window;
use crate::{ClientUse, Error, Phase, Traffic, Transport};

/// How long to wait for what is under way after a break.
const BRIEFLY: Duration = Duration::from_secs(1);

impl Part<'_> {
    /// Waits for what is under way, and sends what was due and could not be sent.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        self.enter(Phase::Drain, 0);
        for &member in &self.listeners.stalled {
            self.crowd.pause(self.listeners.base + member, false);
        }
        self.listeners.heard_at = self.now();
        let mut is_told = false;
        // What is owed, and how many were lost when that was counted.
        let mut owed = None;
        while self.start.is_some() {
            let next = self.speak()?;
            let ends = self.listeners.heard_at + self.drain_timeout();
            let (is_late, is_said) = (self.now() >= ends, self.is_all_said());
            if let Some(count) = self.speakers.published().filter(|_| !is_told && (is_said || is_late)) {
                is_told = true;
                (self.tell)(Word::Published(count));
            } else if self.may_end && (self.knows_all() && is_late || is_said && self.is_complete(&mut owed)) {
                return Ok(());
            }
            self.turn(next.min(if is_late { u64::MAX } else { ends }))?;
        }
        Ok(())
    }

    fn drain_timeout(&self) -> u64 {
        let plan = self.plan();
        let interval = if plan.transport == Transport::Polling { plan.poll_interval } else { Duration::ZERO };
        nanoseconds(
            if self.broken_off.is_some() { plan.drain_timeout.min(BRIEFLY) } else { plan.drain_timeout } + interval,
        )
    }

    /// Whether all that was due is sent.
    fn is_all_said(&self) -> bool {
        self.listeners.schedule.as_ref().and_then(|schedule| self.speakers.oldest(&self.crowd, schedule)).is_none()
    }

    /// Whether it is known how much was sent.
    fn knows_all(&self) -> bool {
        self.plan().traffic == Traffic::Echo || self.published.is_some()
    }

    fn is_complete(&self, counted: &mut Option<(u64, usize)>) -> bool {
        if !self.knows_all() {
            return false;
        }
        let sent = |source| self.sent(source);
        let lost = self.listeners.lost;
        let owed = match counted {
            Some((owed, then)) if *then == lost => *owed,
            _ => counted.insert((self.listeners.owed(&sent), lost)).0,
        };
        self.listeners.is_complete(&sent, owed)
    }

    /// How many messages of a source were sent.
    fn sent(&self, source: u32) -> u64 {
        match (&self.speakers, &self.listeners.schedule) {
            (Speakers::Clients(clients), _) => clients.said(source),
            (_, Some(schedule)) => schedule.of_source(source, self.published.unwrap_or(0)),
            (_, None) => 0,
        }
    }

    pub(super) fn report(&mut self, window: &Window) -> PartReport {
        let reconciled = self.listeners.reconcile(&|source| self.sent(source));
        let measure = &mut self.listeners.measure;
        PartReport {
            seconds: window.seconds,
            sent: window.sent,
            deliveries: window.deliveries,
            latency: measure.latency(),
            uncorrected: std::mem::take(&mut measure.uncorrected),
            lag: std::mem::take(&mut measure.lag),
            counts: window.counts,
            counts_in_all: self.crowd.counts(self.listeners.base),
            client: window.client.unwrap_or(ClientUse { cpu_seconds: 0.0, user_seconds: None, share: 0.0 }),
            reconciled,
            behind: window.behind,
        }
    }
}
