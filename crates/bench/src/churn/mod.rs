//! Clients that come, get a message echoed, stay a while and go.

mod time_wait;
mod visitor;

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, sleep_until, timeout},
};

use self::{time_wait::time_wait, visitor::Door};
use crate::{
    Arrivals, ChurnPlan, ChurnReport, Distribution, Error, Event, Faults, Phase, SCHEMA_VERSION, Transport, Verdict,
    dial::{self, Dialer},
    flow::{self, Crowd, Pulse, Settings, Tell, Way, locked},
    process::{Meter, Usage, float, resident},
};

pub(crate) fn run(plan: &ChurnPlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<ChurnReport, Error> {
    plan.check()?;
    // Over HTTP what is sent has a connection of its own.
    dial::reserve(if plan.transport.is_http() { plan.most() * 2 } else { plan.most() })?;
    flow::block_on(churn(plan, &mut tell))
}

async fn churn(plan: &ChurnPlan, tell: Tell<'_>) -> Result<ChurnReport, Error> {
    let (meter, mut pulse) = (Meter::new(plan.server_pid)?, Pulse::new(tell));
    let resident = || plan.server_pid.and_then(|pid| resident(pid).ok());
    let house = Arc::new(House::new(plan)?);
    // What is wrong with every client shows at the first, and ends the run with a clear error.
    flow::reach(&plan.target, plan.open_timeout).await?;
    house.settle().await?;
    let (resident_before, start) = (resident(), meter.sample()?);
    let began = house.crowd.now();

    let mut visits = JoinSet::new();
    let coming = flow::unless_gone(&meter, house.clone().come(began, &mut visits));
    let came = pulse.during(&house.crowd, (Phase::Steady, planned(plan)), coming).await;
    if came == Some(None) {
        house.crowd.totals().lose(1, flow::SERVER_GONE.to_owned());
    }
    // What follows is mostly waiting.
    let client = meter.usage(&start, 0)?.client;
    let (ended, resident_during) = (house.crowd.now(), resident());
    house.all_are_here.send_replace(true);
    let going = async {
        visits.join_all().await;
        sleep(plan.rest).await;
    };
    pulse.see_through(&house.crowd, (Phase::Drain, plan.stay + plan.rest), going).await;
    let (served, last_served) = {
        let tally = locked(&house.tally);
        (tally.first_echo.count(), tally.last_served)
    };
    // Who came last may be served when no more are coming.
    let seconds = (last_served.unwrap_or(ended) - began).as_secs_f64();
    let usage = Usage { seconds, client, ..meter.usage(&start, served)? };
    Ok(house.report([resident_before, resident_during, resident()], &usage, pulse.is_broken()))
}

/// How long coming takes, where that is known.
fn planned(plan: &ChurnPlan) -> Duration {
    match plan.arrivals {
        Arrivals::Rate { duration, .. } => duration,
        Arrivals::Storm { .. } => Duration::ZERO,
    }
}

/// Where clients come to, and what is counted of them.
struct House {
    plan: ChurnPlan,
    door: Door,
    crowd: Crowd,
    tally: Mutex<Tally>,
    /// Clients that were due so far.
    due: AtomicUsize,
    /// In a storm nobody goes before.
    all_are_here: watch::Sender<bool>,
}

#[derive(Default)]
struct Tally {
    opening: Distribution,
    uncorrected: Distribution,
    first_echo: Distribution,
    /// When the last one's message was back.
    last_served: Option<Duration>,
    most: usize,
}

/// One arrival.
struct Arrival {
    number: usize,
    due: Duration,
    /// One of those that may be there at a time, or open at a time in a storm.
    permit: OwnedSemaphorePermit,
}

impl House {
    fn new(plan: &ChurnPlan) -> Result<Self, Error> {
        let door = match plan.transport {
            Transport::Raw => {
                Door::Raw { target: plan.target.clone(), dialer: Mutex::new(Dialer::rotating(&plan.target)?) }
            }
            transport => Door::Session(Way {
                url: plan.target.to_string(),
                transports: vec![flow::carrier(transport)],
                backoff: plan.open_timeout.max(Duration::from_millis(10)),
                poll_interval: plan.poll_interval,
                memory: Duration::from_secs(1),
            }),
        };
        let crowd = Crowd::new(Settings {
            size: plan.size,
            period: Duration::MAX,
            slow_pause: Duration::ZERO,
            drain_timeout: plan.open_timeout,
        });
        let (due, all_are_here) = (AtomicUsize::new(0), watch::Sender::new(false));
        Ok(Self { plan: plan.clone(), door, crowd, tally: Mutex::default(), due, all_are_here })
    }

    /// The settling clients, and one at the least.
    async fn settle(&self) -> Result<(), Error> {
        for _ in 0..self.plan.settling.max(1) {
            let late = |_| Error::Timeout { waiting_for: "a client to open", after: self.plan.open_timeout };
            let mut visitor = timeout(self.plan.open_timeout, self.door.open()).await.map_err(late)??;
            let echoed = timeout(self.plan.open_timeout, visitor.echo(&self.text(0))).await;
            let echoed = echoed.unwrap_or_else(|_| Err("no answer came".to_owned()));
            let problem = match echoed {
                Ok(()) => visitor.leave(Duration::ZERO).await,
                failed => failed,
            };
            problem.map_err(|problem| Error::NotSession { problem: format!("it echoes nothing: {problem}") })?;
        }
        Ok(())
    }

    fn text(&self, number: usize) -> String {
        let mut text = number.to_string();
        text.extend(std::iter::repeat_n('.', self.plan.size.saturating_sub(text.len())));
        text
    }

    /// Has all clients come.
    async fn come(self: Arc<Self>, began: Duration, visits: &mut JoinSet<()>) {
        let at_a_time = match self.plan.arrivals {
            Arrivals::Rate { .. } => self.plan.max_clients,
            Arrivals::Storm { at_a_time, .. } => at_a_time,
        };
        let slots = Arc::new(Semaphore::new(at_a_time));
        for number in 0.. {
            let due = match self.plan.arrivals {
                Arrivals::Rate { per_second, duration } => {
                    let due = Duration::from_secs_f64(float(number as u64) / per_second);
                    if due >= duration {
                        break;
                    }
                    sleep_until(self.crowd.at(began + due).into()).await;
                    Some(began + due)
                }
                Arrivals::Storm { clients, .. } if number >= clients => break,
                Arrivals::Storm { .. } => None,
            };
            self.due.fetch_add(1, Relaxed);
            // It is never closed.
            let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { break };
            let arrival = Arrival { number, due: due.unwrap_or_else(|| self.crowd.now()), permit };
            visits.spawn(Arc::clone(&self).visit(arrival));
            while visits.try_join_next().is_some() {}
        }
        if let Arrivals::Storm { at_a_time, .. } = self.plan.arrivals {
            // All of them again: nobody is opening any more.
            let _all = slots.acquire_many(u32::try_from(at_a_time).unwrap_or(u32::MAX)).await;
        }
    }

    async fn visit(self: Arc<Self>, arrival: Arrival) {
        let Arrival { number, due, permit } = arrival;
        if let Err(why) = self.stay(number, due, permit).await {
            self.crowd.totals().close(number, format!("client {number}: {why}"));
        }
    }

    async fn stay(&self, number: usize, due: Duration, permit: OwnedSemaphorePermit) -> Result<(), String> {
        let (patience, begun) = (self.plan.open_timeout, self.crowd.now());
        let opened = timeout(patience, self.door.open()).await;
        let mut visitor = match opened {
            Ok(Ok(visitor)) => visitor,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("it was not open within {patience:?}")),
        };
        self.crowd.carry(true);
        let there = Leaving(&self.crowd);
        self.opened(due, begun);
        let (text, sent) = (self.text(number), self.crowd.now());
        self.crowd.totals().echoes += 1;
        timeout(patience, visitor.echo(&text)).await.map_err(|_| format!("no answer came within {patience:?}"))??;
        let now = self.crowd.now();
        self.crowd.totals().deliver(now - sent);
        self.served(due, now);
        if let Arrivals::Storm { .. } = self.plan.arrivals {
            drop(permit);
            // Its sender is this house's: it can't fail.
            drop(self.all_are_here.subscribe().wait_for(|all| *all).await);
            visitor.leave(self.plan.stay).await?;
        } else {
            visitor.leave(self.plan.stay).await?;
            drop(permit);
        }
        drop(there);
        Ok(())
    }

    fn opened(&self, due: Duration, begun: Duration) {
        let (now, mut tally) = (self.crowd.now(), locked(&self.tally));
        tally.opening.record(nanoseconds(now - due));
        tally.uncorrected.record(nanoseconds(now - begun));
        tally.most = tally.most.max(self.crowd.carried());
    }

    fn served(&self, due: Duration, now: Duration) {
        let mut tally = locked(&self.tally);
        tally.first_echo.record(nanoseconds(now - due));
        tally.last_served = tally.last_served.max(Some(now));
    }

    /// The report, of the seconds until the last client was served.
    fn report(&self, [before, during, after]: [Option<u64>; 3], usage: &Usage, interrupted: bool) -> ChurnReport {
        let seconds = usage.seconds;
        let (tally, totals) = (std::mem::take(&mut *locked(&self.tally)), std::mem::take(&mut *self.crowd.totals()));
        let served = tally.first_echo.count();
        let each = float(served.max(1));
        let kept = before.zip(after).map(|(before, after)| (float(after) - float(before)) / each);
        let faults = Faults { closed: totals.reconciled.closed, first: totals.reconciled.first, ..Faults::default() };
        let port = self.plan.target.resolve().ok().map(|address| address.port());
        ChurnReport {
            schema: SCHEMA_VERSION,
            plan: self.plan.clone(),
            seconds,
            arrivals: self.due.load(Relaxed) as u64,
            served,
            per_second: float(served) / seconds.max(1e-9),
            most_clients: tally.most,
            opening: tally.opening,
            uncorrected: tally.uncorrected,
            first_echo: tally.first_echo,
            server_microseconds: usage.server.map(|server| server.cpu_seconds * 1e6 / each),
            server: usage.server,
            resident_before: before,
            resident_during: during,
            resident_after: after,
            kept_per_client: kept,
            time_wait: port.and_then(time_wait),
            verdict: Verdict::of(&faults, &usage.client),
            client: usage.client,
            faults,
            interrupted,
        }
    }
}

/// A client that is there, until this is dropped.
struct Leaving<'a>(&'a Crowd);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.carry(false);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
