//! What one client says and hears on its connections, without the sockets.

use std::time::Instant;

use crate::Counts;

/// Which of a client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The WebSocket, or the one that responses with messages come on.
    Down,
    /// Requests that carry messages up, over HTTP. Connected only when there is something to say.
    Up,
}

/// What a client has heard.
#[derive(Debug)]
pub(crate) enum Came<'a> {
    /// It is open, and may say something.
    Open,
    /// It is in a room.
    Joined,
    /// A message or a publication.
    Message(&'a [u8]),
    /// So many publications of a room were skipped, and it was told.
    Gap(u64),
}

/// What a client is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say<'a> {
    /// A message to the application.
    Message(&'a str),
    /// That it wants into a room. (A bare WebSocket is in its room by its address.)
    Join(&'a str),
    /// A publication.
    Publish { room: &'a str, text: &'a str },
}

/// A client's side of a transport.
pub(crate) trait Wire {
    /// Whether a connection is to be made on a side, when there is none.
    fn wants(&self, side: Side) -> bool;
    /// There is a new connection on a side: what it says begins with a request.
    fn connected(&mut self, side: Side, now: Instant);
    /// The server has ended or reset the connection on a side. An error where it was not to: the client is of no more use.
    fn ended(&mut self, side: Side, now: Instant) -> Result<(), String>;
    /// Takes something to say, and never refuses: who calls bounds it by [`backlog`](Self::backlog).
    fn say(&mut self, what: Say<'_>);
    /// Bytes taken to be said that are not written yet.
    fn backlog(&self) -> usize;
    /// What is to be written on a side now.
    fn output(&self, side: Side) -> &[u8];
    /// So many bytes of it are written.
    fn wrote(&mut self, side: Side, count: usize);
    /// Takes what one read brought on a side, and hands on what came with it. An error is why the client is of no more use.
    fn receive(&mut self, side: Side, bytes: &[u8], now: Instant, take: &mut dyn FnMut(Came<'_>))
    -> Result<(), String>;
    /// When it has something to do next without being spoken to: the next poll, an acknowledgement.
    fn due(&self) -> Option<Instant>;
    /// Does what is due; there may be output then.
    fn attend(&mut self, now: Instant);
    /// What it has counted so far.
    fn counts(&self) -> Counts;
}
