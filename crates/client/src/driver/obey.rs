//! What the policy wants done.

use super::{Driver, Slot};
use crate::{
    Transport,
    carrier::{Attach, Carrier, End},
    event::{Closed, Event},
    policy::{Action, AttemptId, FailureKind},
    session::Broken,
};

impl Driver {
    /// Does what the policy wants done. Whether there was something.
    pub(super) fn obey(&mut self) -> bool {
        let mut done = false;
        while let Some(action) = self.policy.poll_action() {
            done = true;
            match action {
                Action::Start(id, transport) => {
                    let attach = Attach { secret: self.session.secret().copied(), cursor: self.session.cursor() };
                    let carrier = Carrier::start(&self.means, transport, attach);
                    self.slots.push(Slot { id, transport, carrier, open: None });
                }
                Action::Carry(id) => self.carry(id),
                Action::Stop(id) => self.close_slot(id, false),
                Action::Abandon(id) => self.close_slot(id, true),
                Action::Check(id) => self.check(id),
                Action::Wait(retry_in) => {
                    self.told = None;
                    let end = self.last_end.clone().unwrap_or_else(|| {
                        End::new(FailureKind::Unreachable, "the server was not reached within limits.handshake_timeout")
                    });
                    self.session.deliver(Event::Disconnected { code: end.code, reason: end.reason, retry_in });
                }
                Action::Forget => self.forget(),
                Action::GiveUp => {
                    let end = self.last_end.take();
                    let status = end.as_ref().and_then(|end| end.status);
                    let reason = end.map_or_else(|| "the server refuses".to_owned(), |end| end.reason);
                    self.finish(Closed::Refused { status, reason });
                }
            }
        }
        done
    }

    /// From now on this one carries.
    fn carry(&mut self, id: AttemptId) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) else { return };
        let transport = slot.transport;
        let attached = match slot.open.take().flatten() {
            Some(open) => self.session.attach(&open),
            None => self.session.attach_blindly(),
        };
        match attached {
            Ok(replayed) => {
                self.carrying = Some(id);
                // What is under way is sent again by the new carrier; the server passes it over.
                self.outgoing.stop();
                self.tell(transport, replayed);
            }
            Err(Broken::Carrier(why)) => self.ended(id, End::new(FailureKind::Broken, why)),
            Err(Broken::Lost(why)) => {
                self.say_goodbye();
                self.lost(why);
            }
        }
    }

    fn tell(&mut self, transport: Transport, replayed: u64) {
        match self.told.replace(transport) {
            Some(from) if from != transport => self.session.deliver(Event::TransportChanged { from, to: transport }),
            Some(_) => {}
            None => {
                self.session.deliver(Event::Connected { transport });
                if self.was_connected {
                    self.session.deliver(Event::Resumed { replayed });
                }
            }
        }
        self.was_connected = true;
    }

    fn check(&mut self, id: AttemptId) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id) else { return };
        if !slot.carrier.check() {
            // Connections of before the sleep are dead, and would be used again.
            self.means.renew();
            slot.carrier.restart(&self.means, &self.session);
            self.outgoing.stop();
        }
    }

    fn forget(&mut self) {
        if self.queue.is_closing() {
            self.finish(Closed::ByClient { clean: false });
            return;
        }
        self.told = None;
        // The next is a first time again: it resumes nothing.
        self.was_connected = false;
        self.outgoing.stop();
        self.session.lose();
    }

    /// Closes a try or the carrier; `end_session` where it has a session that isn't the client's.
    pub(super) fn close_slot(&mut self, id: AttemptId, end_session: bool) {
        let Some(place) = self.slots.iter().position(|slot| slot.id == id) else { return };
        let Slot { transport, mut carrier, open, .. } = self.slots.swap_remove(place);
        if self.carrying == Some(id) {
            self.carrying = None;
            self.session.detach();
        }
        carrier.start_close(end_session && open.is_some());
        if let Some(secret) = open.flatten().and_then(|open| open.session)
            && end_session
            && transport.is_http()
        {
            self.leftovers.delete(&self.means, transport, secret, carrier.headers());
        }
        self.leftovers.close(carrier, self.now + self.means.config.close_timeout);
    }
}
