//! The task of such a session: it runs the handler, keeps the time, and drives the WebSocket where that is the carrier.
//!
//! A response is driven by the connection that it belongs to: the task only wakes it.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::Context,
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame, Error, ProtocolError, connection::Ended, error::Timeout};
use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};
use tracing::Span;

use crate::{
    handler::HandlerFuture,
    metrics::Disconnect,
    session::{Came, Due, Shared, Socket, Times, Wire, over_rate},
    signal::{CARRIER, HANDLER, OUTBOX, ROOMS},
    transport::{
        end::count_received,
        run::Run,
        task::{Task, Turn, Work},
    },
};

/// What is taken of a WebSocket in one turn.
const MAX_STEPS: usize = 64;

/// What is to be done.
struct CarriedWork {
    run: Run,
    /// The outbox has something.
    has_direct: bool,
    /// What is published or sent from here on doesn't come before the close.
    is_sealed: bool,
    /// By when what comes before the close must have found room in the ring.
    flush_by: Option<Instant>,
    times: Times,
    /// Set where something will be due.
    timer: Option<Pin<Box<Sleep>>>,
    /// The latest that was counted.
    round_trip: Duration,
}

/// The task of a session that goes from carrier to carrier.
pub(crate) fn carried_task(
    shared: Arc<Shared>,
    handler: HandlerFuture,
    span: Option<Box<Span>>,
) -> impl Future<Output = ()> + Send {
    let config = shared.hub.config();
    let patience = config.connection.get_limits().get_write_timeout();
    let times = Times { ttl: config.session_ttl, patience, flush: config.flush_timeout };
    let work = CarriedWork {
        run: Run::new(handler, span),
        has_direct: false,
        is_sealed: false,
        flush_by: None,
        times,
        timer: None,
        round_trip: Duration::ZERO,
    };
    // The handler's first run is due, and the time has begun.
    Task::new(shared, work, HANDLER | CARRIER)
}

impl Work for CarriedWork {
    fn run(&mut self) -> &mut Run {
        &mut self.run
    }

    fn note(&mut self, shared: &Shared, bits: u64) {
        self.has_direct |= bits & OUTBOX != 0;
        if bits & ROOMS != 0
            && let Some(carried) = shared.wire().link.carried()
        {
            carried.note(bits);
        }
        self.run.note(shared, bits);
    }

    /// Unless the socket is full.
    #[inline]
    fn turn_for_rooms(&mut self, shared: &Shared, cx: &mut Context<'_>) -> bool {
        let mut wire = shared.wire();
        let Some(carried) = wire.link.carried().filter(|carried| !carried.is_closing()) else { return false };
        let is_done = carried.write(shared, cx, Instant::now);
        carried.wake_response();
        is_done && carried.is_settled()
    }

    fn turn(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Turn {
        let wire = &mut *shared.wire();
        count_received(shared, wire);
        self.end_as_asked(shared, wire);
        let now = Instant::now();
        if self.keep_time(shared, wire, now) {
            return Turn::Over;
        }
        let Some(carried) = wire.link.carried() else { return Turn::Over };
        let is_done = carried.write(shared, cx, || now);
        carried.wake_response();
        if let Some(ended) = carried.ended() {
            return over(wire, ended);
        }
        let has_closed = carried.closed_by_peer().is_some();
        if wire.wake_writers(&shared.handler_waker) || has_closed && self.hand_over(shared, wire) {
            return Turn::Handler;
        }
        match self.receive(shared, wire, cx) {
            Turn::Wait if is_done => self.wait(wire, cx),
            Turn::Wait => Turn::Again,
            turn => turn,
        }
    }

    fn let_go(&mut self) {
        self.timer = None;
    }
}

impl CarriedWork {
    /// Direct messages go into the ring, as far as there is room; and once they have, the end that somebody asked for.
    fn end_as_asked(&mut self, shared: &Shared, wire: &mut Wire) {
        if wire.is_over_rate() {
            self.run.because(Disconnect::Limit);
            self.run.close.get_or_insert_with(|| Box::new(over_rate()));
        }
        let Some(carried) = wire.link.carried() else { return };
        if self.run.close.is_some() || carried.is_closing() {
            self.seal(shared);
        }
        if carried.closed_by_peer().is_some() {
            // It takes no more.
            shared.leave_all();
        }
        if self.has_direct {
            let mut outbox = shared.outbox();
            let before = outbox.bytes();
            self.has_direct = !carried.send_from(&mut outbox);
            shared.hub.metrics().handles.outbox_bytes.sub((before - outbox.bytes()) as u64);
        }
        // What the handler sent to its own session before it received the end goes first, if it finds room in time.
        let is_done = self.run.is_over() || self.run.close.is_some() || carried.is_shut();
        let is_sent = || !self.has_direct && shared.outbox().is_empty();
        if (carried.is_close_overdue(self.times) || is_done && is_sent()) && carried.answer_close() {
            carried.note_rooms(shared);
        }
        if !self.has_direct
            && !carried.is_closing()
            && let Some(frame) = self.run.close.take()
        {
            // What was put there just before has yet to tell of itself, and is sent first.
            if shared.outbox().is_empty() {
                carried.close(*frame);
                carried.note_rooms(shared);
            } else {
                self.run.close = Some(frame);
            }
        }
        // A client may be without a carrier for so long.
        let allowed = shared.hub.config().flush_timeout.max(self.times.ttl);
        let begin = || Instant::now().checked_add(allowed);
        self.flush_by = self.run.close.as_ref().and_then(|_| self.flush_by.or_else(begin));
    }

    /// Nothing more comes before the close, so that nobody can put it off.
    fn seal(&mut self, shared: &Shared) {
        if !std::mem::replace(&mut self.is_sealed, true) {
            shared.seal();
        }
    }

    /// Does what is due `now`; whether the session is over by it.
    fn keep_time(&mut self, shared: &Shared, wire: &mut Wire, now: Instant) -> bool {
        if self.flush_by.is_some_and(|by| by <= now) {
            wire.abort();
            return true;
        }
        let is_wanted = self.has_direct || wire.is_room_wanted();
        let Some(carried) = wire.link.carried() else { return true };
        match carried.due(now, is_wanted, self.times) {
            Due::Nothing => false,
            Due::LeaveBehind => {
                shared.leave_behind();
                false
            }
            Due::Stalled => {
                self.run.because(Disconnect::Slow);
                carried.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "nothing was acknowledged for too long"));
                carried.note_rooms(shared);
                false
            }
            Due::Expired => {
                shared.hub.metrics().handles.expired.increment(1);
                wire.fail(Error::Timeout(Timeout::Carrier));
                true
            }
            Due::Over => {
                let frame = carried.closed_by_peer().cloned();
                wire.ended.get_or_insert_with(|| Box::new(Ended::new(frame.is_some(), false, frame)));
                if let Some(socket) = carried_socket(wire) {
                    socket.close(CloseFrame::from(CloseCode::NORMAL_CLOSURE));
                }
                wire.let_go();
                true
            }
        }
    }

    /// Takes what came on the WebSocket, if that is the carrier.
    fn receive(&mut self, shared: &Shared, wire: &mut Wire, cx: &mut Context<'_>) -> Turn {
        for step in 0..MAX_STEPS {
            // What was done may have an answer, which is to be written.
            let waits = if step == 0 { Turn::Wait } else { Turn::Again };
            let Some(carried) = wire.link.carried() else { return Turn::Over };
            let came = carried.poll_came(shared, cx);
            if let Some(took) = carried.round_trip().filter(|took| *took != self.round_trip) {
                self.round_trip = took;
                shared.hub.metrics().record_round_trip(took);
            }
            match came {
                Came::Some => {}
                Came::Nothing => return waits,
                Came::Message(len) => match self.on_message(shared, wire, len, cx) {
                    Some(Turn::Wait) => return waits,
                    Some(turn) => return turn,
                    None => {}
                },
                Came::Command(len) => {
                    let is_permitted = wire.admits(len);
                    if let Some(carried) = wire.link.carried() {
                        carried.carry_out_front(shared, is_permitted);
                    }
                }
                Came::Bad(_) | Came::End => {
                    if let Some(turn) = self.on_end(wire, came) {
                        return turn;
                    }
                }
            }
        }
        Turn::Again
    }

    /// There is something to be received: wakes who waits for it, unless that is the handler. Whether it is.
    fn hand_over(&self, shared: &Shared, wire: &mut Wire) -> bool {
        if !std::mem::take(&mut wire.is_receiving) || self.run.is_over() {
            return false;
        }
        match &wire.receiver {
            Some(receiver) if !receiver.will_wake(&shared.handler_waker) => {
                receiver.wake_by_ref();
                false
            }
            _ => true,
        }
    }

    /// A message waits to be received.
    fn on_message(&mut self, shared: &Shared, wire: &mut Wire, len: usize, cx: &mut Context<'_>) -> Option<Turn> {
        if self.hand_over(shared, wire) {
            return Some(Turn::Handler);
        }
        let has_place = wire.has_place(len, shared.hub.config().session_ring);
        let carried = wire.link.carried()?;
        if self.run.is_over() {
            // Nobody receives it any more.
            drop(carried.pull());
            return None;
        }
        if has_place {
            if let Some(message) = carried.pull() {
                wire.put(message);
            }
            return None;
        }
        match carried.poll_behind(cx) {
            Came::Nothing => Some(Turn::Wait),
            came @ (Came::Bad(_) | Came::End) => self.on_end(wire, came),
            Came::Some | Came::Message(_) | Came::Command(_) => None,
        }
    }

    /// The WebSocket is at its end, and maybe the session with it.
    fn on_end(&mut self, wire: &mut Wire, came: Came) -> Option<Turn> {
        let carried = wire.link.carried()?;
        if let Came::Bad(error) = came {
            self.run.because(Disconnect::Protocol);
            if let Some(socket) = carried.take_socket() {
                socket.close(unreadable(error));
            }
            wire.fail(Error::Protocol(ProtocolError::InvalidRecord));
            return Some(Turn::Over);
        }
        let ended = carried.lose_socket().then(|| carried.ended()).flatten()?;
        Some(over(wire, ended))
    }

    /// Nothing can be done before something happens, or is due.
    fn wait(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Turn {
        let due = wire.link.carried().and_then(|carried| carried.deadline(self.times));
        let Some(deadline) = [due, self.flush_by].into_iter().flatten().min() else {
            self.timer = None;
            return Turn::Wait;
        };
        // One that goes off too early is set anew then, so that not every message sets it.
        if self.timer.as_ref().is_some_and(|timer| timer.deadline() <= deadline && !timer.is_elapsed()) {
            return Turn::Wait;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // Outside of the task's budget: once that is used up, a timer says `Pending` without having been set.
        while pin!(unconstrained(timer.as_mut())).poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Turn::Again;
            }
            timer.as_mut().reset(deadline);
        }
        Turn::Wait
    }
}

/// 4002 (section 5 of the protocol), and what was wrong.
fn unreadable(error: String) -> Option<CloseFrame> {
    CloseCode::new(4002).map(|code| CloseFrame::new(code, error))
}

/// The session's client knows of its end.
fn over(wire: &mut Wire, ended: Ended) -> Turn {
    let frame = ended.frame().cloned();
    wire.ended.get_or_insert_with(|| Box::new(ended));
    if let Some(socket) = carried_socket(wire) {
        socket.close(frame);
    }
    wire.let_go();
    Turn::Over
}

fn carried_socket(wire: &mut Wire) -> Option<Box<Socket>> {
    wire.link.carried()?.take_socket()
}
