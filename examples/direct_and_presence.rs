//! Who is there, and a message to one of them alone from any task, which is told whether it goes out:
//! `cargo run --example direct_and_presence`.

use std::{error::Error, sync::Arc};

use bowline_core::{Message, handshake::Refusal, stream::connect};
use bowline_server::{
    Hub,
    http::{Grant, Guards, RequestExt},
    listener::Server,
    room::RoomOptions,
    session::DirectError,
};
use http::request::Parts;

type Failure = Box<dyn Error + Send + Sync>;

/// Who asks; a real one would look at a cookie or a token. It may ask a database.
async fn authorize(request: Arc<Parts>) -> Result<Grant, Refusal> {
    match request.query("user") {
        Some(user) => Ok(Grant::new().identity(user.as_ref())),
        None => Err(Refusal::forbidden("say who you are: ?user=…\n")),
    }
}

/// The text of an event of presence, but for the session, which is another each time.
fn presence(message: Option<Message>) -> Result<String, Failure> {
    let message = message.ok_or("the end")?;
    let text = message.as_text().ok_or("no text")?;
    let who = text.split("\"identity\":\"").nth(1).and_then(|rest| rest.split('"').next()).ok_or(text)?;
    Ok(if text.contains("\"joined\"") { format!("{who} joined") } else { format!("{who} left") })
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hub = Hub::builder().room_options("*", RoomOptions::default().presence(true)).build();
    let service = hub.service(Guards::new().authorize(authorize));
    let running = Server::new().listen("127.0.0.1:0").bind()?.serve(service);
    let url = |user: &str| format!("ws://{}/rooms/kitchen?user={user}", running.local_addrs()[0]);

    let mut ann = connect(&url("ann")).await?;
    ann.send("I am in").await?;
    assert_eq!(ann.recv().await?, Some(Message::text("I am in")));
    let mut bob = connect(&url("bob")).await?;
    assert_eq!(presence(ann.recv().await?)?, "bob joined");

    let room = hub.room("kitchen")?;
    let who = room.presence();
    println!("in the kitchen: {:?}", who.iter().filter_map(|present| present.identity.as_deref()).collect::<Vec<_>>());
    let present = who.iter().find(|present| present.identity.as_deref() == Some("bob")).ok_or("no bob")?;
    let handle = hub.session(present.session).ok_or("no session")?;
    // From a task that has nothing to do with bob's connection.
    let sent = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send("between us").is_ok() }
    });
    assert!(sent.await?);
    assert_eq!(bob.recv().await?, Some(Message::text("between us")));

    bob.close(None).await?;
    assert_eq!(presence(ann.recv().await?)?, "bob left");
    match handle.send("are you there?") {
        Err(DirectError::Gone(message)) => println!("bob is gone; it comes back: {:?}", message.message()),
        other => return Err(format!("it should have come back: {other:?}").into()),
    }
    Ok(())
}
