//! `bowline proxy`: carries connections to a server, and does to them what networks and gateways do.

mod plan;

use std::error::Error as _;
use std::io::{Write, stdout};
use std::process::ExitCode;

use bowline_bench::Error;
use bowline_bench::proxy::Proxy;

use self::plan::ProxyPlan;
use crate::announce::announce;
use crate::args::ProxyArgs;
use crate::failure::Failure;
use crate::runtime::runtime;
use crate::signals::Signals;

/// Carries until a signal, then says what was done.
pub(crate) fn run(args: &ProxyArgs) -> Result<ExitCode, Failure> {
    let plan = ProxyPlan::new(args)?;
    runtime(1)?.block_on(carry(plan))
}

async fn carry(plan: ProxyPlan) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let to = plan.to;
    let proxy = Proxy::start(to, plan.faults, plan.config).map_err(|error| failure(&error))?;
    announce(&[(proxy.local_addr(), false)], |address, _| {
        format!("carries to {to}; try it: bowline connect ws://{address}")
    });
    signals.next().await;
    let counts = proxy.counts();
    proxy.close().await;
    // Who stopped it may have closed its output, too.
    drop(write!(stdout(), "{counts}"));
    Ok(ExitCode::SUCCESS)
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Plan { problem } => Failure::Usage(problem.clone()),
        Error::Listen { .. } => {
            let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
            Failure::Runtime(format!("{error}{source}; --listen says where"))
        }
        other => Failure::Runtime(other.to_string()),
    }
}
