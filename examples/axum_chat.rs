//! A hub inside an axum application: its addresses nested below `/live`, and a WebSocket as an argument of a handler.
//! Runs a client against each: `cargo run --example axum_chat`.

use std::error::Error;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{any, get},
};
use bowline_core::{Message, stream::connect};
use bowline_server::{
    Hub, Session,
    http::{Grant, Guards, Upgrade},
    room::Start,
};
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

/// The application's own address: it knows who asks, and puts them into the lobby.
async fn chat(Path(name): Path<String>, upgrade: Upgrade, State(hub): State<Hub>) -> Response {
    upgrade.grant(Grant::new().identity(name)).run(&hub, lobby)
}

async fn lobby(mut session: Session) -> Result<(), Failure> {
    let room = session.hub().room("lobby")?;
    session.join(&room, Start::Newest)?;
    while let Some(message) = session.recv().await? {
        let said = message.as_text().unwrap_or("something binary");
        room.publish(format!("{}: {said}", session.identity().unwrap_or("somebody"))).await?;
    }
    Ok(())
}

async fn how_many(State(hub): State<Hub>) -> String {
    format!("{} are here", hub.session_count())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hub = Hub::builder().build();
    let app = Router::new()
        .route("/", get(how_many))
        // `any` rather than `get`, because over HTTP/2 a WebSocket is a CONNECT.
        .route("/chat/{name}", any(chat))
        .nest_service("/live", hub.service(Guards::new()))
        .with_state(hub);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async { axum::serve(listener, app).await });

    // One comes by the application's address, the other by the room's own.
    let mut ann = connect(&format!("ws://{address}/chat/ann")).await?;
    ann.send("is anyone there?").await?;
    assert_eq!(ann.recv().await?, Some(Message::text("ann: is anyone there?")));
    let mut listener = connect(&format!("ws://{address}/live/rooms/lobby")).await?;
    // What it sends itself comes back once it is in the room.
    listener.send("I only listen").await?;
    assert_eq!(listener.recv().await?, Some(Message::text("I only listen")));
    assert_eq!(ann.recv().await?, Some(Message::text("I only listen")));
    ann.send("never mind").await?;
    assert_eq!(listener.recv().await?, Some(Message::text("ann: never mind")));
    println!("both heard each other");
    server.abort();
    Ok(())
}
