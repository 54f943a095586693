//! Several workloads, several times each, in an order that favours none.

mod cores;
mod distance;
mod knock;
mod local;
mod order;
mod spread;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use self::local::{START_TIMEOUT, ServerCommand};

pub(crate) use self::cores::Cores;
use self::distance::Distance;
use self::knock::Knock;
use self::local::LocalServer;
use self::order::order;
use crate::plan::bounds;
use crate::process::Meter;
use crate::proxy::Faults;
use crate::{At, Cell, Error, Event, Interruption, Plan, Report, Transport, dial};

/// Most rounds of a suite: 1,000.
pub const MAX_ROUNDS: usize = 1_000;
/// Most workloads of a suite: 10,000.
pub const MAX_CELLS: usize = 10_000;

/// Several workloads, several times each.
///
/// All workloads are run once before any is run again, and each round has an order of its own, drawn from the seed: what a
/// machine does meanwhile then falls on all of them.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The workloads, up to [`MAX_CELLS`].
    pub cells: Vec<SuiteCell>,
    /// How often each is run, 1 to [`MAX_ROUNDS`].
    pub rounds: usize,
    /// Of the order: the same seed gives the same.
    pub seed: u64,
    /// Whose server it is.
    pub server: ServerSource,
}

/// What came of a suite.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ran {
    /// The workloads of which there is a run, with as many as there are.
    pub cells: Vec<Cell>,
    /// What ended it early, if it was an error.
    pub error: Option<Error>,
    /// What was asked for, if it was told to break off, and something is missing.
    pub interrupted: Option<Interruption>,
}

/// One workload of a suite.
#[derive(Debug, Clone)]
pub struct SuiteCell {
    /// What it is called; errors begin with it.
    pub name: String,
    /// What carries it, where that is what cells differ in.
    pub transport: Option<Transport>,
    /// Its place on the axis that is swept.
    pub at: Option<At>,
    /// What to run.
    pub plan: Plan,
    /// What lies between the clients and the server; `None`, for nothing, in most.
    pub proxy: Option<Faults>,
}

impl SuiteCell {
    /// One with nothing between the clients and the server, on no axis.
    #[must_use]
    pub fn new(name: impl Into<String>, plan: Plan) -> Self {
        Self { name: name.into(), transport: None, at: None, plan, proxy: None }
    }
}

/// Whose server is measured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServerSource {
    /// One that runs: the plans' targets and process ids are as they are.
    Given,
    /// A process of its own for each run, so that none finds what another left behind. Its address takes the place of the
    /// target's, its process id that of the plan's.
    Own(ServerCommand),
}

impl Suite {
    /// Finds out at once what would end it before there is anything to measure.
    ///
    /// # Errors
    /// The suite, or a plan of it, is outside its bounds, or a given server's process can't be looked at.
    pub fn check(&self) -> Result<(), Error> {
        bounds("number of rounds", self.rounds, 1, MAX_ROUNDS)?;
        bounds("number of workloads", self.cells.len(), 1, MAX_CELLS)?;
        self.cells.iter().try_for_each(|cell| self.check_plan(&cell.plan).map_err(|source| cell.failed(source)))
    }

    /// Knocks at each address of a given server as the clients there will begin, so that one that can't be reached, or has nothing of the
    /// kind, is known before anything is measured; a server of the suite's own is started once, and ended. What refuses otherwise, or
    /// for a while, is left to the run. It takes moments, and where nobody answers 5 s.
    ///
    /// # Errors
    /// As of a run that can't begin.
    pub fn knock(&self) -> Result<(), Error> {
        if let (ServerSource::Own(command), Some(cell)) = (&self.server, self.cells.first()) {
            let server = LocalServer::start(command, &Cores::all());
            return server.map(drop).map_err(|source| cell.failed(source));
        }
        let mut done = Vec::new();
        for cell in &self.cells {
            let Some(knock) = Knock::of(&cell.plan) else { continue };
            if !done.contains(&knock) {
                knock.knock().map_err(|source| cell.failed(source))?;
                done.push(knock);
            }
        }
        Ok(())
    }

    fn check_plan(&self, plan: &Plan) -> Result<(), Error> {
        plan.check()?;
        match self.server {
            ServerSource::Given => Meter::new(plan.server_pid()).map(drop),
            // It has no process yet.
            ServerSource::Own(_) => Ok(()),
        }
    }

    /// Runs all of it, and tells what happens meanwhile: [`Event::Begin`] before each run. [`ControlFlow::Break`] ends the run
    /// under way, if it can end early, and the suite. Cells that were not begun are left out. So does an error end it: a suite out of
    /// its bounds; a server that doesn't start; and as of [`run`](crate::run), with the name of the cell.
    ///
    /// A [`LoadPlan`](crate::LoadPlan) that doesn't say how many processes carry it out, and whose load used up the core of each it had,
    /// is run once more with one more where another core is left, up to [`MAX_PROCESSES`](crate::MAX_PROCESSES): that report stands for
    /// both, and later runs of the workload begin with as many. [`Event::Spent`] tells of it, and where no core is left too.
    pub fn run(&self, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Ran {
        let mut cells: Vec<Cell> = self.cells.iter().map(SuiteCell::empty).collect();
        let mut is_broken = false;
        let error = self.run_into(&mut cells, |event| {
            let flow = tell(event);
            is_broken |= flow.is_break();
            flow
        });
        let error = error.err();
        let is_broken = is_broken && error.is_none() && cells.iter().any(|cell| cell.lacks(self.rounds));
        let interrupted = is_broken.then(|| Interruption::of(&cells, self.rounds));
        cells.retain(|cell| !cell.runs.is_empty());
        Ran { cells, error, interrupted }
    }

    fn run_into(&self, cells: &mut [Cell], mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<(), Error> {
        self.check()?;
        if self.cells.iter().any(|cell| cell.proxy.is_some()) {
            dial::raise();
        }
        let cores = match &self.server {
            ServerSource::Own(command) if command.pin => Cores::take()?,
            ServerSource::Own(_) | ServerSource::Given => Cores::all(),
        };
        // How many load processes each cell's runs have come to.
        let mut processes = vec![0; self.cells.len()];
        let order = order(self.cells.len(), self.rounds, self.seed);
        for (number, &index) in order.iter().enumerate() {
            let (Some(cell), Some(into), Some(processes)) =
                (self.cells.get(index), cells.get_mut(index), processes.get_mut(index))
            else {
                continue;
            };
            let begin = Event::Begin { cell: cell.name.clone(), run: number + 1, of: order.len() };
            if tell(&begin).is_break() {
                break;
            }
            let mut is_broken = false;
            let mut tell = |event: &Event| {
                let flow = tell(event);
                is_broken |= flow.is_break();
                flow
            };
            let outcome = spread::run(&cell.plan, processes, cores.count(), &mut tell, |plan, tell| {
                self.run_one(plan, cell.proxy.as_ref(), &cores, tell)
            });
            match outcome {
                // What was broken off before it had anything to report.
                Ok(report) if is_broken && report.is_void() => break,
                Err(_) if is_broken => break,
                Ok(report) => into.runs.push(report),
                Err(source) => return Err(cell.failed(source)),
            }
            if is_broken {
                break;
            }
        }
        Ok(())
    }

    /// One run, with a server and a proxy of its own as needed; both are gone when it returns.
    fn run_one(
        &self,
        plan: &Plan,
        proxy: Option<&Faults>,
        cores: &Cores,
        tell: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Report, Error> {
        let mut plan = plan.clone();
        let mut server = match &self.server {
            ServerSource::Own(command) => Some(LocalServer::start(command, cores)?),
            ServerSource::Given => None,
        };
        if let Some(server) = &server {
            plan.set_address(server.address());
            plan.set_server_pid(server.pid());
        }
        // Till the end of the run.
        let _distance = match proxy {
            Some(faults) => Some(between(&mut plan, faults, cores)?),
            None => None,
        };
        crate::run_telling(&plan, tell).map_err(|error| match &mut server {
            Some(server) => server.blame(error),
            None => error,
        })
    }
}

/// Has a plan reach its server through a proxy.
fn between(plan: &mut Plan, faults: &Faults, cores: &Cores) -> Result<Distance, Error> {
    let server = plan.target().resolve()?;
    let distance = Distance::start(server, faults.clone(), cores)?;
    plan.set_proxy(distance.address(), server);
    Ok(distance)
}

impl SuiteCell {
    /// An error with the cell's name.
    fn failed(&self, source: Error) -> Error {
        Error::Cell { name: self.name.clone(), source: Box::new(source) }
    }

    fn empty(&self) -> Cell {
        Cell { name: self.name.clone(), transport: self.transport, at: self.at.clone(), runs: Vec::new() }
    }
}
