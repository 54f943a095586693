//! Where client, server and a hostile path between them meet: sessions that move from transport to transport in mid-stream, and
//! lose, double or reorder nothing. All of it in one process, over the loopback.

mod hostile;
mod paths;
mod restart;
mod rooms;
mod storm;
mod support;
mod switches;
