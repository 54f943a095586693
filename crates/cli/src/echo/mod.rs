//! `bowline echo`: serves WebSockets on any path, and sends every message back.

mod serve;

use std::process::ExitCode;
use std::sync::Arc;

use bowline_core::stream::Acceptor;
use bowline_server::listener::Slots;

use crate::engine::{self, GRACE};
use crate::failure::Failure;
use crate::plan::EnginePlan;
use crate::runtime::runtime;
use crate::signals::Signals;

/// Serves until a signal, then closes what is open.
pub(crate) fn run(plan: &EnginePlan) -> Result<ExitCode, Failure> {
    runtime(plan.threads)?.block_on(serve(plan))
}

async fn serve(plan: &EnginePlan) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let slots = Arc::new(Slots::new(plan.max_connections));
    // It lives as long as the process; so a connection holds a reference, and counts nothing.
    let acceptor: &'static Acceptor = Box::leak(Box::new(Acceptor::new().config(plan.config.clone())));
    engine::serve(plan, Arc::clone(&slots), &mut signals, move |slot, number, tcp, peer| {
        // Boxed, so that what only the opening handshake needs is freed after it.
        serve::connection(slot, number, Box::pin(serve::handshake(acceptor, number, tcp, peer)))
    })
    .await?;
    slots.stop();
    tokio::select! {
        () = slots.all_free() => Ok(ExitCode::SUCCESS),
        () = tokio::time::sleep(plan.close_timeout + GRACE) => {
            tracing::warn!(connections = slots.taken(), "some did not close in time");
            Ok(ExitCode::SUCCESS)
        }
        again = signals.next() => Ok(ExitCode::from(again.exit_code())),
    }
}
