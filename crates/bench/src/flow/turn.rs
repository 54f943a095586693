//! A time in which rooms are talked in, with rooms and a checker of its own: so what is remembered of a long run is bounded.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use bowline_client::{Gap, Position};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{Crowd, crowd::nanoseconds, locked};
use crate::delivery::{Checker, Event, Kind, Op, Options, Verdict};

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Clients talk.
    Talk,
    /// They don't any more, but what they said may not be acknowledged yet.
    Finish,
    /// What was said is known: a member is done when it has all of it.
    Settle,
    /// Nothing more is waited for.
    Over,
}

/// A time in which rooms are talked in.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Begins the names of its rooms.
    prefix: String,
    stage: watch::Sender<Stage>,
    /// Clients that may still say something.
    talking: watch::Sender<usize>,
    /// Memberships that may still hear something.
    hearing: watch::Sender<usize>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    checker: Checker,
    /// Of each room the newest publication: when it was asked for, and where it stands.
    tops: HashMap<String, (Duration, Position)>,
    settle: Duration,
    last: Duration,
}

/// One of those that are counted, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(counter: &watch::Sender<usize>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(counter.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Turn {
    /// A turn whose rooms have names of their own. What is in a room's log is to reach all within `settle`.
    pub(crate) fn new(prefix: String, settle: Duration) -> Self {
        let book = Book { checker: checker(settle), tops: HashMap::new(), settle, last: Duration::ZERO };
        Self {
            prefix,
            stage: watch::Sender::new(Stage::Talk),
            talking: watch::Sender::new(0),
            hearing: watch::Sender::new(0),
            book: Mutex::new(book),
        }
    }

    /// The name of a room.
    pub(super) fn room(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Takes part in the talk; `None` where that is over.
    pub(super) fn talk(&self) -> Option<Counted> {
        (*self.stage.borrow() == Stage::Talk).then(|| Counted::new(&self.talking))
    }

    /// Waits until what was asked for in this turn is waited for no more: it is over, or the client is to go and had so long.
    pub(super) async fn give_up(&self, mut going: watch::Receiver<bool>, patience: Duration) {
        let mut stage = self.stage();
        // Neither's sender is gone before this.
        let over = async { drop(stage.wait_for(|stage| *stage == Stage::Over).await) };
        let gone = async {
            drop(going.wait_for(|going| *going).await);
            sleep(patience).await;
        };
        tokio::select! {
            () = over => {}
            () = gone => {}
        }
    }

    pub(super) fn hear(&self) -> Counted {
        Counted::new(&self.hearing)
    }

    /// Waits until so many memberships hear.
    pub(crate) async fn until_heard_by(&self, memberships: usize) {
        // Its sender is this turn's: it can't fail.
        drop(self.hearing.subscribe().wait_for(|hearing| *hearing >= memberships).await);
    }

    fn add(&self, event: &Event) {
        let mut book = locked(&self.book);
        book.last = book.last.max(Duration::from_nanos(event.t));
        book.checker.event(event);
    }

    /// A publication is asked for.
    pub(super) fn ask(&self, now: Duration, by: &str, room: &str, id: &str) {
        self.add(&Event::new(nanoseconds(now), by, Kind::Invoke, Op::Pub, room).id(id));
    }

    /// What came of it: its place, or nothing that is known.
    pub(super) fn answer(
        &self,
        now: Duration,
        (by, room, id): (&str, &str, &str),
        asked: Duration,
        place: Option<Position>,
    ) {
        let kind = if place.is_some() { Kind::Ok } else { Kind::Info };
        let event = Event::new(nanoseconds(now), by, kind, Op::Pub, room).id(id);
        let Some(place) = place else { return self.add(&event) };
        self.add(&event.at(place.epoch.to_string(), place.offset));
        let mut book = locked(&self.book);
        let top = book.tops.entry(room.to_owned()).or_insert((asked, place));
        let newer = if top.1.epoch == place.epoch { place.offset > top.1.offset } else { asked >= top.0 };
        if newer {
            *top = (asked.max(top.0), place);
        }
    }

    /// A room is asked for, or joined at a place.
    pub(super) fn join(&self, now: Duration, by: &str, room: &str, place: Option<Position>) {
        let kind = if place.is_some() { Kind::Ok } else { Kind::Invoke };
        let event = Event::new(nanoseconds(now), by, kind, Op::Join, room);
        self.add(&match place {
            Some(place) => event.at(place.epoch.to_string(), place.offset),
            None => event,
        });
    }

    /// A room is asked to be left (`Invoke`), is left (`Ok`), or lost (`Info`).
    pub(super) fn leave(&self, now: Duration, by: &str, room: &str, kind: Kind) {
        self.add(&Event::new(nanoseconds(now), by, kind, Op::Leave, room));
    }

    /// A publication came.
    pub(super) fn receive(&self, now: Duration, by: &str, room: &str, (id, place): (&str, Position)) {
        let event = Event::new(nanoseconds(now), by, Kind::Ok, Op::Recv, room).id(id);
        self.add(&event.at(place.epoch.to_string(), place.offset));
    }

    /// A gap was told.
    pub(super) fn gap(&self, now: Duration, by: &str, room: &str, gap: &Gap) {
        let event = Event::new(nanoseconds(now), by, Kind::Ok, Op::Gap, room);
        let event = event.at(gap.to.epoch.to_string(), gap.to.offset);
        self.add(&event.from(gap.from.epoch.to_string(), gap.from.offset));
    }

    /// Where a room's newest publication stands, if there is one that is known.
    pub(super) fn top(&self, room: &str) -> Option<Position> {
        locked(&self.book).tops.get(room).map(|(_, place)| *place)
    }

    /// From now on no fault is injected.
    pub(crate) fn heal(&self, now: Duration) {
        self.add(&Event::new(nanoseconds(now), "", Kind::Info, Op::Heal, ""));
    }

    /// Ends the talk, waits until all have all of it, for so long at the most, and judges.
    pub(crate) async fn finish(&self, crowd: &Crowd) -> Verdict {
        let patience = crowd.settings.drain_timeout;
        let nobody = |counter: &watch::Sender<usize>| {
            let mut counter = counter.subscribe();
            async move { drop(counter.wait_for(|count| *count == 0).await) }
        };
        self.stage.send_replace(Stage::Finish);
        let talked = timeout(patience, nobody(&self.talking)).await;
        self.stage.send_replace(Stage::Settle);
        let heard = timeout(patience, nobody(&self.hearing)).await;
        self.stage.send_replace(Stage::Over);
        if talked.is_err() || heard.is_err() {
            // They end at once but for those that are just leaving, which has the same bound.
            let _late = timeout(patience, nobody(&self.hearing)).await;
        }
        self.judge()
    }

    /// What is judged of a moment `settle` after the last event holds now: who has all has it then, and who hasn't was waited for.
    fn judge(&self) -> Verdict {
        let mut book = locked(&self.book);
        let settle = book.settle;
        let end = nanoseconds(book.last.saturating_add(settle));
        let mut checker = std::mem::replace(&mut book.checker, checker(settle));
        checker.event(&Event::new(end, "", Kind::Fail, Op::Resume, "").generation(0));
        checker.finish()
    }
}

fn checker(settle: Duration) -> Checker {
    Checker::new(Options { settle, ..Options::default() })
}
