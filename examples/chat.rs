//! A chat in one room: each connection is split, so that one task receives while another sends. Two clients talk to each
//! other: `cargo run --example chat`.

use std::error::Error;

use bowline_core::{
    Message,
    stream::{Connector, WebSocket},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};

type Failure = Box<dyn Error + Send + Sync>;

/// How many messages a slow member may be behind; past it, the oldest are lost to it.
const BACKLOG: usize = 64;

async fn member(socket: TcpStream, room: broadcast::Sender<Message>) -> Result<(), Failure> {
    let (mut sender, mut receiver) = WebSocket::accept(socket).await?.split();
    let mut news = room.subscribe();
    sender.send("welcome").await?;
    let telling = tokio::spawn(async move {
        loop {
            let message = match news.recv().await {
                Ok(message) => message,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    Message::text(format!("({missed} messages missed)"))
                }
                Err(broadcast::error::RecvError::Closed) => return,
            };
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = receiver.recv().await? {
        // Nobody left to hear it is no error.
        let _ = room.send(message);
    }
    telling.abort();
    Ok(())
}

async fn serve(listener: TcpListener) -> Result<(), Failure> {
    let (room, _) = broadcast::channel(BACKLOG);
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(member(socket, room.clone()));
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));

    let mut clients = Vec::new();
    for _ in 0..2 {
        let socket = TcpStream::connect(address).await?;
        let mut ws = Connector::new().handshake(&format!("ws://{address}/"), socket).await?;
        assert_eq!(ws.recv().await?, Some("welcome".into()), "a member is in the room before it is welcome");
        clients.push(ws);
    }
    for (speaker, said) in [(0, "is anyone there?"), (1, "I am")] {
        clients[speaker].send(said).await?;
        for (listener, ws) in clients.iter_mut().enumerate() {
            assert_eq!(ws.recv().await?, Some(said.into()));
            println!("client {listener} hears: {said}");
        }
    }
    for mut ws in clients {
        ws.close(None).await?;
    }
    server.abort();
    Ok(())
}
