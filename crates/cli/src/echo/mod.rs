//! `bowline echo`: serves WebSockets on any path, and sends every message back.

mod serve;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bowline_core::stream::Acceptor;
use bowline_server::listener::{Acceptance, Slots, bind};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use self::serve::Server;
use crate::failure::Failure;
use crate::plan::EchoPlan;
use crate::signals::Signals;

/// Serves until a signal, then closes what is open.
pub(crate) fn run(plan: EchoPlan) -> Result<ExitCode, Failure> {
    let runtime =
        runtime(plan.threads).map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(serve(plan))
}

/// One thread means no other at all: no pool, no thread for signals.
fn runtime(threads: usize) -> io::Result<Runtime> {
    if threads == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    }
}

async fn serve(plan: EchoPlan) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let listener = bind(&plan.listen).map_err(|error| Failure::Runtime(format!("{error}; --listen says where")))?;
    announce(&listener)?;
    let close_timeout = plan.close_timeout;
    // It lives as long as the process; so a connection holds a reference, and counts nothing.
    let server: &'static Server = Box::leak(Box::new(Server {
        acceptor: Acceptor::new().config(plan.config),
        slots: Arc::new(Slots::new(plan.max_connections)),
    }));
    // In a task of its own it runs on a worker, beside the connections; this one may be on no worker at all.
    let accepting = tokio::spawn(serve::accept(Acceptance::new(listener), server));

    let stop = signals.next().await;
    accepting.abort();
    // Its end closes the listening socket: from here on new connections are refused.
    drop(accepting.await);
    tracing::info!(signal = ?stop, connections = server.slots.taken(), "closing every connection");
    server.slots.stop();
    tokio::select! {
        () = server.slots.all_free() => Ok(ExitCode::SUCCESS),
        () = tokio::time::sleep(close_timeout + GRACE) => {
            tracing::warn!(connections = server.slots.taken(), "some did not close in time");
            Ok(ExitCode::SUCCESS)
        }
        again = signals.next() => Ok(ExitCode::from(again.exit_code())),
    }
}

/// What a connection that used up its close timeout may take to be done.
const GRACE: Duration = Duration::from_millis(100);

fn announce(listener: &TcpListener) -> Result<(), Failure> {
    let address =
        listener.local_addr().map_err(|error| Failure::Runtime(format!("cannot tell what was bound: {error}")))?;
    let mut stdout = io::stdout().lock();
    // A service may have no standard output; it serves all the same.
    drop(writeln!(stdout, "listening on {address}\ntry it: bowline connect ws://{}", reachable(address)));
    drop(stdout.flush());
    tracing::debug!(%address, "listening");
    Ok(())
}

/// An address to connect to: all addresses of a machine are no address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_try_is_one_that_can_be_connected_to() {
        for (bound, tried) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")] {
            assert_eq!(reachable(bound.parse().expect("valid")).to_string(), tried);
        }
    }
}
