//! `bowline bench table`.

use std::process::ExitCode;

use bowline_bench::{Document, Error, Published, TablePlan};
use clap::{Args, ValueEnum};

use super::job::RoundsArgs;
use super::output::Output;
use super::server::ServerArgs;
use super::watch::Watch;
use super::{document, failure, finish, prepare};
use crate::failure::Failure;

/// How long each takes, for those who wait for it.
pub(super) const HELP: &str = "\
Minutes, and with --quick:
  kaazing   1.5   0.7   overhead of a message, by polling and by WebSocket
  rfc6202   5     1.7   transit times over one-way delay, beside the model
  bozdag    3.5   0.5   coherence and server load, by push and by pull
  cutoff    5     0.5   clients served until the latency limit
  cometd    3     0.6   100 rooms, 10 a client: deliveries, responses, latency

Examples:
  bowline bench table kaazing --quick
  bowline bench table rfc6202 -n 3 --html transit.html
  bowline bench table cutoff http://127.0.0.1:9001 --pid 4711";

#[derive(Debug, Args)]
pub(super) struct TableArgs {
    /// Whose table
    #[arg(value_name = "TABLE")]
    table: Choice,

    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Fewer steps, fewer clients, shorter times: to see that it works, not to compare
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    /// Kaazing 2010: what headers cost, by polling and by WebSocket
    Kaazing,
    /// RFC 6202, Pimentel & Nickerson 2012: transit times over distance
    Rfc6202,
    /// Bozdag, Mesbah & van Deursen 2007: coherence and server load, by push and by pull
    Bozdag,
    /// Van de Vyvere et al. 2020: how many clients polling serves, and how many push
    Cutoff,
    #[value(name = "cometd", help = "CometD's load test: a hundred rooms, ten a client")]
    CometD,
}

impl Choice {
    const fn published(self) -> Published {
        match self {
            Self::Kaazing => Published::Kaazing,
            Self::Rfc6202 => Published::Rfc6202,
            Self::Bozdag => Published::Bozdag,
            Self::Cutoff => Published::Cutoff,
            Self::CometD => Published::CometD,
        }
    }
}

pub(super) fn run(args: &TableArgs, output: &Output, quiet: bool) -> Result<ExitCode, Failure> {
    let mut watch = Watch::new(output.standard, quiet)?;
    let (document, error) = args.reproduce(&mut watch)?;
    drop(watch);
    finish(&document, error.as_ref(), output)
}

impl TableArgs {
    /// The table in a document, with its workloads and its plots; and what ended it early, if it was an error.
    fn reproduce(&self, watch: &mut Watch) -> Result<(Document, Option<Error>), Failure> {
        let plan = self.plan()?;
        prepare(&plan.beginning())?;
        let mut document = document(&format!("table {}", plan.published.name()));
        if self.rounds.calibrate {
            watch.calibrates();
            document.calibration = Some(bowline_bench::calibrate().map_err(|error| failure(&error))?);
        }
        let (reproduced, error) = plan.run(|event| watch.tell(event));
        document.tables = reproduced.tables;
        document.plots = reproduced.plots;
        document.interrupted = reproduced.interrupted;
        Ok((document.with_cells(reproduced.cells), error))
    }

    fn plan(&self) -> Result<TablePlan, Failure> {
        let mut plan = TablePlan::new(self.table.published(), self.server.mount()?, self.server.source()?);
        (plan.server_pid, plan.is_quick) = (self.server.pid, self.quick);
        (plan.rounds, plan.seed) = (self.rounds.rounds, self.rounds.seed);
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_the_name_that_its_scenario_has() {
        let names = |choice: &Choice| choice.to_possible_value().map(|value| value.get_name().to_owned());
        let names: Vec<_> = Choice::value_variants().iter().filter_map(names).collect();
        assert_eq!(names, Published::ALL.map(Published::name));
        let published: Vec<_> = Choice::value_variants().iter().map(|choice| choice.published()).collect();
        assert_eq!(published, Published::ALL);
    }
}
