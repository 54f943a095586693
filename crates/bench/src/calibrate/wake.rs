//! What waking up costs: round trips of one idle connection.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::nanoseconds;
use crate::suite::Cores;
use crate::{Distribution, Error};

/// How long round trips are made.
const DURATION: Duration = Duration::from_millis(400);
/// How long both ends sleep between two.
const PAUSE: Duration = Duration::from_micros(500);
/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Round trips of a byte between the server's core and the calling thread's, each after a pause.
pub(super) fn round_trips(cores: Cores) -> Result<Distribution, Error> {
    let failed = Error::io("make round trips over TCP");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(&failed)?;
    let mut client = TcpStream::connect(listener.local_addr().map_err(&failed)?).map_err(&failed)?;
    let (server, _) = listener.accept().map_err(&failed)?;
    for socket in [&client, &server] {
        socket.set_nodelay(true).map_err(&failed)?;
        socket.set_read_timeout(Some(TIMEOUT)).map_err(&failed)?;
    }
    // It ends with the client's socket.
    cores.on_servers(move || thread::Builder::new().spawn(move || answer(server))).map_err(&failed)?;
    let mut times = Distribution::default();
    let end = Instant::now() + DURATION;
    while Instant::now() < end {
        thread::sleep(PAUSE);
        let start = Instant::now();
        client.write_all(&[1]).map_err(&failed)?;
        client.read_exact(&mut [0]).map_err(&failed)?;
        times.record(nanoseconds(start.elapsed()));
    }
    drop(cores);
    Ok(times)
}

fn answer(mut server: TcpStream) {
    let mut byte = [0];
    while server.read_exact(&mut byte).is_ok() && server.write_all(&byte).is_ok() {}
}
