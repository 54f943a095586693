//! A hub within axum: its addresses nested, and the extractor.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{any, get},
};
use bowline_core::CloseCode;
use bowline_server::{
    Hub,
    http::{Grant, Guards, OriginPolicy, Upgrade},
    hub::Drain,
    room::RoomOptions,
    session::Session,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

#[derive(Clone)]
struct Name(&'static str);

async fn chat(upgrade: Upgrade, State(hub): State<Hub>) -> Response {
    let grant = Grant::new().identity("ann").extension(Name("axum"));
    upgrade.grant(grant).subprotocols(["chat"]).run(&hub, |mut session: Session| async move {
        let name = session.extensions().and_then(|extensions| extensions.get::<Name>()).map(|name| name.0);
        let hello = format!("{} by {}", session.identity().unwrap_or_default(), name.unwrap_or_default());
        session.send(hello).await.expect("open");
        while let Ok(Some(message)) = session.recv().await {
            session.send(message).await.expect("open");
        }
    })
}

async fn anybody(upgrade: Upgrade, State(hub): State<Hub>) -> Response {
    upgrade.guards(Guards::new().origins(OriginPolicy::Any)).run(&hub, async |_: Session| {})
}

/// The address of a server that lasts as long as the test's runtime.
async fn serve(hub: &Hub) -> String {
    let app = Router::new()
        .route("/chat", get(chat))
        .route("/anybody", any(anybody))
        .nest_service("/live", hub.service(Guards::new()))
        .nest_service("/status", hub.status("1.2.3"))
        .with_state(hub.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

/// The status that a WebSocket from this page is answered with.
async fn status(url: String, origin: &'static str) -> u16 {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", http::HeaderValue::from_static(origin));
    match connect_async(request).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_extractor_runs_a_session() {
    let hub = Hub::builder().build();
    let address = serve(&hub).await;
    let mut request = format!("ws://{address}/chat").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", http::HeaderValue::from_static("other, chat"));
    request.headers_mut().insert("origin", format!("http://{address}").parse().unwrap());
    let (mut client, response) = connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("ann by axum"));
    client.send("hello".into()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("hello"));
    assert_eq!(hub.session_count(), 1);
}

#[tokio::test]
async fn the_extractor_checks_the_origin() {
    let hub = Hub::builder().build();
    let address = serve(&hub).await;
    assert_eq!(status(format!("ws://{address}/chat"), "https://evil.test").await, 403);
    assert_eq!(status(format!("ws://{address}/anybody"), "https://evil.test").await, 101);
    hub.drain(Drain::default().code(CloseCode::GOING_AWAY)).await;
    assert_eq!(status(format!("ws://{address}/anybody"), "https://evil.test").await, 503);
}

#[tokio::test]
async fn a_request_that_opens_none_is_rejected() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let address = serve(&Hub::builder().build()).await;
    let plain = "GET /chat HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    for (request, status) in [(plain, "400"), (refused, "400")] {
        let mut tcp = tokio::net::TcpStream::connect(&address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn the_addresses_are_nested() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let hub = Hub::builder().room_options("*", RoomOptions::default().history(9)).build();
    let address = serve(&hub).await;
    let (mut client, _) = connect_async(format!("ws://{address}/live/rooms/a%20b")).await.unwrap();
    let request = |method: &str, target: &str, body: &str| {
        let length = body.len();
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    for (method, target, body, status) in [
        ("POST", "/live/rooms/a%20b", "hello", "200"),
        ("GET", "/live/rooms/a%20b?history=1", "", "200"),
        ("GET", "/live/nothing", "", "404"),
        ("GET", "/status/readyz", "", "200"),
    ] {
        let mut tcp = tokio::net::TcpStream::connect(&address).await.unwrap();
        tcp.write_all(request(method, target, body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {target}: {answer}");
    }
    assert_eq!(hub.room("a b").unwrap().history(1)[0].1, "hello".into());
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("hello"));
}
