//! What the scenarios on the real client share: clients that come, join rooms, talk, and are judged by what they get.
//!
//! A [`Crowd`] counts, a [`Guest`] is one client from its coming to its going, a [`Turn`] is a time in which rooms are talked in, with a
//! checker of its own, a [`Pulse`] tells meanwhile.

mod clients;
mod crowd;
mod echoes;
mod guest;
mod herd;
mod pulse;
mod say;
mod sequence;
mod stay;
mod turn;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use self::{
    clients::{Way, draw_rooms},
    crowd::{Crowd, Settings},
    guest::{Going, Guest},
    pulse::{Pulse, Tell},
    turn::Turn,
};
use crate::Error;

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
