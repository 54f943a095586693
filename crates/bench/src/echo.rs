//! Messages to and fro.

use crate::cycle::{Cycle, READ_BUFFER};
use crate::handshake::Handshake;
use crate::lane::Lane;
use crate::open::{self, Open, Opener};
use crate::polls::Polls;
use crate::process::{Meter, float};
use crate::steps::Steps;
use crate::{EchoPlan, EchoReport, Error, Event, Faults, Phase, SCHEMA_VERSION, Verdict, dial, frame};
use mio::net::TcpStream;
use mio::{Events, Poll};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Bytes that one connection may read in its turn, so that none keeps the others waiting.
const TURN: usize = 16 * READ_BUFFER;

pub(crate) fn run(plan: &EchoPlan, tell: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<EchoReport, Error> {
    plan.check()?;
    dial::reserve(plan.connections)?;
    let meter = Meter::new(plan.server_pid)?;
    let cycle = Cycle::new(plan)?;
    let mut poll = Poll::new().map_err(Error::io("make a poller"))?;
    let handshake = Handshake::with(&plan.target, plan.deflate, plan.session);
    let open = Opener::new(&mut poll, &plan.target, &handshake, plan.open_timeout)?.open(0, plan.connections)?;

    let mut load = Load::new(poll, cycle, Kind { deflate: plan.deflate.is_some(), session: plan.session });
    load.add(open);
    load.polls = Polls::new(plan.busy_poll);
    load.start(plan.in_flight);
    let mut steps = Steps::new(plan.connections, tell);
    steps.take(Phase::WarmUp, plan.warm_up, |time| load.run_for(time).map(|()| load.answered))?;
    let (start, before) = (meter.sample()?, load.answered);
    load.polls.reset();
    steps.take(Phase::Steady, plan.duration, |time| load.run_for(time).map(|()| load.answered))?;
    let interrupted = steps.is_broken_off();
    let messages = load.answered - before;
    let mut usage = meter.usage(&start, messages)?;
    if plan.busy_poll {
        usage.client.share = load.polls.useful();
    }
    load.drain(plan.drain_timeout)?;
    let faults = load.finish();
    Ok(EchoReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        seconds: usage.seconds,
        messages,
        per_second: float(messages) / usage.seconds,
        server: usage.server,
        client: usage.client,
        interrupted,
        verdict: Verdict::of(&faults, &usage.client),
        faults,
    })
}

/// A number of connections and what they carry.
pub(crate) struct Load {
    poll: Poll,
    connections: Vec<Connection>,
    kind: Kind,
    cycle: Cycle,
    buffer: Vec<u8>,
    /// Whether an answer is followed by another message.
    sending: bool,
    answered: u64,
    outstanding: usize,
    /// Connections with more to read than their turn allowed: epoll tells only what is new.
    unfinished: Vec<usize>,
    polls: Polls,
    faults: Faults,
}

/// What its connections have agreed on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    pub(crate) deflate: bool,
    pub(crate) session: bool,
}

struct Connection {
    /// `None` once it is of no more use.
    socket: Option<TcpStream>,
    lane: Lane,
}

impl Load {
    pub(crate) fn new(poll: Poll, cycle: Cycle, kind: Kind) -> Self {
        Self {
            poll,
            connections: Vec::new(),
            kind,
            cycle,
            buffer: vec![0; READ_BUFFER],
            sending: true,
            answered: 0,
            outstanding: 0,
            unfinished: Vec::new(),
            polls: Polls::default(),
            faults: Faults::default(),
        }
    }

    /// Takes connections on. What came with the server's answer counts as traffic, and is not expected.
    pub(crate) fn add(&mut self, open: Vec<Open>) {
        for Open { socket, surplus } in open {
            let index = self.connections.len();
            let lane = Lane::new(self.kind.deflate, self.kind.session);
            self.connections.push(Connection { socket: Some(socket), lane });
            if !surplus.is_empty() {
                let lane = &mut self.connections[index].lane;
                if let Err(why) = lane.receive(&surplus, &self.cycle, &mut self.faults) {
                    self.give_up(index, &why);
                }
            }
        }
    }

    pub(crate) fn poll(&mut self) -> &mut Poll {
        &mut self.poll
    }

    /// Sends the first messages on all connections.
    pub(crate) fn start(&mut self, in_flight: usize) {
        self.start_from(0, in_flight);
    }

    /// The same on those from number `first` on.
    pub(crate) fn start_from(&mut self, first: usize, in_flight: usize) {
        for index in first..self.connections.len() {
            if self.connections[index].socket.is_some() {
                self.connections[index].lane.queue(in_flight, &self.cycle);
                self.outstanding += in_flight;
                self.write(index);
            }
        }
    }

    /// Reads what has come on any connection, told of or not.
    pub(crate) fn look(&mut self) {
        (0..self.connections.len()).for_each(|index| self.serve(index, true));
    }

    /// Pings that came, on all connections.
    pub(crate) fn pings(&self) -> u64 {
        self.connections.iter().map(|connection| connection.lane.pings()).sum()
    }

    pub(crate) fn run_for(&mut self, duration: Duration) -> Result<(), Error> {
        let end = Instant::now() + duration;
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            self.turn(&mut events, wait)?;
        }
    }

    /// Sends nothing new, and waits for what is outstanding.
    pub(crate) fn drain(&mut self, timeout: Duration) -> Result<(), Error> {
        self.sending = false;
        let mut events = Events::with_capacity(1024);
        let mut last = (Instant::now(), self.answered);
        while self.outstanding > 0 && last.0.elapsed() < timeout {
            self.turn(&mut events, timeout.saturating_sub(last.0.elapsed()))?;
            if self.answered != last.1 {
                last = (Instant::now(), self.answered);
            }
        }
        // One more turn when all has come shows what came too much.
        self.turn(&mut events, Duration::from_millis(20).min(timeout))
    }

    /// Counts what is missing, and closes.
    pub(crate) fn finish(mut self) -> Faults {
        for connection in &mut self.connections {
            let missing = connection.lane.outstanding() as u64;
            if missing > 0 {
                self.faults.lost += missing;
                self.faults.note(|| format!("{missing} answers never came on a connection"));
            }
            if let Some(socket) = &mut connection.socket
                && self.cycle.framed()
                && connection.lane.between_frames(&self.cycle)
            {
                // A courtesy: the figures are taken, and a server that is gone needs no goodbye.
                let _unheard = socket.write(frame::CLOSE_NORMALLY);
            }
        }
        self.faults
    }

    fn turn(&mut self, events: &mut Events, wait: Duration) -> Result<(), Error> {
        if self.polls.busy || !self.unfinished.is_empty() {
            open::poll_now(&mut self.poll, events)?;
        } else {
            open::poll(&mut self.poll, events, wait)?;
        }
        self.polls.count(!events.is_empty());
        for index in std::mem::take(&mut self.unfinished) {
            self.serve(index, true);
        }
        for event in &*events {
            self.serve(event.token().0, event.is_read_closed());
        }
        Ok(())
    }

    /// Reads what has come on a connection, and writes what that makes room for; up to its end where
    /// that is known to be there, or may be.
    fn serve(&mut self, index: usize, to_end: bool) {
        let Some(Connection { socket: Some(socket), lane }) = self.connections.get_mut(index) else { return };
        let outstanding = lane.outstanding();
        let mut turn = 0;
        let end = loop {
            match socket.read(&mut self.buffer) {
                Ok(0) => break Err("the server hung up".to_owned()),
                Ok(count) => {
                    if let Err(why) = lane.receive(&self.buffer[..count], &self.cycle, &mut self.faults) {
                        break Err(why);
                    }
                    turn += count;
                    // A read that did not fill the buffer emptied the socket: epoll tells when there is more, but for an end
                    // that it told of in the same breath.
                    if count < self.buffer.len() && !to_end {
                        break Ok(());
                    }
                    if turn >= TURN {
                        self.unfinished.push(index);
                        break Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(format!("a connection broke: {error}")),
            }
        };
        let answered = outstanding - lane.outstanding();
        self.answered += answered as u64;
        self.outstanding -= answered;
        if let Err(why) = end {
            self.give_up(index, &why);
            return;
        }
        if self.sending && answered > 0 {
            lane.queue(answered, &self.cycle);
            self.outstanding += answered;
        }
        self.write(index);
    }

    fn write(&mut self, index: usize) {
        let Some(Connection { socket: Some(socket), lane }) = self.connections.get_mut(index) else { return };
        loop {
            let bytes = lane.to_write(&self.cycle);
            if bytes.is_empty() {
                return;
            }
            match socket.write(bytes) {
                Ok(count) => lane.wrote(count, &self.cycle),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.give_up(index, &format!("a connection broke: {error}"));
                    return;
                }
            }
        }
    }

    /// Its messages stay outstanding, and are counted as lost; nobody waits for them.
    fn give_up(&mut self, index: usize, why: &str) {
        let connection = &mut self.connections[index];
        connection.socket = None;
        self.outstanding -= connection.lane.outstanding();
        self.faults.closed += 1;
        self.faults.note(|| why.to_owned());
    }
}
