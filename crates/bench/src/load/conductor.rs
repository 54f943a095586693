//! Has the parts of a load begin and end together, looks at the server meanwhile, and puts their reports together.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::part::stretches;
use super::schedule::Schedule;
use super::server::Server;
use super::slice::Slice;
use super::words::{Order, PartReport, Said, Stretched, Word};
use super::workers::{self, Worker};
use crate::process::monotonic_nanoseconds;
use crate::report::CLIENT_BOUND;
use crate::{
    Behind, ClientUse, Counts, Distribution, Error, Event, LoadPlan, LoadReport, Progress, Reconciled, SCHEMA_VERSION,
    Stretch, Verdict,
};

/// From when all are ready to when the first message is due, so that all know it by then.
const LEAD: u64 = 50_000_000;

/// Runs a load.
pub(crate) fn run(plan: &LoadPlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<LoadReport, Error> {
    plan.check()?;
    // What can't be scheduled is better known before anything is opened.
    Schedule::new(plan, 0)?;
    let slices = Slice::split(plan, workers::count(plan)?);
    let target = plan.target.resolve()?;
    let server = Server::new(plan.server_pid, plan.server_address.unwrap_or(target), target)?;
    let (said, words) = channel();
    let one = slices.len() == 1;
    let parts = slices.into_iter().enumerate().map(|(index, slice)| {
        let said = said.clone();
        if one { Worker::thread(index, slice, said) } else { Worker::process(index, &slice, said) }
    });
    let parts = parts.collect::<Result<Vec<_>, Error>>()?;
    drop(said);
    let mut conductor = Conductor {
        standings: parts.iter().map(|_| Standing::default()).collect(),
        parts,
        words,
        tell: &mut tell,
        server,
        marks: VecDeque::new(),
        stretches: VecDeque::new(),
        over_time: Vec::new(),
        is_broken_off: false,
    };
    let began = Instant::now();
    conductor.wait_until(|standing| standing.is_ready).map_err(|error| conductor.opened(error, plan.clients))?;
    let opening_seconds = began.elapsed().as_secs_f64();
    conductor.start(plan)?;
    conductor.wait_until(|standing| standing.report.is_some())?;
    Ok(conductor.report(plan, opening_seconds))
}

struct Conductor<'a> {
    parts: Vec<Worker>,
    words: Receiver<Said>,
    tell: &'a mut dyn FnMut(&Event) -> ControlFlow<()>,
    standings: Vec<Standing>,
    server: Server,
    /// When to look at the server next: when measuring begins, at the end of each stretch.
    marks: VecDeque<u64>,
    /// Those that not all parts have told of.
    stretches: VecDeque<Stretched>,
    /// Those that are over.
    over_time: Vec<Stretch>,
    is_broken_off: bool,
}

/// What is known of a part.
#[derive(Default)]
struct Standing {
    progress: Option<Progress>,
    is_ready: bool,
    /// Stretches that it has told of.
    stretches: usize,
    report: Option<PartReport>,
}

impl Conductor<'_> {
    /// Gives all parts the time from which messages are due.
    fn start(&mut self, plan: &LoadPlan) -> Result<(), Error> {
        if self.is_broken_off {
            return Ok(());
        }
        let at = monotonic_nanoseconds() + LEAD;
        let window = Schedule::new(plan, at)?.window();
        self.marks.push_back(window.start);
        self.marks.extend(stretches(&window));
        self.marks.push_back(window.end);
        self.give(Order::Start(at));
        Ok(())
    }

    /// An error while clients open, with how many were, of all processes: each knows only of its own.
    fn opened(&self, error: Error, clients: usize) -> Error {
        let Error::Worker { problem } = error else { return error };
        let open: usize = self.standings.iter().filter_map(|standing| standing.progress).map(|part| part.clients).sum();
        Error::Worker { problem: format!("{problem}; of all {clients} clients {open} were open") }
    }

    fn give(&mut self, order: Order) {
        self.parts.iter_mut().for_each(|part| part.give(order));
    }

    /// Listens to all parts until each is so far; a break takes those that never got there to their end.
    fn wait_until(&mut self, so_far: fn(&Standing) -> bool) -> Result<(), Error> {
        while !self.standings.iter().all(|standing| so_far(standing) || standing.report.is_some()) {
            let now = monotonic_nanoseconds();
            let wait = match self.marks.front() {
                Some(&mark) if mark <= now => {
                    self.marks.pop_front();
                    if self.marks.is_empty() {
                        self.end()?;
                    } else {
                        self.server.look()?;
                    }
                    continue;
                }
                Some(mark) => Duration::from_nanos(mark - now),
                None => Duration::MAX,
            };
            match self.words.recv_timeout(wait.min(Duration::from_secs(3_600))) {
                Ok((index, word)) => self.hear(index, word)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Worker { problem: "it ended without a report".into() });
                }
            }
        }
        Ok(())
    }

    /// The measured time is over.
    fn end(&mut self) -> Result<(), Error> {
        self.server.end()?;
        self.give(Order::End);
        Ok(())
    }

    fn hear(&mut self, index: usize, word: Result<Word, Error>) -> Result<(), Error> {
        let Some(standing) = self.standings.get_mut(index) else { return Ok(()) };
        match word {
            // Its process has ended, as it should.
            Err(_) if standing.report.is_some() => {}
            Err(error) => return Err(error),
            Ok(Word::Failed(problem)) => return Err(Error::Worker { problem }),
            Ok(Word::Ready) => standing.is_ready = true,
            Ok(Word::Published(count)) => self.give(Order::Published(count)),
            Ok(Word::Done(report)) => standing.report = Some(*report),
            Ok(Word::Stretch(stretched)) => {
                let ahead = standing.stretches.saturating_sub(self.over_time.len());
                standing.stretches += 1;
                match self.stretches.get_mut(ahead) {
                    Some(stretch) => stretch.add(&stretched),
                    None => self.stretches.push_back(stretched),
                }
                let told = self.standings.iter().map(|standing| standing.stretches).min().unwrap_or_default();
                self.fold(told);
            }
            Ok(Word::Progress(progress)) => {
                standing.progress = Some(progress);
                // One of them says that it is time to: the first that still goes on.
                if self.standings.iter().position(|standing| standing.report.is_none()) == Some(index) {
                    self.tell()?;
                }
            }
        }
        Ok(())
    }

    /// Tells how all stand, and ends the measuring where that is asked for.
    fn tell(&mut self) -> Result<(), Error> {
        let progresses = self.standings.iter().filter_map(|standing| standing.progress);
        let Some(progress) = progresses.reduce(together) else { return Ok(()) };
        if (self.tell)(&Event::Progress(progress)).is_break() && !self.is_broken_off {
            self.is_broken_off = true;
            self.give(Order::Break(monotonic_nanoseconds()));
            if !std::mem::take(&mut self.marks).is_empty() {
                self.end()?;
            }
        }
        Ok(())
    }

    /// The first so many stretches are over: of their times only what is reported is kept.
    fn fold(&mut self, count: usize) {
        while self.over_time.len() < count
            && let Some(stretch) = self.stretches.pop_front()
        {
            let began = self.over_time.last().map_or(0.0, |last| last.at);
            self.over_time.push(stretch.describe(began));
        }
    }

    fn report(mut self, plan: &LoadPlan, opening_seconds: f64) -> LoadReport {
        // A part that ended early has told of fewer.
        self.fold(usize::MAX);
        let mut over_time = std::mem::take(&mut self.over_time);
        self.server.describe(&mut over_time);
        let sockets = self.server.sockets.as_ref();
        let mut report = LoadReport {
            schema: SCHEMA_VERSION,
            plan: plan.clone(),
            processes: self.parts.len(),
            opening_seconds,
            seconds: 0.0,
            sent: 0,
            deliveries: 0,
            latency: Distribution::default(),
            uncorrected: Distribution::default(),
            lag: Distribution::default(),
            behind: None,
            over_time,
            counts: Counts::default(),
            counts_in_all: Counts::default(),
            server: None,
            resident_before: self.server.resident_before,
            sockets: sockets.map(|sockets| sockets.memory).filter(|memory| memory.sockets > 0),
            retransmissions: sockets.map(|sockets| sockets.retransmissions),
            client: ClientUse { cpu_seconds: 0.0, user_seconds: Some(0.0), share: 0.0 },
            reconciled: Reconciled::default(),
            interrupted: self.is_broken_off,
            verdict: Verdict::Fine,
        };
        for part in self.standings.iter().filter_map(|standing| standing.report.as_ref()) {
            report.add(part);
        }
        report.server = self.server.usage(report.deliveries);
        report.verdict = match &report {
            report if report.reconciled.is_faulty() => Verdict::Faulty,
            report if report.behind.is_some() || report.client.share > CLIENT_BOUND => Verdict::ClientBound,
            _ => Verdict::Fine,
        };
        report
    }
}

impl LoadReport {
    fn add(&mut self, part: &PartReport) {
        self.seconds = self.seconds.max(part.seconds);
        self.sent += part.sent;
        self.deliveries += part.deliveries;
        self.latency.add(&part.latency);
        self.uncorrected.add(&part.uncorrected);
        self.lag.add(&part.lag);
        self.behind = self.behind.into_iter().chain(part.behind).reduce(Behind::worse);
        self.counts.add(&part.counts);
        self.counts_in_all.add(&part.counts_in_all);
        self.client.add(&part.client);
        self.reconciled.add(&part.reconciled);
    }
}

impl Stretched {
    /// Adds another part's.
    fn add(&mut self, other: &Self) {
        self.seconds = self.seconds.max(other.seconds);
        self.sent += other.sent;
        self.deliveries += other.deliveries;
        self.times.add(&other.times);
    }

    fn describe(&self, began: f64) -> Stretch {
        Stretch {
            at: began + self.seconds,
            seconds: self.seconds,
            sent: self.sent,
            deliveries: self.deliveries,
            p50: self.times.at(0.5),
            p99: self.times.at(0.99),
            max: self.times.max(),
            resident: None,
            server_share: None,
        }
    }
}

/// How two parts stand: latency is that of the slower.
fn together(one: Progress, other: Progress) -> Progress {
    Progress {
        clients: one.clients + other.clients,
        sent: one.sent + other.sent,
        deliveries: one.deliveries + other.deliveries,
        rate: one.rate + other.rate,
        p50: one.p50.max(other.p50),
        p99: one.p99.max(other.p99),
        faults: one.faults + other.faults,
        ..one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conducted(check: impl FnOnce(&mut Conductor<'_>, &dyn Fn() -> usize)) {
        let told = std::cell::Cell::new(0);
        let mut tell = |_: &Event| {
            told.set(told.get() + 1);
            ControlFlow::Continue(())
        };
        let mut conductor = Conductor {
            parts: Vec::new(),
            words: channel().1,
            tell: &mut tell,
            standings: vec![Standing::default(), Standing::default()],
            server: Server::new(None, ([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 1).into()).unwrap(),
            marks: VecDeque::new(),
            stretches: VecDeque::new(),
            over_time: Vec::new(),
            is_broken_off: false,
        };
        check(&mut conductor, &|| told.get());
    }

    fn progress() -> Word {
        let phase = crate::Phase::Steady;
        Word::Progress(Progress {
            phase,
            seconds: 1.0,
            of: 2.0,
            clients: 1,
            sent: 1,
            deliveries: 1,
            rate: 1.0,
            p50: 1.0,
            p99: 1.0,
            faults: 0,
        })
    }

    fn done() -> Word {
        Word::Done(Box::new(PartReport {
            seconds: 1.0,
            sent: 1,
            deliveries: 1,
            latency: Distribution::default(),
            uncorrected: Distribution::default(),
            lag: Distribution::default(),
            counts: Counts::default(),
            counts_in_all: Counts::default(),
            client: ClientUse { cpu_seconds: 0.0, user_seconds: Some(0.0), share: 0.0 },
            reconciled: Reconciled::default(),
            behind: None,
        }))
    }

    #[test]
    fn progress_is_told_as_long_as_any_part_goes_on() {
        conducted(|conductor, told| {
            for (part, word, times) in
                [(0, progress(), 1), (1, progress(), 1), (0, progress(), 2), (0, done(), 2), (1, progress(), 3)]
            {
                conductor.hear(part, Ok(word)).unwrap();
                assert_eq!(told(), times, "{part}");
            }
        });
    }

    #[test]
    fn a_stretch_is_folded_once_all_parts_have_told_of_it() {
        conducted(|conductor, _| {
            let stretch = |milliseconds: u64| {
                let mut times = Distribution::default();
                times.record(milliseconds * 1_000_000);
                Ok(Word::Stretch(Stretched { seconds: 1.0, sent: 1, deliveries: 1, times }))
            };
            for (part, kept, folded) in [(0, 1, 0), (0, 2, 0), (1, 1, 1), (1, 0, 2), (1, 1, 2), (0, 0, 3)] {
                conductor.hear(part, stretch(10 + part as u64)).unwrap();
                assert_eq!((conductor.stretches.len(), conductor.over_time.len()), (kept, folded));
            }
            let last = conductor.over_time[2];
            assert_eq!((last.at, last.sent, last.deliveries), (3.0, 2, 2));
            assert!((10.9..11.1).contains(&last.max), "{last:?}");
        });
    }
}
