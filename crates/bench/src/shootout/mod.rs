//! The websocket-shootout protocol: how many clients until a round trip takes too long?

mod client;
mod protocol;

use std::{
    collections::HashSet,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    time::{interval, sleep, timeout},
};

use self::{
    client::{Answer, Clients, What, Wrong},
    protocol::Kind,
};
use crate::{
    Ask, Distribution, Error, Event, Faults, Phase, Progress, SCHEMA_VERSION, ShootoutEnd, ShootoutPlan,
    ShootoutReport, ShootoutStep, Verdict, dial,
    flow::{self, Tell},
    process::{Meter, float},
    random::Random,
};

/// How often to tell how a step goes.
const TELL: Duration = Duration::from_millis(250);
/// From one look whether all have a broadcast to the next.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) fn run(
    plan: &ShootoutPlan,
    mut tell: impl FnMut(&Event) -> ControlFlow<()>,
) -> Result<ShootoutReport, Error> {
    plan.check()?;
    dial::reserve(plan.initial_clients)?;
    flow::block_on(shootout(plan, &mut tell))
}

async fn shootout(plan: &ShootoutPlan, tell: Tell<'_>) -> Result<ShootoutReport, Error> {
    let meter = Meter::new(plan.server_pid)?;
    let start = meter.sample()?;
    let mut shootout = Shootout::new(plan, tell)?;
    let end = shootout.steps().await?;
    let Shootout { steps, faults, answers, .. } = shootout;
    let usage = meter.usage(&start, answers)?;
    let mut report = ShootoutReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        sustained: 0,
        steps,
        end,
        server: usage.server,
        verdict: Verdict::of(&faults, &usage.client),
        client: usage.client,
        faults,
    };
    report.sustained = report.sustaining().map_or(0, |step| step.clients);
    Ok(report)
}

/// That requests have no answers; `none_had` says that not one ever had.
fn unanswered(missing: u64, none_had: bool) -> String {
    let cause =
        if none_had { ", nor was any other: does the server speak the protocol of websocket-shootout?" } else { "" };
    format!("{missing} requests were never answered{cause}")
}

struct Shootout<'a> {
    plan: &'a ShootoutPlan,
    tell: Tell<'a>,
    clients: Clients,
    answered: mpsc::UnboundedReceiver<Answer>,
    /// What was asked for and is not answered yet: by which client, and when.
    under_way: HashSet<(usize, u64)>,
    steps: Vec<ShootoutStep>,
    random: Random,
    faults: Faults,
    /// Answers, and broadcasts that came.
    answers: u64,
}

impl<'a> Shootout<'a> {
    fn new(plan: &'a ShootoutPlan, tell: Tell<'a>) -> Result<Self, Error> {
        // As many wait in it as there are requests under way, and one for each client that is closed.
        let (answers, answered) = mpsc::unbounded_channel();
        let (under_way, steps, random) = (HashSet::new(), Vec::new(), Random::new(plan.seed));
        let (clients, faults) = (Clients::new(plan, answers)?, Faults::default());
        Ok(Self { plan, tell, clients, answered, under_way, steps, random, faults, answers: 0 })
    }

    /// One step after another; why there is no further one.
    async fn steps(&mut self) -> Result<ShootoutEnd, Error> {
        let mut clients = self.plan.initial_clients;
        loop {
            match self.open(clients).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(ShootoutEnd::Interrupted),
                Err(error) if self.steps.is_empty() => return Err(error),
                Err(error) => {
                    self.fault(1, error.to_string());
                    return Ok(ShootoutEnd::Fault);
                }
            }
            let step = match self.step().await {
                Ok(step) => step,
                Err(end) => return Ok(end),
            };
            let is_over = step.at_percentile > self.plan.limit_rtt.as_secs_f64() * 1e3;
            let told = (self.tell)(&Event::Step(Box::new(step.clone())));
            self.steps.push(step);
            if is_over {
                return Ok(ShootoutEnd::Limit);
            } else if told.is_break() {
                return Ok(ShootoutEnd::Interrupted);
            } else if self.faults.closed > 0 {
                return Ok(ShootoutEnd::Fault);
            } else if clients >= self.plan.max_clients {
                return Ok(ShootoutEnd::Clients);
            }
            clients = (clients + self.plan.step_size).min(self.plan.max_clients);
        }
    }

    /// Opens more, until there are so many, or it is broken off.
    async fn open(&mut self, clients: usize) -> Result<ControlFlow<()>, Error> {
        dial::reserve(clients)?;
        let (began, mut ticks) = (Instant::now(), interval(TELL));
        let late = |_| Error::Timeout { waiting_for: "connections to open", after: self.plan.open_timeout };
        while self.clients.len() < clients {
            let open = self.clients.len();
            let opening = timeout(self.plan.open_timeout, self.clients.open(clients - open));
            tokio::pin!(opening);
            loop {
                tokio::select! {
                    opened = &mut opening => break opened.map_err(late)??,
                    _ = ticks.tick() => {
                        let progress = Progress::new(Phase::Ramp, began.elapsed().as_secs_f64(), 0.0, open);
                        if (self.tell)(&Event::Progress(progress)).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// So many round trips, some of them at a time.
    async fn step(&mut self) -> Result<ShootoutStep, ShootoutEnd> {
        let (plan, began, before) = (self.plan, Instant::now(), self.clients.deliveries());
        let (mut rtt, mut asked) = (Distribution::default(), 0);
        let (mut ticks, mut last) = (interval(TELL), Instant::now());
        while asked < plan.concurrent {
            self.ask(&mut asked).await?;
        }
        while rtt.count() < plan.sample_size as u64 {
            tokio::select! {
                Some(answer) = self.answered.recv() => {
                    let Some(nanoseconds) = self.check(answer)? else { continue };
                    rtt.record(nanoseconds);
                    last = Instant::now();
                    if asked < plan.sample_size {
                        self.ask(&mut asked).await?;
                    }
                }
                _ = ticks.tick() => {
                    if self.progress(began, &rtt).is_break() {
                        return Err(ShootoutEnd::Interrupted);
                    }
                    if last.elapsed() > plan.open_timeout {
                        let missing = asked as u64 - rtt.count();
                        self.faults.lost += missing;
                        self.faults.note(|| unanswered(missing, self.steps.is_empty() && rtt.count() == 0));
                        return Err(ShootoutEnd::Fault);
                    }
                }
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        if self.settle(began, &rtt).await.is_break() {
            return Err(ShootoutEnd::Interrupted);
        }
        let deliveries = self.clients.deliveries() - before;
        self.answers += rtt.count() + deliveries;
        let at_percentile = rtt.at(float(plan.limit_percentile as u64) / 100.0);
        Ok(ShootoutStep { clients: self.clients.len(), rtt, at_percentile, seconds, deliveries })
    }

    async fn ask(&mut self, asked: &mut usize) -> Result<(), ShootoutEnd> {
        let last = (self.clients.len() as u64).saturating_sub(1);
        let which = usize::try_from(self.random.up_to(last)).unwrap_or_default();
        match self.clients.ask(which, self.plan.ask).await {
            Ok(sent) => self.under_way.insert((which, sent)),
            Err(why) => {
                self.fault(1, why);
                return Err(ShootoutEnd::Fault);
            }
        };
        *asked += 1;
        Ok(())
    }

    /// How long an answer took; `None` of one that nobody waits for any more.
    fn check(&mut self, Answer { client, what }: Answer) -> Result<Option<u64>, ShootoutEnd> {
        let due = if self.plan.ask == Ask::Echo { Kind::Echo } else { Kind::Result };
        let why = match what {
            What::Answer { kind, sent, at } if kind == due => {
                if self.under_way.remove(&(client, sent)) {
                    return Ok(Some(at.saturating_sub(sent)));
                }
                self.faults.doubled += 1;
                self.faults.note(|| "an answer came again, or to who had not asked".to_owned());
                return Ok(None);
            }
            What::Answer { kind, .. } => format!("{kind:?} came instead of {due:?}"),
            What::Wrong(why) => why,
            What::Closed(why) => {
                self.fault(1, why);
                return Err(ShootoutEnd::Fault);
            }
        };
        self.faults.wrong += 1;
        self.faults.note(|| why);
        Err(ShootoutEnd::Fault)
    }

    fn fault(&mut self, closed: u64, why: String) {
        self.faults.closed += closed;
        self.faults.note(|| why);
    }

    /// Waits until all broadcasts have come to all, unless it is broken off, and counts what is missing or too much. With echoes
    /// there are none to come, and those that come are too much.
    async fn settle(&mut self, step_began: Instant, rtt: &Distribution) -> ControlFlow<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        let patience = if self.plan.ask == Ask::Echo { Duration::ZERO } else { self.plan.open_timeout };
        while self.clients.wrong() != Wrong::default() && began.elapsed() < patience {
            sleep(LOOK).await;
            if told.elapsed() >= TELL {
                told = Instant::now();
                self.progress(step_began, rtt)?;
            }
        }
        let Wrong { lost, doubled } = self.clients.wrong();
        self.clients.begin();
        (self.faults.lost, self.faults.doubled) = (self.faults.lost + lost, self.faults.doubled + doubled);
        if lost + doubled > 0 {
            self.faults.note(|| format!("of the broadcasts of a step {lost} never came, and {doubled} came too often"));
        }
        ControlFlow::Continue(())
    }

    fn progress(&mut self, began: Instant, rtt: &Distribution) -> ControlFlow<()> {
        let (seconds, clients) = (began.elapsed().as_secs_f64(), self.clients.len());
        (self.tell)(&Event::Progress(Progress {
            phase: Phase::Steady,
            seconds,
            of: 0.0,
            clients,
            sent: rtt.count(),
            deliveries: self.answers,
            rate: float(rtt.count()) / seconds.max(1e-3),
            p50: rtt.at(0.5),
            p99: rtt.at(0.99),
            faults: self.faults.lost + self.faults.doubled + self.faults.wrong + self.faults.closed,
        }))
    }
}
