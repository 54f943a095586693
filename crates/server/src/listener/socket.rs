//! The listening socket: how it is bound, what accepted sockets inherit, and how `accept` is retried.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

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

/// How many bytes may lie in the kernel unsent before it stops to ask for more: a reader that stalls takes up some
/// 164 KiB of the kernel's memory instead of 4 MB. Unlike `SO_SNDBUF` it leaves the size of the window alone.
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT: u32 = 16 << 10;

/// Listens on `address`, `HOST:PORT`, the first of its addresses that can be bound; to be called in a runtime. Port 0
/// takes any free one.
///
/// # Errors
/// A [`ListenError`] that says what to do.
pub fn bind(address: &str) -> Result<TcpListener, ListenError> {
    bind_with(address, false)
}

pub(super) fn bind_with(address: &str, reuse_port: bool) -> Result<TcpListener, ListenError> {
    let failed = |source| ListenError { what: address.into(), source };
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for candidate in address.to_socket_addrs().map_err(failed)? {
        match listen(candidate, reuse_port) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failed(failure))
}

fn listen(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(reuse_port)?;
    set_options(&SockRef::from(&socket))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes over a socket that listens already, and sets on it what [`bind`] sets on its own; `what` names it in an error.
pub(super) fn adopt(listener: net::TcpListener, what: &str) -> Result<TcpListener, ListenError> {
    let adopt = || {
        let socket = SockRef::from(&listener);
        set_options(&socket)?;
        // Once more only changes the backlog.
        socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
        listener.set_nonblocking(true)
    };
    adopt().and_then(|()| TcpListener::from_std(listener)).map_err(|source| ListenError { what: what.into(), source })
}

/// Everything is set on the listener: accepted sockets inherit it (a test holds that), and cost no call each.
fn set_options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        socket.set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
    }
    Ok(())
}

/// Why a server can't listen. Its text says where, what was wrong and what to do.
#[derive(Debug)]
pub struct ListenError {
    pub(super) what: Box<str>,
    pub(super) source: io::Error,
}

impl ListenError {
    /// What the system said.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.source.kind() {
            ErrorKind::AddrInUse => {
                "the address is in use; stop the program that holds it, or choose another port (0 takes any free one)"
            }
            ErrorKind::PermissionDenied => {
                "the port is privileged; choose one of 1024 or above, or grant the program CAP_NET_BIND_SERVICE"
            }
            ErrorKind::AddrNotAvailable => {
                "the address is not one of this machine's; use 127.0.0.1 for this machine only, 0.0.0.0 or [::] for \
                 all its addresses"
            }
            _ => return write!(f, "cannot listen on {}: {}", self.what, self.source),
        };
        write!(f, "cannot listen on {}: {advice}", self.what)
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Accepts, however often that fails.
#[derive(Debug)]
pub struct Acceptance {
    listener: TcpListener,
    pause: Duration,
    quiet_until: Option<Instant>,
}

impl Acceptance {
    /// Accepts what comes to `listener`.
    #[must_use]
    pub const fn new(listener: TcpListener) -> Self {
        Self { listener, pause: FIRST_PAUSE, quiet_until: None }
    }

    /// The next connection. Out of descriptors or memory it waits 10 ms, then longer, up to 1 s: retried at once,
    /// `accept` would fail millions of times a second. Logs at most once a second. Cancel safe.
    pub async fn next(&mut self) -> (TcpStream, SocketAddr) {
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

    async fn assert_inherited(listener: TcpListener) {
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
        {
            assert_eq!(socket.tcp_user_timeout().expect("TCP_USER_TIMEOUT"), Some(USER_TIMEOUT));
            assert_eq!(socket.tcp_notsent_lowat().expect("TCP_NOTSENT_LOWAT"), NOTSENT_LOWAT);
        }
    }

    #[tokio::test]
    async fn accepted_sockets_inherit_the_options() {
        assert_inherited(bind("127.0.0.1:0").expect("a free port")).await;
    }

    #[tokio::test]
    async fn sockets_of_an_adopted_listener_do_too() {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        assert_inherited(adopt(listener, "a socket").expect("it listens")).await;
    }

    #[tokio::test]
    async fn a_port_is_shared_where_both_say_so() {
        let first = bind_with("127.0.0.1:0", true).expect("a free port");
        let address = first.local_addr().expect("bound").to_string();
        bind_with(&address, true).expect("shared");
        assert_eq!(bind(&address).expect_err("not shared").kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn each_failure_says_what_to_do() {
        for (kind, advice) in [
            (ErrorKind::AddrInUse, "choose another port"),
            (ErrorKind::PermissionDenied, "1024 or above"),
            (ErrorKind::AddrNotAvailable, "127.0.0.1"),
        ] {
            let said = ListenError { what: "10.0.0.1:80".into(), source: kind.into() }.to_string();
            assert!(said.starts_with("cannot listen on 10.0.0.1:80: "), "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }
}
