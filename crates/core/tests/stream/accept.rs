//! The opening handshake of a server on a byte stream: slow clients, refused ones, and bytes that come early.

use std::time::Duration;

use bowline_core::{
    Limits,
    connection::{Config, Event},
    handshake::Refusal,
    stream::{AcceptError, Acceptor, Connector, WebSocket},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Instant, sleep, timeout},
};

use crate::common::{Peer, tcp, untimed};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Reads to the end of a response's head.
async fn head(io: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

// threats.md H10: one deadline for the whole of the handshake.
#[tokio::test(start_paused = true)]
async fn a_client_of_one_byte_a_second_gets_408_after_handshake_timeout() {
    let (mut client, server) = duplex(4_096);
    let start = Instant::now();
    let accepts = tokio::spawn(async move { (WebSocket::accept(server).await, Instant::now()) });
    let (mut reader, mut writer) = tokio::io::split(&mut client);
    let trickle = async {
        for &byte in REQUEST {
            sleep(Duration::from_secs(1)).await;
            writer.write_u8(byte).await.unwrap();
        }
    };
    let answer = tokio::select! {
        () = trickle => panic!("the server was patient"),
        head = head(&mut reader) => head,
    };
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    drop(client);
    let (refused, _) = accepts.await.unwrap();
    let Err(AcceptError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn handshake_timeout_is_what_was_configured() {
    let limits = Limits::default().handshake_timeout(Duration::from_secs(3));
    let acceptor = Acceptor::new().config(Config::default().limits(limits));
    let (mut client, server) = duplex(4_096);
    client.write_all(&REQUEST[..10]).await.unwrap();
    let start = Instant::now();
    let (refused, answer) = tokio::join!(acceptor.accept(server), async {
        let answer = head(&mut client).await;
        let at = start.elapsed();
        drop(client);
        assert_eq!(at.as_secs(), 3);
        answer
    });
    assert!(matches!(refused, Err(AcceptError::Refused(_))), "{refused:?}");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_gets_no_answer() {
    let (mut client, server) = duplex(4_096);
    let start = Instant::now();
    let silent = WebSocket::accept(server).await;
    assert!(matches!(silent, Err(AcceptError::Silent)), "{silent:?}");
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);

    // Gone at once, or in the middle of a request: nobody is left to answer.
    for said in [0, 40] {
        let (mut client, server) = duplex(4_096);
        client.write_all(&REQUEST[..said]).await.unwrap();
        drop(client);
        let silent = WebSocket::accept(server).await;
        assert!(matches!(silent, Err(AcceptError::Silent)), "{silent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_in_any_two_parts() {
    for cut in 0..=REQUEST.len() {
        let (mut client, server) = duplex(4_096);
        let (accepted, answer) = tokio::join!(WebSocket::accept(server), async {
            client.write_all(&REQUEST[..cut]).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            client.write_all(&REQUEST[cut..]).await.unwrap();
            head(&mut client).await
        });
        accepted.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_the_request_reaches_the_first_recv() {
    let frames = Peer::client().messages(&["early".into(), vec![7; 20_000].into()]);
    for early in [1, 7, 30, frames.len()] {
        let (mut client, server) = duplex(64 << 10);
        client.write_all(&[REQUEST, &frames[..early]].concat()).await.unwrap();
        let mut server = Acceptor::new().config(untimed()).accept(server).await.unwrap();
        client.write_all(&frames[early..]).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some("early".into()));
        assert_eq!(server.recv().await.unwrap().unwrap().len(), 20_000);
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_the_response_reaches_the_clients_first_recv() {
    let (client, server) = duplex(64 << 10);
    let connector = Connector::new();
    let (connected, _server) = tokio::join!(connector.handshake("ws://example.org/", client), async {
        let mut server = WebSocket::accept(server).await.unwrap();
        server.send("early").await.unwrap();
        server.send(vec![7; 20_000]).await.unwrap();
        server
    });
    let mut client = connected.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("early".into()));
    assert_eq!(client.recv().await.unwrap().unwrap().len(), 20_000);
}

/// threats.md, "Findings" 4, for a refusal: a body that nobody reads must not cost the client its answer.
#[tokio::test]
async fn a_refused_client_reads_all_of_its_refusal_though_its_body_was_not_read() {
    for _ in 0..8 {
        let (mut client, server) = tcp().await;
        let body = "no ".repeat(60_000);
        let refuses = tokio::spawn(async move {
            let refusal = Refusal::new(StatusCode::FORBIDDEN, body).unwrap();
            Acceptor::new().accept_with(server, |_| Err(refusal)).await
        });
        client.write_all(REQUEST).await.unwrap();
        client.write_all(&[0; 50_000]).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(20), client.read_to_end(&mut answer)).await.unwrap().unwrap();
        drop(client);
        assert!(answer.starts_with(b"HTTP/1.1 403 ") && answer.ends_with(b"no no "));
        assert!(answer.len() > 180_000, "{}", answer.len());
        assert!(matches!(refuses.await.unwrap(), Err(AcceptError::Refused(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_never_reads_or_goes_holds_the_server_for_a_bounded_time() {
    for room in [1, 4_096] {
        let (mut client, server) = duplex(room);
        let writes = tokio::spawn(async move {
            client.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await;
            drop(client);
        });
        let start = Instant::now();
        let refused = WebSocket::accept(server).await;
        assert!(matches!(refused, Err(AcceptError::Refused(_))), "{refused:?}");
        assert!(start.elapsed().as_secs() <= 4, "{:?}", start.elapsed());
        writes.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_applications_own_mistake_is_a_500() {
    let (mut client, server) = duplex(4_096);
    client.write_all(REQUEST).await.unwrap();
    let acceptor = Acceptor::new();
    let (refused, answer) = tokio::join!(
        acceptor.accept_with(server, |_| {
            let name = HeaderName::from_static("sec-websocket-accept");
            Ok(HeaderMap::from_iter([(name, HeaderValue::from_static("forged"))]))
        }),
        async {
            let answer = head(&mut client).await;
            drop(client);
            answer
        }
    );
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("forged"), "{answer}");
    assert!(matches!(refused, Err(AcceptError::Refused(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn both_ends_agree_on_the_servers_favourite_subprotocol() {
    let (client, server) = duplex(4_096);
    let acceptor = Acceptor::new().subprotocols(["second", "first"]);
    let connector = Connector::new().subprotocols(["first", "second", "third"]);
    let (server, client) = tokio::join!(acceptor.accept(server), connector.handshake("ws://example.org/", client));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    assert_eq!((server.subprotocol(), client.subprotocol()), (Some("second"), Some("second")));
    client.ping("hello").await.unwrap();
    assert_eq!(server.recv_event().await.unwrap(), Some(Event::Ping("hello".into())));
}
