//! One membership: what a client gets of a room, from joining it to the end.

use std::{sync::Arc, time::Duration};

use bowline_client::{Gap, JoinStart, Position, RoomEvent, RoomHandle, Sender};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Crowd, Turn,
    say::Said,
    sequence::{Sequence, Step},
    turn::{Counted, Stage},
};
use crate::{Reconciled, delivery::Kind};

/// One membership.
pub(super) struct Stay {
    pub(super) crowd: Arc<Crowd>,
    pub(super) turn: Arc<Turn>,
    /// The client's number.
    pub(super) number: usize,
    /// Its name in the history.
    pub(super) by: Arc<str>,
    pub(super) is_slow: bool,
    room: RoomHandle,
    /// Where it stands: the epoch, and what is to come in it.
    epoch: bowline_client::Epoch,
    offsets: Sequence,
    tally: Reconciled,
    _hears: Counted,
}

impl Stay {
    /// Joins a room, if that comes about before it is given up.
    pub(super) async fn begin(
        (crowd, turn): (Arc<Crowd>, Arc<Turn>),
        (number, by, is_slow): (usize, Arc<str>, bool),
        sender: &Sender,
        room: &str,
        given_up: impl Future<Output = ()>,
    ) -> Option<Self> {
        turn.join(crowd.now(), &by, room, None);
        let joined = tokio::select! {
            joined = sender.join(room, JoinStart::Newest) => joined.map_err(|error| error.to_string()),
            () = given_up => Err("no answer came".to_owned()),
        };
        let room = match joined {
            Ok(room) => room,
            Err(why) => {
                crowd.totals().close(number, format!("{by} can't join {room}: {why}"));
                return None;
            }
        };
        let place = room.joined_at();
        turn.join(crowd.now(), &by, room.name(), Some(place));
        let (offsets, hears) = (Sequence::new(place.offset + 1), turn.hear());
        let tally = Reconciled::default();
        Some(Self { crowd, turn, number, by, is_slow, room, epoch: place.epoch, offsets, tally, _hears: hears })
    }

    /// Hears what is said, until the turn is over and all of it has come, or the client goes.
    pub(super) async fn hear(mut self, mut going: watch::Receiver<bool>) {
        let mut stage = self.turn.stage();
        loop {
            let now = *stage.borrow_and_update();
            if now == Stage::Over || (now == Stage::Settle && self.has_all()) {
                break;
            }
            if *going.borrow_and_update() && now == Stage::Talk {
                return self.leave().await;
            }
            tokio::select! {
                event = self.room.next() => {
                    let Some(event) = event else { break };
                    if !self.take(event) {
                        break;
                    }
                    if self.is_slow && now == Stage::Talk {
                        sleep(self.crowd.settings.slow_pause).await;
                    }
                }
                // Neither can fail: the turn and the guest outlive this.
                _ = stage.changed() => {}
                _ = going.changed(), if !*going.borrow() => {}
            }
        }
        self.finish(true);
    }

    /// Takes an event: whether there can be more.
    fn take(&mut self, event: RoomEvent) -> bool {
        match event {
            RoomEvent::Publication { position, message } => {
                self.receive(position, message.as_text().unwrap_or_default());
            }
            RoomEvent::Gap(gap) => self.miss(&gap),
            RoomEvent::Left { why } => {
                let name = self.room.name();
                self.turn.leave(self.crowd.now(), &self.by, name, Kind::Info);
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                self.crowd.totals().close(self.number, format!("{} was put out of {name}{why}", self.by));
                return false;
            }
            _ => {}
        }
        true
    }

    fn receive(&mut self, place: Position, text: &str) {
        let now = self.crowd.now();
        let said = Said::read(text);
        let id = said.map_or_else(|| text.chars().take(64).collect(), |said| said.id());
        self.turn.receive(now, &self.by, self.room.name(), (&id, place));
        if place.epoch == self.epoch {
            self.count(place.offset);
        } else {
            self.tally.wrong += 1;
            self.note(&format!("{place} is of another epoch than {}, and no gap was told", self.epoch));
            (self.epoch, self.offsets) = (place.epoch, Sequence::new(place.offset + 1));
        }
        match said {
            Some(said) => self.crowd.totals().serve(self.number, said.due, now),
            None => {
                self.tally.wrong += 1;
                self.note(&format!("{id:?} is nothing that was published"));
            }
        }
    }

    fn count(&mut self, offset: u64) {
        match self.offsets.take(offset) {
            Step::Next => {}
            Step::Skips(skips) => {
                self.tally.missing += skips;
                self.note(&format!("{skips} before offset {offset} never came"));
            }
            Step::Late => {
                (self.tally.missing, self.tally.reordered) =
                    (self.tally.missing.saturating_sub(1), self.tally.reordered + 1);
                self.note(&format!("offset {offset} came after a later one"));
            }
            Step::Again => {
                self.tally.duplicate += 1;
                self.note(&format!("offset {offset} came again"));
            }
        }
        self.tally.expected += 1;
    }

    fn miss(&mut self, gap: &Gap) {
        self.turn.gap(self.crowd.now(), &self.by, self.room.name(), gap);
        self.crowd.totals().gaps += 1;
        if gap.to.epoch == gap.from.epoch {
            self.tally.told += gap.to.offset.saturating_sub(gap.from.offset);
        }
        (self.epoch, self.offsets) = (gap.to.epoch, Sequence::new(gap.to.offset + 1));
    }

    /// Whether the room's newest publication has come.
    fn has_all(&self) -> bool {
        self.turn.top(self.room.name()).is_none_or(|top| self.epoch == top.epoch && self.offsets.next() > top.offset)
    }

    async fn leave(mut self) {
        self.finish(false);
        let Self { crowd, turn, number, by, room, .. } = self;
        let name = room.name().to_owned();
        turn.leave(crowd.now(), &by, &name, Kind::Invoke);
        match timeout(crowd.settings.drain_timeout, room.leave()).await {
            Ok(Ok(())) => turn.leave(crowd.now(), &by, &name, Kind::Ok),
            failed => {
                turn.leave(crowd.now(), &by, &name, Kind::Info);
                crowd.totals().close(number, format!("{by} can't leave {name}: {failed:?}"));
            }
        }
    }

    /// Reports what was counted; with `all`, what has not come by now is missing.
    fn finish(&mut self, all: bool) {
        if let Some(top) = self.turn.top(self.room.name()).filter(|top| all && self.epoch == top.epoch) {
            let missing = (top.offset + 1).saturating_sub(self.offsets.next());
            if missing > 0 {
                self.tally.missing += missing;
                self.note(&format!("the last {missing} up to {top} never came"));
            }
        }
        let mut tally = std::mem::take(&mut self.tally);
        tally.expected += tally.missing + tally.told;
        self.crowd.totals().reconcile(self.number, &tally);
    }

    fn note(&mut self, what: &str) {
        let (by, room) = (&self.by, self.room.name());
        self.tally.first.get_or_insert_with(|| format!("{by} in {room}: {what}"));
    }
}

/// When a client's messages are due, from a time on: the same whenever it comes.
pub(super) fn due_times(period: Duration, phase: Duration, from: Duration) -> impl Iterator<Item = Duration> {
    // The first at or after `from`.
    let nanoseconds = period.as_nanos().max(1);
    let first = from.saturating_sub(phase).as_nanos().div_ceil(nanoseconds);
    (0_u128..).map(move |n| {
        let time = first.saturating_add(n).saturating_mul(nanoseconds);
        phase.saturating_add(Duration::from_nanos(u64::try_from(time).unwrap_or(u64::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_same_whenever_a_client_comes() {
        let ms = Duration::from_millis;
        let times = |from| due_times(ms(10), ms(3), from).take(3).collect::<Vec<_>>();
        assert_eq!(times(ms(0)), [ms(3), ms(13), ms(23)]);
        assert_eq!(times(ms(13)), [ms(13), ms(23), ms(33)]);
        assert_eq!(times(ms(14)), [ms(23), ms(33), ms(43)]);
    }
}
