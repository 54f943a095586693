//! One message to many.

mod audience;
mod ledger;
mod pace;
mod publications;
mod subscriber;

use self::audience::Audience;
use self::pace::{Pace, Schedule};
use self::publications::Publications;
use crate::handshake::Handshake;
use crate::open::Opener;
use crate::polls::Polls;
use crate::process::{Meter, float};
use crate::steps::Steps;
use crate::{Error, Event, FanoutPlan, FanoutReport, Lag, Phase, SCHEMA_VERSION, Verdict, dial};
use mio::Poll;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub(crate) use self::publications::NUMBER;

/// Publishing that is so late at the end has been left behind by its schedule.
const LEFT_BEHIND: Duration = Duration::from_millis(50);

pub(crate) fn run(plan: &FanoutPlan, tell: &mut dyn FnMut(&Event) -> ControlFlow<()>) -> Result<FanoutReport, Error> {
    plan.check()?;
    dial::reserve(plan.subscribers)?;
    let meter = Meter::new(plan.server_pid)?;
    let mut poll = Poll::new().map_err(Error::io("make a poller"))?;
    let handshake = Handshake::new(&plan.target, None);
    let open = Opener::new(&mut poll, &plan.target, &handshake, plan.open_timeout)?.open(0, plan.subscribers)?;
    let mut audience = Audience::new(poll, open, Publications::new(plan), plan.drain_timeout)?;
    audience.join(plan.open_timeout)?;

    audience.polls = Polls::new(plan.busy_poll);
    audience.pace = match plan.rate {
        None => Pace::Closed(plan.in_flight),
        Some(rate) => Pace::Open(Schedule::new(Instant::now(), rate)),
    };
    let mut steps = Steps::new(plan.subscribers, tell);
    steps.take(Phase::WarmUp, plan.warm_up, |time| audience.run_for(time).map(|()| audience.ledger.deliveries()))?;
    if let Pace::Open(schedule) = &mut audience.pace {
        schedule.forget_lag();
    }
    audience.ledger.measure(true);
    audience.polls.reset();
    let (start, deliveries, published) =
        (meter.sample()?, audience.ledger.deliveries(), audience.publications.published());
    steps.take(Phase::Steady, plan.duration, |time| audience.run_for(time).map(|()| audience.ledger.deliveries()))?;
    let interrupted = steps.is_broken_off();
    let deliveries = audience.ledger.deliveries() - deliveries;
    let publications = audience.publications.published() - published;
    let mut usage = meter.usage(&start, deliveries)?;
    if plan.busy_poll {
        usage.client.share = audience.polls.useful();
    }
    let lag = lag_of(&audience.pace);
    audience.drain()?;
    let [first, last, last_from_sending] = audience.ledger.latencies();
    let faults = audience.finish();
    let left_behind = lag.is_some_and(|lag| lag.at_end > LEFT_BEHIND.as_secs_f64() * 1e6);
    Ok(FanoutReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        seconds: usage.seconds,
        publications,
        deliveries,
        per_second: float(deliveries) / usage.seconds,
        server: usage.server,
        client: usage.client,
        first,
        last,
        last_from_sending: plan.rate.map(|_| last_from_sending),
        lag,
        interrupted,
        verdict: match Verdict::of(&faults, &usage.client) {
            Verdict::Fine if left_behind => Verdict::ClientBound,
            verdict => verdict,
        },
        faults,
    })
}

/// How late a schedule is now, and was at the most, in microseconds; `None` for a closed loop.
fn lag_of(pace: &Pace) -> Option<Lag> {
    let Pace::Open(schedule) = pace else { return None };
    let micros = |late: Duration| late.as_secs_f64() * 1e6;
    Some(Lag { largest: micros(schedule.largest_lag()), at_end: micros(schedule.lag(Instant::now())) })
}
