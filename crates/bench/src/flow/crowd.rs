//! Many clients, and what is counted of them.

use std::{
    collections::BTreeSet,
    mem::take,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};

use super::{Turn, herd::Herd, locked, recovery::Recovery};
use crate::{Distribution, Error, Reconciled, Talk, Talked, process::Usage};

/// Clients that open at a time: below any backlog.
const AT_A_TIME: usize = 100;

/// What all clients of a crowd have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Bytes of a message.
    pub(crate) size: usize,
    /// From one message of a client to its next: every other is an echo, the rest are publications.
    pub(crate) period: Duration,
    /// How long a slow client takes for a publication.
    pub(crate) slow_pause: Duration,
    /// How long what is under way may take at the end.
    pub(crate) drain_timeout: Duration,
}

impl Settings {
    /// Those of clients that talk so.
    pub(crate) fn of(talk: &Talk, slow_pause: Duration) -> Self {
        Self { size: talk.size, period: talk.due(talk.clients), slow_pause, drain_timeout: talk.drain_timeout }
    }
}

/// Many clients.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) settings: Settings,
    start: Instant,
    totals: Mutex<Totals>,
    /// How many are carried now: to be waited for.
    carried: watch::Sender<usize>,
    /// Whether all are there: those that come and go may.
    complete: watch::Sender<bool>,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Messages sent to be echoed.
    pub(crate) echoes: u64,
    /// Messages published.
    pub(crate) publications: u64,
    /// Echoes and publications that came.
    pub(crate) deliveries: u64,
    /// Their latency, from when they were due, in all.
    pub(crate) latency: Distribution,
    /// The same of this stretch of time.
    pub(crate) stretch: Distribution,
    /// The same since the last progress.
    pub(crate) recent: Distribution,
    /// How late messages were sent.
    pub(crate) lag: Distribution,
    /// From when a client lost its carrier to when it had another.
    pub(crate) reconnects: Distribution,
    /// From when something was killed until clients were served again.
    pub(crate) recovery: Recovery,
    /// Of those that come back.
    pub(crate) herd: Herd,
    /// When the last came back.
    pub(crate) last_back: Option<Duration>,
    /// How often a carrier was lost.
    pub(crate) disconnects: u64,
    /// How often a session went on over another carrier.
    pub(crate) resumes: u64,
    /// Records sent again because of it.
    pub(crate) replayed: u64,
    /// Sessions that the server did not know any more.
    pub(crate) lost: u64,
    /// Changes from one transport to another.
    pub(crate) switches: u64,
    /// Gaps told.
    pub(crate) gaps: u64,
    /// Clients that came.
    pub(crate) comings: u64,
    /// Clients that went, as they were to.
    pub(crate) goings: u64,
    /// Clients that could not come: the first one's reason.
    pub(crate) refused: Option<String>,
    /// What is wrong, of all.
    pub(crate) reconciled: Reconciled,
    /// Clients that something was wrong with.
    faulty: BTreeSet<usize>,
}

impl Totals {
    /// A client of a talk got something that was due at `due`.
    pub(super) fn serve(&mut self, number: usize, due: Duration, now: Duration) {
        self.recovery.serve(number, due, now);
        self.deliver(now.saturating_sub(due));
    }

    /// Something came, so long after it was due.
    pub(crate) fn deliver(&mut self, latency: Duration) {
        self.deliveries += 1;
        let latency = nanoseconds(latency);
        self.latency.record(latency);
        self.stretch.record(latency);
        self.recent.record(latency);
    }

    /// Adds what was found of a client's messages.
    pub(crate) fn reconcile(&mut self, number: usize, tally: &Reconciled) {
        self.reconciled.add(tally);
        if tally.is_faulty() {
            self.faulty.insert(number);
            self.reconciled.name(number, tally);
            self.reconciled.clients = self.faulty.len() as u64;
        }
    }

    /// A client ended that was to go on.
    pub(crate) fn close(&mut self, number: usize, why: String) {
        self.reconcile(number, &Reconciled { closed: 1, first: Some(why), ..Reconciled::default() });
    }

    /// So many were lost, or the server itself, by what is no one client's doing.
    pub(crate) fn lose(&mut self, closed: u64, why: String) {
        let first = (closed > 0).then_some(why);
        self.reconciled.add(&Reconciled { closed, first, ..Reconciled::default() });
    }

    /// Clients that were ended because they did not end.
    pub(crate) fn abandon(&mut self, left: u64, patience: Duration) {
        self.lose(left, format!("{left} clients did not end within {patience:?}"));
    }

    /// What came of the talk, which took so long to open, and what the checkers found wrong of it.
    pub(crate) fn talked(
        &mut self,
        opening: Duration,
        usage: &Usage,
        violations: Vec<String>,
        interrupted: bool,
    ) -> Talked {
        Talked {
            opening_seconds: opening.as_secs_f64(),
            seconds: usage.seconds,
            echoes: self.echoes,
            publications: self.publications,
            deliveries: self.deliveries,
            latency: take(&mut self.latency),
            lag: take(&mut self.lag),
            reconnects: take(&mut self.reconnects),
            lost_sessions: self.lost,
            gaps: self.gaps,
            reconciled: take(&mut self.reconciled),
            violations,
            server: usage.server,
            client: usage.client,
            interrupted,
        }
    }

    /// Faults so far.
    pub(crate) const fn faults(&self) -> u64 {
        let Reconciled { missing, duplicate, reordered, wrong, closed, .. } = &self.reconciled;
        *missing + *duplicate + *reordered + *wrong + *closed
    }
}

impl Crowd {
    pub(crate) fn new(settings: Settings) -> Self {
        let (start, totals) = (Instant::now(), Mutex::default());
        Self { settings, start, totals, carried: watch::Sender::new(0), complete: watch::Sender::new(false) }
    }

    /// The time since the beginning: the clock of messages and of histories.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// When a time of [`now`](Self::now) is.
    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time
    }

    pub(crate) fn totals(&self) -> MutexGuard<'_, Totals> {
        locked(&self.totals)
    }

    /// All are there.
    pub(crate) fn complete(&self) {
        self.complete.send_replace(true);
    }

    /// Waits until all are there.
    pub(crate) async fn until_complete(&self) {
        drop(self.complete.subscribe().wait_for(|complete| *complete).await);
    }

    /// Clients that are carried now.
    pub(crate) fn carried(&self) -> usize {
        *self.carried.borrow()
    }

    /// One more is carried, or one less.
    pub(crate) fn carry(&self, more: bool) {
        self.carried.send_modify(|carried| *carried = if more { *carried + 1 } else { carried.saturating_sub(1) });
    }

    /// One can't come: whoever waits for it is to look.
    pub(super) fn refuse(&self, why: String) {
        self.totals().refused.get_or_insert(why);
        self.carried.send_modify(|_| {});
    }

    /// Waits until so many are carried; an error is that one can't come.
    pub(crate) async fn until_carried(&self, clients: usize) -> Result<(), Error> {
        let refused = || self.totals().refused.clone();
        // Its sender is this crowd's: it can't fail.
        drop(self.carried.subscribe().wait_for(|carried| *carried >= clients || refused().is_some()).await);
        refused().map_or(Ok(()), |problem| Err(Error::NotSession { problem }))
    }

    /// Lets all clients in, and waits until each is carried and in its rooms; for so long at the most.
    pub(crate) async fn open(
        &self,
        (talk, turn): (&Talk, &Turn),
        patience: Duration,
        mut begin: impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let late = |waiting_for| move |_| Error::Timeout { waiting_for, after: patience };
        for number in 0..talk.clients {
            let before = self.until_carried(number.saturating_sub(AT_A_TIME));
            timeout(patience, before).await.map_err(late("clients to open"))??;
            begin(number)?;
        }
        timeout(patience, self.until_carried(talk.clients)).await.map_err(late("clients to open"))??;
        let heard = turn.until_heard_by(talk.clients * talk.per_client);
        timeout(patience, heard).await.map_err(late("rooms to be joined"))
    }
}

/// A time as figures have it; half a millennium at the most.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
