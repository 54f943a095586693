//! How sessions and readers of rooms are carried.

mod carried;
mod clock;
mod end;
mod event_stream;
mod events;
mod long_poll;
mod run;
mod task;
mod web_socket;

pub(crate) use self::{
    carried::{Comet, MAX_STREAM_BYTES, Polled, Sitting, carried_task, poll as poll_session},
    clock::Pace,
    event_stream::EventStream,
    events::{append_gap, gap_signal},
    long_poll::poll,
    web_socket::web_socket_task,
};
