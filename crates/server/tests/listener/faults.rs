//! Peers that go away at every byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::child::{LISTENERS, ServerProcess, State};
use super::support::{GET, UPGRADE};

/// How a client goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Reset,
    Fin,
}

impl End {
    pub(crate) fn of(self, tcp: TcpStream) {
        match self {
            Self::Reset => SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).expect("open"),
            Self::Fin => tcp.shutdown(Shutdown::Write).expect("open"),
        }
        drop(tcp);
    }
}

pub(crate) fn said(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut tcp = TcpStream::connect(address).expect("it accepts");
    tcp.set_nodelay(true).expect("open");
    tcp.write_all(bytes).expect("it reads");
    tcp
}

/// What is left once all are gone: as before the first of them.
fn baseline(server: &mut ServerProcess) -> State {
    // One of each kind, for all that is made once.
    let mut tcp = said(server.addresses[0], UPGRADE.as_bytes());
    tcp.read_exact(&mut [0]).expect("an answer");
    drop(tcp);
    server.until(|state| state.accepted == 1 && (state.open, state.sessions, state.tasks) == (0, 0, LISTENERS))
}

fn assert_nothing_is_left(server: &mut ServerProcess, before: State, connections: u64) {
    let after = server.until(|state| {
        state.accepted == before.accepted + connections
            && (state.open, state.sessions, state.tasks, state.descriptors) == (0, 0, LISTENERS, before.descriptors)
    });
    // Some pages of the allocator's, not a leak of each.
    assert!(after.kib < before.kib + 8 * 1024, "{before:?} {after:?}");
}

#[test]
fn at_every_byte_of_a_request_and_of_an_upgrade() {
    let mut server = ServerProcess::start(Duration::from_secs(10), None);
    let before = baseline(&mut server);
    let address = server.addresses[0];
    let mut connections = 0;
    for end in [End::Reset, End::Fin] {
        for request in [GET.as_bytes(), UPGRADE.as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
            for cut in 0..=request.len() {
                end.of(said(address, &request[..cut]));
                connections += 1;
            }
        }
        // And in the midst of what was answered, or sent past the upgrade.
        for read in 0..100 {
            let mut tcp = said(address, &[UPGRADE.as_bytes(), &[b'a'; 100]].concat());
            tcp.read_exact(&mut vec![0; read]).expect("an answer");
            end.of(tcp);
            connections += 1;
        }
    }
    assert_nothing_is_left(&mut server, before, connections);
}

#[cfg(feature = "rustls")]
#[test]
fn at_every_byte_of_a_tls_handshake() {
    let mut server = ServerProcess::start(Duration::from_secs(10), None);
    let before = baseline(&mut server);
    let address = server.addresses[1];
    let mut connections = 0;
    for end in [End::Reset, End::Fin] {
        for cut in 0.. {
            let (tcp, whole) = tls_client(address, cut);
            end.of(tcp);
            connections += 1;
            if whole {
                break;
            }
        }
    }
    assert!(connections > 2 * 200, "a handshake has more bytes than {connections}");
    assert_nothing_is_left(&mut server, before, connections);
}

/// A TLS client that goes after `cut` bytes of its own; and whether it came to the end of its request.
#[cfg(feature = "rustls")]
fn tls_client(address: SocketAddr, mut cut: usize) -> (TcpStream, bool) {
    use super::tls::trusting;
    use tokio_rustls::rustls::ClientConnection;
    let mut session = ClientConnection::new(trusting(&[]), "other.example".try_into().expect("a name")).expect("valid");
    let mut tcp = said(address, b"");
    let mut asked = false;
    loop {
        let mut flight = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut flight).expect("memory");
        }
        let part = &flight[..cut.min(flight.len())];
        tcp.write_all(part).expect("it reads");
        cut -= part.len();
        if part.len() < flight.len() || asked {
            return (tcp, part.len() == flight.len());
        }
        if session.is_handshaking() {
            session.read_tls(&mut tcp).expect("it answers");
            session.process_new_packets().expect("TLS");
        } else {
            session.writer().write_all(GET.as_bytes()).expect("memory");
            asked = true;
        }
    }
}
