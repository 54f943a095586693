//! A server that holds its sockets, and one that serves and stops in steps.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::admission::{Addresses, ConnectionSlot};
use super::answer::{TOO_MANY_CONNECTIONS, answer};
use super::connection::{Common, Connection};
use super::counts::{Counters, Counts};
use super::http::Http;
use super::server::{Options, Security};
use super::slots::{Slot, Slots};
use super::socket::Acceptance;

/// How far a server is with stopping. Each step includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Serving,
    /// Nothing more is accepted.
    Closed,
    /// Connections end with the request that they are at.
    Finishing,
    /// Connections end at once.
    Aborting,
}

/// Waits for `stage`. Cancel safe.
pub(super) async fn reached(stop: &mut watch::Receiver<Stage>, stage: Stage) {
    if stop.wait_for(|now| *now >= stage).await.is_err() {
        // Nobody is left who could say it.
        pending::<()>().await;
    }
}

/// A server whose sockets listen: clients can connect already, and wait in the kernel.
#[derive(Debug)]
pub struct Bound {
    pub(super) listeners: Vec<(TcpListener, Security)>,
    pub(super) options: Options,
    pub(super) max_connections: u32,
    pub(super) max_connections_per_ip: u32,
}

impl Bound {
    /// The addresses listened on, in the order of `listen`, with the ports that were chosen for 0.
    ///
    /// # Errors
    /// What the system says, which for a socket that listens is nothing.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(|(listener, _)| listener.local_addr()).collect()
    }

    /// The most connections at a time: what was asked for, or what the descriptor limit has room for.
    #[must_use]
    pub fn max_connections(&self) -> u32 {
        self.max_connections
    }

    /// Serves, in tasks of this runtime: one a socket, one a connection, and with HTTP/2 one a stream. Each request gets
    /// a [`ConnectionInfo`](super::ConnectionInfo) and a [`ConnectionSlot`] among its
    /// extensions. A panic in `service` ends that connection (with HTTP/2 that stream), and nothing else.
    ///
    /// Requests that no service should see are answered here: 400 for a malformed one, without Host or with several, with
    /// several Transfer-Encodings or with values that aren't ASCII; 431 past the limits. After a request with
    /// Transfer-Encoding, and after an offer of WebSocket that wasn't taken, the connection is closed. A service that
    /// refuses an upgrade isn't to wait for it all the same (`hyper::upgrade::on`): the server takes it then.
    #[expect(clippy::needless_pass_by_value, reason = "a service is given away, as to every server")]
    pub fn serve<S, B>(self, service: S) -> Running
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let local = self.local_addrs().unwrap_or_default();
        let (stop, stopped) = watch::channel(Stage::Serving);
        let counters = Arc::new(Counters::default());
        let slots = Arc::new(Slots::new(self.max_connections));
        let http = Arc::new(Http::new(&self.options));
        let common = Arc::new(Common { options: self.options, http, counters: Arc::clone(&counters) });
        let door = Door {
            slots: Arc::clone(&slots),
            addresses: Arc::new(Addresses::new(self.max_connections_per_ip)),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            common,
            stop: stopped,
        };
        let acceptors = self
            .listeners
            .into_iter()
            .map(|(listener, security)| {
                tokio::spawn(accept(Acceptance::new(listener), security, door.clone(), service.clone()))
            })
            .collect();
        Running { local, stop, slots, counters, acceptors }
    }
}

/// How many connections are told 429 at a time; more are closed without a word, so that refusing is no load.
const MAX_REFUSALS: usize = 64;
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// What an accept loop needs to let connections in.
#[derive(Clone, Debug)]
struct Door {
    slots: Arc<Slots>,
    addresses: Arc<Addresses>,
    refusals: Arc<Semaphore>,
    common: Arc<Common>,
    stop: watch::Receiver<Stage>,
}

/// Accepts until it is told to stop. Its end closes the socket.
async fn accept<S, B>(mut connections: Acceptance, security: Security, mut door: Door, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut stop = door.stop.clone();
    let mut quiet_until = Instant::now();
    loop {
        let next = async {
            let (tcp, peer) = connections.next().await;
            (tcp, peer, door.slot(&mut quiet_until).await)
        };
        let (tcp, peer, slot) = tokio::select! {
            biased;
            () = reached(&mut stop, Stage::Closed) => return,
            next = next => next,
        };
        door.common.counters.accepted.add();
        match door.addresses.admit(peer.ip()) {
            Ok(address) => {
                let slot = ConnectionSlot::new(slot, address);
                let (security, service) = (security.clone(), service.clone());
                let (common, stop) = (Arc::clone(&door.common), door.stop.clone());
                tokio::spawn(Connection { tcp, peer, slot, security, service, common, stop }.serve());
            }
            Err(_) => door.refuse(tcp, slot, &security),
        }
    }
}

impl Door {
    async fn slot(&mut self, quiet_until: &mut Instant) -> Slot {
        if let Some(slot) = self.slots.try_take() {
            return slot;
        }
        if Instant::now() >= *quiet_until {
            *quiet_until = Instant::now() + BETWEEN_LINES;
            tracing::warn!(connections = self.slots.taken(), "max_connections are open; new ones wait");
        }
        self.slots.take().await
    }

    fn refuse(&self, tcp: TcpStream, slot: Slot, security: &Security) {
        self.common.counters.refused_per_ip.add();
        if security.is_tls() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        let mut stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = answer(&tcp, TOO_MANY_CONNECTIONS) => {}
                () = reached(&mut stop, Stage::Finishing) => {}
            }
            drop((tcp, slot, permit));
        });
    }
}

/// A server that serves. Dropping the handle stops nothing; [`finish`](Self::finish) does.
#[derive(Debug)]
pub struct Running {
    local: Vec<SocketAddr>,
    stop: watch::Sender<Stage>,
    slots: Arc<Slots>,
    counters: Arc<Counters>,
    acceptors: Vec<JoinHandle<()>>,
}

/// What a connection that is aborted may take to notice.
const GRACE: Duration = Duration::from_millis(500);

impl Running {
    /// The addresses listened on, in the order of `listen`.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local
    }

    /// What became of the connections so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read(self.slots.taken())
    }

    /// [`counts`](Self::counts) for whoever asks again and again, as [`Metrics::watch`](crate::metrics::Metrics::watch)
    /// does: also when the server has ended.
    pub fn watch(&self) -> impl Fn() -> Counts + Send + Sync + use<> {
        let (counters, slots) = (Arc::clone(&self.counters), Arc::clone(&self.slots));
        move || counters.read(slots.taken())
    }

    /// Closes the listening sockets, and returns once they are: from here on new connections are refused. Open ones go
    /// on. Cancel safe, and may be called again.
    pub async fn stop_accepting(&mut self) {
        self.reach(Stage::Closed);
        while let Some(acceptor) = self.acceptors.last_mut() {
            // It has nothing to say, and doesn't panic.
            let _ = acceptor.await;
            self.acceptors.pop();
        }
    }

    /// Stops accepting, and ends what is HTTP: a connection that is idle or in its handshake at once, any other with the
    /// answer that it is at (HTTP/2: those), and at the `deadline` from now on the rest, whatever it is at. Returns
    /// whether all ended by themselves. WebSockets over HTTP/1.1 aren't HTTP any more and go on; those over HTTP/2 hold
    /// their connection until they are closed. Cancel safe, and may be called again.
    pub async fn finish(&mut self, deadline: Duration) -> bool {
        self.stop_accepting().await;
        self.reach(Stage::Finishing);
        // Each connection holds a receiver.
        if timeout(deadline, self.stop.closed()).await.is_ok() {
            return true;
        }
        self.reach(Stage::Aborting);
        let _ = timeout(GRACE, self.stop.closed()).await;
        false
    }

    fn reach(&self, stage: Stage) {
        self.stop.send_if_modified(|now| {
            let further = stage > *now;
            if further {
                *now = stage;
            }
            further
        });
    }
}
