//! What carries a session that goes from carrier to carrier.

mod comet;
mod poll;
mod sitting;
mod task;

pub(crate) use self::{
    comet::{Comet, MAX_STREAM_BYTES},
    poll::{Polled, poll},
    sitting::Sitting,
    task::carried_task,
};
