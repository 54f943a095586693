//! A server that speaks the protocol of hashrocket's websocket-shootout: an echo for who asks, a broadcast for all.
//! `cargo run --example shootout -- 127.0.0.1:9001` serves, for `bowline bench shootout ws://127.0.0.1:9001/ws`; without an address
//! two clients try it.

use std::{env, error::Error};

use bowline_core::{Message, stream::connect};
use bowline_server::{Hub, Session, http::Guards, listener::Server, room::Start};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// Each client is in one room; what is broadcast goes there once, however many there are.
async fn shootout(mut session: Session) -> Result<(), Failure> {
    let room = session.hub().room("all")?;
    session.join(&room, Start::Newest)?;
    while let Some(message) = session.recv().await? {
        let asked: Value = serde_json::from_str(message.as_text().unwrap_or_default())?;
        match asked["type"].as_str() {
            Some("echo") => session.send(message).await?,
            Some("broadcast") => {
                room.publish(message).await?;
                let (payload, count) = (&asked["payload"], room.member_count());
                let result = json!({ "type": "broadcastResult", "payload": payload, "listenerCount": count });
                session.send(result.to_string()).await?;
            }
            _ => return Err("neither an echo nor a broadcast".into()),
        }
    }
    Ok(())
}

async fn try_it(url: &str) -> Result<(), Failure> {
    let (mut ann, mut bob) = (connect(url).await?, connect(url).await?);
    let echo = r#"{"type":"echo","payload":{"n":1}}"#;
    for client in [&mut ann, &mut bob] {
        client.send(echo).await?;
        assert_eq!(client.recv().await?, Some(Message::text(echo)));
    }
    let broadcast = r#"{"type":"broadcast","payload":{"n":2}}"#;
    ann.send(broadcast).await?;
    assert_eq!(bob.recv().await?, Some(Message::text(broadcast)));
    let (first, second) = (ann.recv().await?, ann.recv().await?);
    let heard: Vec<_> = [first, second].into_iter().flatten().collect();
    assert!(heard.contains(&Message::text(broadcast)), "who asks is one of all");
    assert!(heard.iter().any(|message| message.as_text().is_some_and(|text| text.contains("broadcastResult"))));
    println!("an echo for each of two clients, and a broadcast for both");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let address = env::args().nth(1);
    let hub = Hub::builder().handler(shootout).build();
    let server = Server::new().listen(address.as_deref().unwrap_or("127.0.0.1:0")).bind()?;
    let running = server.serve(hub.service(Guards::new()));
    let url = format!("ws://{}/ws", running.local_addrs()[0]);
    if address.is_none() {
        return try_it(&url).await;
    }
    println!("serving {url}");
    std::future::pending().await
}
