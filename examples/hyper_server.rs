//! A hub in a server of one's own on hyper, beside another service. The socket is taken back out of hyper after the
//! upgrade, so that a WebSocket holds none of its buffers: `cargo run --example hyper_server`.

use std::{convert::Infallible, error::Error};

use bowline_core::{Message, stream::connect};
use bowline_server::{
    Hub,
    http::{Body, Guards, HubService},
    listener::ConnectionInfo,
};
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_service::Service;

async fn route(mut hub: HubService, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.uri().path().starts_with("/live/") {
        return hub.call(request).await;
    }
    Ok(Response::new(Body::from("something else")))
}

async fn serve(listener: TcpListener, hub: HubService) -> std::io::Result<()> {
    let mut http = Builder::new(TokioExecutor::new());
    // RFC 8441: WebSocket over HTTP/2.
    http.http2().enable_connect_protocol();
    loop {
        let (tcp, peer) = listener.accept().await?;
        let connection = ConnectionInfo::new(peer, tcp.local_addr()?, false);
        let (http, hub) = (http.clone(), hub.clone());
        tokio::spawn(async move {
            let service = service_fn(move |mut request: Request<Incoming>| {
                // So that the hub knows who asks, for rates and for `authorize`.
                request.extensions_mut().insert(connection);
                route(hub.clone(), request)
            });
            if let Err(error) = http.serve_connection_with_upgrades(TokioIo::new(tcp), service).await {
                println!("a connection ended: {error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::builder().build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener, hub.service(Guards::new()).mount("/live")));

    let mut member = connect(&format!("ws://{address}/live/rooms/kitchen")).await?;
    member.send("hello").await?;
    assert_eq!(member.recv().await?, Some(Message::text("hello")));

    let mut other = TcpStream::connect(address).await?;
    other.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    other.read_to_string(&mut answer).await?;
    assert!(answer.ends_with("something else"), "{answer}");
    println!("a room, and something else");
    server.abort();
    Ok(())
}
