//! Kernel memory of the server's sockets, from the kernel's own list of them (`sock_diag(7)`): the same that `ss -tm` shows.

use std::net::SocketAddr;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use crate::SocketMemory;

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
/// The attribute with the memory of a socket.
const SKMEMINFO: u16 = 7;
/// All states but those that are no connection's: time-wait and listening.
const STATES: u32 = !(1 << 6 | 1 << 10);
/// Answers come in parts of at most this length.
const PART: usize = 32 << 10;

/// Asks for the sockets on a server's port. `None` where it is not of this machine, or the kernel doesn't tell.
pub(super) fn memory(server: SocketAddr) -> Option<SocketMemory> {
    let mut memory = SocketMemory::default();
    // A socket for both families has IPv4 connections too.
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        ask(family, server.port(), &mut memory)?;
    }
    (memory.sockets > 0).then_some(memory)
}

fn ask(family: AddressFamily, port: u16, memory: &mut SocketMemory) -> Option<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG)).ok()?;
    let request = request(u8::try_from(family.as_raw()).ok()?, port);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).ok()?;
    let mut buffer = vec![0; PART];
    loop {
        let (count, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()).ok()?;
        if add(buffer.get(..count)?, memory)? {
            return Some(());
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
fn request(family: u8, port: u16) -> Vec<u8> {
    let mut request = Vec::with_capacity(HEADER + 56);
    request.extend(72_u32.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST_DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family, TCP, 1 << (SKMEMINFO - 1), 0]);
    request.extend(STATES.to_ne_bytes());
    request.extend(port.to_be_bytes());
    request.resize(HEADER + 56, 0);
    request
}

/// Adds the sockets of a part of an answer: true with the last.
fn add(mut part: &[u8], memory: &mut SocketMemory) -> Option<bool> {
    while let Some(header) = part.first_chunk::<HEADER>() {
        let [a, b, c, d, kind, more, ..] = *header;
        let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).ok()?;
        match u16::from_ne_bytes([kind, more]) {
            DONE => return Some(true),
            ERROR => return None,
            _ => {}
        }
        if let Some(attributes) = part.get(HEADER + SOCKET..len) {
            add_socket(attributes, memory);
        }
        part = part.get(len.next_multiple_of(4).max(HEADER)..).unwrap_or_default();
    }
    Some(false)
}

/// Adds one socket, from its attributes.
fn add_socket(mut attributes: &[u8], memory: &mut SocketMemory) {
    memory.sockets += 1;
    while let Some(&[len, more_len, kind, more_kind]) = attributes.first_chunk() {
        let len = usize::from(u16::from_ne_bytes([len, more_len]));
        let Some(value) = attributes.get(4..len) else { return };
        if u16::from_ne_bytes([kind, more_kind]) == SKMEMINFO {
            let word = |index: usize| {
                let bytes = value.get(4 * index..).and_then(|rest| rest.first_chunk());
                u64::from(bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes)))
            };
            // SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_WMEM_QUEUED, SK_MEMINFO_FWD_ALLOC.
            memory.receive += word(0);
            memory.send += word(5);
            memory.forward += word(4);
        }
        attributes = attributes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_waits_in_a_servers_socket_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Nothing but the listening socket.
        assert_eq!(memory(address), None);
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let servers: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        clients[0].write_all(&[7; 10_000]).unwrap();
        // What is there to be read is in its queue.
        assert!(servers[0].peek(&mut [0; 10_000]).unwrap() > 0);
        let found = memory(address).expect("the kernel tells");
        assert_eq!(found.sockets, 3);
        assert!(found.receive >= 10_000 / 2 && found.send == 0, "{found:?}");
    }

    #[test]
    fn answers_that_are_cut_are_no_trouble() {
        let mut memory = SocketMemory::default();
        for bytes in [&[][..], &[1; 15], &[0; 16], &[255; 64]] {
            assert_eq!(add(bytes, &mut memory), Some(false), "{bytes:?}");
        }
        add_socket(&[2, 0, 7, 0, 9], &mut memory);
        assert_eq!(memory, SocketMemory { sockets: 1, ..SocketMemory::default() });
    }
}
