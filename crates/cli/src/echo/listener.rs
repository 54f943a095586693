//! The listening socket: how it is bound, what accepted sockets inherit, and how `accept` is retried.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::failure::Failure;

/// Connections that the kernel completes while the acceptor is busy. tokio's own 128 makes a burst wait a second for
/// its SYN to be sent again.
const BACKLOG: u32 = 4096;

/// When the kernel first asks after a silent peer, how often then, and how often in vain: a peer is gone after 90 s
/// even where no WebSocket ping is sent.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// How long sent data may stay unacknowledged: keepalive doesn't probe meanwhile, and TCP alone gives up after a
/// quarter of an hour.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Listens on `address`, `HOST:PORT`; to be called in a runtime.
pub(super) fn bind(address: &str) -> Result<TcpListener, Failure> {
    let resolved = address.to_socket_addrs().map_err(|error| {
        Failure::Runtime(format!("cannot listen on {address}: {error}; give an address of this machine"))
    })?;
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for candidate in resolved {
        match listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(Failure::Runtime(explain(address, &failure)))
}

/// Everything is set on the listener: accepted sockets inherit it (a test holds that), and cost no call each.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    SockRef::from(&socket).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn explain(address: &str, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "the address is in use; stop the program that holds it, or choose another port with --listen (0 takes any \
             free one)"
        }
        ErrorKind::PermissionDenied => {
            "the port is privileged; choose one of 1024 or above with --listen, or grant the program \
             CAP_NET_BIND_SERVICE"
        }
        ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine's; use 127.0.0.1 for this machine only, 0.0.0.0 or [::] for all \
             its addresses"
        }
        _ => return format!("cannot listen on {address}: {error}"),
    };
    format!("cannot listen on {address}: {advice}")
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Accepts, however often that fails.
pub(super) struct Acceptance {
    listener: TcpListener,
    pause: Duration,
    quiet_until: Option<Instant>,
}

impl Acceptance {
    pub(super) const fn new(listener: TcpListener) -> Self {
        Self { listener, pause: FIRST_PAUSE, quiet_until: None }
    }

    /// The next connection. Out of descriptors or memory it waits 10 ms, then longer, up to 1 s: retried at once,
    /// `accept` would fail millions of times a second. Logs at most once a second.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.pause = FIRST_PAUSE;
                    return accepted;
                }
                // The connection failed, not the listener; the next call is about the next one.
                Err(error) if is_about_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    self.report(&error);
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn report(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.quiet_until.is_none_or(|until| now >= until) {
            self.quiet_until = Some(now + BETWEEN_LINES);
            tracing::warn!(%error, "cannot accept connections; trying again");
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_inherit_the_options() {
        let listener = bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (socket, _) = accepted.expect("accepted");
        let socket = SockRef::from(&socket);
        assert!(socket.tcp_nodelay().expect("TCP_NODELAY"));
        assert!(socket.keepalive().expect("SO_KEEPALIVE"));
        assert_eq!(socket.tcp_keepalive_time().expect("TCP_KEEPIDLE"), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().expect("TCP_KEEPINTVL"), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().expect("TCP_KEEPCNT"), KEEPALIVE_RETRIES);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().expect("TCP_USER_TIMEOUT"), Some(USER_TIMEOUT));
    }

    #[test]
    fn each_failure_says_what_to_do() {
        for (kind, advice) in [
            (ErrorKind::AddrInUse, "choose another port"),
            (ErrorKind::PermissionDenied, "1024 or above"),
            (ErrorKind::AddrNotAvailable, "127.0.0.1"),
        ] {
            let said = explain("10.0.0.1:80", &kind.into());
            assert!(said.starts_with("cannot listen on 10.0.0.1:80: "), "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }
}
