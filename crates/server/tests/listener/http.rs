//! Requests, good and bad.

use bowline_server::listener::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::support::{BIG, GET, LAST_GET, UPGRADE, client, exchange, one_answer, soon, start, to_end, until};

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let (running, address) = start(Server::new());
    let mut tcp = client(address, GET).await;
    let hello = format!("hello {} tls=false posted=0", tcp.local_addr().expect("open"));
    for _ in 0..3 {
        assert!(one_answer(&mut tcp).await.ends_with(&hello));
        tcp.write_all(GET.as_bytes()).await.expect("open");
    }
    one_answer(&mut tcp).await;
    assert_eq!(running.counts().open, 1);
    drop(tcp);
    until(|| running.counts().open == 0).await;
    assert_eq!(running.counts().accepted, 1);
    assert_eq!(running.counts().http_failed, 0);
}

#[tokio::test]
async fn a_head_in_single_bytes_is_a_head() {
    let (_running, address) = start(Server::new());
    let mut tcp = client(address, "").await;
    for byte in format!("\r\n\r\n{LAST_GET}").bytes() {
        tcp.write_all(&[byte]).await.expect("open");
        tokio::task::yield_now().await;
    }
    assert!(to_end(&mut tcp).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_big_head_in_single_bytes_costs_no_more_than_its_bytes() {
    let (_running, address) = start(Server::new());
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\nConnection: close\r\n\r\n", "a".repeat(16_000));
    // The first is read before HTTP, the second by hyper.
    for before in ["", GET] {
        let mut tcp = client(address, before).await;
        if !before.is_empty() {
            one_answer(&mut tcp).await;
        }
        for byte in head.bytes() {
            tcp.write_all(&[byte]).await.expect("open");
        }
        assert!(to_end(&mut tcp).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn a_head_has_a_size() {
    let (running, address) = start(Server::new());
    let head = |size: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nA: \r\n\r\n";
        rest.replace("A: ", &format!("A: {}", "a".repeat(size - rest.len())))
    };
    for (size, status) in [(16 << 10, "200 OK"), ((16 << 10) + 1, "431 Request Header Fields Too Large")] {
        let answer = exchange(address, head(size)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{size}: {answer}");
        // And the same for a request that isn't the first.
        let mut tcp = client(address, GET).await;
        one_answer(&mut tcp).await;
        tcp.write_all(head(size).as_bytes()).await.expect("open");
        let answer = to_end(&mut tcp).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{size}: {answer}");
    }
    // No end in sight: it isn't read for ever.
    let mut tcp = client(address, "GET / HTTP/1.1\r\nA: ").await;
    let endless = vec![b'a'; 64 << 10];
    let _ = tcp.write_all(&endless).await;
    assert!(to_end(&mut tcp).await.starts_with("HTTP/1.1 431 "));
    assert_eq!(running.counts().heads_too_large, 1);
}

#[tokio::test]
async fn headers_have_a_number() {
    let (_running, address) = start(Server::new());
    for (fields, status) in [(64, "200"), (65, "431")] {
        // Host and Connection are two of them.
        let head = LAST_GET.replace("\r\n\r\n", &format!("\r\n{}\r\n", "A: b\r\n".repeat(fields - 2)));
        let answer = exchange(address, head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {answer}");
    }
}

/// Asserts that a request is answered 400 and the connection closed, whatever follows.
async fn assert_bad(address: std::net::SocketAddr, request: impl AsRef<[u8]>) {
    let request = [request.as_ref(), GET.as_bytes()].concat();
    let answer = soon(exchange(address, &request)).await;
    let shown = String::from_utf8_lossy(&request);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{shown:?}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{shown:?}: {answer:?}");
}

#[tokio::test]
async fn requests_that_smuggle_are_refused() {
    let (_running, address) = start(Server::new());
    for headers in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host : a\r\n",
        "Host: a\r\nA: b\r\n c\r\n",
        "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "Host: a\r\nContent-Length: +5\r\n",
        "Host: a\r\nContent-Length: -1\r\n",
        "Host: a\r\nContent-Length: 99999999999999999999\r\n",
        "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding: identity\r\n",
        "Host: a\r\nTransfer-Encoding: chunked, identity\r\n",
        "Host: a\r\nTransfer-Encoding: xchunked\r\n",
    ] {
        assert_bad(address, format!("POST / HTTP/1.1\r\n{headers}\r\n")).await;
    }
    for line in
        ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked", "GET  / HTTP/1.1\r\nHost: a", "GE T / HTTP/1.1\r\nHost: a"]
    {
        assert_bad(address, format!("{line}\r\n\r\n")).await;
    }
}

#[tokio::test]
async fn hostile_bytes_in_a_header_are_refused() {
    let (_running, address) = start(Server::new());
    for name in ["Host", "Upgrade", "Connection", "Origin", "Sec-WebSocket-Key", "Cookie"] {
        for bytes in [&b"\xff"[..], "é".as_bytes(), b"\0", b"\r", b"a\rb: c", b"\x1b[31m", b"\x7f"] {
            let host = if name == "Host" { "" } else { "Host: a\r\n" };
            let head = [format!("GET / HTTP/1.1\r\n{host}{name}: ").as_bytes(), bytes, b"\r\n\r\n"].concat();
            assert_bad(address, head).await;
        }
    }
}

#[tokio::test]
async fn after_chunks_the_connection_ends() {
    let (_running, address) = start(Server::new());
    // RFC 9112 §6.3: with a Content-Length as well, what follows might be either.
    let post =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = exchange(address, format!("{post}{GET}")).await;
    assert!(answer.contains("posted=3") && answer.contains("connection: close"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn the_last_answer_arrives_whole_though_input_is_unread() {
    let (_running, address) = start(Server::new());
    for _ in 0..4 {
        // A peer with a small window, so that the end of the answer waits on this side when all is written.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("small");
        let (mut read, mut write) = socket.connect(address).await.expect("it accepts").into_split();
        let writing = tokio::spawn(async move {
            let sent = [UPGRADE.replace("/upgrade", "/big").as_bytes(), &[b'a'; 200 << 10]].concat();
            let _ = write.write_all(&sent).await;
            write
        });
        let mut answer = Vec::new();
        soon(read.read_to_end(&mut answer)).await.expect("an end in good order");
        assert!(answer.len() > BIG, "{} bytes", answer.len());
        writing.abort();
    }
}

#[tokio::test]
async fn a_panic_ends_its_connection_only() {
    let (running, address) = start(Server::new());
    let mut other = client(address, GET).await;
    one_answer(&mut other).await;
    assert_eq!(exchange(address, GET.replace(" / ", " /panic ")).await, "");
    other.write_all(LAST_GET.as_bytes()).await.expect("open");
    assert!(to_end(&mut other).await.starts_with("HTTP/1.1 200 "));
    until(|| running.counts().open == 0).await;
}
