//! How many may come in.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bowline_server::listener::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::support::{GET, LAST_GET, client, exchange, one_answer, soon, start, to_end, until};

async fn from(source: &str, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{source}:0").parse().expect("valid")).expect("all of 127.0.0.0/8 is this machine's");
    socket.connect(address).await.expect("it accepts")
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let (running, address) = start(Server::new().max_connections_per_ip(3));
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut tcp = client(address, GET).await;
        assert!(one_answer(&mut tcp).await.starts_with("HTTP/1.1 200 "));
        held.push(tcp);
    }
    let answer = exchange(address, GET).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("Retry-After: "), "{answer}");
    assert_eq!(running.counts().refused_per_ip, 1);
    let mut other = from("127.0.0.2", address).await;
    other.write_all(LAST_GET.as_bytes()).await.expect("open");
    assert!(to_end(&mut other).await.starts_with("HTTP/1.1 200 "));
    held.pop();
    until(|| running.counts().open == 2).await;
    assert!(exchange(address, LAST_GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn more_than_max_connections_wait() {
    let (running, address) = start(Server::new().max_connections(2));
    let mut first = client(address, GET).await;
    let mut second = client(address, GET).await;
    one_answer(&mut first).await;
    one_answer(&mut second).await;
    let mut third = client(address, LAST_GET).await;
    // Turns in which it could have been served.
    for _ in 0..3 {
        for tcp in [&mut first, &mut second] {
            tcp.write_all(GET.as_bytes()).await.expect("open");
            one_answer(tcp).await;
        }
    }
    assert_eq!(running.counts().open, 2);
    let mut byte = [0];
    assert_eq!(third.try_read(&mut byte).expect_err("nothing").kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert!(to_end(&mut third).await.starts_with("HTTP/1.1 200 "));
}

#[test]
fn no_connect_waits_while_the_acceptor_stalls() {
    let server = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut running, address) = server.block_on(async { start(Server::new()) });
    let crowd = std::thread::spawn(move || {
        let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        client.block_on(async move {
            let mut connects = JoinSet::new();
            for _ in 0..2000 {
                connects.spawn(async move {
                    let begun = Instant::now();
                    let tcp = TcpStream::connect(address).await.expect("it accepts");
                    (begun.elapsed(), tcp)
                });
            }
            connects.join_all().await
        })
    });
    // The server's only thread does something else.
    std::thread::sleep(Duration::from_millis(300));
    server.block_on(async {
        until(|| running.counts().accepted == 2000).await;
        let all = tokio::task::spawn_blocking(|| crowd.join().expect("no panic")).await.expect("no panic");
        let longest = all.iter().map(|(elapsed, _)| *elapsed).max().expect("2,000");
        assert!(longest < Duration::from_secs(1), "{longest:?}: a SYN was sent again");
        drop(all);
        assert!(soon(running.finish(Duration::from_secs(5))).await);
    });
}
