//! WebSockets over HTTP/1.1.

use std::{sync::Arc, time::Duration};

use bowline_core::{Limits, connection::Config, message::deflate::DeflateConfig};
use bowline_server::{
    http::{Grant, Guards, RequestExt as _},
    metrics::Transport,
    room::{Entry, RoomOptions, Start},
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncWriteExt as _, duplex},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message as TheirMessage, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

use tower_service::Service as _;

use crate::support::{PATIENCE, Server, eventually, hub, hub_with, room};

type Client = WebSocketStream<TcpStream>;
type Opened = (Client, Response<Option<Vec<u8>>>);

/// Opens somebody else's WebSocket.
async fn open(server: &Server, target: &str, headers: &[(&'static str, &str)]) -> Result<Opened, Error> {
    let mut request = format!("ws://{}{target}", server.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    let tcp = TcpStream::connect(server.address).await.unwrap();
    timeout(PATIENCE, client_async(request, tcp)).await.expect("an answer in time")
}

async fn recv(client: &mut Client) -> TheirMessage {
    timeout(PATIENCE, client.next()).await.expect("a message in time").expect("it goes on").unwrap()
}

fn refused(opened: Result<Opened, Error>) -> u16 {
    match opened {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_handler_has_the_session() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let (mut client, response) = open(&server, "/ws", &[]).await.unwrap();
    assert_eq!(response.headers().get(header::SEC_WEBSOCKET_PROTOCOL), None);
    client.send("hello".into()).await.unwrap();
    assert_eq!(recv(&mut client).await, "hello".into());
    assert_eq!(hub.metrics().connections_by(Transport::WebSocket), 1);
    client.close(None).await.unwrap();
    eventually("it is gone", || hub.metrics().connections_by(Transport::WebSocket) == 0).await;
}

#[tokio::test]
async fn a_web_socket_in_a_room_gets_and_publishes() {
    let hub = hub(RoomOptions::default().history(10));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let first = room.broadcast("first").unwrap().position;
    room.broadcast("second").unwrap();
    let mut listener = room.subscribe(Start::Newest).unwrap();
    let (mut one, _) = open(&server, "/rooms/a", &[]).await.unwrap();
    let (mut two, _) = open(&server, &format!("/rooms/a?since={first}"), &[]).await.unwrap();
    let (mut three, _) = open(&server, "/rooms/a?history=2", &[]).await.unwrap();
    assert_eq!(recv(&mut two).await, "second".into());
    assert_eq!(recv(&mut three).await, "first".into());
    assert_eq!(recv(&mut three).await, "second".into());
    eventually("all are members", || room.member_count() == 4).await;
    one.send("from one".into()).await.unwrap();
    // The sender is a member like the others.
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(recv(client).await, "from one".into());
    }
    assert!(matches!(listener.read().await, Entry::Publication(_, message) if message == "from one".into()));
    server.ask("POST", "/rooms/a", &[("content-type", "application/octet-stream")], &b"\xff"[..]).await;
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(recv(client).await, TheirMessage::binary(&b"\xff"[..]));
    }
    drop((one, two, three));
    eventually("they have left", || room.member_count() == 1).await;
}

#[tokio::test]
async fn who_may_not_publish_is_closed_with_1008() {
    let hub = hub(RoomOptions::default());
    let guards = Guards::new()
        .authorize(|_| async { Ok(Grant::new().join_only(|room| room.as_str() == "a").publish_only(|_| false)) });
    let server = Server::guarded(&hub, guards).await;
    assert_eq!(refused(open(&server, "/rooms/b", &[]).await), 403);
    let (mut client, _) = open(&server, "/rooms/a", &[]).await.unwrap();
    client.send("mine".into()).await.unwrap();
    let TheirMessage::Close(Some(close)) = recv(&mut client).await else { panic!("a Close") };
    assert_eq!(close.code, CloseCode::Policy);
    assert_eq!(room(&hub, "a").position().offset, 0);
}

#[tokio::test]
async fn a_room_that_is_full_is_503() {
    let hub = hub(RoomOptions::default().max_members(1));
    let server = Server::hub(&hub).await;
    let _reader = room(&hub, "a").subscribe(Start::Newest).unwrap();
    assert_eq!(refused(open(&server, "/rooms/a", &[]).await), 503);
}

/// Whoever has the answer is in the room, however long its task takes to begin.
#[tokio::test]
async fn what_is_published_once_a_web_socket_is_open_comes() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    for round in 0..50 {
        let (mut client, _) = open(&server, "/rooms/a", &[]).await.unwrap();
        room(&hub, "a").broadcast(format!("{round}")).unwrap();
        assert_eq!(recv(&mut client).await, TheirMessage::text(format!("{round}")));
    }
}

#[tokio::test]
async fn a_subprotocol_is_chosen_and_a_token_never_is() {
    let hub = hub_with(RoomOptions::default(), 9, Config::default());
    let guards = Guards::new().authorize(|request| async move {
        match request.subprotocol_token("bearer.") {
            Some("secret") => Ok(Grant::new()),
            _ => Err(bowline_core::handshake::Refusal::forbidden("no\n")),
        }
    });
    let server = Server::service(hub.service(guards).subprotocols(["chat.v2", "chat.v1"])).await;
    let offers = |offers| [("sec-websocket-protocol", offers)];
    assert_eq!(refused(open(&server, "/ws", &offers("chat.v1, bearer.wrong")).await), 403);
    let (_client, response) = open(&server, "/ws", &offers("bearer.secret, chat.v1")).await.unwrap();
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "chat.v1");
    let (_client, response) = open(&server, "/ws", &offers("chat.v1, chat.v2, bearer.secret")).await.unwrap();
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "chat.v2");
}

/// What opens a WebSocket, but for one header.
fn handshake(without: &str, with: &str) -> String {
    let headers = [
        "Host: a",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let kept: Vec<_> =
        headers.into_iter().filter(|header| without.is_empty() || !header.starts_with(without)).collect();
    format!("GET /ws HTTP/1.1\r\n{}\r\n{with}\r\n", kept.join("\r\n"))
}

#[tokio::test]
async fn h7_after_a_refused_upgrade_the_connection_ends() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let table = [
        (handshake("", "Origin: https://evil.test\r\n"), "403"),
        (handshake("Sec-WebSocket-Version", "Sec-WebSocket-Version: 12\r\n"), "426"),
        (handshake("Sec-WebSocket-Key", ""), "400"),
        (handshake("", "Content-Length: 1\r\n"), "400"),
        (handshake("", "").replacen("GET /ws", "GET /nothing", 1), "404"),
        (handshake("", "").replacen("GET /ws", "POST /ws", 1), "405"),
        (handshake("", "").replacen("GET /ws", "POST /rooms/a", 1), "405"),
        (handshake("", "").replacen("GET /ws", "GET /rooms/a?since=x", 1), "400"),
    ];
    for (request, status) in table {
        // What follows is no second request.
        let answer = server.raw(&format!("{request}GET /rooms/a HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    }
    let without_upgrade = server.get("/ws", &[]).await;
    assert_eq!(without_upgrade.status, 400);
    assert!(without_upgrade.text().contains("WebSocket client"));
}

/// The client doesn't even take the response, and holds what its request brought for no longer than ten seconds.
#[tokio::test(start_paused = true)]
async fn s4_an_upgrade_that_is_never_finished_is_given_up_after_10_s() {
    let hub = hub(RoomOptions::default());
    let held = Arc::new(());
    let watched = Arc::downgrade(&held);
    let guards = Guards::new().authorize(move |_| {
        let held = Arc::clone(&held);
        async move { Ok(Grant::new().extension(held)) }
    });
    let service = hub.service(guards);
    let service = service_fn(move |request: Request<Incoming>| service.clone().call(request));
    let (mut near, far) = duplex(16);
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(connection.with_upgrades());
    near.write_all(handshake("", "").as_bytes()).await.unwrap();
    // One is the hook's own.
    eventually("it is let in", || watched.strong_count() == 2).await;
    sleep(Duration::from_millis(9_900)).await;
    assert_eq!(watched.strong_count(), 2);
    sleep(Duration::from_millis(200)).await;
    assert_eq!((watched.strong_count(), hub.session_count()), (1, 0));
}

#[tokio::test]
async fn deflate_and_limits_are_the_hubs() {
    let config = Config::default().deflate(DeflateConfig::default()).limits(Limits::default().max_message_size(4));
    let hub = hub_with(RoomOptions::default(), 9, config);
    let server = Server::hub(&hub).await;
    let offer = [("sec-websocket-extensions", "permessage-deflate")];
    let answer =
        server.raw(&handshake("", "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://b\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let (mut client, _) = open(&server, "/ws", &[]).await.unwrap();
    client.send("12345".into()).await.unwrap();
    let TheirMessage::Close(Some(close)) = recv(&mut client).await else { panic!("a Close") };
    assert_eq!(close.code, CloseCode::Size);
    // tungstenite has no deflate and takes no answer that has: what comes back is looked at by eye.
    let error = open(&server, "/ws", &offer).await;
    assert!(error.is_ok_and(|(_, response)| {
        response.headers()[header::SEC_WEBSOCKET_EXTENSIONS].to_str().unwrap().starts_with("permessage-deflate")
    }));
}
