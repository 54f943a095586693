//! Serving with the engine alone: a socket, an opening handshake, and no HTTP beside it. `bowline echo` and
//! `bowline broadcast` do.

mod accept;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowline_server::listener::{Acceptance, Slot, Slots, bind};
use tokio::net::TcpStream;

use crate::announce::announce;
use crate::failure::Failure;
use crate::plan::EnginePlan;
use crate::signals::{Signals, Stop};

/// What a connection that used up its close timeout may take to be done.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// Listens, and runs what `connection` makes of each connection until the first signal. Nothing is accepted after it, and
/// the connections go on.
pub(crate) async fn serve<C, F>(
    plan: &EnginePlan,
    slots: Arc<Slots>,
    signals: &mut Signals,
    connection: C,
) -> Result<Stop, Failure>
where
    C: FnMut(Slot, u64, TcpStream, SocketAddr) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = bind(&plan.listen).map_err(|error| Failure::Runtime(format!("{error}; --listen says where")))?;
    let address =
        listener.local_addr().map_err(|error| Failure::Runtime(format!("cannot tell what was bound: {error}")))?;
    announce(&[(address, false)], |address, _| format!("try it: bowline connect ws://{address}"));
    // In a task of its own it runs on a worker, beside the connections; this one may be on no worker at all.
    let accepting = tokio::spawn(accept::accept(Acceptance::new(listener), Arc::clone(&slots), connection));

    let stop = signals.next().await;
    accepting.abort();
    // Its end closes the listening socket: from here on new connections are refused.
    drop(accepting.await);
    tracing::info!(signal = ?stop, connections = slots.taken(), "closing every connection");
    Ok(stop)
}
