//! The accept loop: no more connections at a time than there are slots.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowline_server::listener::{Acceptance, Slot, Slots};
use tokio::net::TcpStream;
use tokio::time::Instant;

const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Accepts for ever: a task for each connection, no more at a time than there are slots. The rest wait in the
/// kernel's queue.
pub(super) async fn accept<C, F>(mut connections: Acceptance, slots: Arc<Slots>, mut connection: C)
where
    C: FnMut(Slot, u64, TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut quiet_until = Instant::now();
    for number in 1.. {
        let slot = if let Some(slot) = slots.try_take() {
            slot
        } else {
            if Instant::now() >= quiet_until {
                quiet_until = Instant::now() + BETWEEN_LINES;
                tracing::warn!(connections = slots.taken(), "max_connections are open; new ones wait");
            }
            slots.take().await
        };
        let (tcp, peer) = connections.next().await;
        tokio::spawn(connection(slot, number, tcp, peer));
    }
}
