//! Sockets that systemd (or systemfd) bound and handed over.

use std::env;
use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

use super::socket::ListenError;

/// A listening socket from systemd, and its name.
#[derive(Debug)]
pub struct SystemdSocket {
    /// The `FileDescriptorName=` of its unit; `None` where `LISTEN_FDNAMES` doesn't say.
    pub name: Option<Box<str>>,
    /// The socket.
    pub listener: TcpListener,
}

/// The TCP sockets that systemd handed over, in its order: `LISTEN_FDS` of them from descriptor 3 on, if `LISTEN_PID` is
/// this process or isn't set, named by `LISTEN_FDNAMES`. None where there is nothing of this. Serves them with
/// [`Endpoint::socket`](super::Endpoint::socket).
///
/// To be called once, at the start: `LISTEN_FDS` and `LISTEN_PID` are taken out of the environment, so that no child takes
/// the sockets for its own, and that is no thing to do beside other threads that read it.
///
/// # Errors
/// A [`ListenError`] if one of them isn't a TCP socket.
pub fn systemd_sockets() -> Result<Vec<SystemdSocket>, ListenError> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(|name| (!name.is_empty()).then(|| Box::from(name)));
    let mut handed_over = ListenFd::from_env();
    (0..handed_over.len())
        .filter_map(|index| {
            let name: Option<Box<str>> = names.next().flatten();
            let listener = handed_over.take_tcp_listener(index).transpose()?;
            Some(
                listener
                    .map_err(|source| not_tcp(index, name.as_deref(), &source))
                    .map(|listener| SystemdSocket { name, listener }),
            )
        })
        .collect()
}

fn not_tcp(index: usize, name: Option<&str>, source: &io::Error) -> ListenError {
    let what = format!("socket {index} ({}) from systemd", name.unwrap_or("no name"));
    let advice = format!("{source}; use ListenStream= with an address and port in its unit");
    ListenError { what: what.into(), source: io::Error::new(source.kind(), advice) }
}
