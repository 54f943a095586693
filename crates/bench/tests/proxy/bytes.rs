//! What passes is what was sent, at whatever pace.

use std::time::Duration;

use bowline_bench::proxy::{Direction, Faults, Proxy};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::support::{Ended, assert_echo, connect, connected, echo, numbers, read, read_all, soon, write};

#[tokio::test]
async fn bytes_are_exact_under_every_fault_of_pace() {
    let server = echo().await;
    let some = Duration::from_millis(2);
    for (name, len, faults) in [
        ("none", 1 << 20, Faults::default()),
        ("one-byte writes", 3000, Faults::default().one_byte_writes(None)),
        ("delay", 1 << 20, Faults::default().delay(None, some)),
        ("jitter", 1 << 20, Faults::default().jitter(None, some).seed(1)),
        ("rate", 100_000, Faults::default().rate(None, 1 << 20)),
        ("all", 300, Faults::default().delay(None, some).jitter(None, some).rate(None, 10_000).one_byte_writes(None)),
    ] {
        let proxy = Proxy::bind(server, faults).expect(name);
        let mut client = connect(&proxy).await;
        assert_echo(&mut client, &numbers(len)).await;
        client.shutdown().await.expect(name);
        assert_eq!(read_all(&mut client).await, (Vec::new(), Ended::Fin), "{name}");
        let counts = proxy.until(|counts| counts.open == 0).await;
        for traffic in [counts.to_server, counts.to_client] {
            assert_eq!((traffic.received, traffic.sent, traffic.swallowed), (len as u64, len as u64, 0), "{name}");
        }
        assert_eq!((counts.accepted, counts.cuts, counts.resets), (1, 0, 0), "{name}");
    }
}

#[tokio::test]
async fn a_delay_is_waited_for_in_its_direction() {
    for (faults, waits) in [
        (Faults::default().delay(Direction::ToServer, Duration::from_secs(3)), 3),
        (Faults::default().delay(Direction::ToClient, Duration::from_secs(5)), 5),
        (Faults::default().delay(None, Duration::from_secs(7)), 14),
    ] {
        let (_proxy, mut client, mut server) = connected(faults).await;
        // Nothing is under way, so the paused clock goes on only when all wait for it.
        tokio::time::pause();
        let start = Instant::now();
        client.write_all(b"there").await.expect("written");
        assert_eq!(read_unbounded(&mut server, 5).await, b"there");
        server.write_all(b"back").await.expect("written");
        assert_eq!(read_unbounded(&mut client, 4).await, b"back");
        let waited = start.elapsed();
        assert!((0..10).contains(&(waited.as_millis().cast_signed() - waits * 1000)), "{waited:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (_proxy, mut client, mut server) = connected(Faults::default().rate(Direction::ToServer, 1000)).await;
    tokio::time::pause();
    let start = Instant::now();
    client.write_all(&numbers(10_000)).await.expect("written");
    assert_eq!(read_unbounded(&mut server, 10_000).await, numbers(10_000));
    let waited = start.elapsed();
    assert!((9_900..10_100).contains(&waited.as_millis()), "{waited:?}");
}

/// Without a timer of its own, which a paused clock would jump to.
async fn read_unbounded(stream: &mut tokio::net::TcpStream, len: usize) -> Vec<u8> {
    use tokio::io::AsyncReadExt;
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.expect("they come");
    bytes
}

/// A client that reads at once sees the bytes one by one.
#[tokio::test]
async fn one_byte_writes_are_seen_as_such() {
    let (proxy, client, mut server) = connected(Faults::default().one_byte_writes(Direction::ToClient)).await;
    write(&mut server, &numbers(100)).await;
    let (mut all, mut reads) = (Vec::new(), 0);
    while all.len() < 100 {
        soon(client.readable()).await.expect("open");
        let mut buffer = [0; 100];
        if let Ok(len) = client.try_read(&mut buffer) {
            all.extend_from_slice(&buffer[..len]);
            reads += 1;
        }
    }
    assert_eq!(all, numbers(100));
    assert!(reads > 50, "{reads} reads");
    assert_eq!(proxy.counts().to_client.sent, 100);
}

#[tokio::test]
async fn what_a_peer_does_not_read_is_not_read_from_the_other() {
    let (proxy, mut client, server) = connected(Faults::default()).await;
    // More than the kernel takes on both legs.
    const TOTAL: usize = 64 << 20;
    let bound = 64 << 10;
    let sender = tokio::spawn(async move {
        let mut server = server;
        server.write_all(&numbers(TOTAL)).await.expect("written");
        server
    });
    let full = soon(proxy.until(|counts| counts.to_client.received - counts.to_client.sent >= bound)).await;
    assert_eq!(full.to_client.received - full.to_client.sent, bound);
    assert!(!sender.is_finished(), "it waits for the reader");
    // The other way is free meanwhile.
    write(&mut client, b"hello").await;
    soon(proxy.until(|counts| counts.to_server.sent == 5)).await;
    assert!(read(&mut client, TOTAL).await == numbers(TOTAL), "other bytes came");
    let mut server = soon(sender).await.expect("written");
    assert_eq!(read(&mut server, 5).await, b"hello");
    assert_eq!(proxy.counts().to_client.sent, TOTAL as u64);
}

#[tokio::test]
async fn either_side_may_end_first_and_the_other_goes_on() {
    for faults in [Faults::default(), Faults::default().delay(None, Duration::from_millis(1))] {
        for client_first in [true, false] {
            let (proxy, client, server) = connected(faults.clone()).await;
            let (mut first, mut second) = if client_first { (client, server) } else { (server, client) };
            write(&mut first, b"last words").await;
            first.shutdown().await.expect("open");
            assert_eq!(read_all(&mut second).await, (b"last words".to_vec(), Ended::Fin));
            for round in 0..3 {
                write(&mut second, &[round]).await;
                assert_eq!(read(&mut first, 1).await, [round]);
            }
            second.shutdown().await.expect("open");
            assert_eq!(read_all(&mut first).await, (Vec::new(), Ended::Fin));
            soon(proxy.until(|counts| counts.open == 0)).await;
        }
    }
}

#[tokio::test]
async fn a_peers_reset_is_handed_on() {
    for client_resets in [true, false] {
        let (proxy, client, server) = connected(Faults::default()).await;
        let (gone, mut other) = if client_resets { (client, server) } else { (server, client) };
        gone.set_zero_linger().expect("open");
        drop(gone);
        assert_eq!(read_all(&mut other).await, (Vec::new(), Ended::Reset));
        let counts = soon(proxy.until(|counts| counts.open == 0)).await;
        assert_eq!((counts.cuts, counts.resets), (0, 0), "nobody but the peer did that");
    }
}
