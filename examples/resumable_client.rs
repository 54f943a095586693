//! A session that outlives its connections: every one is cut in the middle, and nothing is lost, in messages or in a room.
//! `cargo run --example resumable_client`.

use std::{error::Error, time::Duration};

use bowline_client::{Backoff, Client, Event, JoinStart, RoomEvent};
use bowline_server::{Hub, http::Guards, listener::Server, session::Session};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

/// Sends everything back.
async fn echo(mut session: Session) -> Result<(), bowline_core::Error> {
    while let Some(message) = session.recv().await? {
        if session.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A path on which no connection lives for longer than 300 ms.
async fn bad_path(listener: TcpListener, server: std::net::SocketAddr) {
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut far = TcpStream::connect(server).await?;
            let carried = tokio::io::copy_bidirectional(&mut near, &mut far);
            let _ = tokio::time::timeout(Duration::from_millis(300), carried).await;
            Ok::<_, std::io::Error>(())
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let hub = Hub::builder().handler(echo).build();
    let running = Server::new().listen("127.0.0.1:0").bind()?.serve(hub.service(Guards::new()));
    let path = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", path.local_addr()?);
    tokio::spawn(bad_path(path, running.local_addrs()[0]));

    // Short waits, for an example that is over soon.
    let wait = Duration::from_millis(20);
    let backoff = Backoff::default().base(wait).spread(wait).max(wait);
    let mut client = Client::builder(&url).backoff(backoff).build()?;
    let sender = client.sender();
    let mut kitchen = sender.join("kitchen", JoinStart::Newest).await?;
    tokio::spawn(async move {
        for number in 0..100 {
            sender.send(format!("{number}")).await?;
            sender.publish("kitchen", format!("{number}")).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Failure>(())
    });

    let (mut echoed, mut published, mut disconnected) = (0, 0, 0);
    while echoed < 100 || published < 100 {
        tokio::select! {
            event = client.next() => match event.ok_or("the end")? {
                Event::Message(message) => {
                    assert_eq!(message.as_text(), Some(echoed.to_string().as_str()));
                    echoed += 1;
                }
                Event::Disconnected { .. } => disconnected += 1,
                event => println!("{event:?}"),
            },
            event = kitchen.next() => {
                let Some(RoomEvent::Publication { position, .. }) = event else { return Err("nothing else".into()) };
                published += 1;
                assert_eq!(position.offset, published);
            }
        }
    }
    assert!(disconnected > 1);
    println!("{echoed} messages and {published} publications in order, over {disconnected} connections that were cut");
    Ok(())
}
