//! Connections that do nothing.

mod http;

use self::http::Sessions;
use crate::cycle::Cycle;
use crate::echo::{Kind, Load};
use crate::handshake::Handshake;
use crate::open::Opener;
use crate::process::{Meter, float, kernel_memory, resident};
use crate::steps::Steps;
use crate::{
    EchoPlan, Error, Event, Faults, IdleHold, IdlePlan, IdleReport, KernelMemory, Phase, SCHEMA_VERSION, Transport,
    Verdict, dial,
};
use mio::Poll;
use std::ops::ControlFlow;
use std::time::Duration;

pub(crate) fn run(plan: &IdlePlan, tell: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<IdleReport, Error> {
    plan.check()?;
    dial::reserve(plan.connections + plan.settling)?;
    let meter = Meter::new(plan.server_pid)?;
    let mut crowd = Crowd::new(plan)?;
    crowd.open(plan.settling)?;
    crowd.run_for(SETTLE)?;
    let before = Look::take(plan)?;
    let start = meter.sample()?;
    crowd.open(plan.connections)?;
    let opening = meter.usage(&start, plan.connections as u64)?;
    let (start, pings) = (meter.sample()?, crowd.pings());
    let mut steps = Steps::new(plan.connections, tell);
    steps.take(Phase::Steady, plan.hold, |time| crowd.run_for(time).map(|()| crowd.pings()))?;
    let interrupted = steps.is_broken_off();
    let held = meter.usage(&start, 0)?;
    let count = (plan.settling + plan.connections) as u64;
    let hold = (!plan.hold.is_zero()).then(|| IdleHold {
        seconds: held.seconds,
        pings: crowd.pings() - pings,
        cpu_microseconds: held.server.map(|server| server.cpu_seconds / held.seconds / float(count) * 1e6),
    });
    let after = Look::take(plan)?;
    let faults = crowd.finish();
    Ok(IdleReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        opening_seconds: opening.seconds,
        server: opening.server,
        client: opening.client,
        resident_before: before.resident,
        resident_after: after.resident,
        resident_per_connection: each(before.resident, after.resident, plan),
        hold,
        kernel: before.kernel.zip(after.kernel).and_then(|(before, after)| {
            Some(KernelMemory {
                slab_per_connection: each(Some(before.0), Some(after.0), plan)?,
                tcp_per_connection: each(Some(before.1), Some(after.1), plan)?,
            })
        }),
        interrupted,
        // A busy load generator opens more slowly; what a connection weighs is the same.
        verdict: if faults.any() { Verdict::Faulty } else { Verdict::Fine },
        faults,
    })
}

/// Connections by what carries them.
enum Crowd<'a> {
    WebSocket { plan: &'a IdlePlan, handshake: Handshake, load: Load, count: usize },
    Http(Sessions),
}

impl<'a> Crowd<'a> {
    fn new(plan: &'a IdlePlan) -> Result<Self, Error> {
        if plan.transport.is_http() {
            return Sessions::new(plan).map(Self::Http);
        }
        let mut echo = EchoPlan::new(plan.target.clone());
        echo.in_flight = plan.messages.max(1);
        let poll = Poll::new().map_err(Error::io("make a poller"))?;
        let session = plan.transport == Transport::WebSocket;
        let handshake = Handshake::with(&plan.target, None, session);
        let load = Load::new(poll, Cycle::new(&echo)?, Kind { session, deflate: false });
        Ok(Self::WebSocket { plan, handshake, load, count: 0 })
    }

    fn open(&mut self, more: usize) -> Result<(), Error> {
        let (plan, handshake, load, count) = match self {
            Self::WebSocket { plan, handshake, load, count } => (plan, handshake, load, count),
            Self::Http(sessions) => return sessions.open(more),
        };
        // Tokens are numbers of connections, so that one batch goes on where the last one ended.
        let open = Opener::new(load.poll(), &plan.target, handshake, plan.open_timeout)?.open(*count, more)?;
        load.add(open);
        load.start_from(*count, plan.messages);
        // Opening looks at new connections only: a ping that came on another meanwhile is still to be answered.
        load.look();
        *count += more;
        load.drain(plan.open_timeout)
    }

    fn run_for(&mut self, duration: Duration) -> Result<(), Error> {
        match self {
            Self::WebSocket { load, .. } => load.run_for(duration),
            Self::Http(sessions) => sessions.run_for(duration),
        }
    }

    /// Pings that were answered, or polls.
    fn pings(&self) -> u64 {
        match self {
            Self::WebSocket { load, .. } => load.pings(),
            Self::Http(sessions) => sessions.polls(),
        }
    }

    fn finish(self) -> Faults {
        match self {
            Self::WebSocket { load, .. } => load.finish(),
            Self::Http(sessions) => sessions.finish(),
        }
    }
}

/// How long the settling connections are left alone before the first look.
const SETTLE: Duration = Duration::from_millis(300);

/// One look at the memory.
struct Look {
    resident: Option<u64>,
    kernel: Option<(u64, u64)>,
}

impl Look {
    fn take(plan: &IdlePlan) -> Result<Self, Error> {
        let resident = match plan.server_pid {
            Some(pid) => Some(resident(pid).map_err(|source| Error::Server { pid, source })?),
            None => None,
        };
        Ok(Self { resident, kernel: kernel_memory() })
    }
}

/// The difference for each connection; memory that shrank is below zero.
fn each(before: Option<u64>, after: Option<u64>, plan: &IdlePlan) -> Option<f64> {
    Some((float(after?) - float(before?)) / float(plan.connections as u64))
}
