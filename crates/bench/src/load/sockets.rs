//! What the kernel tells of sockets, from its own list of them (`sock_diag(7)`): the same that `ss -tmi` shows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use super::server::Sockets;

/// Length of a netlink message's header, and of a socket in an answer (`struct inet_diag_msg`).
const HEADER: usize = 16;
const SOCKET: usize = 72;
/// Message types: what is asked, its answer, the end, an error.
const BY_FAMILY: u16 = 20;
const DONE: u16 = 3;
const ERROR: u16 = 2;
/// A request, for all there are.
const REQUEST_DUMP: u16 = 0x301;
const TCP: u8 = 6;
/// The attributes with what TCP knows of a connection (`struct tcp_info`), and with the memory of a socket.
const INFO: u16 = 2;
const SKMEMINFO: u16 = 7;
/// Which word of `struct tcp_info` counts the segments that were sent again (`tcpi_total_retrans`).
const TOTAL_RETRANS: usize = 25;
/// All states but those that are no connection's: time-wait and listening.
const STATES: u32 = !(1 << 6 | 1 << 10);
/// Answers come in parts of at most this length.
const PART: usize = 32 << 10;

/// Asks for the sockets of a server, and for those that are connected to `target`. `None` where the kernel doesn't tell.
pub(super) fn look(server: SocketAddr, target: SocketAddr) -> Option<Sockets> {
    let mut found = Sockets::default();
    // A socket for both families has IPv4 connections too.
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let family = u8::try_from(family.as_raw()).ok()?;
        ask(&request(family, [server.port(), 0], &[INFO, SKMEMINFO]), &mut |socket| {
            if socket.local() == Some(server.ip().to_canonical()) {
                found.add_memory(socket);
                found.retransmissions += socket.retransmissions();
            }
        })?;
        ask(&request(family, [0, target.port()], &[INFO]), &mut |socket| {
            if socket.peer() == Some(target.ip().to_canonical()) {
                found.retransmissions += socket.retransmissions();
            }
        })?;
    }
    Some(found)
}

impl Sockets {
    fn add_memory(&mut self, socket: &Socket<'_>) {
        let memory = socket.attribute(SKMEMINFO);
        self.memory.sockets += 1;
        // SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_WMEM_QUEUED, SK_MEMINFO_FWD_ALLOC.
        self.memory.receive += word(memory, 0);
        self.memory.send += word(memory, 5);
        self.memory.forward += word(memory, 4);
    }
}

fn ask(request: &[u8], take: &mut dyn FnMut(&Socket<'_>)) -> Option<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG)).ok()?;
    sendto(&socket, request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).ok()?;
    let mut buffer = vec![0; PART];
    loop {
        let (count, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()).ok()?;
        if read(buffer.get(..count)?, take)? {
            return Some(());
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: sockets with these ports, local and peer's, 0 for any, with these attributes.
fn request(family: u8, ports: [u16; 2], attributes: &[u16]) -> Vec<u8> {
    let mut request = Vec::with_capacity(HEADER + 56);
    request.extend(72_u32.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST_DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, TCP, attributes.iter().fold(0, |all, kind| all | 1 << (kind - 1)), 0]);
    request.extend(STATES.to_ne_bytes());
    request.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    request.resize(HEADER + 56, 0);
    request
}

/// Takes the sockets of a part of an answer: true with the last.
fn read(mut part: &[u8], take: &mut dyn FnMut(&Socket<'_>)) -> Option<bool> {
    while let Some(header) = part.first_chunk::<HEADER>() {
        let [a, b, c, d, kind, more, ..] = *header;
        let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).ok()?;
        match u16::from_ne_bytes([kind, more]) {
            DONE => return Some(true),
            ERROR => return None,
            _ => {}
        }
        if let Some((message, attributes)) = part.get(HEADER..len).and_then(|socket| socket.split_first_chunk()) {
            take(&Socket { message, attributes });
        }
        part = part.get(len.next_multiple_of(4).max(HEADER)..).unwrap_or_default();
    }
    Some(false)
}

/// One socket of an answer.
struct Socket<'a> {
    message: &'a [u8; SOCKET],
    attributes: &'a [u8],
}

impl Socket<'_> {
    fn local(&self) -> Option<IpAddr> {
        self.address(8)
    }

    fn peer(&self) -> Option<IpAddr> {
        self.address(24)
    }

    fn address(&self, at: usize) -> Option<IpAddr> {
        let address = *self.message.get(at..)?.first_chunk::<16>()?;
        let [a, b, c, d, ..] = address;
        Some(if u16::from(self.message[0]) == AddressFamily::INET.as_raw() {
            Ipv4Addr::new(a, b, c, d).into()
        } else {
            Ipv6Addr::from(address).to_canonical()
        })
    }

    /// The value of an attribute; empty without it.
    fn attribute(&self, wanted: u16) -> &[u8] {
        let mut rest = self.attributes;
        while let Some(&[len, more_len, kind, more_kind]) = rest.first_chunk() {
            let len = usize::from(u16::from_ne_bytes([len, more_len]));
            let Some(value) = rest.get(4..len) else { break };
            if u16::from_ne_bytes([kind, more_kind]) == wanted {
                return value;
            }
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        &[]
    }

    fn retransmissions(&self) -> u64 {
        word(self.attribute(INFO), TOTAL_RETRANS)
    }
}

/// A word of 32 bits of an attribute; 0 where an older kernel's has fewer.
fn word(value: &[u8], index: usize) -> u64 {
    let bytes = value.get(4 * index..).and_then(|rest| rest.first_chunk());
    u64::from(bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SocketMemory;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use socket2::{Domain, Type};

    #[test]
    fn what_waits_in_a_servers_socket_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Nothing but the listening socket.
        assert_eq!(look(address, address), Some(Sockets::default()));
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let servers: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        clients[0].write_all(&[7; 10_000]).unwrap();
        // What is there to be read is in its queue.
        assert!(servers[0].peek(&mut [0; 10_000]).unwrap() > 0);
        let found = look(address, address).expect("the kernel tells").memory;
        assert_eq!(found.sockets, 3);
        assert!(found.receive >= 10_000 / 2 && found.send == 0, "{found:?}");
        // Of another server on the same port.
        let other = SocketAddr::from(([127, 0, 0, 9], address.port()));
        assert_eq!(look(other, other), Some(Sockets::default()));
    }

    #[test]
    fn what_tcp_sent_again_is_counted() {
        let socket = || socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let server = address.as_socket().unwrap();
        // It fills the queue, so that the kernel takes no notice of the next, which asks again after a second.
        let first = socket();
        first.connect(&address).unwrap();
        assert_eq!(look(server, server).expect("the kernel tells").retransmissions, 0);
        let second = socket();
        second.set_nonblocking(true).unwrap();
        assert!(second.connect(&address).is_err());
        let deadline = Instant::now() + Duration::from_secs(30);
        while look(server, server).expect("the kernel tells").retransmissions == 0 {
            assert!(Instant::now() < deadline, "nothing is sent again");
            sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn answers_that_are_cut_are_no_trouble() {
        let mut count = 0;
        for bytes in [&[][..], &[1; 15], &[0; 16], &[255; 64]] {
            assert_eq!(read(bytes, &mut |_| count += 1), Some(false), "{bytes:?}");
        }
        let socket = Socket { message: &[0; SOCKET], attributes: &[2, 0, 7, 0, 9] };
        let mut found = Sockets::default();
        found.add_memory(&socket);
        assert_eq!(
            (count, found.memory, socket.retransmissions()),
            (0, SocketMemory { sockets: 1, ..SocketMemory::default() }, 0)
        );
    }

    #[test]
    fn attributes_are_found_among_others() {
        let (mut info, mut attributes) = ([0; 104], vec![6, 0, 9, 0, 1, 2, 0, 0]);
        info[100..].copy_from_slice(&7_u32.to_ne_bytes());
        attributes.extend([108_u16, INFO].into_iter().flat_map(u16::to_ne_bytes).chain(info));
        let count = |attributes: &[u8]| Socket { message: &[0; SOCKET], attributes }.retransmissions();
        assert_eq!(count(&attributes), 7);
        // What an older kernel doesn't count.
        attributes.truncate(8 + 104);
        attributes[8..10].copy_from_slice(&104_u16.to_ne_bytes());
        assert_eq!(count(&attributes), 0);
    }
}
