//! Many connections, held for a long time.

mod arrivals;

use self::arrivals::Arrivals;
use crate::dial::{self, Dialer};
use crate::frame;
use crate::handshake::Handshake;
use crate::open::{self, not_yet};
use crate::parser::closed;
use crate::process::{Meter, monotonic_nanoseconds, resident};
use crate::{Error, Event, Faults, HoldPlan, HoldReport, Phase, Progress, SCHEMA_VERSION, Verdict};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Opening handshakes at a time: below any backlog.
const AT_A_TIME: usize = 100;
/// Longest wait for events: the next connection may be due, and the rate needs no finer grain.
const TICK: Duration = Duration::from_millis(5);
/// How often to tell how it stands.
const STATUS: Duration = Duration::from_secs(5);
/// How often to tell how far it is.
const PROGRESS: Duration = Duration::from_millis(250);
/// Length of the one buffer that all connections read into.
const BUFFER: usize = 64 * 1024;
/// Bytes of a frame that is not whole yet, for one connection: longer publications can't be counted.
const MAX_PARTIAL: usize = 1 << 20;

pub(crate) fn run(plan: &HoldPlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<HoldReport, Error> {
    plan.check()?;
    let enough = Cell::new(false);
    let tell = &mut |event: &Event| {
        if tell(event).is_break() {
            enough.set(true);
        }
    };
    dial::reserve(plan.connections)?;
    let meter = Meter::new(None)?;
    let start = meter.sample()?;
    let handshake = Handshake::new(&plan.target, None);
    let mut crowd = Crowd::new(plan, &handshake)?;
    let began = Instant::now();
    crowd.open(began, &enough, tell)?;
    let opening_seconds = began.elapsed().as_secs_f64();
    tell(&Event::Open { connections: crowd.open, seconds: opening_seconds, refused: crowd.refused });
    crowd.hold(plan.hold, &enough, tell)?;
    let usage = meter.usage(&start, 0)?;
    Ok(HoldReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        opening_seconds,
        refused: crowd.refused,
        connections: crowd.open,
        pings: crowd.pings,
        publications: crowd.arrivals.complete(),
        resident: resident(std::process::id()).ok(),
        interrupted: enough.get(),
        verdict: Verdict::of(&crowd.faults, &usage.client),
        client: usage.client,
        faults: crowd.faults,
    })
}

/// Connections, most of which are a descriptor and a number.
struct Crowd<'a> {
    plan: &'a HoldPlan,
    handshake: &'a Handshake,
    dialer: Dialer,
    poll: Poll,
    members: Vec<Member>,
    /// Handshakes under way, by number of the member.
    opening: HashMap<usize, Opening>,
    /// Beginnings of frames, by number of the member.
    partial: HashMap<usize, Vec<u8>>,
    buffer: Vec<u8>,
    pong: Vec<u8>,
    open: usize,
    refused: u64,
    pings: u64,
    arrivals: Arrivals,
    /// Whether all are open: publications count from then on.
    complete: bool,
    /// When it was told how far it is.
    told: Instant,
    faults: Faults,
}

struct Member {
    socket: Option<TcpStream>,
    /// Publications it got since all were open.
    publications: u32,
}

#[derive(Default)]
struct Opening {
    written: usize,
    answer: Vec<u8>,
}

impl<'a> Crowd<'a> {
    fn new(plan: &'a HoldPlan, handshake: &'a Handshake) -> Result<Self, Error> {
        Ok(Self {
            plan,
            handshake,
            dialer: Dialer::new(&plan.target)?.skipping(plan.skip_sources),
            poll: Poll::new().map_err(Error::io("make a poller"))?,
            members: Vec::with_capacity(plan.connections),
            opening: HashMap::new(),
            partial: HashMap::new(),
            buffer: vec![0; BUFFER],
            pong: Vec::new(),
            open: 0,
            refused: 0,
            pings: 0,
            arrivals: Arrivals::default(),
            complete: false,
            told: Instant::now(),
            faults: Faults::default(),
        })
    }

    /// Opens all connections, at the plan's rate.
    fn open(&mut self, began: Instant, enough: &Cell<bool>, tell: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        let (mut most, mut since) = (0, Instant::now());
        let mut begun = 0_u32;
        let mut again = Vec::new();
        // One that was open, and closed since, is a fault, and not begun again.
        let all = self.plan.connections;
        while !enough.get() && (self.members.len() < all || !self.opening.is_empty() || !again.is_empty()) {
            self.progress(Phase::Ramp, began, all as f64 / self.plan.rate as f64, tell);
            let due = began.elapsed().as_secs_f64() * self.plan.rate as f64;
            while f64::from(begun) < due && self.opening.len() < AT_A_TIME {
                let index = match again.pop() {
                    Some(index) => index,
                    None if self.members.len() < self.plan.connections => self.members.len(),
                    None => break,
                };
                self.begin(index)?;
                begun += 1;
            }
            open::poll(&mut self.poll, &mut events, TICK)?;
            for event in &events {
                let index = event.token().0;
                if self.opening.contains_key(&index) {
                    if let Err(error) = self.advance(index, tell) {
                        self.refuse(index, error)?;
                        again.push(index);
                    }
                } else {
                    self.serve(index, event.is_read_closed(), tell);
                }
            }
            if self.open > most {
                (most, since) = (self.open, Instant::now());
            } else if since.elapsed() >= self.plan.open_timeout {
                return Err(Error::opening(self.open, self.plan.connections, self.plan.open_timeout));
            }
        }
        self.complete = true;
        Ok(())
    }

    fn hold(&mut self, duration: Duration, enough: &Cell<bool>, tell: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        let began = Instant::now();
        let (end, mut status) = (began + duration, began + STATUS);
        loop {
            let now = Instant::now();
            if now >= end || enough.get() {
                return Ok(());
            }
            if now >= status {
                let arrived = self.arrivals.under_way();
                tell(&Event::Status { connections: self.open, pings: self.pings, arrived });
                status = now + STATUS;
            }
            self.progress(Phase::Steady, began, duration.as_secs_f64(), tell);
            open::poll(&mut self.poll, &mut events, (end.min(status) - now).min(PROGRESS))?;
            for event in &events {
                self.serve(event.token().0, event.is_read_closed(), tell);
            }
        }
    }

    /// Tells how far it is, now and then.
    fn progress(&mut self, phase: Phase, began: Instant, of: f64, tell: &mut dyn FnMut(&Event)) {
        let since = self.told.elapsed();
        if since < PROGRESS {
            return;
        }
        self.told += since;
        let mut progress = Progress::new(phase, began.elapsed().as_secs_f64(), of, self.open);
        progress.faults = self.faults.closed;
        tell(&Event::Progress(progress));
    }

    fn begin(&mut self, index: usize) -> Result<(), Error> {
        let mut socket = self.dialer.dial()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(index), interest).map_err(Error::io("watch a socket"))?;
        let member = Member { socket: Some(socket), publications: 0 };
        match self.members.get_mut(index) {
            Some(slot) => *slot = member,
            None => self.members.push(member),
        }
        self.opening.insert(index, Opening::default());
        Ok(())
    }

    /// One more refusal; too many of them end the run with the last.
    fn refuse(&mut self, index: usize, error: Error) -> Result<(), Error> {
        self.opening.remove(&index);
        self.members[index].socket = None;
        self.refused += 1;
        if self.refused >= self.plan.connections as u64 { Err(error) } else { Ok(()) }
    }

    /// Goes on with a handshake after an event.
    fn advance(&mut self, index: usize, tell: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        let Some(opening) = self.opening.get_mut(&index) else { return Ok(()) };
        let Some(socket) = self.members.get_mut(index).and_then(|member| member.socket.as_mut()) else { return Ok(()) };
        let address = self.dialer.address();
        let unreachable = |error| dial::classify(error, address);
        if let Some(error) = socket.take_error().map_err(unreachable)? {
            return Err(unreachable(error));
        }
        if !open::write_request(socket, &self.handshake.request, &mut opening.written).map_err(unreachable)? {
            return Ok(());
        }
        loop {
            match socket.read(&mut self.buffer) {
                Ok(0) => return Err(Error::NotWebSocket { problem: "it hung up without an answer".to_owned() }),
                Ok(count) => opening.answer.extend_from_slice(&self.buffer[..count]),
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) => return Err(unreachable(error)),
            }
            if let Some(len) = self.handshake.answer(&opening.answer)? {
                let surplus = opening.answer.split_off(len);
                self.opening.remove(&index);
                self.open += 1;
                if !surplus.is_empty() {
                    self.partial.insert(index, surplus);
                }
                self.serve(index, true, tell);
                return Ok(());
            }
        }
    }

    /// Reads what has come on an open connection; up to its end where that is known to be there, or may be.
    fn serve(&mut self, index: usize, to_end: bool, tell: &mut dyn FnMut(&Event)) {
        loop {
            let Some(Member { socket: Some(socket), .. }) = self.members.get_mut(index) else { return };
            let outcome = match socket.read(&mut self.buffer) {
                Ok(0) => Err("the server hung up".to_owned()),
                Ok(count) => self.receive(index, count, tell),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(format!("a connection broke: {error}")),
            };
            match outcome {
                Ok(more) if more || to_end => {}
                Ok(_) => return,
                Err(why) => return self.give_up(index, why, tell),
            }
        }
    }

    /// Takes what one read brought: true if there may be more.
    fn receive(&mut self, index: usize, count: usize, tell: &mut dyn FnMut(&Event)) -> Result<bool, String> {
        let joined = self.partial.remove(&index).map(|mut bytes| {
            bytes.extend_from_slice(&self.buffer[..count]);
            bytes
        });
        let bytes = joined.as_deref().unwrap_or(&self.buffer[..count]);
        let Member { socket: Some(socket), publications } = &mut self.members[index] else { return Ok(false) };
        let mut at = 0;
        while let Some(header) = frame::parse(&bytes[at..])? {
            let end = usize::try_from(header.payload).ok().and_then(|payload| payload.checked_add(at + header.len));
            let Some(payload) = end.and_then(|end| bytes.get(at + header.len..end)) else { break };
            match header.opcode {
                frame::PING => {
                    self.pong.clear();
                    frame::write(&mut self.pong, frame::PONG, Some([0; 4]), payload);
                    // An idle connection has room for the few bytes of a pong.
                    socket.write_all(&self.pong).map_err(|error| format!("a pong could not be sent: {error}"))?;
                    self.pings += 1;
                }
                frame::PONG => {}
                frame::CLOSE => return Err(closed(payload)),
                _ if header.fin && self.complete => {
                    *publications += 1;
                    self.arrivals.count(u64::from(*publications), monotonic_nanoseconds(), tell);
                    self.arrivals.settle(self.open, tell);
                }
                _ => {}
            }
            at += header.len + payload.len();
        }
        if bytes.len() - at > MAX_PARTIAL {
            return Err("a frame came that is longer than 1 MiB".into());
        }
        if at < bytes.len() {
            let rest = bytes[at..].to_vec();
            self.partial.insert(index, rest);
        }
        Ok(count == self.buffer.len())
    }

    fn give_up(&mut self, index: usize, why: String, tell: &mut dyn FnMut(&Event)) {
        self.members[index].socket = None;
        self.partial.remove(&index);
        self.open -= 1;
        self.faults.closed += 1;
        self.faults.note(|| why);
        if self.open > 0 {
            self.arrivals.settle(self.open, tell);
        }
    }
}
