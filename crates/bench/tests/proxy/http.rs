//! The faults that know HTTP.

use bowline_bench::proxy::{Config, Faults, Proxy};
use tokio::io::AsyncWriteExt;

use crate::support::{Ended, connect, connected, hand_over, is_silent, read, read_all, soon, write};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const UPGRADE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

#[tokio::test]
async fn a_response_is_held_until_its_end_on_a_connection_kept_alive() {
    let (proxy, mut client, mut server) = connected(Faults::default().buffer_responses(true)).await;
    let mut received = 0;
    for (number, (response, last)) in (1..).zip([
        (&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n2\r\n\n\n\r\n0\r\n\r\n"[..], 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 5),
    ]) {
        write(&mut client, GET).await;
        assert_eq!(read(&mut server, GET.len()).await, GET);
        let (most, rest) = response.split_at(response.len() - last);
        write(&mut server, most).await;
        received += most.len() as u64;
        let counts = soon(proxy.until(|counts| counts.to_client.received == received)).await;
        assert_eq!((counts.to_client.sent, is_silent(&client)), (received - most.len() as u64, true));
        write(&mut server, rest).await;
        received += rest.len() as u64;
        assert_eq!(read(&mut client, response.len()).await, response);
        assert_eq!(proxy.counts().responses_held, number);
    }
}

#[tokio::test]
async fn a_response_without_a_length_is_held_until_the_server_ends() {
    let (proxy, mut client, mut server) = connected(Faults::default().buffer_responses(true)).await;
    write(&mut client, GET).await;
    let response = b"HTTP/1.0 200 OK\r\n\r\nuntil the end";
    write(&mut server, response).await;
    soon(proxy.until(|counts| counts.to_client.received == response.len() as u64)).await;
    assert!(is_silent(&client));
    server.shutdown().await.expect("open");
    assert_eq!(read_all(&mut client).await, (response.to_vec(), Ended::Fin));
}

#[tokio::test]
async fn a_response_over_the_limit_comes_in_pieces() {
    let (address, mut accepted) = hand_over().await;
    let config = Config::default().max_held(1000);
    let proxy = Proxy::start(address, Faults::default().buffer_responses(true), config).expect("it starts");
    let mut client = connect(&proxy).await;
    let mut server = soon(accepted.recv()).await.expect("carried on");
    write(&mut client, GET).await;
    let mut head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    head.resize(999, b'x');
    write(&mut server, &head).await;
    soon(proxy.until(|counts| counts.to_client.received == 999)).await;
    assert!(is_silent(&client));
    write(&mut server, b"y").await;
    assert_eq!(read(&mut client, 1000).await, [&head[..], b"y"].concat());
    write(&mut server, b"z").await;
    soon(proxy.until(|counts| counts.to_client.received == 1001)).await;
    assert!(is_silent(&client));
}

#[tokio::test]
async fn a_web_socket_passes_a_buffering_proxy() {
    let (_proxy, mut client, mut server) = connected(Faults::default().buffer_responses(true)).await;
    write(&mut client, UPGRADE).await;
    assert_eq!(read(&mut server, UPGRADE.len()).await, UPGRADE);
    write(&mut server, SWITCH).await;
    assert_eq!(read(&mut client, SWITCH.len()).await, SWITCH);
    for frame in [b"\x81\x01a", b"\x81\x01b"] {
        write(&mut server, frame).await;
        assert_eq!(read(&mut client, 3).await, frame);
        write(&mut client, frame).await;
        assert_eq!(read(&mut server, 3).await, frame);
    }
}

#[tokio::test]
async fn an_upgrade_is_stripped_from_each_request() {
    let (proxy, mut client, mut server) = connected(Faults::default().strip_upgrade(true)).await;
    let stripped = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nSec-WebSocket-Key: x\r\n\r\n";
    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for number in 1..=3 {
        write(&mut client, UPGRADE).await;
        assert_eq!(read(&mut server, stripped.len()).await, stripped);
        write(&mut server, answer).await;
        assert_eq!(read(&mut client, answer.len()).await, answer);
        assert_eq!(proxy.counts().upgrades_stripped, number);
    }
    write(&mut client, GET).await;
    assert_eq!(read(&mut server, GET.len()).await, GET);
    assert_eq!(proxy.counts().upgrades_stripped, 3);
}

#[tokio::test]
async fn a_101_is_swallowed_and_the_connection_stays_open() {
    // Buffering, too: then no WebSocket passes.
    for faults in [Faults::default(), Faults::default().buffer_responses(true)] {
        let (proxy, mut client, mut server) = connected(faults.swallow_101(true)).await;
        write(&mut client, UPGRADE).await;
        assert_eq!(read(&mut server, UPGRADE.len()).await, UPGRADE);
        write(&mut server, SWITCH).await;
        write(&mut server, b"\x89\x00").await;
        let all = SWITCH.len() as u64 + 2;
        let counts = soon(proxy.until(|counts| counts.to_client.swallowed == all)).await;
        assert_eq!((counts.switches_swallowed, counts.to_client.sent), (1, 0));
        // The server gives up; the client never hears of it, and what it does the server does hear.
        server.shutdown().await.expect("open");
        write(&mut client, b"anyone?").await;
        assert_eq!(read(&mut server, 7).await, b"anyone?");
        assert!(is_silent(&client));
        client.shutdown().await.expect("open");
        assert_eq!(read_all(&mut server).await, (Vec::new(), Ended::Fin));
        soon(proxy.until(|counts| counts.open == 0)).await;
    }
}

/// Nothing else than HTTP/1.x is touched by any of them.
#[tokio::test]
async fn other_protocols_pass() {
    let faults = Faults::default().strip_upgrade(true).swallow_101(true).buffer_responses(true);
    let (_proxy, mut client, mut server) = connected(faults).await;
    for (from_client, from_server) in [(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &b"\0\0\0\x04\0"[..]), (b"\0", b"\0")]
    {
        write(&mut client, from_client).await;
        assert_eq!(read(&mut server, from_client.len()).await, from_client);
        write(&mut server, from_server).await;
        assert_eq!(read(&mut client, from_server.len()).await, from_server);
    }
}
