//! What the scenarios on the real client share: clients that come, join rooms, talk, and are judged by what they get.
//!
//! A [`Crowd`] counts, a [`Guest`] is one client from its coming to its going, a [`Turn`] is a time in which rooms are talked in, with a
//! checker of its own, a [`Pulse`] tells meanwhile.

mod clients;
mod crowd;
mod echoes;
mod guest;
mod herd;
mod knock;
mod pulse;
mod recovery;
mod say;
mod sequence;
mod stay;
mod turn;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

pub(crate) use self::{
    clients::{Way, draw_rooms},
    crowd::{Crowd, Settings},
    guest::{Going, Guest},
    knock::{come, go, knock, reach},
    pulse::{Pulse, Tell},
    turn::Turn,
};
use crate::{
    Error, Target, dial,
    process::Meter,
    proxy::{Config, Faults, Proxy},
};

/// How long a client may take for closing at the most: `bowline-client`'s `close_timeout` of 10 s, and some more.
pub(crate) const CLOSING: Duration = Duration::from_secs(12);

/// Sockets of one client: two over HTTP while it changes, and two for each on the proxy.
const SOCKETS: usize = 6;

/// From one look whether the server's process is still there to the next.
const LOOK: Duration = Duration::from_millis(250);

/// What a server that has ended is said to be.
pub(crate) const SERVER_GONE: &str = "the server's process ended";

/// Makes sure that so many clients, with a proxy in front of the server, have the descriptors that they need.
pub(crate) fn reserve(clients: usize) -> Result<(), Error> {
    dial::reserve(clients * SOCKETS)
}

/// A proxy in front of the server, which takes all connections of so many clients.
pub(crate) fn proxy(target: &Target, clients: usize) -> Result<Proxy, Error> {
    let config = Config::default().max_connections(clients.saturating_mul(4).max(1_024));
    Proxy::start(target.resolve()?, Faults::default(), config)
}

/// Does something while the server's process is there; `None` once that has ended.
pub(crate) async fn unless_gone<T>(meter: &Meter, doing: impl Future<Output = T>) -> Option<T> {
    let gone = async {
        while !meter.is_gone() {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        done = doing => Some(done),
        () = gone => None,
    }
}

/// Waits until all are done, for so long at the most, and ends the others: how many those were.
pub(crate) async fn done_within<T: 'static>(tasks: &mut JoinSet<T>, patience: Duration) -> u64 {
    let all = async { while tasks.join_next().await.is_some() {} };
    let _late = timeout(patience, all).await;
    let left = tasks.len() as u64;
    tasks.shutdown().await;
    left
}

/// Runs what is asynchronous on the calling thread, and nothing on any other.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().map_err(Error::io("make a runtime"))?.block_on(future)
}

/// What a mutex holds: nothing is left half done where somebody panicked.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client's name for a transport. A bare WebSocket has no session: plans refuse it.
pub(crate) const fn carrier(transport: crate::Transport) -> bowline_client::Transport {
    match transport {
        crate::Transport::Raw | crate::Transport::WebSocket => bowline_client::Transport::WebSocket,
        crate::Transport::Comet => bowline_client::Transport::Comet,
        crate::Transport::LongPolling => bowline_client::Transport::LongPolling,
        crate::Transport::Polling => bowline_client::Transport::Polling,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_ended_and_counted() {
        let mut tasks = JoinSet::new();
        for never in [false, true, true] {
            tasks.spawn(async move { if never { pending().await } else { sleep(Duration::from_secs(1)).await } });
        }
        assert_eq!(done_within(&mut tasks, Duration::from_secs(2)).await, 2);
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn nothing_goes_on_once_the_server_has_ended() {
        let meter = Meter::new(None).unwrap();
        assert_eq!(unless_gone(&meter, async { 7 }).await, Some(7));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let meter = Meter::new(Some(child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(unless_gone(&meter, pending::<()>()).await, None);
    }
}
