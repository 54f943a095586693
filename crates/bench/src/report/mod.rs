//! What came of it.

mod about;
mod behind;
mod bound;
mod chat;
mod churn;
mod fanout;
mod hold;
mod load;
mod resume;
mod shootout;
mod talked;
mod timed;

pub use self::behind::Behind;
pub use self::chat::{ChatReport, Drift};
pub use self::churn::{ChurnReport, TimeWait};
pub use self::fanout::{FanoutReport, Lag, Latency};
pub use self::hold::{Event, HoldReport, Phase, Progress};
pub use self::load::{Bytes, Counts, FaultyClient, LoadReport, MAX_NAMED_CLIENTS, Reconciled, SocketMemory, Stretch};
pub use self::resume::{ResumeReport, Wave};
pub use self::shootout::{ShootoutEnd, ShootoutReport, ShootoutStep};
pub use self::talked::Talked;

pub(crate) use self::behind::QUARTERS;
pub(crate) use self::timed::Timed;

use crate::{ConnectPlan, Distribution, EchoPlan, Error, IdlePlan};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the JSON form of a [`Report`] and of the [`Document`](crate::Document) around it: it grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 3;

/// Violations that are shown to people: the rest is in JSON.
const SHOWN: usize = 5;

/// Above this share of a core the harness itself may be what limits the rate.
pub(crate) const CLIENT_BOUND: f64 = 0.9;

/// Past this 99th percentile of how late messages were handed over, in milliseconds, it is the harness that fell behind.
const MAX_LAG: f64 = 50.0;

/// What came of a plan. `Display` is a short table for people, serde's form is for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "scenario")]
#[non_exhaustive]
pub enum Report {
    /// Of an [`EchoPlan`].
    Echo(EchoReport),
    /// Of a [`FanoutPlan`](crate::FanoutPlan).
    Fanout(FanoutReport),
    /// Of an [`IdlePlan`].
    Idle(IdleReport),
    /// Of a [`ConnectPlan`].
    Connect(ConnectReport),
    /// Of a [`HoldPlan`](crate::HoldPlan).
    Hold(HoldReport),
    /// Of a [`LoadPlan`](crate::LoadPlan).
    Load(LoadReport),
    /// Of a [`ResumePlan`](crate::ResumePlan).
    Resume(ResumeReport),
    /// Of a [`ChurnPlan`](crate::ChurnPlan).
    Churn(ChurnReport),
    /// Of a [`ChatPlan`](crate::ChatPlan).
    Chat(ChatReport),
    /// Of a [`ShootoutPlan`](crate::ShootoutPlan).
    Shootout(ShootoutReport),
}

impl Report {
    /// Whether the figures can be trusted.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Echo(report) => report.verdict,
            Self::Fanout(report) => report.verdict,
            Self::Idle(report) => report.verdict,
            Self::Connect(report) => report.verdict,
            Self::Hold(report) => report.verdict,
            Self::Load(report) => report.verdict,
            Self::Resume(report) => report.verdict,
            Self::Churn(report) => report.verdict,
            Self::Chat(report) => report.verdict,
            Self::Shootout(report) => report.verdict,
        }
    }

    /// The report as one line of JSON.
    ///
    /// # Errors
    /// None that a report made by [`run`](crate::run) can cause: its numbers are finite.
    pub fn to_json(&self) -> Result<String, Error> {
        json(self)
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::Io { doing: "write JSON", source: source.into() })
}

/// Whether the figures can be trusted: the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every answer was right, and the harness had time to spare.
    Fine,
    /// Every answer was right, and the harness used more than 90 % of a core, or fell behind with what it had to send: a rate by wall
    /// clock may be its own, and latency too. Figures by the server's CPU time still say what a message cost.
    ClientBound,
    /// Answers were missing, doubled or wrong, or connections were lost.
    Faulty,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "fine",
            Self::ClientBound => "client-bound: the load generator used over 90 % of a core, or fell behind",
            Self::Faulty => "faulty: answers were missing or wrong",
        })
    }
}

impl Verdict {
    /// It in a word, as JSON and CSV have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::ClientBound => "client-bound",
            Self::Faulty => "faulty",
        }
    }

    pub(crate) fn of(faults: &Faults, client: &ClientUse) -> Self {
        Self::from(faults.any(), client)
    }

    pub(crate) fn from(is_faulty: bool, client: &ClientUse) -> Self {
        if is_faulty {
            Self::Faulty
        } else if client.share > CLIENT_BOUND {
            Self::ClientBound
        } else {
            Self::Fine
        }
    }

    /// The same of a run that was to send at fixed times, and was as late with it as `lag` says.
    pub(crate) fn of_times(is_faulty: bool, client: &ClientUse, lag: &Distribution) -> Self {
        let paced = if lag.at(0.99) > MAX_LAG { Self::ClientBound } else { Self::Fine };
        Self::from(is_faulty, client).max(paced)
    }
}

/// What was wrong with the answers, from the first message to the last, warm-up included.
///
/// Messages of a connection follow one another in a cycle of at least two that differ. An answer that is a later message of the
/// cycle, and was sent, means that those before it were lost, unless they come after it within a cycle, reordered; any other
/// that is an earlier message was doubled. Publications are numbered: one that comes after a later one was reordered. Anything
/// else is wrong in length, content or kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Faults {
    /// Messages whose answer never came; publications, for each subscriber that did not get them.
    pub lost: u64,
    /// Answers that came once too often.
    pub doubled: u64,
    /// Answers that came after a later one's; publications, for each subscriber.
    #[serde(default)]
    pub reordered: u64,
    /// Answers of another length, content or kind.
    pub wrong: u64,
    /// Connections that the server closed or reset, or that stopped making sense.
    pub closed: u64,
    /// What the first fault was.
    pub first: Option<String>,
}

impl Faults {
    /// Whether there was any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.wrong + self.closed > 0
    }

    /// Keeps the first description; later ones are not even made.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any() {
            return f.write_str("none");
        }
        let Self { lost, doubled, reordered, wrong, closed, first } = self;
        write!(f, "{lost} lost, {doubled} doubled, {reordered} reordered, {wrong} wrong, {closed} connections closed")?;
        first.as_ref().map_or(Ok(()), |first| write!(f, " (first: {first})"))
    }
}

/// What the server used while it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerUse {
    /// CPU time of all its threads in seconds, user and system.
    pub cpu_seconds: f64,
    /// The same as a share of one core.
    pub share: f64,
    /// Messages, deliveries or handshakes per second of its CPU time: the figure to compare.
    pub per_cpu_second: f64,
    /// Its resident memory at the end, in bytes.
    pub resident: u64,
}

/// What the load generator used meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientUse {
    /// CPU time of its thread in seconds, user and system.
    pub cpu_seconds: f64,
    /// How much of it was user code, in clock ticks, mostly of 10 ms; `None` where it is too little to tell. The rest is the kernel's
    /// work for the sockets (to receive, to send, to acknowledge), which any client would cost.
    #[serde(default)]
    pub user_seconds: Option<f64>,
    /// The CPU time as a share of one core; with busy polling, which takes all of it, the share of polls that found something.
    pub share: f64,
}

/// Memory of the kernel, of the whole machine: both ends of each connection, and whatever else changed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KernelMemory {
    /// Slab: sockets, files, epoll entries. Bytes per connection.
    pub slab_per_connection: f64,
    /// What TCP counts as its buffers. Bytes per connection.
    pub tcp_per_connection: f64,
}

/// What came of an [`EchoPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EchoReport {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// What was run.
    pub plan: EchoPlan,
    /// How long was measured.
    pub seconds: f64,
    /// Answers in that time.
    pub messages: u64,
    /// Answers per second by wall clock.
    pub per_second: f64,
    /// What the server used; `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used.
    pub client: ClientUse,
    /// What was wrong.
    pub faults: Faults,
    /// Whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

/// What idle connections take while they are held: pings, mostly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdleHold {
    /// How long they were held.
    pub seconds: f64,
    /// Pings that the server sent, all of which were answered.
    pub pings: u64,
    /// CPU time of the server in microseconds a second for each connection, the settling ones included; `None` without its
    /// process id.
    pub cpu_microseconds: Option<f64>,
}

/// What came of an [`IdlePlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdleReport {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// What was run.
    pub plan: IdlePlan,
    /// How long opening took, with the messages; seconds.
    pub opening_seconds: f64,
    /// What the server used meanwhile, per connection opened; `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used meanwhile.
    pub client: ClientUse,
    /// Resident bytes of the server before, with the settling connections; `None` without its process id.
    pub resident_before: Option<u64>,
    /// Resident bytes of the server at the end.
    pub resident_after: Option<u64>,
    /// The difference per connection, in bytes.
    pub resident_per_connection: Option<f64>,
    /// What keeping the connections took, after the last answer; `None` if they were not held at all.
    #[serde(default)]
    pub hold: Option<IdleHold>,
    /// The kernel's share; `None` where `/proc` doesn't tell.
    pub kernel: Option<KernelMemory>,
    /// What was wrong; connections that the server closed meanwhile among it.
    pub faults: Faults,
    /// Whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

/// What came of a [`ConnectPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConnectReport {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// What was run.
    pub plan: ConnectPlan,
    /// How long was measured.
    pub seconds: f64,
    /// Connections opened and closed in that time.
    pub handshakes: u64,
    /// The same per second by wall clock.
    pub per_second: f64,
    /// What the server used; `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used.
    pub client: ClientUse,
    /// What was wrong: connections that failed are counted as closed.
    pub faults: Faults,
    /// Whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(report) => report.fmt(f),
            Self::Fanout(report) => report.fmt(f),
            Self::Idle(report) => report.fmt(f),
            Self::Connect(report) => report.fmt(f),
            Self::Hold(report) => report.fmt(f),
            Self::Load(report) => report.fmt(f),
            Self::Resume(report) => report.fmt(f),
            Self::Churn(report) => report.fmt(f),
            Self::Chat(report) => report.fmt(f),
            Self::Shootout(report) => report.fmt(f),
        }
    }
}

/// One line of a table for people.
fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<16} {value}")
}

/// The usual figures of a distribution.
fn times(times: &Distribution) -> String {
    if times.is_empty() {
        return "none".to_owned();
    }
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| times.at(quantile));
    let (count, max) = (times.count(), times.max());
    format!("p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, longest {max:.2} ms ({count})")
}

/// What a checker found, the first few.
fn violations(f: &mut fmt::Formatter<'_>, violations: &[String]) -> fmt::Result {
    violations.iter().take(SHOWN).try_for_each(|violation| row(f, "violation", violation))
}

fn uses(f: &mut fmt::Formatter<'_>, what: &str, server: Option<&ServerUse>, client: &ClientUse) -> fmt::Result {
    if let Some(server) = server {
        row(f, "per CPU second", format_args!("{:.0} {what} per second of server CPU", server.per_cpu_second))?;
        let resident = server.resident / 1024;
        row(f, "server", format_args!("{:.0} % of a core, {resident} KiB resident", server.share * 100.0))?;
    }
    row(f, "client", format_args!("{:.0} % of a core", client.share * 100.0))
}

impl ClientUse {
    /// How much of its CPU time was user code.
    pub(crate) fn user_share(&self) -> Option<f64> {
        self.user_seconds.map(|user| user / self.cpu_seconds).filter(|share| share.is_finite())
    }

    /// Adds another load process's; the share is that of the busier.
    pub(crate) fn add(&mut self, other: &Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.user_seconds = self.user_seconds.zip(other.user_seconds).map(|(user, more)| user + more);
        self.share = self.share.max(other.share);
    }
}

impl fmt::Display for EchoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", &plan.target)?;
        let deflate = if plan.deflate.is_some() { ", deflate" } else { "" };
        let (size, connections, in_flight) = (plan.size, plan.connections, plan.in_flight);
        row(f, "echo", format_args!("{size} B × {connections} connections × {in_flight} in flight{deflate}"))?;
        let (messages, seconds) = (self.messages, self.seconds);
        row(f, "rate", format_args!("{:.0} messages per second ({messages} in {seconds:.2} s)", self.per_second))?;
        uses(f, "messages", self.server.as_ref(), &self.client)?;
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}

impl fmt::Display for IdleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "target", &self.plan.target)?;
        let (connections, seconds) = (self.plan.connections, self.opening_seconds);
        row(f, "idle", format_args!("{connections} connections, opened in {seconds:.2} s"))?;
        uses(f, "connections opened", self.server.as_ref(), &self.client)?;
        if let (Some(before), Some(after), Some(each)) =
            (self.resident_before, self.resident_after, self.resident_per_connection)
        {
            row(f, "memory", format_args!("{each:.0} B resident per connection ({before} to {after})"))?;
        }
        if let Some(IdleHold { seconds, pings, cpu_microseconds }) = self.hold {
            let cpu = cpu_microseconds.map(|each| format!(", {each:.2} µs of server CPU a second per connection"));
            row(f, "held", format_args!("{seconds:.1} s, {pings} pings{}", cpu.unwrap_or_default()))?;
        }
        if let Some(kernel) = &self.kernel {
            let (slab, tcp) = (kernel.slab_per_connection, kernel.tcp_per_connection);
            row(f, "kernel", format_args!("{slab:.0} B slab, {tcp:.0} B TCP memory per connection, both ends"))?;
        }
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "target", &self.plan.target)?;
        let closing = if self.plan.closing_handshake { "with" } else { "without" };
        row(f, "connect", format_args!("{} at a time, {closing} closing handshake", self.plan.concurrency))?;
        let (handshakes, seconds) = (self.handshakes, self.seconds);
        row(f, "rate", format_args!("{:.0} handshakes per second ({handshakes} in {seconds:.2} s)", self.per_second))?;
        uses(f, "handshakes", self.server.as_ref(), &self.client)?;
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_load_processes_use_is_added_up() {
        let of = |user_seconds, share| ClientUse { cpu_seconds: 2.0, user_seconds, share };
        let mut all = of(Some(0.5), 0.2);
        all.add(&of(Some(1.5), 0.4));
        assert_eq!((all, all.user_share()), (ClientUse { cpu_seconds: 4.0, ..of(Some(2.0), 0.4) }, Some(0.5)));
        all.add(&of(None, 0.3));
        assert_eq!((all.user_seconds, all.share), (None, 0.4));
        assert_eq!(ClientUse { cpu_seconds: 0.0, user_seconds: Some(0.0), share: 0.0 }.user_share(), None);
    }

    #[test]
    fn who_sends_late_is_client_bound() {
        let client = ClientUse { cpu_seconds: 1.0, user_seconds: None, share: 0.1 };
        let verdict = |is_faulty, milliseconds: u64| {
            let mut lag = Distribution::default();
            lag.record(milliseconds * 1_000_000);
            Verdict::of_times(is_faulty, &client, &lag)
        };
        assert_eq!([(false, 49), (false, 51)].map(|(is, ms)| verdict(is, ms)), [Verdict::Fine, Verdict::ClientBound]);
        assert_eq!(verdict(true, 51), Verdict::Faulty);
        assert_eq!(Verdict::of_times(false, &client, &Distribution::default()), Verdict::Fine);
    }
}
