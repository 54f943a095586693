//! `bowline broadcast`: every path is a room, and what anyone sends there goes to all, the sender included.

mod member;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bowline_core::CloseCode;
use bowline_core::stream::Acceptor;
use bowline_server::Hub;
use bowline_server::hub::Drain;
use bowline_server::listener::Slots;

use self::member::Server;
use crate::engine::{self, GRACE};
use crate::failure::Failure;
use crate::plan::BroadcastPlan;
use crate::runtime::runtime;
use crate::signals::Signals;

/// Serves until a signal, then closes what is open.
pub(crate) fn run(plan: &BroadcastPlan) -> Result<ExitCode, Failure> {
    runtime(plan.engine.threads)?.block_on(serve(plan))
}

async fn serve(plan: &BroadcastPlan) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let config = Arc::new(plan.engine.config.clone());
    let hub = Hub::builder().connection(Arc::clone(&config)).room_options("*", plan.room.clone()).build();
    let server: &'static Server = Box::leak(Box::new(Server {
        acceptor: Acceptor::new().config(config),
        hub: hub.clone(),
        history: plan.history,
    }));
    let slots = Arc::new(Slots::new(plan.engine.max_connections));
    engine::serve(&plan.engine, Arc::clone(&slots), &mut signals, move |slot, number, tcp, peer| {
        member::connection(server, slot, number, tcp, peer)
    })
    .await?;
    // Those in their opening handshake are let go: they have no WebSocket to close yet.
    slots.stop();
    let deadline = plan.engine.close_timeout + GRACE;
    let drain = Drain::default().window(Duration::ZERO).deadline(deadline).code(CloseCode::GOING_AWAY);
    tokio::select! {
        left = hub.drain(drain) => {
            if left > 0 {
                tracing::warn!(connections = left, "some did not close in time");
            }
            Ok(ExitCode::SUCCESS)
        }
        again = signals.next() => Ok(ExitCode::from(again.exit_code())),
    }
}
