//! A client's one task: it has the session, decides by the policy, and moves what there is between the application and the
//! carriers.
//!
//! Each round does a bounded part of what there is to do; the task sleeps once a round did nothing.

mod closing;
mod obey;
mod outgoing;

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use bowline_core::session::Open;
use tokio::time::Sleep;

use self::{closing::Leftovers, outgoing::Outgoing};
use crate::{
    Transport,
    carrier::{Carrier, End, Means, Output},
    event::{Closed, Event},
    mailbox::Mailbox,
    policy::{AttemptId, FailureKind, Policy, WakeDetector},
    queue::Queue,
    session::{Broken, Delivery, Item, Session},
};

/// Rounds in a row without a turn for others.
const MAX_ROUNDS: usize = 64;

/// What waits for room in the application's mailboxes, at most; one event of the server's brings two or three.
const MAX_UNDELIVERED: usize = 64;

/// What the application gives is taken in parts of so many.
const MAX_COMMANDS: usize = 128;

pub(crate) struct Driver {
    means: Means,
    policy: Policy,
    wake: WakeDetector,
    session: Session,
    queue: Arc<Queue>,
    events: Arc<Mailbox<Event>>,
    /// Tries, and the carrier.
    slots: Vec<Slot>,
    carrying: Option<AttemptId>,
    outgoing: Outgoing,
    leftovers: Leftovers,
    /// The transport that the application was told of; `None` where it was told that nothing carries.
    told: Option<Transport>,
    /// It was told of one before, so that what comes next is no first time.
    was_connected: bool,
    /// Why nothing carries.
    last_end: Option<End>,
    /// When the end that the application asked for is not waited for any longer.
    close_by: Option<Instant>,
    /// The time at the beginning of the round: what is due by then has been looked at.
    now: Instant,
    over: bool,
    timer: Pin<Box<Sleep>>,
}

/// A try, or the carrier that it has become.
struct Slot {
    id: AttemptId,
    transport: Transport,
    carrier: Carrier,
    /// What it began with, until it is used.
    open: Option<Option<Open>>,
}

/// Whatever ends the task (the runtime may), whoever waits for something of it is told.
impl Drop for Driver {
    fn drop(&mut self) {
        self.queue.end();
        self.session.end();
        while let Some(delivery) = self.session.poll_delivery() {
            if let Delivery::End(room) = delivery {
                room.end();
            }
        }
        self.events.end();
    }
}

/// The time, as tokio's clock tells it: a test may pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Driver {
    pub(crate) fn new(means: Means, queue: Arc<Queue>, events: Arc<Mailbox<Event>>) -> Self {
        let config = &means.config;
        Self {
            policy: Policy::new(config.policy.clone(), rand::random()),
            wake: WakeDetector::new(now(), SystemTime::now()),
            session: Session::new(config.session),
            outgoing: Outgoing::new(config.max_post_size),
            means,
            queue,
            events,
            slots: Vec::new(),
            carrying: None,
            leftovers: Leftovers::default(),
            told: None,
            was_connected: false,
            last_end: None,
            close_by: None,
            now: now(),
            over: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }

    /// Runs until the client is closed, and what it leaves behind too.
    pub(crate) async fn run(mut self) {
        self.policy.start(now());
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_ROUNDS {
            self.now = now();
            let mut busy = self.deliver(cx);
            if self.session.undelivered() >= MAX_UNDELIVERED {
                // Whatever is next could only be told after it.
                return Poll::Pending;
            }
            busy |= self.handle_time();
            busy |= self.obey();
            busy |= self.take_commands(cx);
            busy |= self.poll_slots(cx);
            busy |= self.poll_outgoing(cx);
            busy |= self.poll_closing();
            self.leftovers.poll(cx);
            if self.over && self.session.is_delivered() && self.leftovers.is_empty() {
                return Poll::Ready(());
            }
            if !busy && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Hands on what the application has room for.
    fn deliver(&mut self, cx: &Context<'_>) -> bool {
        let mut done = false;
        let mut held = Vec::new();
        while let Some(delivery) = self.session.poll_delivery() {
            let refused = match delivery {
                Delivery::Event(event) if held.is_empty() => self.events.push(event, cx).map_err(Delivery::Event),
                Delivery::Event(event) => Err(Delivery::Event(event)),
                Delivery::Room(room, event) => match room.push(event, cx) {
                    // Nobody may read the room any more; the client's last event must not wait for that.
                    Err(_) if self.over => {
                        room.end();
                        Ok(())
                    }
                    pushed => pushed.map_err(|event| Delivery::Room(room, event)),
                },
                Delivery::End(room) => {
                    room.end();
                    Ok(())
                }
            };
            done |= refused.is_ok();
            held.extend(refused.err());
            // Once it is over, the rooms' ends don't wait for whoever reads the client's events.
            if !held.is_empty() && !self.over {
                break;
            }
        }
        held.into_iter().rev().for_each(|delivery| self.session.put_back(delivery));
        done
    }

    fn handle_time(&mut self) -> bool {
        let now = self.now;
        let mut done = false;
        if self.queue.take_check() {
            self.policy.handle_wake(now);
            done = true;
        }
        if !self.over && self.wake.poll_timeout() <= now {
            if self.wake.handle_tick(now, SystemTime::now()) {
                self.policy.handle_wake(now);
            }
            done = true;
        }
        if self.policy.poll_timeout(now).is_some_and(|at| at <= now) {
            self.policy.handle_timeout(now);
            done = true;
        }
        done
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now;
        // With polls, acknowledgements go with the next.
        let acks = self.carrier().is_some_and(|slot| matches!(slot.transport, Transport::WebSocket | Transport::Comet));
        // What was due and could not be sent waits for something else than the time.
        let sends = [self.session.ack_due().filter(|_| acks), self.outgoing.poll_timeout()];
        let sends = sends.into_iter().flatten().filter(|at| *at > now);
        let wake = (!self.over).then(|| self.wake.poll_timeout());
        let others = [self.policy.poll_timeout(now), wake, self.close_by];
        let Some(at) = sends.chain(others.into_iter().flatten()).min() else { return Poll::Pending };
        let at = tokio::time::Instant::from_std(at);
        if self.timer.deadline() != at {
            self.timer.as_mut().reset(at);
        }
        self.timer.as_mut().poll(cx)
    }

    fn take_commands(&mut self, cx: &Context<'_>) -> bool {
        let mut done = false;
        for _ in 0..MAX_COMMANDS {
            // While nothing carries, the application's bounds hold for what waits, and not the ring's.
            let carried = self.carrying.is_some();
            let session = &self.session;
            let Poll::Ready(command) = self.queue.poll_next(cx, |size| carried && session.has_room(size)) else {
                break;
            };
            self.session.command(command);
            done = true;
        }
        done
    }

    fn carrier(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| Some(slot.id) == self.carrying)
    }

    fn poll_slots(&mut self, cx: &mut Context<'_>) -> bool {
        let mut done = false;
        for place in (0..self.slots.len()).rev() {
            // What one says may end others.
            let Some(slot) = self.slots.get_mut(place) else { continue };
            // What came before must have been taken first.
            if slot.open.is_some() || Some(slot.id) == self.carrying && !self.session.is_delivered() {
                continue;
            }
            if let Poll::Ready(output) = slot.carrier.poll(cx, &self.session) {
                let id = slot.id;
                self.handle_output(id, output);
                done = true;
            }
        }
        done
    }

    fn handle_output(&mut self, id: AttemptId, output: Output) {
        match output {
            Output::Sent => self.policy.handle_sent(id, self.now),
            Output::Open(open) => {
                if let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) {
                    slot.open = Some(open);
                }
                self.policy.handle_open(id, self.now);
            }
            Output::Confirmed(cursor) => self.session.confirmed(&cursor),
            Output::Item(item) if Some(id) == self.carrying => self.receive(id, item),
            Output::Item(_) => {}
            Output::Ended(end) => self.ended(id, end),
        }
    }

    fn receive(&mut self, id: AttemptId, item: Item) {
        match self.session.receive(item, self.now) {
            Ok(()) => {}
            Err(Broken::Carrier(why)) => self.ended(id, End::new(FailureKind::Broken, why)),
            Err(Broken::Lost(why)) => {
                self.say_goodbye();
                self.lost(why);
            }
        }
        if let Some(frame) = self.session.take_closed() {
            self.closed_by_server(id, frame);
        }
    }

    /// A try failed, or the carrier has ended.
    fn ended(&mut self, id: AttemptId, end: End) {
        let failure = end.failure;
        self.last_end = Some(end);
        self.close_slot(id, false);
        self.policy.handle_failed(id, failure, self.now);
    }

    /// The session is no more, as something else than the carrier's end told.
    fn lost(&mut self, why: String) {
        self.last_end = Some(End::new(FailureKind::Gone, why));
        self.policy.handle_lost(self.now);
    }

    /// The last event.
    fn finish(&mut self, closed: Closed) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.policy.stop();
        self.obey();
        self.close_by = None;
        self.outgoing.stop();
        self.queue.end();
        self.session.end();
        self.session.deliver(Event::Closed(closed));
    }
}
