//! Many connections, and the end of the proxy.

use std::time::Duration;

use bowline_bench::proxy::{Config, Faults, Proxy};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{assert_echo, connect, connected, echo, is_silent, numbers, read, read_all, soon, write};

/// Both ends of both connections of a client are in this process.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .expect("up to the hard limit");
}

#[tokio::test]
async fn a_thousand_connections_pass_at_once() {
    raise_descriptor_limit();
    let faults = Faults::default().jitter(None, Duration::from_millis(5));
    let proxy = Proxy::bind(echo().await, faults).expect("it starts");
    let mut clients = Vec::new();
    for _ in 0..1000 {
        clients.push(connect(&proxy).await);
    }
    for client in &mut clients {
        write(client, &numbers(1000)).await;
    }
    for client in &mut clients {
        assert_eq!(read(client, 1000).await, numbers(1000));
    }
    assert_eq!(proxy.counts().open, 1000);
    for client in &mut clients {
        client.shutdown().await.expect("open");
        read_all(client).await;
    }
    let counts = soon(proxy.until(|counts| counts.open == 0)).await;
    assert_eq!((counts.accepted, counts.unreachable), (1000, 0));
    assert_eq!((counts.to_server.sent, counts.to_client.sent), (1_000_000, 1_000_000));
}

#[tokio::test]
async fn there_are_as_many_connections_as_said_and_the_rest_wait() {
    let config = Config::default().max_connections(2);
    let proxy = Proxy::start(echo().await, Faults::default(), config).expect("it starts");
    let (mut first, mut second, mut third) = (connect(&proxy).await, connect(&proxy).await, connect(&proxy).await);
    assert_echo(&mut first, b"one").await;
    assert_echo(&mut second, b"two").await;
    write(&mut third, b"three").await;
    // Whatever else it had to do, it would have taken the third with this.
    assert_echo(&mut first, b"one").await;
    assert_eq!((proxy.counts().accepted, is_silent(&third)), (2, true));
    drop(second);
    assert_eq!(read(&mut third, 5).await, b"three");
    assert_eq!(proxy.counts().accepted, 3);
}

#[tokio::test]
async fn closing_ends_everything_and_frees_the_port() {
    let (proxy, mut client, mut server) = connected(Faults::default()).await;
    let address = proxy.local_addr();
    soon(proxy.close()).await;
    read_all(&mut client).await;
    read_all(&mut server).await;
    assert!(soon(TcpStream::connect(address)).await.is_err());
    TcpListener::bind(address).await.expect("nobody has it");
}

/// The counts live on in those who wait for them; the tasks don't.
#[tokio::test]
async fn dropping_ends_everything_too() {
    let (proxy, mut client, mut server) = connected(Faults::default().delay(None, Duration::from_secs(3000))).await;
    let tasks = tokio::runtime::Handle::current().metrics();
    write(&mut client, b"under way").await;
    soon(proxy.until(|counts| counts.to_server.received == 9)).await;
    let before = tasks.num_alive_tasks();
    drop(proxy);
    read_all(&mut client).await;
    read_all(&mut server).await;
    while tasks.num_alive_tasks() > before - 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_runs_on_several_threads() {
    let proxy = Proxy::bind(echo().await, Faults::default().one_byte_writes(None)).expect("it starts");
    let address = proxy.local_addr();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = soon(TcpStream::connect(address)).await.expect("it accepts");
                assert_echo(&mut client, &numbers(500)).await;
            })
        })
        .collect();
    for client in clients {
        soon(client).await.expect("it held");
    }
    let counts = soon(proxy.until(|counts| counts.open == 0)).await;
    assert_eq!(counts.to_client.sent, 20 * 500);
}
