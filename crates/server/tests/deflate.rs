//! Many connections that compress: F14 of the threat table, in a process of its own, whose memory is looked at.
//!
//! 2,000 connections; with `BOWLINE_LONG=1` 10,000, or as many as the descriptors have room for.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bowline_core::{connection::Config, message::deflate::DeflateConfig};
use bowline_server::{
    Hub,
    http::Guards,
    listener::{Server, descriptors::raise_max},
};

/// What an idle session may take, compression agreed on and used: 2 KiB as without it, and what its parameters take.
/// A codec of its own would be 43 KiB to inflate and 278 KiB to deflate.
const MOST: usize = 2_560;
const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
/// RFC 7692 §7.2.3.1: "Hello", compressed.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

/// A masked frame, compressed; the mask is zeros.
fn hello() -> Vec<u8> {
    [&[0xc1, 0x80 | 7][..], &[0; 4], HELLO].concat()
}

/// Opens a WebSocket that compresses, and has a message echoed on it.
fn connect(address: SocketAddr) -> TcpStream {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    tcp.write_all(UPGRADE.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    for agreed in ["permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"] {
        assert!(head.contains(agreed), "{head}");
    }
    echo(&mut tcp);
    tcp
}

fn echo(tcp: &mut TcpStream) {
    tcp.write_all(&hello()).unwrap();
    let mut header = [0; 2];
    tcp.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 0xc1, "compressed");
    let mut payload = vec![0; header[1].into()];
    tcp.read_exact(&mut payload).unwrap();
}

/// Memory of this process that is resident, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn f14_connections_that_compress_share_their_codecs() {
    let wanted = if std::env::var_os("BOWLINE_LONG").is_some() { 10_000 } else { 2_000 };
    // Both ends are here.
    let fit = usize::try_from(raise_max()).unwrap().saturating_sub(500) / 2;
    let count = wanted.min(fit);
    assert!(count >= 1_000, "this test holds 1,000 connections at least: raise ulimit -n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (hub, address, _running) = runtime.block_on(async {
        let config = Config::default().deflate(DeflateConfig::default().threshold(0));
        let hub = Hub::builder().connection(config).build();
        let running = Server::new().listen("127.0.0.1:0").bind().unwrap().serve(hub.service(Guards::new()));
        let address = running.local_addrs()[0];
        (hub, address, running)
    });
    // So many at first, for what is made once: the codecs of each thread, and what the allocator holds on to.
    let mut held: Vec<_> = (0..100).map(|_| connect(address)).collect();
    let before = resident();
    held.extend((0..count).map(|_| connect(address)));
    assert_eq!(hub.session_count(), held.len());
    let each = resident().saturating_sub(before) / count;
    println!("{count} connections that compress: {each} B each");
    assert!(each <= MOST, "{each} B each");
    held.iter_mut().for_each(echo);
    let each = resident().saturating_sub(before) / count;
    assert!(each <= MOST, "{each} B each, after another message");
}
