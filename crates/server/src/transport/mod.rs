//! How sessions are carried.

mod web_socket;

pub(crate) use self::web_socket::WebSocketTask;
