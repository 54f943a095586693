//! Finding out at once what is wrong for every client, before all of them come.

use std::time::Duration;

use bowline_client::{Client, Closed, Event};
use bowline_core::CloseCode;
use tokio::time::timeout;

use super::Way;
use crate::{Error, Target, dial::Dialer};

/// Makes sure that a server listens there.
pub(crate) async fn reach(target: &Target, patience: Duration) -> Result<(), Error> {
    let mut dialer = Dialer::new(target)?;
    let late = |_| Error::Timeout { waiting_for: "a connection", after: patience };
    timeout(patience, dialer.connect()).await.map_err(late)?.map(drop)
}

/// Makes sure that a server listens there, and that a client gets a session of it; that one goes again.
pub(crate) async fn knock(target: &Target, way: &Way, patience: Duration) -> Result<(), Error> {
    reach(target, patience).await?;
    let late = |_| Error::Timeout { waiting_for: "a client to open", after: patience };
    let client = timeout(patience, come(way)).await.map_err(late)??;
    // How it goes is not what was asked.
    let _clean = go(client).await;
    Ok(())
}

/// A client once its session is open. An error is that its first try was in vain.
pub(crate) async fn come(way: &Way) -> Result<Client, Error> {
    let mut client = way.client()?;
    loop {
        let problem = match client.next().await {
            Some(Event::Connected { .. }) => return Ok(client),
            Some(Event::Disconnected { reason, .. }) => reason,
            Some(Event::Closed(why)) => why.to_string(),
            Some(_) => continue,
            None => "it was closed".to_owned(),
        };
        return Err(Error::NotSession { problem });
    }
}

/// Closes a client in good order: done within its `close_timeout`, of 10 s.
pub(crate) async fn go(mut client: Client) -> Result<(), String> {
    client.sender().close(CloseCode::NORMAL_CLOSURE);
    while let Some(event) = client.next().await {
        match event {
            Event::Closed(Closed::ByClient { clean: true }) => return Ok(()),
            Event::Closed(why) => return Err(why.to_string()),
            _ => {}
        }
    }
    Ok(())
}
