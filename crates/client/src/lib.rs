//! One session with a server, whatever carries it: a WebSocket where that gets through, else a response that goes on (Comet),
//! long polling or polling. It moves from one to another in mid-stream, reconnects and resumes, and nothing is lost, doubled or
//! reordered on the way. The server is bowline-server, or whatever else speaks the
//! [protocol](bowline_core::session::protocol).
//!
//! ```no_run
//! use bowline_client::{Client, Event};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::builder("wss://example.com/chat").build()?;
//! client.sender().send("hello").await?;
//! while let Some(event) = client.next().await {
//!     match event {
//!         Event::Message(message) => println!("{message:?}"),
//!         Event::Disconnected { reason, retry_in, .. } => println!("{reason}; again in {retry_in:?}"),
//!         Event::Closed(why) => println!("{why}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Plain WebSocket to anyone's server is [`bowline_core::stream::connect`].
//!
//! # What is promised
//! - A message that was [sent](Sender::send) arrives once, in order, whatever breaks on the way, for as long as the server knows the
//!   session: by default it keeps one for 60 s without a carrier.
//! - Where it doesn't, [`Event::SessionLost`] says so. What was sent and not acknowledged is then unknown; what was not sent goes to
//!   the next session. [`Sender::send_acked`] tells of each message.
//! - For as long as a [`RoomHandle`] lives it gives publications in the order of their offsets, each at most once, none missing; or
//!   first exactly one [gap](RoomEvent::Gap) that tells which. That holds over a loss of the session too.
//! - [Presence](RoomEvent::Presence) is told at most once.
//! - Nothing is dropped for a slow application: it holds the server up, which has its own bounds.
//!
//! # Which transport carries
//! WebSocket is tried first; after [1 s](Builder::race_delay) Comet too, and what carries is what a message arrived by, not what
//! was connected. A path that [buffers](Builder::comet_timeout) Comet is found out after 2 s. What doesn't work here is
//! [remembered](Builder::memory) for 5 min, and then tried again while another carries. Between tries the client waits a random time
//! ([`Backoff`]), and at least as long as the server asks for. After the machine slept, whatever carries is checked at once.
//!
//! Two transports that race for a new session may each get one. The one that comes second is ended at once; the server's
//! application sees a session that comes and goes. [`Builder::transports`] with one transport has no race.
//!
//! # What it takes
//! One task a client, and one for each connection over HTTP. Every queue has its bounds: [`Builder::queue`], [`Builder::ring`],
//! [`Builder::mailbox`].

mod builder;
mod carrier;
mod client;
mod command;
mod config;
mod driver;
mod error;
mod event;
mod exchange;
mod mailbox;
mod net;
mod policy;
mod queue;
mod session;
mod transport;

pub use bowline_core::{
    position::{Epoch, Gap, GapReason, Position},
    session::{FailedReason, JoinStart, Member, PresenceChange, RingBounds},
    stream::TlsConfig,
};

pub use self::{
    builder::Builder,
    client::{Client, Publication, RoomHandle, Sender},
    command::Published,
    error::{ConfigError, RequestError, SendError, SendErrorReason},
    event::{Closed, Event, RoomEvent},
    exchange::Exchange,
    net::Proxy,
    policy::Backoff,
    queue::Overflow,
    transport::{Transport, UnknownTransport},
};
