//! Stopping in steps.

use std::time::Duration;

use bowline_server::listener::{Endpoint, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{GET, LAST_GET, UPGRADE, client, exchange, expect, one_answer, soon, start, to_end, until};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn first_the_sockets_close() {
    let (mut running, address) = start(Server::new());
    let mut tcp = client(address, GET).await;
    one_answer(&mut tcp).await;
    running.stop_accepting().await;
    running.stop_accepting().await;
    TcpStream::connect(address).await.expect_err("refused");
    tcp.write_all(GET.as_bytes()).await.expect("open");
    assert!(one_answer(&mut tcp).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn then_connections_end_with_what_they_are_at() {
    let (mut running, address) = start(Server::new());
    let mut idle = client(address, GET).await;
    one_answer(&mut idle).await;
    let mut opening = client(address, "GET / HT").await;
    let mut posting = client(address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    let mut upgraded = client(address, UPGRADE).await;
    one_answer(&mut upgraded).await;
    expect(&mut upgraded, "tcp;").await;
    until(|| running.counts().open == 4).await;
    let finish = running.finish(LONG);
    let clients = async {
        assert_eq!(to_end(&mut idle).await, "");
        // It may be reset: what it sent is no request, and is dropped.
        let mut rest = Vec::new();
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut opening, &mut rest)).await;
        assert_eq!(rest, b"");
        posting.write_all(b"a").await.expect("open");
        assert!(to_end(&mut posting).await.ends_with("posted=1"));
        drop((idle, opening, posting));
    };
    let (all, ()) = soon(async { tokio::join!(finish, clients) }).await;
    assert!(all);
    upgraded.write_all(b"still here").await.expect("open");
    expect(&mut upgraded, "still here").await;
    assert_eq!(running.counts().open, 1);
}

#[tokio::test]
async fn at_the_deadline_the_rest_is_ended() {
    let (mut running, address) = start(Server::new());
    let mut tcp = client(address, GET.replace(" / ", " /hang ")).await;
    let mut upload = client(address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    until(|| running.counts().open == 2).await;
    assert!(!soon(running.finish(Duration::from_millis(100))).await);
    assert_eq!(to_end(&mut tcp).await, "");
    assert_eq!(to_end(&mut upload).await, "");
    assert_eq!(running.counts().open, 0);
    assert!(soon(running.finish(LONG)).await, "nothing is left");
}

#[tokio::test]
async fn several_sockets_and_what_cannot_be_had() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let given = socket.local_addr().expect("bound");
    let bound = Server::new()
        .listen("localhost:0")
        .listen(Endpoint::address("127.0.0.1:0").reuse_port(true))
        .listen(Endpoint::socket(socket, "mine"))
        .bind()
        .expect("free ports");
    let addresses = bound.local_addrs().expect("bound");
    assert_eq!(addresses[2], given);
    let taken = Server::new().listen("127.0.0.1:0").listen(given).bind().expect_err("in use").to_string();
    assert!(taken.contains(&given.to_string()) && taken.contains("in use"), "{taken}");
    let mut running = bound.serve(super::support::TestService::default());
    for address in addresses {
        assert!(exchange(address, LAST_GET).await.starts_with("HTTP/1.1 200 "));
    }
    assert!(soon(running.finish(LONG)).await);
}

#[tokio::test]
async fn without_limits_nothing_overflows() {
    let server = Server::new()
        .handshake_timeout(Duration::MAX)
        .keep_alive_timeout(Duration::MAX)
        .write_timeout(Duration::MAX)
        .max_headers(usize::MAX)
        .max_head_size(usize::MAX)
        .max_connections(u32::MAX)
        .max_connections_per_ip(u32::MAX);
    let (_running, address) = start(server);
    assert!(exchange(address, LAST_GET).await.starts_with("HTTP/1.1 200 "));
    let (_running, address) = start(Server::new().handshake_timeout(Duration::ZERO).keep_alive_timeout(Duration::ZERO));
    exchange(address, "").await;
}
