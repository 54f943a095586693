//! Sockets to one server, and the limits of this machine on them.

use crate::{Error, Target};
use mio::net::TcpStream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections from one source address: well below the 28,232 ports that Linux has for them by default.
pub(crate) const PER_SOURCE: usize = 10_000;

/// Source addresses before the first is used again.
const SOURCES: usize = 250;

/// Descriptors besides the connections: standard streams, the poller, `/proc`.
const OTHER_DESCRIPTORS: u64 = 32;

/// Makes sockets to one address.
#[derive(Debug)]
pub(crate) struct Dialer {
    address: SocketAddr,
    made: usize,
    per_source: usize,
    /// Source addresses that are left to others.
    skip: usize,
}

impl Dialer {
    /// For connections that stay: a source address for each [`PER_SOURCE`] of them.
    pub(crate) fn new(target: &Target) -> Result<Self, Error> {
        Ok(Self { address: target.resolve()?, made: 0, per_source: PER_SOURCE, skip: 0 })
    }

    /// For connections that come and go: another source address each time, as the ports of closed ones stay taken for a while.
    pub(crate) fn rotating(target: &Target) -> Result<Self, Error> {
        Ok(Self { per_source: 1, ..Self::new(target)? })
    }

    /// Leaves the first few source addresses to other processes.
    pub(crate) fn skipping(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// One for the next connection alone, so that connecting keeps no other waiting.
    pub(crate) fn one(&mut self) -> Self {
        let one = Self { ..*self };
        self.made += 1;
        one
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a connection. It may be established already when this returns, or fail later.
    pub(crate) fn dial(&mut self) -> Result<TcpStream, Error> {
        self.begin().map(TcpStream::from_std)
    }

    /// Makes a connection for tokio, in whose runtime it is called.
    pub(crate) async fn connect(&mut self) -> Result<tokio::net::TcpStream, Error> {
        let (socket, address) = (self.begin()?, self.address);
        let unreachable = |error| classify(error, address);
        let socket = tokio::net::TcpStream::from_std(socket).map_err(unreachable)?;
        socket.writable().await.map_err(unreachable)?;
        match socket.take_error().map_err(unreachable)? {
            Some(error) => Err(unreachable(error)),
            None => Ok(socket),
        }
    }

    fn begin(&mut self) -> Result<std::net::TcpStream, Error> {
        let (address, source) = (self.address, self.source());
        let socket = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            socket.set_tcp_nodelay(true)?;
            if let Some(source) = source {
                socket.bind(&SocketAddr::new(source, 0).into())?;
            }
            match socket.connect(&address.into()) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && !in_progress(&error) => Err(error),
                _ => Ok(socket),
            }
        };
        self.made += 1;
        let socket = socket().map_err(|error| classify(error, address))?;
        Ok(socket.into())
    }

    /// On the loopback range every address is this machine's own, and a server on one can be reached from all others; from
    /// elsewhere the system chooses.
    fn source(&self) -> Option<IpAddr> {
        let IpAddr::V4(server) = self.address.ip() else { return None };
        let source = self.skip + self.made / self.per_source;
        if !server.is_loopback() || (source == 0 && self.per_source > 1) {
            return None;
        }
        // 127.1.0.1 to 127.1.0.250: seven million ports.
        let host = u8::try_from(source % SOURCES).unwrap_or_default() + 1;
        Some(Ipv4Addr::new(127, 1, 0, host).into())
    }
}

fn in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Whose fault a connection that failed is.
pub(crate) fn classify(source: io::Error, address: SocketAddr) -> Error {
    let errno = source.raw_os_error();
    if source.kind() == io::ErrorKind::AddrNotAvailable || source.kind() == io::ErrorKind::AddrInUse {
        return Error::NoPorts { address };
    }
    if [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].iter().any(|e| Some(e.raw_os_error()) == errno) {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        return Error::Descriptors { needed: limit.saturating_add(1), limit };
    }
    Error::Unreachable { address, source }
}

/// Descriptors of a process with so many sockets.
pub(crate) const fn descriptors(sockets: usize) -> u64 {
    sockets as u64 + OTHER_DESCRIPTORS
}

/// Makes sure that so many sockets can be open at a time, raising this process's own limit as far as it may.
pub(crate) fn reserve(sockets: usize) -> Result<(), Error> {
    let needed = descriptors(sockets);
    let limits = getrlimit(Resource::Nofile);
    let (Some(current), maximum) = (limits.current, limits.maximum) else { return Ok(()) };
    if current >= needed {
        return Ok(());
    }
    let short = Error::Descriptors { needed, limit: maximum.unwrap_or(current) };
    if maximum.is_some_and(|maximum| maximum < needed) {
        return Err(short);
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|_| short)
}

/// Raises this process's own limit as far as it may, for what can't be counted beforehand.
pub(crate) fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it fails, whoever needs more says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many descriptors a process may have once its limit is raised as far as it may.
pub(crate) fn most() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_change_with_the_count() {
        let mut dialer = Dialer::new(&"tcp://127.0.0.1:9".parse().unwrap()).unwrap();
        assert_eq!(dialer.source(), None);
        dialer.made = PER_SOURCE;
        assert_eq!(dialer.source(), Some(Ipv4Addr::new(127, 1, 0, 2).into()));
        dialer = dialer.skipping(7);
        assert_eq!(dialer.source(), Some(Ipv4Addr::new(127, 1, 0, 9).into()));
        (dialer.per_source, dialer.skip) = (1, 0);
        dialer.made = SOURCES - 1;
        assert_eq!(dialer.source(), Some(Ipv4Addr::new(127, 1, 0, 250).into()));
        dialer.made = SOURCES;
        assert_eq!(dialer.source(), Some(Ipv4Addr::new(127, 1, 0, 1).into()));
    }

    #[test]
    fn too_many_descriptors_are_refused_with_both_numbers() {
        let limit = getrlimit(Resource::Nofile).maximum;
        if let Some(limit) = limit {
            let sockets = usize::try_from(limit).unwrap();
            let text = reserve(sockets).unwrap_err().to_string();
            assert!(text.contains(&limit.to_string()) && text.contains("ulimit"), "{text}");
        }
        assert!(reserve(1).is_ok());
    }

    #[test]
    fn faults_of_this_machine_are_told_from_the_servers() {
        let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let of = |errno: rustix::io::Errno| classify(io::Error::from_raw_os_error(errno.raw_os_error()), address);
        assert!(matches!(of(rustix::io::Errno::ADDRNOTAVAIL), Error::NoPorts { .. }));
        assert!(matches!(of(rustix::io::Errno::MFILE), Error::Descriptors { .. }));
        assert!(matches!(of(rustix::io::Errno::CONNREFUSED), Error::Unreachable { .. }));
    }
}
