//! How sessions and readers of rooms are carried.

mod event_stream;
mod events;
mod long_poll;
mod web_socket;

pub(crate) use self::{
    event_stream::{EventStream, Pace},
    long_poll::poll,
    web_socket::WebSocketTask,
};
