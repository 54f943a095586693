//! What a proxy did, in numbers.

use std::fmt;

use tokio::sync::watch;

use super::Direction;

/// What a proxy did so far. A run that wants to have been hurt asserts here that it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted and not refused.
    pub accepted: u64,
    /// Those of them that are open now, connections that are being cut in order among them.
    pub open: u64,
    /// Connections accepted and reset at once. One that finds nobody listening can't be counted.
    pub refused: u64,
    /// Connections reset because the server could not be reached.
    pub unreachable: u64,
    /// From clients to the server.
    pub to_server: Traffic,
    /// From the server to clients.
    pub to_client: Traffic,
    /// Connections cut by a FIN: at a byte, when idle, and by [`Proxy::cut_all`](super::Proxy::cut_all).
    pub cuts: u64,
    /// Connections cut by a reset, in the same ways. Resets of a peer that were handed on don't count.
    pub resets: u64,
    /// Those of both that were cut because they were idle.
    pub idle_cuts: u64,
    /// Requests from which an upgrade was taken.
    pub upgrades_stripped: u64,
    /// Answers of 101 that were swallowed.
    pub switches_swallowed: u64,
    /// Responses that were held until their end.
    pub responses_held: u64,
}

/// Bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Read from the sender.
    pub received: u64,
    /// Written to the receiver.
    pub sent: u64,
    /// Read and thrown away by a black hole, or after a 101 that was swallowed.
    pub swallowed: u64,
}

impl Counts {
    pub(super) const fn of(&mut self, direction: Direction) -> &mut Traffic {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// A line each for connections, faults and bytes.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, open, refused, unreachable, to_server, to_client, .. } = self;
        writeln!(f, "connections  {accepted} accepted, {open} open, {refused} refused, {unreachable} unreachable")?;
        writeln!(f, "cut          {} by FIN, {} by reset; {} of them idle", self.cuts, self.resets, self.idle_cuts)?;
        writeln!(
            f,
            "HTTP         {} upgrades stripped, {} switches swallowed, {} responses held",
            self.upgrades_stripped, self.switches_swallowed, self.responses_held
        )?;
        writeln!(f, "to server    {to_server}")?;
        writeln!(f, "to client    {to_client}")
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, sent, swallowed } = self;
        write!(f, "{received} bytes received, {sent} sent, {swallowed} swallowed")
    }
}

/// The counts, shared by all connections, and waited for by whoever likes.
#[derive(Debug, Default)]
pub(super) struct Tally(watch::Sender<Counts>);

impl Tally {
    pub(super) fn now(&self) -> Counts {
        *self.0.borrow()
    }

    pub(super) fn add(&self, change: impl FnOnce(&mut Counts)) {
        self.0.send_modify(change);
    }

    pub(super) async fn until(&self, reached: impl FnMut(&Counts) -> bool) -> Counts {
        match self.0.subscribe().wait_for(reached).await {
            Ok(counts) => *counts,
            // The sender is there as long as `self` is.
            Err(_) => self.now(),
        }
    }
}
