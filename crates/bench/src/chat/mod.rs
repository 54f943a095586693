//! A mix of everything, for a long time.

mod seat;
mod stretches;
mod weather;

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::sleep_until};

use self::{seat::Seat, stretches::Stretches, weather::Weather};
use crate::{
    ChatPlan, ChatReport, Error, Event, Phase, SCHEMA_VERSION, delivery,
    flow::{self, Crowd, Pulse, Settings, Tell, Turn, Way},
    process::{Meter, Usage, monotonic_nanoseconds, resident},
    random::Random,
};

/// How long a slow client takes for a publication.
const SLOW_PAUSE: Duration = Duration::from_millis(20);
/// Violations that are kept.
const MAX_VIOLATIONS: usize = 100;

pub(crate) fn run(plan: &ChatPlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<ChatReport, Error> {
    plan.check()?;
    flow::reserve(plan.talk.clients)?;
    flow::block_on(chat(plan, &mut tell))
}

async fn chat(plan: &ChatPlan, tell: Tell<'_>) -> Result<ChatReport, Error> {
    let (meter, mut pulse) = (Meter::new(plan.server_pid)?, Pulse::new(tell));
    let weather = Weather::new(plan)?;
    let run = Run::new(plan);
    let way = Way::of(&plan.talk, plan.target.to_string(), bowline_client::Transport::ALL.to_vec(), seat::MEMORY);
    let knocking = flow::knock(&plan.target, &way, plan.open_timeout);
    pulse.during(&run.crowd, (Phase::Ramp, Duration::ZERO), knocking).await.transpose()?;
    let (mut seats, began) = (JoinSet::new(), run.crowd.now());
    let opening = run.open(&weather, &mut seats);
    let opened = pulse.during(&run.crowd, (Phase::Ramp, Duration::ZERO), opening).await;
    let opening = run.crowd.now() - began;
    opened.transpose()?;

    let mut judges = JoinSet::new();
    let mut stretches = Stretches::new(plan, &meter)?;
    let changing = tokio::spawn(weather.clone().change(plan.stretch / 2, Random::new(plan.seed)));
    let start = (meter.sample()?, run.crowd.totals().deliveries);
    let (began, mut end) = (run.crowd.now(), Duration::ZERO);
    let mut is_last = false;
    while !is_last {
        end = (end + plan.stretch).min(plan.talk.duration);
        let talking = flow::unless_gone(&meter, sleep_until(run.crowd.at(began + end).into()));
        let talked = pulse.during(&run.crowd, (Phase::Steady, plan.stretch), talking).await;
        if talked == Some(None) {
            run.crowd.totals().lose(1, flow::SERVER_GONE.to_owned());
        }
        stretches.end(&run.crowd, run.crowd.now() - began, &meter)?;
        is_last = end >= plan.talk.duration || talked != Some(Some(()));
        run.next_turn(&mut judges, is_last);
    }
    let usage = meter.usage(&start.0, run.crowd.totals().deliveries - start.1)?;

    changing.abort();
    let judging = async {
        weather.clear().await?;
        let judged = judges.join_all().await;
        run.turns.send_replace(None);
        let patience = plan.talk.drain_timeout + flow::CLOSING;
        let left = flow::done_within(&mut seats, patience).await;
        run.crowd.totals().abandon(left, patience);
        Ok(judged)
    };
    let judged = pulse.see_through(&run.crowd, (Phase::Drain, plan.talk.drain_timeout), judging).await?;
    Ok(run.report(opening, stretches, &judged, &usage, pulse.is_broken()))
}

struct Run<'a> {
    plan: &'a ChatPlan,
    crowd: Arc<Crowd>,
    turns: watch::Sender<Option<Arc<Turn>>>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a ChatPlan) -> Self {
        let settings = Settings::of(&plan.talk, SLOW_PAUSE);
        let turns = watch::Sender::new(Some(turn(plan)));
        Self { plan, crowd: Arc::new(Crowd::new(settings)), turns }
    }

    /// Fills all seats, and waits until each client is in its rooms.
    async fn open(&self, weather: &Weather, seats: &mut JoinSet<Result<(), Error>>) -> Result<(), Error> {
        let (plan, mut random) = (self.plan, Random::new(self.plan.seed));
        let Some(turn) = self.turns.borrow().clone() else { return Ok(()) };
        let begin = |number: usize| {
            let seat = Seat::new(plan, number, weather, &mut random);
            seats.spawn(seat.fill(Arc::clone(&self.crowd), self.turns.clone()));
            Ok(())
        };
        self.crowd.open((&plan.talk, &turn), plan.open_timeout, begin).await?;
        self.crowd.complete();
        Ok(())
    }

    /// Ends the turn, which is judged while the next goes on.
    fn next_turn(&self, judges: &mut JoinSet<delivery::Verdict>, is_last: bool) {
        let ended = self.turns.borrow().clone();
        if !is_last {
            self.turns.send_replace(Some(turn(self.plan)));
        }
        let crowd = Arc::clone(&self.crowd);
        judges.spawn(async move {
            match ended {
                Some(ended) => ended.finish(&crowd).await,
                None => delivery::Verdict::default(),
            }
        });
    }

    fn report(
        &self,
        opening: Duration,
        stretches: Stretches,
        judged: &[delivery::Verdict],
        usage: &Usage,
        interrupted: bool,
    ) -> ChatReport {
        let mut totals = self.crowd.totals();
        let violations = judged.iter().flat_map(|verdict| &verdict.violations).take(MAX_VIOLATIONS);
        let talked = totals.talked(opening, usage, violations.map(ToString::to_string).collect(), interrupted);
        ChatReport {
            schema: SCHEMA_VERSION,
            plan: self.plan.clone(),
            comings: totals.comings,
            goings: totals.goings,
            switches: totals.switches,
            memory: stretches.memory(),
            latency_drift: stretches.latency(),
            over_time: stretches.into_all(),
            resident: resident(std::process::id()).ok(),
            judged: (judged.len() as u64, judged.iter().map(|verdict| verdict.events).sum()),
            verdict: talked.verdict(judged.iter().all(delivery::Verdict::is_clean)),
            talked,
        }
    }
}

/// A turn with rooms that nobody else has.
fn turn(plan: &ChatPlan) -> Arc<Turn> {
    Arc::new(Turn::new(format!("chat-{:x}-", monotonic_nanoseconds()), plan.talk.drain_timeout))
}
