//! A proxy that runs: its listener, and what it is told meanwhile.

use std::future::pending;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connection::{Connection, reset};
use super::counts::Tally;
use super::{Config, Counts, End, Faults, Refusal};
use crate::Error;

/// Connections that the kernel completes before they are accepted.
const BACKLOG: u32 = 4096;

/// How long to wait when accepting fails, for one: without descriptors it would fail millions of times a second.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What connections are told.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    pub(super) faults: Arc<Faults>,
    /// How often all were cut; a connection that sees it change is to end.
    pub(super) cuts: u64,
    /// How the last time.
    pub(super) end: End,
}

/// New faults, and who waits for them to hold.
type Command = (Arc<Faults>, oneshot::Sender<io::Result<()>>);

/// A proxy between clients and one server, which injects [`Faults`]. Dropping it ends all its tasks and connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: Arc<watch::Sender<Orders>>,
    commands: mpsc::Sender<Command>,
    tally: Arc<Tally>,
    // Aborts them when dropped.
    tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy to `to` on a free port of the loopback, with default limits.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time.
    pub fn bind(to: SocketAddr, faults: Faults) -> Result<Self, Error> {
        Self::start(to, faults, Config::default())
    }

    /// Starts a proxy to `to`. Whether anybody listens there, each connection finds out for itself; a client whose connection
    /// can't be carried on is reset.
    ///
    /// # Errors
    /// Faults or limits out of bounds, and an address that can't be listened on.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time.
    pub fn start(to: SocketAddr, faults: Faults, config: Config) -> Result<Self, Error> {
        faults.check()?;
        config.check()?;
        let failed = |source| Error::Listen { address: config.listen, source };
        let mut door = Door::bind(config.listen).map_err(failed)?;
        door.set(faults.get_refusal()).map_err(failed)?;
        let address = door.address;
        let tally = Arc::<Tally>::default();
        let orders = Orders { faults: Arc::new(faults), cuts: 0, end: End::Fin };
        let orders = Arc::new(watch::Sender::new(orders));
        let (commands, commanded) = mpsc::channel(1);
        let slots = Arc::new(Semaphore::new(config.max_connections));
        let acceptor = Acceptor { door, to, config, orders: Arc::clone(&orders), tally: Arc::clone(&tally), slots };
        let mut tasks = JoinSet::new();
        tasks.spawn(acceptor.run(commanded));
        Ok(Self { address, orders, commands, tally, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Changes the faults, and returns once new connections meet them; [`Faults`] says what of them reaches open ones.
    ///
    /// Cancel safe, but whether the faults were changed is then not known.
    ///
    /// # Errors
    /// Faults out of bounds; and where nobody had listened, that somebody else took the port.
    pub async fn set_faults(&self, faults: Faults) -> Result<(), Error> {
        faults.check()?;
        let (done, waiting) = oneshot::channel();
        let stopped = || Err(io::Error::other("the runtime of the proxy has stopped"));
        let done = match self.commands.send((Arc::new(faults), done)).await {
            Ok(()) => waiting.await.unwrap_or_else(|_| stopped()),
            Err(_) => stopped(),
        };
        done.map_err(|source| Error::Listen { address: self.address, source })
    }

    /// Cuts every open connection with a FIN, those that are just being accepted among them; later ones are spared. It
    /// happens as soon as their tasks run: [`until`](Self::until) can wait for it.
    pub fn cut_all(&self) {
        self.end_all(End::Fin);
    }

    /// As [`cut_all`](Self::cut_all), with a reset.
    pub fn reset_all(&self) {
        self.end_all(End::Reset);
    }

    fn end_all(&self, end: End) {
        self.orders.send_modify(|orders| (orders.cuts, orders.end) = (orders.cuts + 1, end));
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.now()
    }

    /// Waits until `reached` says that something has happened, and returns the counts as they were then. Cancel safe. No
    /// time is set for it: a test sets its own.
    pub async fn until(&self, reached: impl FnMut(&Counts) -> bool) -> Counts {
        self.tally.until(reached).await
    }

    /// Ends everything, and returns when no socket is left open.
    pub async fn close(self) {
        let Self { commands, mut tasks, .. } = self;
        drop(commands);
        tasks.join_next().await;
    }
}

/// The listening socket, or one that only holds the port.
#[derive(Debug)]
struct Door {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    Shut(TcpSocket),
    /// The port was lost to somebody else; trying again may get it back.
    Lost,
}

impl Door {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        Ok(Self { address: socket.local_addr()?, state: State::Shut(socket) })
    }

    /// Listens, unless nobody is to.
    fn set(&mut self, refusal: Option<Refusal>) -> io::Result<()> {
        let shut = refusal == Some(Refusal::NotListening);
        // The old socket is closed first: two can't hold one port where one of them listens.
        let socket = match mem::replace(&mut self.state, State::Lost) {
            State::Open(listener) if !shut => {
                self.state = State::Open(listener);
                return Ok(());
            }
            State::Shut(socket) => socket,
            State::Open(listener) => {
                drop(listener);
                bound(self.address)?
            }
            State::Lost => bound(self.address)?,
        };
        self.state = if shut { State::Shut(socket) } else { State::Open(socket.listen(BACKLOG)?) };
        Ok(())
    }

    /// Cancel safe.
    async fn next(&self) -> TcpStream {
        let State::Open(listener) = &self.state else { return pending().await };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The task that owns the door and all connections.
#[derive(Debug)]
struct Acceptor {
    door: Door,
    to: SocketAddr,
    config: Config,
    orders: Arc<watch::Sender<Orders>>,
    tally: Arc<Tally>,
    slots: Arc<Semaphore>,
}

impl Acceptor {
    /// Until there is nobody left to command it.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut connections = JoinSet::new();
        for number in 1.. {
            let (slot, stream) = loop {
                tokio::select! {
                    command = commands.recv() => match command {
                        Some((faults, done)) => self.set_faults(faults, done),
                        None => {
                            drop(self);
                            return connections.shutdown().await;
                        }
                    },
                    Some(_) = connections.join_next() => {}
                    accepted = self.accept() => break accepted,
                }
            };
            self.take(number, slot, stream, &mut connections);
        }
    }

    fn set_faults(&mut self, faults: Arc<Faults>, done: oneshot::Sender<io::Result<()>>) {
        let set = self.door.set(faults.get_refusal());
        if set.is_ok() {
            self.orders.send_modify(|orders| orders.faults = faults);
        }
        // Whoever asked may be gone.
        let _gone = done.send(set);
    }

    /// Cancel safe.
    async fn accept(&self) -> (OwnedSemaphorePermit, TcpStream) {
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => (slot, self.door.next().await),
            // Nothing closes it.
            Err(_) => pending().await,
        }
    }

    fn take(&self, number: u64, slot: OwnedSemaphorePermit, stream: TcpStream, connections: &mut JoinSet<()>) {
        let began = self.orders.borrow().clone();
        if began.faults.get_refusal().is_some() {
            self.tally.add(|counts| counts.refused += 1);
            return reset(stream);
        }
        let (to, config, tally) = (self.to, self.config.clone(), Arc::clone(&self.tally));
        let connection = Connection { number, to, config, began, orders: self.orders.subscribe(), tally };
        connections.spawn(async move {
            connection.run(stream).await;
            drop(slot);
        });
    }
}
