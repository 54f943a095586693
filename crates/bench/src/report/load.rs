//! What came of a workload over a transport.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Behind, ClientUse, ServerUse, Verdict, row};
use crate::{Distribution, LoadPlan};

/// Bytes that went one way, as sockets have them (without TCP's own headers).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bytes {
    /// What the application said: the messages themselves.
    pub payload: u64,
    /// What stands around them: WebSocket frame headers, chunk sizes, the event stream's fields, records of the session.
    pub framing: u64,
    /// Heads of HTTP requests and responses, opening handshakes included.
    pub headers: u64,
}

impl Bytes {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.payload + self.framing + self.headers
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            payload: self.payload - before.payload,
            // What had come of a message then was taken for framing.
            framing: self.framing.saturating_sub(before.framing),
            headers: self.headers - before.headers,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.payload += other.payload;
        self.framing += other.framing;
        self.headers += other.headers;
    }
}

/// What was counted at the clients' sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// From the server.
    pub received: Bytes,
    /// To the server, as the kernel took them: what waits in the client for the server to read is not among them. Where that is the last
    /// message in part, its framing and payload are as on average of what waits.
    pub sent: Bytes,
    /// HTTP requests, opening handshakes included.
    pub requests: u64,
    /// Reads that brought at least one delivery: deliveries by this is how many come at once.
    pub arrivals: u64,
    /// TCP connections made.
    pub connections: u64,
}

impl Counts {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.received.add(&other.received);
        self.sent.add(&other.sent);
        self.requests += other.requests;
        self.arrivals += other.arrivals;
        self.connections += other.connections;
    }
}

impl Counts {
    /// What came since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received.since(&before.received),
            sent: self.sent.since(&before.sent),
            requests: self.requests - before.requests,
            arrivals: self.arrivals - before.arrivals,
            connections: self.connections - before.connections,
        }
    }
}

/// How many clients a report names whose deliveries were at fault: 16.
pub const MAX_NAMED_CLIENTS: usize = 16;

/// What was wrong with the deliveries of one client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FaultyClient {
    /// Its number, from 0 on.
    pub client: usize,
    /// As of [`Reconciled`], of this client alone.
    pub missing: u64,
    /// The same.
    pub duplicate: u64,
    /// The same.
    pub reordered: u64,
    /// The same.
    pub wrong: u64,
    /// The same.
    pub closed: u64,
}

/// Whether all that was sent has come, from the first message to the last, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reconciled {
    /// Deliveries that were owed: of each publication one to each client in its room, stalled ones aside; of an echo one.
    pub expected: u64,
    /// Deliveries that never came, and of which nothing was said. Those of a stalled client are among them only if it was told of none
    /// and stayed connected.
    pub missing: u64,
    /// Deliveries that never came, and of which the client was told by a gap.
    pub told: u64,
    /// Deliveries that came once too often.
    pub duplicate: u64,
    /// Deliveries that came after a later one.
    pub reordered: u64,
    /// Deliveries that nobody sent, or of another content.
    pub wrong: u64,
    /// Connections or sessions that the server ended, or that stopped making sense.
    pub closed: u64,
    /// Clients that any of it happened to; stalled ones only where something is missing.
    pub clients: u64,
    /// Stalled clients that were told of a gap or disconnected, as they are to be.
    pub stalled_told: u64,
    /// What the first fault was.
    pub first: Option<String>,
    /// The first [`MAX_NAMED_CLIENTS`] of the clients that any of it happened to.
    #[serde(default)]
    pub faulty: Vec<FaultyClient>,
}

impl Reconciled {
    /// Whether something was lost without a word, doubled, reordered or wrong, or a client was lost.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.missing + self.duplicate + self.reordered + self.wrong + self.closed > 0
    }

    /// Adds another process's.
    pub fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.missing += other.missing;
        self.told += other.told;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.wrong += other.wrong;
        self.closed += other.closed;
        self.clients += other.clients;
        self.stalled_told += other.stalled_told;
        if self.first.is_none() {
            self.first.clone_from(&other.first);
        }
        let left = MAX_NAMED_CLIENTS.saturating_sub(self.faulty.len());
        self.faulty.extend(other.faulty.iter().take(left));
    }

    /// Names a client that it happened to, with what was found of that one's deliveries.
    pub(crate) fn name(&mut self, client: usize, found: &Self) {
        let known = self.faulty.iter().position(|faulty| faulty.client == client);
        let at = known.unwrap_or(self.faulty.len());
        if at >= MAX_NAMED_CLIENTS {
            return;
        }
        if known.is_none() {
            self.faulty.push(FaultyClient { client, ..FaultyClient::default() });
        }
        let named = &mut self.faulty[at];
        named.missing += found.missing;
        named.duplicate += found.duplicate;
        named.reordered += found.reordered;
        named.wrong += found.wrong;
        named.closed += found.closed;
    }
}

impl fmt::Display for FaultyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, missing, duplicate, reordered, wrong, closed } = self;
        write!(f, "client {client}:")?;
        let counts = [
            (missing, "missing"),
            (duplicate, "duplicate"),
            (reordered, "reordered"),
            (wrong, "wrong"),
            (closed, "closed"),
        ];
        counts.iter().filter(|(count, _)| **count > 0).try_for_each(|(count, what)| write!(f, " {count} {what}"))
    }
}

impl fmt::Display for Reconciled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, missing, told, duplicate, reordered, wrong, closed, clients, .. } = self;
        if !self.is_faulty() {
            write!(f, "all {expected} deliveries came once and in order")?;
            return if *told > 0 { write!(f, ", but for {told} that gaps told of") } else { Ok(()) };
        }
        write!(
            f,
            "of {expected}: {missing} missing, {duplicate} duplicate, {reordered} reordered, {wrong} wrong, {closed} closed, "
        )?;
        write!(f, "of {clients} clients")?;
        self.first.as_ref().map_or(Ok(()), |first| write!(f, " (first: {first})"))?;
        self.faulty.iter().try_for_each(|faulty| write!(f, "; {faulty}"))
    }
}

/// One stretch of the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stretch {
    /// Its end, in seconds from when measuring began.
    pub at: f64,
    /// How long it was, in seconds.
    pub seconds: f64,
    /// Messages or publications sent.
    pub sent: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Their median latency from when they were due, in milliseconds.
    pub p50: f64,
    /// The same, 99th percentile.
    pub p99: f64,
    /// The same, the longest.
    pub max: f64,
    /// The server's resident bytes at its end, where its process id is known.
    pub resident: Option<u64>,
    /// The share of a core that the server used in it.
    pub server_share: Option<f64>,
}

/// Kernel memory of the server's TCP sockets, as `ss -tm` shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SocketMemory {
    /// Sockets on the server's port, the server's ends.
    pub sockets: u64,
    /// Bytes in their receive queues.
    pub receive: u64,
    /// Bytes in their send queues.
    pub send: u64,
    /// Bytes reserved ahead for either.
    pub forward: u64,
}

/// What came of a [`LoadPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: LoadPlan,
    /// Load processes that carried it out.
    pub processes: usize,
    /// How long opening took, in seconds.
    pub opening_seconds: f64,
    /// How long was measured, in seconds; shorter than planned where it was broken off.
    pub seconds: f64,
    /// Messages or publications sent in that time.
    pub sent: u64,
    /// Deliveries in that time.
    pub deliveries: u64,
    /// Latency from when a message was due (corrected for coordinated omission), of those due in the measured time.
    pub latency: Distribution,
    /// The same from when it was sent.
    pub uncorrected: Distribution,
    /// How late messages were sent.
    pub lag: Distribution,
    /// How sending fell behind, in the load process where it was worst: that makes the run client-bound. `None` where it didn't.
    #[serde(default)]
    pub behind: Option<Behind>,
    /// The measured time in stretches, of a second or more, at most 600.
    pub over_time: Vec<Stretch>,
    /// What went through the clients' sockets in the measured time. The publisher's is not among it.
    pub counts: Counts,
    /// The same from the first connection to the last byte.
    pub counts_in_all: Counts,
    /// What the server used in the measured time; per CPU second are deliveries. `None` without its process id.
    pub server: Option<ServerUse>,
    /// The server's resident bytes before the first client; `None` without its process id.
    pub resident_before: Option<u64>,
    /// Memory of its sockets at the end of the measured time; `None` where the kernel doesn't tell.
    pub sockets: Option<SocketMemory>,
    /// Segments that TCP sent again on the connections that there were at the end of the measured time, since each began: by the clients,
    /// and by the server where it is of this machine. `None` where the kernel doesn't tell.
    #[serde(default)]
    pub retransmissions: Option<u64>,
    /// What the load processes used in the measured time; the share is that of the busiest.
    pub client: ClientUse,
    /// Whether all that was sent has come.
    pub reconciled: Reconciled,
    /// Whether it was broken off.
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "target", format_args!("{} over {}", self.plan.target, self.plan.transport.name()))?;
        row(f, "reconciled", &self.reconciled)?;
        if self.plan.stalled > 0 {
            row(f, "stalled", format_args!("{} of {} were told", self.reconciled.stalled_told, self.plan.stalled))?;
        }
        row(f, "verdict", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_clients_are_named_and_no_more() {
        let found = Reconciled { missing: 2, closed: 1, ..Reconciled::default() };
        let mut reconciled = Reconciled::default();
        for client in [0, 0].into_iter().chain(0..MAX_NAMED_CLIENTS + 1) {
            reconciled.name(client, &found);
        }
        assert_eq!(reconciled.faulty.len(), MAX_NAMED_CLIENTS);
        assert_eq!(reconciled.faulty[0].to_string(), "client 0: 6 missing 3 closed");
        let mut both = Reconciled { faulty: reconciled.faulty[1..].to_vec(), ..Reconciled::default() };
        both.add(&reconciled);
        assert_eq!(both.faulty.len(), MAX_NAMED_CLIENTS);
    }
}
