//! A server, and a path to it that does what a test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bowline_client::{Backoff, Builder, Client, Event, Proxy, RoomEvent, RoomHandle, Transport};
use bowline_server::{
    Hub,
    http::Guards,
    hub::HubBuilder,
    listener::{Running, Server},
    session::Session,
};

/// Waits, but not for ever: what a test waits for comes at once, or never.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it should have happened by now")
}

/// Sends everything back.
pub(crate) async fn echo(mut session: Session) -> Result<(), bowline_core::Error> {
    while let Some(message) = session.recv().await? {
        if session.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A server on a port of its own.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    _running: Running,
}

impl Site {
    pub(crate) fn start(hub: HubBuilder) -> Self {
        let hub = hub.build();
        let bound = Server::new().listen("127.0.0.1:0").bind().expect("a free port");
        let running = bound.serve(hub.service(Guards::new()));
        let address = running.local_addrs()[0];
        Self { hub, address, _running: running }
    }

    pub(crate) fn client(&self, transports: &[Transport]) -> Builder {
        client(self.address, transports)
    }
}

/// A client with short times.
pub(crate) fn client(address: SocketAddr, transports: &[Transport]) -> Builder {
    let short = Duration::from_millis(30);
    Client::builder(&format!("http://{address}/"))
        .transports(transports.iter().copied())
        .proxy(Proxy::Direct)
        .race_delay(Duration::from_millis(100))
        .poll_interval(Duration::from_millis(50))
        .backoff(Backoff::default().base(short).spread(short).max(short))
}

/// The next message.
pub(crate) async fn text(client: &mut Client) -> String {
    loop {
        match soon(client.next()).await.expect("it is not closed") {
            Event::Message(message) => return message.as_text().expect("a text").to_owned(),
            Event::Closed(closed) => panic!("{closed}"),
            Event::SessionLost => panic!("the session was lost"),
            _ => {}
        }
    }
}

/// The next publication's text, or the gap.
pub(crate) async fn publication(room: &mut RoomHandle) -> Result<(u64, String), bowline_client::Gap> {
    loop {
        match soon(room.next()).await.expect("it is not left") {
            RoomEvent::Publication { position, message } => {
                return Ok((position.offset, message.as_text().expect("a text").to_owned()));
            }
            RoomEvent::Gap(gap) => return Err(gap),
            RoomEvent::Presence(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Random numbers that a seed gives again.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<AtomicU64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// Below `end`, by Steele, Lea and Flood's splittable generator.
    pub(crate) fn below(&self, end: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU32);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
