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
    Error, Event, Phase, ResumePlan, ResumeReport, SCHEMA_VERSION, Transport, Verdict, Wave, delivery, dial,
    flow::{self, Crowd, Going, Guest, Pulse, Settings, Tell, Turn, Way, draw_rooms},
    process::{Meter, Usage, monotonic_nanoseconds},
    random::Random,
};

/// Sockets of one client: two over HTTP while it changes, and two for each on the proxy.
const SOCKETS: usize = 6;

/// How long it takes until a client has noticed what befell its carrier.
const NOTICE: Duration = Duration::from_millis(50);

pub(crate) fn run(plan: &ResumePlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<ResumeReport, Error> {
    plan.check()?;
    dial::reserve(plan.clients * SOCKETS)?;
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
    let opening_seconds = (run.crowd.now() - began).as_secs_f64();
    opened.transpose()?;

    let (start, before) = (meter.sample()?, run.crowd.totals().deliveries);
    let mut waves = Waves::new(&run.crowd, plan.clients);
    let killing = flow::unless_gone(&meter, run.kill(&mut victim, &mut waves));
    let killed = pulse.during(&run.crowd, (Phase::Steady, plan.duration), killing).await;
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
        let _late = timeout(plan.open_timeout, run.crowd.until_carried(plan.clients)).await;
        run.turn.heal(run.crowd.now());
        let verdict = run.turn.finish(&run.crowd).await;
        run.turns.send_replace(None);
        let patience = plan.drain_timeout + flow::CLOSING;
        let left = flow::done_within(&mut guests, patience).await;
        run.crowd.totals().abandon(left, patience);
        verdict
    };
    let judged = pulse.see_through(&run.crowd, (Phase::Drain, plan.drain_timeout), judging).await;
    Ok(run.report(opening_seconds, waves.into_all(), &judged, &usage, pulse.is_broken()))
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
        let way = Way {
            url: format!("http://{}{}", victim.address(), plan.target.path()),
            transports: vec![flow::carrier(plan.transport)],
            backoff: plan.backoff,
            poll_interval: plan.poll_interval,
            memory: Duration::from_secs(1),
        };
        let settings = Settings {
            size: plan.size,
            period: Duration::from_secs_f64(plan.clients as f64 / plan.rate),
            slow_pause: Duration::ZERO,
            drain_timeout: plan.drain_timeout,
        };
        let prefix = format!("resume-{:x}-", monotonic_nanoseconds());
        let turn = Arc::new(Turn::new(prefix, plan.drain_timeout));
        let turns = watch::Sender::new(Some(Arc::clone(&turn)));
        Ok(Self { plan, way, crowd: Arc::new(Crowd::new(settings)), turn, turns })
    }

    /// Lets all clients in, and waits until each is in its rooms.
    async fn open(&self, guests: &mut JoinSet<()>) -> Result<(), Error> {
        let (plan, mut random) = (self.plan, Random::new(self.plan.seed));
        let period = self.crowd.settings.period;
        let begin = |number: usize| {
            let rooms = draw_rooms(&mut random, plan.rooms, plan.per_client, false);
            let mut guest = Guest::new(Arc::clone(&self.crowd), number, &number.to_string(), rooms, random.split());
            guest.phase = period.mul_f64(number as f64 / plan.clients as f64);
            guests.spawn(guest.visit(self.way.client()?, self.turns.subscribe(), Going::new()));
            Ok(())
        };
        self.crowd.open(plan.clients, plan.open_timeout, begin).await?;
        let heard = self.turn.until_heard_by(plan.clients * plan.per_client);
        let late = |_| Error::Timeout { waiting_for: "rooms to be joined", after: plan.open_timeout };
        timeout(plan.open_timeout, heard).await.map_err(late)
    }

    /// Kills again and again, until the time is over. An error is a server that doesn't come back.
    async fn kill(&self, victim: &mut Victim, waves: &mut Waves) -> Result<(), Error> {
        let end = waves.start() + self.plan.duration;
        let left = || end.saturating_sub(self.crowd.now());
        while left() > self.plan.every {
            sleep(self.plan.every).await;
            waves.begin();
            victim.kill().await?;
            sleep(self.notice()).await;
            let back = timeout(self.plan.open_timeout, self.crowd.until_carried(self.plan.clients)).await;
            if back.is_ok() {
                waves.all_are_back();
            }
        }
        sleep(left()).await;
        Ok(())
    }

    /// How long it takes until all have noticed: who polls does so by its next poll.
    fn notice(&self) -> Duration {
        NOTICE + if self.plan.transport == Transport::Polling { self.plan.poll_interval } else { Duration::ZERO }
    }

    fn report(
        &self,
        opening_seconds: f64,
        waves: Vec<Wave>,
        judged: &delivery::Verdict,
        usage: &Usage,
        interrupted: bool,
    ) -> ResumeReport {
        let totals = std::mem::take(&mut *self.crowd.totals());
        let is_faulty = totals.reconciled.is_faulty() || !judged.is_clean();
        let verdict = Verdict::of_times(is_faulty, &usage.client, &totals.lag);
        ResumeReport {
            schema: SCHEMA_VERSION,
            plan: self.plan.clone(),
            opening_seconds,
            seconds: usage.seconds,
            echoes: totals.echoes,
            publications: totals.publications,
            deliveries: totals.deliveries,
            latency: totals.latency,
            lag: totals.lag,
            waves,
            reconnects: totals.reconnects,
            peak_reconnects: totals.herd.peak(),
            resumed: totals.resumes,
            replayed: totals.replayed,
            lost_sessions: totals.lost,
            gaps: totals.gaps,
            reconciled: totals.reconciled,
            violations: judged.violations.iter().map(ToString::to_string).collect(),
            server: usage.server,
            client: usage.client,
            interrupted,
            verdict,
        }
    }
}
