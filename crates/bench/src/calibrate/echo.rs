//! A TCP echo in a thread: what any server's rate is below, with one message in flight on each connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::suite::Cores;
use crate::{EchoPlan, Error, Target};

const CONNECTIONS: usize = 64;
/// Bytes of a message: more than what costs by the call, less than what costs by the byte.
const SIZE: usize = 128;
const WARM_UP: Duration = Duration::from_millis(200);
const DURATION: Duration = Duration::from_millis(800);
const LISTENER: Token = Token(CONNECTIONS + 1);
const END: Token = Token(CONNECTIONS + 2);

/// Round trips a second of all connections, each with one message in flight.
pub(super) fn per_second() -> Result<f64, Error> {
    let cores = Cores::take()?;
    let server = Server::start(&cores).map_err(Error::io("start a TCP echo"))?;
    let target: Target = format!("tcp://{}", server.address).parse()?;
    let mut plan = EchoPlan::new(target);
    (plan.connections, plan.size, plan.warm_up, plan.duration) = (CONNECTIONS, SIZE, WARM_UP, DURATION);
    crate::echo::run(&plan, &mut |_| ControlFlow::Continue(())).map(|report| report.per_second)
}

/// Sends back what comes, from one thread; ended when dropped.
struct Server {
    address: SocketAddr,
    end: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(cores: &Cores) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let end = Arc::new(Waker::new(poll.registry(), END)?);
        let address = listener.local_addr()?;
        let thread = cores.on_servers(move || {
            // A server that fails loses its connections, which is an error of the run.
            thread::Builder::new().name("echo".to_owned()).spawn(move || drop(serve(poll, &listener)))
        })?;
        Ok(Self { address, end, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let woken = self.end.wake();
        if let (Ok(()), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn serve(mut poll: Poll, listener: &TcpListener) -> io::Result<()> {
    let mut connections: Vec<Option<TcpStream>> = Vec::with_capacity(CONNECTIONS);
    let mut events = Events::with_capacity(CONNECTIONS + 2);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                END => return Ok(()),
                LISTENER => accept(&poll, listener, &mut connections)?,
                Token(index) => {
                    if let Some(slot) = connections.get_mut(index)
                        && slot.as_mut().is_some_and(|connection| !echo(connection))
                    {
                        *slot = None;
                    }
                }
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, connections: &mut Vec<Option<TcpStream>>) -> io::Result<()> {
    loop {
        match listener.accept() {
            // Nobody else is expected.
            Ok(_) if connections.len() == CONNECTIONS => {}
            Ok((mut connection, _)) => {
                connection.set_nodelay(true)?;
                poll.registry().register(&mut connection, Token(connections.len()), Interest::READABLE)?;
                connections.push(Some(connection));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Whether the connection is to stay. Written is what was read: one message, which always fits the socket's buffer.
fn echo(connection: &mut TcpStream) -> bool {
    let mut buffer = [0; 4 * SIZE];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                if connection.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                    return false;
                }
            }
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
