//! Opening and closing handshakes without a pause.

use crate::dial::{self, Dialer};
use crate::handshake::Handshake;
use crate::open::{self, Opener, not_yet};
use crate::process::{Meter, float};
use crate::steps::Steps;
use crate::{ConnectPlan, ConnectReport, Error, Event, Faults, Phase, SCHEMA_VERSION, Verdict, frame};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub(crate) fn run(plan: &ConnectPlan, tell: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<ConnectReport, Error> {
    plan.check()?;
    dial::reserve(plan.concurrency + 1)?;
    let meter = Meter::new(plan.server_pid)?;
    let handshake = Handshake::new(&plan.target, None);
    let mut poll = Poll::new().map_err(Error::io("make a poller"))?;
    // What is wrong with every connection shows at the first, and ends the run with a clear error.
    drop(Opener::new(&mut poll, &plan.target, &handshake, plan.open_timeout)?.open(plan.concurrency, 1)?);

    let mut storm = Storm::new(plan, poll, &handshake)?;
    let mut steps = Steps::new(plan.concurrency, tell);
    steps.take(Phase::WarmUp, plan.warm_up, |time| storm.run_for(time).map(|()| storm.handshakes))?;
    let (start, before) = (meter.sample()?, storm.handshakes);
    steps.take(Phase::Steady, plan.duration, |time| storm.run_for(time).map(|()| storm.handshakes))?;
    let interrupted = steps.is_broken_off();
    let handshakes = storm.handshakes - before;
    let usage = meter.usage(&start, handshakes)?;
    let faults = storm.faults;
    Ok(ConnectReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        seconds: usage.seconds,
        handshakes,
        per_second: float(handshakes) / usage.seconds,
        server: usage.server,
        client: usage.client,
        interrupted,
        verdict: Verdict::of(&faults, &usage.client),
        faults,
    })
}

/// Slots, each of which opens and closes one connection after another.
struct Storm<'a> {
    poll: Poll,
    handshake: &'a Handshake,
    dialer: Dialer,
    slots: Vec<Slot>,
    closing_handshake: bool,
    timeout: Duration,
    last_progress: Instant,
    handshakes: u64,
    faults: Faults,
}

struct Slot {
    socket: TcpStream,
    stage: Stage,
    /// Bytes of the request that are written.
    written: usize,
    /// Bytes of the stage that have come.
    received: Vec<u8>,
}

/// `Request → Answer → Close → (hung up)`, or, without closing handshake, `Request → Answer → (hangs up)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request is being written.
    Request,
    /// The server's answer is awaited.
    Answer,
    /// The Close frame is sent: the server's, and the end, are awaited.
    Close,
}

impl<'a> Storm<'a> {
    fn new(plan: &ConnectPlan, poll: Poll, handshake: &'a Handshake) -> Result<Self, Error> {
        let mut storm = Self {
            poll,
            handshake,
            dialer: Dialer::rotating(&plan.target)?,
            slots: Vec::with_capacity(plan.concurrency),
            closing_handshake: plan.closing_handshake,
            timeout: plan.open_timeout,
            last_progress: Instant::now(),
            handshakes: 0,
            faults: Faults::default(),
        };
        for index in 0..plan.concurrency {
            let slot = storm.begin(index)?;
            storm.slots.push(slot);
        }
        Ok(storm)
    }

    fn begin(&mut self, index: usize) -> Result<Slot, Error> {
        let socket = self.dialer.dial()?;
        let mut slot = Slot { socket, stage: Stage::Request, written: 0, received: Vec::new() };
        // On the loopback a connection mostly stands by now, and the request can go at once. If it is not, or failed, an
        // event will tell.
        let _later = write_request(&mut slot, &self.handshake.request);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut slot.socket, Token(index), interest);
        registered.map_err(Error::io("watch a socket"))?;
        Ok(slot)
    }

    fn run_for(&mut self, duration: Duration) -> Result<(), Error> {
        let end = Instant::now() + duration;
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            let wait = end.saturating_duration_since(now);
            if wait.is_zero() {
                return Ok(());
            }
            let patience = (self.last_progress + self.timeout).saturating_duration_since(now);
            if patience.is_zero() {
                return Err(Error::Timeout { waiting_for: "handshakes", after: self.timeout });
            }
            open::poll(&mut self.poll, &mut events, wait.min(patience))?;
            for event in &events {
                self.serve(event.token().0)?;
            }
        }
    }

    fn serve(&mut self, index: usize) -> Result<(), Error> {
        let Some(slot) = self.slots.get_mut(index) else { return Ok(()) };
        match advance(slot, self.handshake, self.closing_handshake) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                self.handshakes += 1;
                self.last_progress = Instant::now();
            }
            Err(why) => {
                self.faults.closed += 1;
                self.faults.note(|| why);
            }
        }
        // The old socket is closed when its slot is overwritten; an event of it that is still to come finds the new one, and
        // that is not ready.
        self.slots[index] = self.begin(index)?;
        Ok(())
    }
}

/// Goes on after an event: true once the connection has done all it was for.
fn advance(slot: &mut Slot, handshake: &Handshake, closing_handshake: bool) -> Result<bool, String> {
    if slot.stage == Stage::Request && !write_request(slot, &handshake.request).map_err(|error| broke(&error))? {
        return Ok(false);
    }
    let mut buffer = [0; 4096];
    loop {
        match slot.socket.read(&mut buffer) {
            Ok(0) if slot.stage == Stage::Close && closed_properly(&slot.received) => return Ok(true),
            Ok(0) => return Err("the server hung up too early".into()),
            Ok(count) => slot.received.extend_from_slice(&buffer[..count]),
            Err(error) if not_yet(&error) => return Ok(false),
            Err(error) => return Err(broke(&error)),
        }
        if slot.stage == Stage::Answer {
            let Some(len) = handshake.answer(&slot.received).map_err(|error| error.to_string())? else { continue };
            if !closing_handshake {
                return Ok(true);
            }
            slot.received.drain(..len);
            slot.stage = Stage::Close;
            // Eight bytes fit into the buffer of a socket that has sent one request.
            slot.socket.write_all(frame::CLOSE_NORMALLY).map_err(|error| broke(&error))?;
        }
    }
}

/// Whether what came before the end is a Close frame, with or without a code, and no more.
fn closed_properly(received: &[u8]) -> bool {
    matches!(received, [0x88, len, payload @ ..] if payload.len() == usize::from(*len))
}

/// Writes the request, or the rest of it: true once it is written.
fn write_request(slot: &mut Slot, request: &[u8]) -> io::Result<bool> {
    let done = open::write_request(&mut slot.socket, request, &mut slot.written)?;
    if done {
        slot.stage = Stage::Answer;
    }
    Ok(done)
}

fn broke(error: &io::Error) -> String {
    format!("a connection broke: {error}")
}
