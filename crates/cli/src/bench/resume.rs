//! `bowline bench resume`.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use bowline_bench::{Kill, Plan, ResumePlan, ServerSource, SuiteCell, Target, Transport};
use clap::{Args, ValueEnum};

use super::job::{Job, RoundsArgs};
use super::seconds;
use super::server::ServerArgs;
use super::talk::TalkArgs;
use super::transport::{TransportArg, sessions};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// What carries the clients; several with commas, or given again, are run one after the other
    #[arg(long, value_enum, value_name = "TRANSPORT", value_delimiter = ',', default_value = "all")]
    transport: Vec<TransportArg>,

    /// What is killed
    #[arg(long, value_enum, value_name = "WHAT", default_value = "carriers")]
    kill: KillArg,

    /// The command that starts the server to kill, whose words may have `{address}`; without a URL that is `bowline serve`
    #[arg(long, value_name = "COMMAND", requires = "target")]
    server_command: Option<String>,

    /// Seconds that the server stays away once it is killed
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    down: Duration,

    /// Seconds from when all are back to the next time
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    every: Duration,

    #[command(flatten)]
    talk: TalkArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KillArg {
    /// All connections, on a proxy in front of the server
    Carriers,
    /// The server's process, which is started again at the same address
    Server,
}

impl ResumeArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let killed = match self.kill {
            KillArg::Carriers if self.server_command.is_some() => {
                return Err(Failure::Usage("--server-command is for --kill server".to_owned()));
            }
            KillArg::Carriers => None,
            KillArg::Server => Some(self.killed()?),
        };
        let mut cells = Vec::new();
        for transport in sessions(&self.transport)? {
            let mut plan = ResumePlan::new(self.server.mount()?, transport);
            (plan.server_pid, plan.seed, plan.every) = (self.server.pid, self.rounds.seed, self.every);
            if let Some((target, command)) = &killed {
                plan.target = target.clone();
                plan.kill = Kill::Server { command: command.clone(), down: self.down };
            }
            self.talk.change(&mut plan.talk);
            cells.push(cell(plan, transport));
        }
        let mut job = self.rounds.job("resume", &self.server, cells)?;
        if killed.is_some() {
            // The scenario starts it itself.
            job.suite.server = ServerSource::Given;
        }
        Ok(job)
    }

    /// The server that is killed, and how it is started.
    fn killed(&self) -> Result<(Target, Vec<String>), Failure> {
        if let Some(target) = &self.server.target {
            let command = self.server_command.as_ref().ok_or_else(|| {
                Failure::Usage("to kill the server of a URL takes --server-command, which starts it".to_owned())
            })?;
            return Ok((target.clone(), command.split_whitespace().map(str::to_owned).collect()));
        }
        let failed = |error| Failure::Runtime(format!("cannot find a free port for a server: {error}"));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let target = self.server.mount()?.at(free.map_err(failed)?);
        Ok((target, self.server.own_command()?))
    }
}

fn cell(plan: ResumePlan, transport: Transport) -> SuiteCell {
    SuiteCell { transport: Some(transport), ..SuiteCell::new(transport.name(), Plan::Resume(plan)) }
}
