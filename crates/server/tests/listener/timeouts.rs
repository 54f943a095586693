//! What is too slow.

use std::time::{Duration, Instant};

use bowline_server::listener::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{GET, client, exchange, one_answer, soon, start, to_end, until};

const SHORT: Duration = Duration::from_millis(200);

fn impatient() -> Server {
    Server::new().handshake_timeout(SHORT)
}

#[tokio::test]
async fn half_a_head_is_answered_408() {
    let (running, address) = start(impatient());
    let begun = Instant::now();
    let answer = exchange(address, "GET / HT").await;
    assert_eq!(answer, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < SHORT * 10, "{:?}", begun.elapsed());
    assert_eq!(running.counts().timed_out, 1);
}

#[tokio::test]
async fn who_says_nothing_is_told_nothing() {
    let (running, address) = start(impatient());
    assert_eq!(exchange(address, "").await, "");
    // Nor who speaks HTTP/2, and asks for nothing: what comes are settings.
    let begun = Instant::now();
    let mut tcp = client(address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let mut said = Vec::new();
    soon(tcp.read_to_end(&mut said)).await.expect("an end in good order");
    assert!(said.len() < 100, "{said:?}");
    assert!(begun.elapsed() >= SHORT);
    until(|| running.counts().open == 0).await;
    assert_eq!(running.counts().timed_out, 2);
}

#[tokio::test]
async fn no_byte_puts_the_deadline_off() {
    let (_running, address) = start(impatient());
    let mut tcp = client(address, "GET / HTTP/1.1\r\nA: ").await;
    let begun = Instant::now();
    while tcp.write_all(b"a").await.is_ok() && begun.elapsed() < SHORT * 20 {
        tokio::time::sleep(SHORT / 20).await;
        let mut byte = [0];
        if tcp.try_read(&mut byte).is_ok() {
            break;
        }
    }
    assert!(begun.elapsed() < SHORT * 10, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_request_under_way_has_no_deadline() {
    let (_running, address) = start(impatient());
    let mut tcp = client(address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    tokio::time::sleep(SHORT * 2).await;
    tcp.write_all(b"a").await.expect("open");
    assert!(one_answer(&mut tcp).await.ends_with("posted=1"));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (running, address) = start(Server::new().keep_alive_timeout(SHORT));
    let mut tcp = client(address, GET).await;
    one_answer(&mut tcp).await;
    let begun = Instant::now();
    assert_eq!(to_end(&mut tcp).await, "");
    assert!(begun.elapsed() >= SHORT / 2 && begun.elapsed() < SHORT * 10, "{:?}", begun.elapsed());
    drop(tcp);
    until(|| running.counts().open == 0).await;
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let (running, address) = start(Server::new().keep_alive_timeout(SHORT));
    let tcp = tokio::net::TcpStream::connect(address).await.expect("it accepts");
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), hyper_util::rt::TokioIo::new(tcp))
            .await
            .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let get = |path: &str| {
        http::Request::get(format!("http://a{path}")).body(http_body_util::Empty::<bytes::Bytes>::new()).expect("valid")
    };
    send.send_request(get("/")).await.expect("an answer");
    // One that is under way keeps it open.
    let hanging = tokio::spawn(send.send_request(get("/hang")));
    tokio::time::sleep(SHORT * 5).await;
    assert!(!connection.is_finished());
    hanging.abort();
    soon(connection).await.expect("no panic").expect("a good end");
    until(|| running.counts().open == 0).await;
}
