//! A chat with rooms: what a client sends goes to everybody in the room it has joined, and a newcomer gets the last three
//! messages. Two clients talk to each other: `cargo run --example rooms`.

use std::{error::Error, time::Duration};

use bowline_core::{
    Message,
    stream::{ClientStream, WebSocket, connect},
};
use bowline_server::{
    Hub, Session,
    http::Guards,
    hub::Drain,
    listener::Server,
    room::{Room, RoomOptions, Start},
};

type Failure = Box<dyn Error + Send + Sync>;

/// `/join kitchen` changes the room; anything else is said in it.
async fn chat(mut session: Session) -> Result<(), Failure> {
    let mut room: Option<Room> = None;
    while let Some(message) = session.recv().await? {
        let text = message.as_text().unwrap_or_default();
        if let Some(name) = text.strip_prefix("/join ") {
            if let Some(left) = room.take() {
                session.leave(&left);
            }
            let joined = session.hub().room(name)?;
            session.join(&joined, Start::Last(3))?;
            room = Some(joined);
        } else if let Some(room) = &room {
            room.publish(message).await?;
        } else {
            session.send("join a room first: /join kitchen").await?;
        }
    }
    Ok(())
}

async fn hears(client: &mut WebSocket<ClientStream>, expected: &str) -> Result<(), Failure> {
    let heard = client.recv().await?;
    println!("{expected}");
    if heard == Some(Message::text(expected)) { Ok(()) } else { Err(format!("heard {heard:?} instead").into()) }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hub = Hub::builder().room_options("*", RoomOptions::default().history(3)).handler(chat).build();
    let mut running = Server::new().listen("127.0.0.1:0").bind()?.serve(hub.service(Guards::new()));
    let url = format!("ws://{}/ws", running.local_addrs()[0]);

    let mut ann = connect(&url).await?;
    ann.send("hello?").await?;
    hears(&mut ann, "join a room first: /join kitchen").await?;
    ann.send("/join kitchen").await?;
    ann.send("is anyone there?").await?;
    hears(&mut ann, "is anyone there?").await?;

    let mut bob = connect(&url).await?;
    bob.send("/join kitchen").await?;
    hears(&mut bob, "is anyone there?").await?;
    bob.send("I am").await?;
    hears(&mut bob, "I am").await?;
    hears(&mut ann, "I am").await?;

    // Everybody is told when to come back, and the server ends.
    let goodbye = Drain::default().window(Duration::ZERO);
    let clients = async { (ann.recv().await, bob.recv().await) };
    let (left, (ann_ended, bob_ended)) = tokio::join!(hub.drain(goodbye), clients);
    assert_eq!((left, ann_ended?, bob_ended?), (0, None, None));
    assert!(running.finish(Duration::from_secs(5)).await);
    Ok(())
}
