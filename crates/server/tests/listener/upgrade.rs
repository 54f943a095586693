//! Connections that become something else: what is left of HTTP then.

use bowline_server::listener::Server;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{GET, UPGRADE, client, exchange, expect, one_answer, soon, start, to_end, until};

#[tokio::test]
async fn the_socket_comes_back_out_with_what_was_read_ahead() {
    let (running, address) = start(Server::new());
    let mut tcp = client(address, format!("{UPGRADE}ahead;")).await;
    assert!(one_answer(&mut tcp).await.starts_with("HTTP/1.1 101 "));
    expect(&mut tcp, "tcp;ahead;").await;
    tcp.write_all(b"after").await.expect("open");
    expect(&mut tcp, "after").await;
    assert_eq!(running.counts().open, 1, "the slot lives on");
    tcp.shutdown().await.expect("open");
    assert_eq!(to_end(&mut tcp).await, "");
    until(|| running.counts().open == 0).await;
}

#[tokio::test]
async fn much_read_ahead_comes_in_its_order() {
    let (_running, address) = start(Server::new());
    let ahead: String = (0..20_000).map(|n| format!("{n};")).collect();
    let mut tcp = client(address, UPGRADE).await;
    let (read, write) = tcp.split();
    let (mut read, mut write) = (read, write);
    let write = async { write.write_all(ahead.as_bytes()).await.expect("it reads") };
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(tokio::io::AsyncReadExt::read_u8(&mut read)).await.expect("an answer"));
        }
        expect(&mut read, "tcp;").await;
        expect(&mut read, &ahead).await;
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn after_an_upgrade_refused_nothing_is_read_as_a_request() {
    let (_running, address) = start(Server::new());
    let answer = exchange(address, format!("{}{GET}", UPGRADE.replace("/upgrade", "/"))).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    // What curl sends is no offer that was refused.
    let mut tcp = client(address, UPGRADE.replace("/upgrade", "/").replace("websocket", "h2c")).await;
    one_answer(&mut tcp).await;
    tcp.write_all(GET.as_bytes()).await.expect("open");
    one_answer(&mut tcp).await;
}

#[tokio::test]
async fn http2_carries_requests_and_web_sockets() {
    let (running, address) = start(Server::new());
    let tcp = TcpStream::connect(address).await.expect("it accepts");
    let (mut send, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.expect("HTTP/2 with prior knowledge");
    let connection = tokio::spawn(connection);
    let request = Request::get("http://a/").body(Empty::<Bytes>::new()).expect("valid");
    assert_eq!(soon(send.send_request(request)).await.expect("an answer").status(), StatusCode::OK);
    // RFC 8441 §4: `:protocol` makes it an extended CONNECT.
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "http://a/upgrade".parse().expect("valid");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let response = soon(send.send_request(request)).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = TokioIo::new(soon(hyper::upgrade::on(response)).await.expect("a stream"));
    expect(&mut stream, "upgraded;").await;
    stream.write_all(b"there and back").await.expect("open");
    expect(&mut stream, "there and back").await;
    assert_eq!(running.counts().open, 1);
    drop((send, stream));
    let _ = soon(connection).await;
    until(|| running.counts().open == 0).await;
}
