//! A server, a path that does it harm, and a client with short times.

use std::{net::SocketAddr, time::Duration};

use bowline_bench::proxy::{Config, Direction, End, Faults, Proxy};
use bowline_client::{Backoff, Builder, Client, Event, Transport};
use bowline_server::{
    Hub, Session,
    http::{Guards, HubService},
    listener::{Running, Server},
};
use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::timeout;

/// Waits, but not for ever: what a test waits for comes soon, or never.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(Duration::from_secs(120), future).await.unwrap_or_else(|_| panic!("{what}: it should have happened by now"))
}

/// Waits for what has no event of its own, such as the end of a task of the server's.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(what, waiting).await;
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

/// A hub that is served.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    running: Running,
}

impl Site {
    pub(crate) fn start(hub: Hub) -> Self {
        Self::start_at(hub, ([127, 0, 0, 1], 0).into())
    }

    pub(crate) fn start_at(hub: Hub, address: SocketAddr) -> Self {
        Self::serve(hub.service(Guards::new()).heartbeat(Duration::from_secs(1)), hub, address)
    }

    pub(crate) fn serve(service: HubService, hub: Hub, address: SocketAddr) -> Self {
        let bound = Server::new().listen(address.to_string()).bind().expect("a free port");
        let running = bound.serve(service);
        let address = running.local_addrs()[0];
        Self { hub, address, running }
    }

    pub(crate) fn proxy(&self, faults: Faults) -> Proxy {
        let config = Config::default().max_connections(10_000);
        Proxy::start(self.address, faults, config).expect("a free port")
    }

    /// Connections that the server has open.
    pub(crate) fn open(&self) -> usize {
        usize::try_from(self.running.counts().open).expect("few")
    }

    /// Ends it without a word to anybody. WebSockets, which are not HTTP any more, are for the caller to cut.
    pub(crate) async fn kill(mut self) {
        self.running.finish(Duration::ZERO).await;
    }
}

/// A client that tries again soon.
pub(crate) fn client(address: SocketAddr, transports: impl IntoIterator<Item = Transport>) -> Builder {
    let short = Duration::from_millis(30);
    Client::builder(&format!("http://{address}/"))
        .transports(transports)
        .proxy(bowline_client::Proxy::Direct)
        .poll_interval(Duration::from_millis(20))
        .backoff(Backoff::default().base(short).spread(short).max(short))
}

/// As [`client`], in a hurry also to find out what works.
pub(crate) fn hasty_client(address: SocketAddr, transports: impl IntoIterator<Item = Transport>) -> Builder {
    client(address, transports)
        .race_delay(Duration::from_millis(150))
        .comet_timeout(Duration::from_millis(300))
        .memory(Duration::from_millis(250))
        .request_timeout(Duration::from_secs(2))
        .limits(bowline_core::Limits::default().handshake_timeout(Duration::from_millis(1_500)))
}

/// All transports in an order of the seed's.
pub(crate) fn any_order(rng: &mut StdRng) -> [Transport; 4] {
    let mut all = Transport::ALL;
    all.shuffle(rng);
    all
}

/// A path that breaks what it carries, sooner or later, and maybe doesn't let each transport through.
pub(crate) fn any_faults(rng: &mut StdRng) -> Faults {
    let (direction, end) = (any(rng, [None, Some(Direction::ToClient), Some(Direction::ToServer)]), any_end(rng));
    let most = any(rng, [400, 1_500, 6_000]);
    Faults::default()
        .seed(rng.random())
        .cut_between(direction, 0..=most)
        .end(end)
        .strip_upgrade(rng.random_bool(0.3))
        .buffer_responses(rng.random_bool(0.3))
        .swallow_101(rng.random_bool(0.1))
}

fn any_end(rng: &mut StdRng) -> End {
    any(rng, [End::Fin, End::Reset])
}

fn any<T, const N: usize>(rng: &mut StdRng, of: [T; N]) -> T {
    let place = rng.random_range(0..N);
    of.into_iter().nth(place).expect("it is below N")
}

/// Cuts what is open, one way or the other.
pub(crate) fn cut_all(rng: &mut StdRng, proxy: &Proxy) {
    match any_end(rng) {
        End::Fin => proxy.cut_all(),
        End::Reset => proxy.reset_all(),
    }
}

/// What carries, where the event tells.
pub(crate) const fn carried_by(event: &Event) -> Option<Transport> {
    match event {
        Event::Connected { transport } | Event::TransportChanged { to: transport, .. } => Some(*transport),
        _ => None,
    }
}

/// The next event but those that tell nothing that is lost.
pub(crate) async fn event(client: &mut Client) -> Event {
    match soon("an event", client.next()).await.expect("it is not closed") {
        Event::Closed(closed) => panic!("{closed}"),
        Event::SessionLost => panic!("the session was lost"),
        event => event,
    }
}

/// The next transport that carries.
pub(crate) async fn carried(client: &mut Client) -> Transport {
    loop {
        if let Some(transport) = carried_by(&event(client).await) {
            return transport;
        }
    }
}

/// The next message's text.
pub(crate) async fn text(client: &mut Client) -> String {
    loop {
        if let Event::Message(message) = event(client).await {
            return message.as_text().expect("a text").to_owned();
        }
    }
}
