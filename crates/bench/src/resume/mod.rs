//! Sessions whose carriers, or whose server, are killed while they talk.

mod server;
mod victim;
mod waves;

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{victim::Victim, waves::Waves};
use crate::{
    Error, Event, Phase, ResumePlan, ResumeReport, SCHEMA_VERSION, Transport, Wave, delivery,
    flow::{self, Crowd, Going, Guest, Pulse, Settings, Tell, Turn, Way, draw_rooms},
    process::{Meter, Usage, monotonic_nanoseconds},
    random::Random,
};

/// How long it takes until a client has noticed what befell its carrier.
const NOTICE: Duration = Duration::from_millis(50);

pub(crate) fn run(plan: &ResumePlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<ResumeReport, Error> {
    plan.check()?;
    flow::reserve(plan.talk.clients)?;
    flow::block_on(resume(plan, &mut tell))
}

async fn resume(plan: &ResumePlan, tell: Tell<'_>) -> Result<ResumeReport, Error> {
    let mut victim = Victim::new(plan).await?;
    let run = Run::new(plan, &victim)?;
    let (mut pulse, mut guests) = (Pulse::new(tell), JoinSet::new());
    let meter = Meter::new(plan.server_pid)?;
    let knocking = flow::knock(&plan.target, &run.way, plan.open_timeout);
    pulse.during(&run.crowd, (Phase::Ramp, Duration::ZERO), knocking).await.transpose()?;
    let (began, opening) = (run.crowd.now(), run.open(&mut guests));
    let opened = pulse.during(&run.crowd, (Phase::Ramp, Duration::ZERO), opening).await;
    let opening = run.crowd.now() - began;
    opened.transpose()?;

    let (start, before) = (meter.sample()?, run.crowd.totals().deliveries);
    let mut waves = Waves::new(&run.crowd, plan.talk.clients);
    let killing = flow::unless_gone(&meter, run.kill(&mut victim, &mut waves));
    let killed = pulse.during(&run.crowd, (Phase::Steady, plan.talk.duration), killing).await;
    let usage = meter.usage(&start, run.crowd.totals().deliveries - before)?;
    let is_there = match killed {
        Some(None) => Err(flow::SERVER_GONE.to_owned()),
        Some(Some(Err(error))) => Err(error.to_string()),
        Some(Some(Ok(()))) | None => victim.restore().await.map_err(|error| error.to_string()),
    };
    if let Err(why) = is_there {
        run.crowd.totals().lose(1, why);
    }

    let judging = async {
        // Who is not back in time is judged as it is.
        let _late = timeout(plan.open_timeout, run.crowd.until_carried(plan.talk.clients)).await;
        run.turn.heal(run.crowd.now());
        let verdict = run.turn.finish(&run.crowd).await;
        run.turns.send_replace(None);
        let patience = plan.talk.drain_timeout + flow::CLOSING;
        let left = flow::done_within(&mut guests, patience).await;
        run.crowd.totals().abandon(left, patience);
        verdict
    };
    let judged = pulse.see_through(&run.crowd, (Phase::Drain, plan.talk.drain_timeout), judging).await;
    Ok(run.report(opening, waves.into_all(), &judged, &usage, pulse.is_broken()))
}

struct Run<'a> {
    plan: &'a ResumePlan,
    way: Way,
    crowd: Arc<Crowd>,
    turn: Arc<Turn>,
    turns: watch::Sender<Option<Arc<Turn>>>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a ResumePlan, victim: &Victim) -> Result<Self, Error> {
        let url = format!("http://{}{}", victim.address(), plan.target.path());
        let way = Way::of(&plan.talk, url, vec![flow::carrier(plan.transport)], Duration::from_secs(1));
        let settings = Settings::of(&plan.talk, Duration::ZERO);
        let prefix = format!("resume-{:x}-", monotonic_nanoseconds());
        let turn = Arc::new(Turn::new(prefix, plan.talk.drain_timeout));
        let turns = watch::Sender::new(Some(Arc::clone(&turn)));
        Ok(Self { plan, way, crowd: Arc::new(Crowd::new(settings)), turn, turns })
    }

    /// Lets all clients in, and waits until each is in its rooms.
    async fn open(&self, guests: &mut JoinSet<()>) -> Result<(), Error> {
        let (talk, mut random) = (&self.plan.talk, Random::new(self.plan.seed));
        let begin = |number: usize| {
            let rooms = draw_rooms(&mut random, talk.rooms, talk.per_client, false);
            let mut guest = Guest::new(Arc::clone(&self.crowd), number, &number.to_string(), rooms, random.split());
            guest.phase = talk.due(number);
            guests.spawn(guest.visit(self.way.client()?, self.turns.subscribe(), Going::new()));
            Ok(())
        };
        self.crowd.open((talk, &self.turn), self.plan.open_timeout, begin).await
    }

    /// Kills again and again, until the time is over. An error is a server that doesn't come back.
    async fn kill(&self, victim: &mut Victim, waves: &mut Waves) -> Result<(), Error> {
        let end = waves.start() + self.plan.talk.duration;
        let left = || end.saturating_sub(self.crowd.now());
        while left() > self.plan.every {
            sleep(self.plan.every).await;
            waves.begin();
            victim.kill().await?;
            sleep(self.notice()).await;
            let back = timeout(self.plan.open_timeout, self.crowd.until_carried(self.plan.talk.clients)).await;
            if back.is_ok() {
                waves.all_are_back();
            }
        }
        sleep(left()).await;
        Ok(())
    }

    /// How long it takes until all have noticed: who polls does so by its next poll.
    fn notice(&self) -> Duration {
        NOTICE + if self.plan.transport == Transport::Polling { self.plan.talk.poll_interval } else { Duration::ZERO }
    }

    fn report(
        &self,
        opening: Duration,
        waves: Vec<Wave>,
        judged: &delivery::Verdict,
        usage: &Usage,
        interrupted: bool,
    ) -> ResumeReport {
        let mut totals = self.crowd.totals();
        let violations = judged.violations.iter().map(ToString::to_string).collect();
        let talked = totals.talked(opening, usage, violations, interrupted);
        ResumeReport {
            schema: SCHEMA_VERSION,
            plan: self.plan.clone(),
            waves,
            recoveries: std::mem::take(&mut totals.recovery.times),
            peak_reconnects: totals.herd.peak(),
            resumed: totals.resumes,
            replayed: totals.replayed,
            verdict: talked.verdict(judged.is_clean()),
            talked,
        }
    }
}
