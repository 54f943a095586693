//! Connections that never get anywhere.

use std::io::ErrorKind;

use bowline_bench::proxy::Direction::{ToClient, ToServer};
use bowline_bench::proxy::{Config, Faults, Proxy, Refusal};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Ended, assert_echo, connect, connected, echo, is_silent, read, read_all, soon, write};

#[tokio::test]
async fn a_refused_connection_is_reset() {
    let proxy = Proxy::bind(echo().await, Faults::default().refuse(Refusal::Reset)).expect("it starts");
    for refused in 1..=3 {
        // The reset may be there before connect has returned.
        if let Ok(mut client) = soon(TcpStream::connect(proxy.local_addr())).await {
            assert_eq!(read_all(&mut client).await, (Vec::new(), Ended::Reset));
        }
        let counts = soon(proxy.until(|counts| counts.refused == refused)).await;
        assert_eq!((counts.accepted, counts.to_server.received), (0, 0));
    }
    proxy.set_faults(Faults::default()).await.expect("in bounds");
    assert_echo(&mut connect(&proxy).await, b"hello").await;
}

#[tokio::test]
async fn where_nobody_listens_connect_is_refused_until_somebody_does() {
    let server = echo().await;
    let proxy = Proxy::bind(server, Faults::default()).expect("it starts");
    let mut open = connect(&proxy).await;
    assert_echo(&mut open, b"hello").await;
    for _ in 0..3 {
        proxy.set_faults(Faults::default().refuse(Refusal::NotListening)).await.expect("shut");
        let error = soon(TcpStream::connect(proxy.local_addr())).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_echo(&mut open, b"still open").await;
        proxy.set_faults(Faults::default()).await.expect("open");
        assert_echo(&mut connect(&proxy).await, b"hello").await;
    }
    // From the start, too.
    let shut = Proxy::bind(server, Faults::default().refuse(Refusal::NotListening)).expect("it starts");
    assert!(soon(TcpStream::connect(shut.local_addr())).await.is_err());
    shut.set_faults(Faults::default()).await.expect("open");
    assert_echo(&mut connect(&shut).await, b"hello").await;
}

#[tokio::test]
async fn a_black_hole_reads_and_never_answers() {
    let (proxy, mut client, mut server) = connected(Faults::default().black_hole(None, 0)).await;
    write(&mut client, b"anyone?").await;
    write(&mut server, b"hello?").await;
    let counts = soon(proxy.until(|counts| counts.to_server.swallowed == 7 && counts.to_client.swallowed == 6)).await;
    assert_eq!((counts.to_server.sent, counts.to_client.sent, counts.open), (0, 0, 1));
    // Not even of an end does anybody hear.
    client.shutdown().await.expect("open");
    write(&mut server, b"hello?").await;
    soon(proxy.until(|counts| counts.to_client.swallowed == 12)).await;
    assert!(is_silent(&client) && is_silent(&server));
    server.shutdown().await.expect("open");
    soon(proxy.until(|counts| counts.open == 0)).await;
}

#[tokio::test]
async fn a_black_hole_lets_so_many_bytes_pass_first() {
    let (proxy, mut client, mut server) = connected(Faults::default().black_hole(ToClient, 4)).await;
    write(&mut server, b"hello").await;
    assert_eq!(read(&mut client, 4).await, b"hell");
    soon(proxy.until(|counts| counts.to_client.swallowed == 1)).await;
    // The other direction is not concerned.
    write(&mut client, b"what?").await;
    assert_eq!(read(&mut server, 5).await, b"what?");
    assert!(is_silent(&client));
}

#[tokio::test]
async fn an_open_connection_can_fall_into_a_black_hole() {
    let (proxy, mut client, mut server) = connected(Faults::default()).await;
    write(&mut client, b"before").await;
    assert_eq!(read(&mut server, 6).await, b"before");
    proxy.set_faults(Faults::default().black_hole(ToServer, 0)).await.expect("in bounds");
    write(&mut client, b"during").await;
    soon(proxy.until(|counts| counts.to_server.swallowed == 6)).await;
    proxy.set_faults(Faults::default()).await.expect("in bounds");
    write(&mut client, b"after").await;
    soon(proxy.until(|counts| counts.to_server.swallowed == 11)).await;
    assert!(is_silent(&server), "a stream has no holes");
}

#[tokio::test]
async fn a_client_is_reset_when_the_server_is_not_there() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = nobody.local_addr().expect("bound");
    drop(nobody);
    let proxy = Proxy::bind(address, Faults::default()).expect("it starts");
    assert_eq!(read_all(&mut connect(&proxy).await).await, (Vec::new(), Ended::Reset));
    let counts = soon(proxy.until(|counts| counts.open == 0)).await;
    assert_eq!((counts.accepted, counts.unreachable, counts.resets), (1, 1, 0));
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let server = echo().await;
    let proxy = Proxy::bind(server, Faults::default()).expect("it starts");
    for (faults, part) in [
        (Faults::default().rate(None, 0), "black hole"),
        (Faults::default().cut_idle(std::time::Duration::ZERO), "longer"),
    ] {
        let error = proxy.set_faults(faults.clone()).await.expect_err("out of bounds").to_string();
        assert!(error.contains(part), "{error}");
        assert!(Proxy::bind(server, faults).is_err());
    }
    // The ones before still hold.
    assert_echo(&mut connect(&proxy).await, b"hello").await;
    let error = Proxy::start(server, Faults::default(), Config::default().max_connections(0)).expect_err("none");
    assert!(error.to_string().contains("number of connections must be 1 to"), "{error}");
    let taken = Config::default().listen(proxy.local_addr());
    let error = Proxy::start(server, Faults::default(), taken).expect_err("in use").to_string();
    assert!(error.contains(&proxy.local_addr().to_string()) && error.contains("choose another port"), "{error}");
    // RFC 5737: documentation only, so nobody's.
    let foreign = Config::default().listen("192.0.2.1:0".parse().expect("an address"));
    let error = Proxy::start(server, Faults::default(), foreign).expect_err("not ours").to_string();
    assert!(error.contains("not an address of this machine"), "{error}");
}
