//! What came of clients that talk.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientUse, Reconciled, ServerUse, Verdict, row};
use crate::Distribution;

/// What came of clients that talk: what a [`ResumeReport`](crate::ResumeReport) and a [`ChatReport`](crate::ChatReport) have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Talked {
    /// How long opening took, in seconds.
    pub opening_seconds: f64,
    /// How long they talked, in seconds; shorter than planned where it was broken off.
    pub seconds: f64,
    /// Messages sent to be echoed.
    pub echoes: u64,
    /// Messages published.
    pub publications: u64,
    /// Echoes and publications that came.
    pub deliveries: u64,
    /// Latency from when a message was due: what was sent while nothing carried it among them.
    pub latency: Distribution,
    /// How late messages were handed over to the client that is to send them.
    #[serde(default)]
    pub lag: Distribution,
    /// From when a client noticed that it had lost its carrier to when it had another. By long polling and polling a request that is lost is
    /// made again, once: the session keeps its carrier, and there is nothing to measure unless that fails too, as it does while a server
    /// is away. What a kill costs there, [`ResumeReport::recoveries`](crate::ResumeReport::recoveries) tell.
    pub reconnects: Distribution,
    /// Sessions that the server did not know any more.
    pub lost_sessions: u64,
    /// Gaps that members of rooms were told.
    pub gaps: u64,
    /// Whether all that was sent has come.
    pub reconciled: Reconciled,
    /// What the checker of [`delivery`](crate::delivery) found wrong, at most 20 of each kind, of a chat at most 100.
    pub violations: Vec<String>,
    /// What the server used while they talked; per CPU second are deliveries. `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used meanwhile.
    pub client: ClientUse,
    /// Whether it was broken off.
    pub interrupted: bool,
}

impl Talked {
    /// Whether to trust it, where checkers found all clean or not.
    pub(crate) fn verdict(&self, is_clean: bool) -> Verdict {
        Verdict::of_times(self.reconciled.is_faulty() || !is_clean, &self.client, &self.lag)
    }

    /// The rows of what was used, and what was wrong.
    pub(super) fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::uses(f, "deliveries", self.server.as_ref(), &self.client)?;
        row(f, "reconciled", &self.reconciled)?;
        super::violations(f, &self.violations)
    }
}
