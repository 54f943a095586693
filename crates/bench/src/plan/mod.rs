//! What to run.

mod chat;
mod churn;
mod fanout;
mod hold;
mod load;
mod resume;
mod shootout;
mod talk;
mod transport;

pub use self::chat::{ChatPlan, MAX_STRETCHES};
pub use self::churn::{Arrivals, ChurnPlan};
pub use self::fanout::{FanoutPlan, MAX_RATE};
pub use self::hold::HoldPlan;
pub use self::load::{
    Headers, LoadPlan, MAX_DURATION, MAX_PROCESSES, MAX_ROOMS, MAX_ROOMS_PER_CLIENT, MIN_LOAD_SIZE, Traffic,
};
pub use self::resume::{Kill, MAX_KILLS, ResumePlan};
pub use self::shootout::{Ask, MAX_SAMPLES, ShootoutPlan};
pub use self::talk::{MAX_PUBLICATIONS, Talk};
pub use self::transport::Transport;

use crate::{Content, Error, Target, seconds};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// Most connections of one plan: 1,000,000. The descriptors of the process are checked besides.
pub const MAX_CONNECTIONS: usize = 1_000_000;
/// Longest message: 64 MiB.
pub const MAX_MESSAGE_SIZE: usize = 64 << 20;
/// Most messages in flight on one connection: 65,536.
pub const MAX_IN_FLIGHT: usize = 65_536;
/// Most bytes in flight on one connection: 256 MiB.
pub const MAX_IN_FLIGHT_BYTES: usize = 256 << 20;

/// After how many messages a session's are acknowledged: half of what the protocol allows at most.
pub const ACKNOWLEDGE_EVERY: usize = 32;

/// Text or binary messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 has these two")]
pub enum MessageKind {
    /// Text: the server has to check its UTF-8.
    Text,
    /// Binary, the default.
    #[default]
    Binary,
}

/// Which permessage-deflate (RFC 7692) to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Deflate {
    /// No context takeover either way: a server can share one codec among its connections.
    Shared,
    /// A server may keep a context for each connection. What is sent refers to no earlier message even so, because it is
    /// compressed before the run.
    Takeover,
}

/// One of the scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "scenario")]
#[non_exhaustive]
pub enum Plan {
    /// Messages to and fro.
    Echo(EchoPlan),
    /// One message to many.
    Fanout(FanoutPlan),
    /// Connections that do nothing.
    Idle(IdlePlan),
    /// Opening and closing handshakes.
    Connect(ConnectPlan),
    /// Many connections for a long time.
    Hold(HoldPlan),
    /// Messages at fixed times, over any transport.
    Load(LoadPlan),
    /// Sessions whose carriers, or whose server, are killed.
    Resume(ResumePlan),
    /// Clients that come and go.
    Churn(ChurnPlan),
    /// A mix of everything, for a long time.
    Chat(ChatPlan),
    /// The websocket-shootout protocol.
    Shootout(ShootoutPlan),
}

impl Plan {
    /// The server that it is for.
    #[must_use]
    pub fn target(&self) -> &Target {
        match self {
            Self::Echo(plan) => &plan.target,
            Self::Fanout(plan) => &plan.target,
            Self::Idle(plan) => &plan.target,
            Self::Connect(plan) => &plan.target,
            Self::Hold(plan) => &plan.target,
            Self::Load(plan) => &plan.target,
            Self::Resume(plan) => &plan.target,
            Self::Churn(plan) => &plan.target,
            Self::Chat(plan) => &plan.target,
            Self::Shootout(plan) => &plan.target,
        }
    }

    /// The server's process, where it was named; holding connections looks at none.
    pub(crate) fn server_pid(&self) -> Option<u32> {
        match self {
            Self::Echo(plan) => plan.server_pid,
            Self::Fanout(plan) => plan.server_pid,
            Self::Idle(plan) => plan.server_pid,
            Self::Connect(plan) => plan.server_pid,
            Self::Hold(_) => None,
            Self::Load(plan) => plan.server_pid,
            Self::Resume(plan) => plan.server_pid,
            Self::Churn(plan) => plan.server_pid,
            Self::Chat(plan) => plan.server_pid,
            Self::Shootout(plan) => plan.server_pid,
        }
    }

    /// That it is within its bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Echo(plan) => plan.check(),
            Self::Fanout(plan) => plan.check(),
            Self::Idle(plan) => plan.check(),
            Self::Connect(plan) => plan.check(),
            Self::Hold(plan) => plan.check(),
            Self::Load(plan) => plan.check(),
            Self::Resume(plan) => plan.check(),
            Self::Churn(plan) => plan.check(),
            Self::Chat(plan) => plan.check(),
            Self::Shootout(plan) => plan.check(),
        }
    }

    /// Leaves the target's scheme and path, and puts it at another address.
    pub(crate) fn set_address(&mut self, address: SocketAddr) {
        let target = match self {
            Self::Echo(plan) => &mut plan.target,
            Self::Fanout(plan) => &mut plan.target,
            Self::Idle(plan) => &mut plan.target,
            Self::Connect(plan) => &mut plan.target,
            Self::Hold(plan) => &mut plan.target,
            Self::Load(plan) => &mut plan.target,
            Self::Resume(plan) => &mut plan.target,
            Self::Churn(plan) => &mut plan.target,
            Self::Chat(plan) => &mut plan.target,
            Self::Shootout(plan) => &mut plan.target,
        };
        *target = target.at(address);
    }

    /// Puts a proxy in front of the server. Whoever looks at the server's sockets is told where they are.
    pub(crate) fn set_proxy(&mut self, proxy: SocketAddr, server: SocketAddr) {
        self.set_address(proxy);
        if let Self::Load(plan) = self {
            plan.server_address = Some(server);
        }
    }

    /// Names the server's process; holding connections looks at none.
    pub(crate) fn set_server_pid(&mut self, pid: u32) {
        let server_pid = match self {
            Self::Echo(plan) => &mut plan.server_pid,
            Self::Fanout(plan) => &mut plan.server_pid,
            Self::Idle(plan) => &mut plan.server_pid,
            Self::Connect(plan) => &mut plan.server_pid,
            Self::Hold(_) => return,
            Self::Load(plan) => &mut plan.server_pid,
            Self::Resume(plan) => &mut plan.server_pid,
            Self::Churn(plan) => &mut plan.server_pid,
            Self::Chat(plan) => &mut plan.server_pid,
            Self::Shootout(plan) => &mut plan.server_pid,
        };
        *server_pid = Some(pid);
    }
}

/// Messages to and fro: each connection keeps some in flight, and sends the next when an answer comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EchoPlan {
    /// The echo server.
    pub target: Target,
    /// Length of a message in bytes, at most [`MAX_MESSAGE_SIZE`]; 125 by default.
    pub size: usize,
    /// Text or binary.
    pub kind: MessageKind,
    /// What messages say.
    pub content: Content,
    /// permessage-deflate; `None`, the default, offers no extension.
    pub deflate: Option<Deflate>,
    /// Whether to open resumable sessions (subprotocol `bowline.v1`) instead of bare WebSockets; off by default. What comes is
    /// acknowledged each [`ACKNOWLEDGE_EVERY`] messages.
    #[serde(default)]
    pub session: bool,
    /// Open connections, 1 to [`MAX_CONNECTIONS`]; 64 by default.
    pub connections: usize,
    /// Messages in flight on each connection, 1 to [`MAX_IN_FLIGHT`]; 1 by default.
    pub in_flight: usize,
    /// Whether to ask for answers without ever sleeping; off by default. Then no server pays for waking the load generator
    /// up, which costs more the faster it is, and the load generator takes a core for itself.
    #[serde(default)]
    pub busy_poll: bool,
    /// How long to run before measuring; 1 s by default.
    #[serde(with = "seconds")]
    pub warm_up: Duration,
    /// How long to measure; 5 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long to wait for the last answers once nothing new is sent and nothing comes; 2 s by default. What is missing
    /// then is lost.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long opening may stand still; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
}

impl EchoPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            size: 125,
            kind: MessageKind::default(),
            content: Content::default(),
            deflate: None,
            session: false,
            connections: 64,
            in_flight: 1,
            busy_poll: false,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(2),
            open_timeout: Duration::from_secs(10),
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("message size", self.size, 0, MAX_MESSAGE_SIZE)?;
        bounds("number of connections", self.connections, 1, MAX_CONNECTIONS)?;
        bounds("number of messages in flight", self.in_flight, 1, MAX_IN_FLIGHT)?;
        bounds("number of bytes in flight", self.in_flight.saturating_mul(self.size), 0, MAX_IN_FLIGHT_BYTES)?;
        if self.deflate.is_some() && self.target.protocol() == crate::Protocol::Raw {
            return Err(Error::Plan { problem: "a tcp:// server knows no permessage-deflate".into() });
        }
        if self.session && self.target.protocol() == crate::Protocol::Raw {
            return Err(Error::Plan { problem: "a tcp:// server knows no sessions".into() });
        }
        if self.session && self.kind == MessageKind::Text {
            return Err(Error::Plan { problem: "with a session messages are binary: its own records are text".into() });
        }
        not_http(&self.target)
    }
}

/// Connections that do nothing: what one costs in resident memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IdlePlan {
    /// The server; it must echo if `messages` isn't 0.
    pub target: Target,
    /// What carries a connection; a bare WebSocket by default.
    #[serde(default)]
    pub transport: Transport,
    /// Connections to hold open, 1 to [`MAX_CONNECTIONS`]; 19,000 by default: one process's share of 20,000 descriptors.
    pub connections: usize,
    /// Connections opened before the first look at the server's memory, so that what the first few cause for good (code paged
    /// in, tables allocated) is not counted as theirs; 100 by default. They are besides `connections`.
    pub settling: usize,
    /// Messages of 125 bytes echoed on each connection before it falls idle, 0 to [`MAX_IN_FLIGHT`]; 1 by default. None over
    /// HTTP, where a connection is what is told of at once.
    pub messages: usize,
    /// How long the connections are idle before the second look; 2 s by default. The server's CPU time meanwhile is what it
    /// takes to keep them: pings are answered.
    #[serde(with = "seconds")]
    pub hold: Duration,
    /// How long opening, or the answers, may stand still; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine. Without it there is only the kernel's share to report.
    pub server_pid: Option<u32>,
}

impl IdlePlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            transport: Transport::default(),
            connections: 19_000,
            settling: 100,
            messages: 1,
            hold: Duration::from_secs(2),
            open_timeout: Duration::from_secs(10),
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("number of connections", self.connections, 1, MAX_CONNECTIONS)?;
        bounds("number of settling connections", self.settling, 0, MAX_CONNECTIONS)?;
        bounds("number of messages", self.messages, 0, MAX_IN_FLIGHT)?;
        self.transport.check(&self.target)
    }
}

/// Connections opened and closed without a pause.
///
/// A WebSocket target gets the opening handshake and, unless switched off, the closing one (RFC 6455 §7.1.1: the server hangs
/// up first). A `tcp://` target gets the same bytes, and is expected to answer a request head with any head, and 8 bytes with 4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConnectPlan {
    /// The server.
    pub target: Target,
    /// Handshakes at a time, 1 to [`MAX_CONNECTIONS`]; 64 by default.
    pub concurrency: usize,
    /// Whether to close by handshake (the default) or to hang up once the server has answered.
    pub closing_handshake: bool,
    /// How long to run before measuring; 0.5 s by default.
    #[serde(with = "seconds")]
    pub warm_up: Duration,
    /// How long to measure; 5 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long everything may stand still; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time.
    pub server_pid: Option<u32>,
}

impl ConnectPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            concurrency: 64,
            closing_handshake: true,
            warm_up: Duration::from_millis(500),
            duration: Duration::from_secs(5),
            open_timeout: Duration::from_secs(10),
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("number of handshakes at a time", self.concurrency, 1, MAX_CONNECTIONS)?;
        not_http(&self.target)
    }
}

/// What speaks WebSocket alone needs the address of one: an `http://` mount has several.
pub(super) fn not_http(target: &Target) -> Result<(), Error> {
    if target.protocol() == crate::Protocol::Http {
        let problem = format!("this takes the address of a WebSocket itself, ws://HOST[:PORT][/PATH], not {target}");
        return Err(Error::Plan { problem });
    }
    Ok(())
}

pub(crate) fn bounds(what: &str, value: usize, min: usize, max: usize) -> Result<(), Error> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::Plan { problem: format!("the {what} must be {min} to {max}, not {value}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> EchoPlan {
        EchoPlan::new("ws://127.0.0.1:1/".parse().unwrap())
    }

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut EchoPlan)| {
            let mut plan = echo();
            change(&mut plan);
            plan.check().is_ok()
        };
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE));
        assert!(!with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(|plan| plan.connections = MAX_CONNECTIONS));
        assert!(!with(|plan| plan.connections = MAX_CONNECTIONS + 1));
        assert!(!with(|plan| plan.connections = 0));
        assert!(with(|plan| (plan.size, plan.in_flight) = (1, MAX_IN_FLIGHT)));
        assert!(!with(|plan| (plan.size, plan.in_flight) = (1, MAX_IN_FLIGHT + 1)));
        assert!(with(|plan| (plan.size, plan.in_flight) = (1 << 20, MAX_IN_FLIGHT_BYTES >> 20)));
        assert!(!with(|plan| (plan.size, plan.in_flight) = (1 << 20, (MAX_IN_FLIGHT_BYTES >> 20) + 1)));
    }

    #[test]
    fn deflate_needs_websocket() {
        let mut plan = EchoPlan::new("tcp://127.0.0.1:1".parse().unwrap());
        assert!(plan.check().is_ok());
        plan.deflate = Some(Deflate::Shared);
        assert!(plan.check().unwrap_err().to_string().contains("permessage-deflate"));
    }
}
