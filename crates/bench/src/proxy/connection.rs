//! One connection: the sockets of both sides, driven by a [`Link`].

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::config::CONNECT_TIMEOUT;
use super::counts::Tally;
use super::flow::READ_SIZE;
use super::link::{Link, Over, Step};
use super::running::Orders;
use super::{Config, Direction, End};

/// How long a connection that was cut in order is still read from: without it, unread input would turn the FIN into a reset.
const LINGER: Duration = Duration::from_secs(2);

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Connection {
    /// Counted by the proxy from 1.
    pub(super) number: u64,
    pub(super) to: SocketAddr,
    pub(super) config: Config,
    /// As they were when it was accepted, and as they become.
    pub(super) began: Orders,
    pub(super) orders: watch::Receiver<Orders>,
    pub(super) tally: Arc<Tally>,
}

/// What a connection waited for.
#[derive(Debug)]
enum Event {
    Readable(Direction),
    Writable(Direction),
    Time,
    Orders,
}

impl Connection {
    /// Carries it to its end.
    pub(super) async fn run(mut self, client: TcpStream) {
        let _open = Open::new(&self.tally);
        let Ok(Ok(server)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.to)).await else {
            self.tally.add(|counts| counts.unreachable += 1);
            return reset(client);
        };
        let _advisory = (client.set_nodelay(true), server.set_nodelay(true));
        let ends = [client, server];
        let (over, end) = self.relay(&ends).await;
        let [client, server] = ends;
        match (over, end) {
            (Over::Ended, _) => {}
            (Over::Cut, End::Fin) => {
                self.tally.add(|counts| counts.cuts += 1);
                cut(&client, &server).await;
            }
            (Over::Cut, End::Reset) => {
                self.tally.add(|counts| counts.resets += 1);
                reset(client);
                reset(server);
            }
            (Over::Reset, _) => {
                reset(client);
                reset(server);
            }
        }
    }

    /// Passes bytes until the connection is over, and says how a cut is to end it.
    async fn relay(&mut self, ends: &[TcpStream; 2]) -> (Over, End) {
        let mut link =
            Link::new(&self.began.faults, &self.config, self.number, Arc::clone(&self.tally), Instant::now());
        let mut faults = Arc::clone(&self.began.faults);
        loop {
            let orders = self.orders.borrow_and_update().clone();
            if orders.cuts != self.began.cuts {
                return (Over::Cut, orders.end);
            }
            if !Arc::ptr_eq(&orders.faults, &faults) {
                faults = orders.faults;
                link.set_faults(&faults);
            }
            let step = match link.step(Instant::now()) {
                Ok(step) => step,
                Err(over) => return (over, faults.get_end()),
            };
            if step.finish != [false; 2] {
                finish(ends, &step);
                continue;
            }
            match self.next(ends, &link, &step).await {
                Event::Readable(direction) => read(&mut link, direction, &ends[source(direction)]),
                Event::Writable(direction) => {
                    write(&mut link, direction, &ends[sink(direction)]);
                    if link.is_by_one_byte(direction) {
                        tokio::task::yield_now().await;
                    }
                }
                Event::Time | Event::Orders => {}
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    async fn next(&mut self, ends: &[TcpStream; 2], link: &Link, step: &Step) -> Event {
        let [client, server] = ends;
        let has_room = Direction::BOTH.map(|direction| link.room(direction) > 0);
        let until = step.deadline.unwrap_or_else(Instant::now);
        // What became of waiting, the reading or writing that follows finds out.
        tokio::select! {
            _ = client.readable(), if has_room[0] => Event::Readable(Direction::ToServer),
            _ = server.readable(), if has_room[1] => Event::Readable(Direction::ToClient),
            _ = server.writable(), if step.write[0] => Event::Writable(Direction::ToServer),
            _ = client.writable(), if step.write[1] => Event::Writable(Direction::ToClient),
            () = sleep_until(until), if step.deadline.is_some() => Event::Time,
            // The proxy outlives its connections: it ends them when it goes.
            _ = self.orders.changed() => Event::Orders,
        }
    }
}

const fn source(direction: Direction) -> usize {
    match direction {
        Direction::ToServer => 0,
        Direction::ToClient => 1,
    }
}

const fn sink(direction: Direction) -> usize {
    source(direction.reverse())
}

fn read(link: &mut Link, direction: Direction, from: &TcpStream) {
    // On the stack, and only what came is kept: a thousand idle connections hold no buffer.
    let mut buffer = [0; READ_SIZE];
    let room = link.room(direction);
    match from.try_read(&mut buffer[..room]) {
        Ok(0) => link.receive_end(direction, Instant::now(), End::Fin),
        Ok(len) => link.receive(direction, Instant::now(), buffer[..len].to_vec()),
        Err(error) if is_passing(&error) => {}
        Err(_) => link.receive_end(direction, Instant::now(), End::Reset),
    }
}

fn write(link: &mut Link, direction: Direction, to: &TcpStream) {
    match to.try_write(link.output(direction)) {
        Ok(len) => link.wrote(direction, Instant::now(), len),
        Err(error) if is_passing(&error) => {}
        Err(_) => link.receiver_lost(direction),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Hands a FIN on. Where the receiver is gone already, reading from it will tell.
fn finish(ends: &[TcpStream; 2], step: &Step) {
    for direction in Direction::BOTH {
        if step.finish[direction.index()] {
            let _gone = SockRef::from(&ends[sink(direction)]).shutdown(Shutdown::Write);
        }
    }
}

/// Closes with a reset. Should setting it fail, the socket is gone already.
pub(super) fn reset(stream: TcpStream) {
    let _gone = stream.set_zero_linger();
    drop(stream);
}

/// Ends both sides in order.
async fn cut(client: &TcpStream, server: &TcpStream) {
    for stream in [client, server] {
        let _gone = SockRef::from(stream).shutdown(Shutdown::Write);
    }
    let _in_time = timeout(LINGER, async { tokio::join!(drain(client), drain(server)) }).await;
}

/// Reads and throws away until the end.
async fn drain(stream: &TcpStream) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0; READ_SIZE]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(_) => return,
        }
        tokio::task::coop::consume_budget().await;
    }
}

/// Counts a connection as open until it is dropped, however its task ends.
#[derive(Debug)]
struct Open(Arc<Tally>);

impl Open {
    fn new(tally: &Arc<Tally>) -> Self {
        tally.add(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        Self(Arc::clone(tally))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(|counts| counts.open -= 1);
    }
}
