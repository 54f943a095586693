//! One client that comes, gets its message echoed, stays a while and goes.

use std::{sync::Mutex, time::Duration};

use bowline_client::{Client, Event};
use bowline_core::stream::Connector;

use crate::{
    Error, Target,
    dial::Dialer,
    flow::{self, Way, locked},
};

/// What a visitor comes by.
pub(super) enum Door {
    /// A bare WebSocket.
    Raw { target: Target, dialer: Mutex<Dialer> },
    /// A session.
    Session(Way),
}

/// A visitor that is there.
pub(super) enum Visitor {
    Raw(Box<bowline_core::stream::WebSocket<tokio::net::TcpStream>>),
    Session(Client),
}

impl Door {
    /// Comes in: done once the WebSocket or the session is open.
    pub(super) async fn open(&self) -> Result<Visitor, Error> {
        match self {
            Self::Raw { target, dialer } => {
                // Connecting takes a dialer for itself: the next source address is of another.
                let mut next = locked(dialer).one();
                let socket = next.connect().await?;
                let opened = Connector::new().handshake(&target.to_string(), socket).await;
                let opened = opened.map_err(|error| Error::NotWebSocket { problem: error.to_string() });
                opened.map(|socket| Visitor::Raw(socket.into()))
            }
            Self::Session(way) => flow::come(way).await.map(Visitor::Session),
        }
    }
}

impl Visitor {
    /// Sends a message and waits for it.
    pub(super) async fn echo(&mut self, text: &str) -> Result<(), String> {
        let back = match self {
            Self::Raw(socket) => {
                socket.send(text).await.map_err(|error| error.to_string())?;
                let back = socket.recv().await.map_err(|error| error.to_string())?;
                back.ok_or_else(|| "the server closed the connection".to_owned())?
            }
            Self::Session(client) => {
                client.sender().send(text).await.map_err(|error| error.to_string())?;
                loop {
                    match client.next().await {
                        Some(Event::Message(message)) => break message,
                        Some(Event::Closed(why)) => return Err(why.to_string()),
                        Some(Event::SessionLost) => return Err("the session was lost".to_owned()),
                        Some(_) => {}
                        None => return Err("it was closed".to_owned()),
                    }
                }
            }
        };
        if back.as_text() == Some(text) { Ok(()) } else { Err(format!("{back:?} came instead of the message")) }
    }

    /// Stays, and goes in good order.
    pub(super) async fn leave(self, stay: Duration) -> Result<(), String> {
        match self {
            Self::Raw(mut socket) => {
                // Pings are answered meanwhile.
                match tokio::time::timeout(stay, socket.recv()).await {
                    Err(_) => socket.close(None).await.map_err(|error| error.to_string()),
                    Ok(other) => Err(format!("{other:?} came while it stayed")),
                }
            }
            Self::Session(mut client) => {
                let staying = async {
                    while let Some(event) = client.next().await {
                        if let Event::Closed(why) = event {
                            return why.to_string();
                        }
                    }
                    "it was closed".to_owned()
                };
                if let Ok(why) = tokio::time::timeout(stay, staying).await {
                    return Err(why);
                }
                flow::go(client).await
            }
        }
    }
}
