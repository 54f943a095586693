//! What each connection goes through: the opening handshake, the echo, the closing handshake.

use std::net::SocketAddr;
use std::pin::pin;

use bowline_core::handshake::Request;
use bowline_core::stream::{Acceptor, WebSocket};
use bowline_core::{CloseCode, CloseFrame, Error};
use bowline_server::listener::Slot;
use bowline_server::log::Untrusted;
use http::HeaderMap;
use tokio::net::TcpStream;
use tracing::field;

pub(super) async fn handshake(
    acceptor: &'static Acceptor,
    number: u64,
    tcp: TcpStream,
    peer: SocketAddr,
) -> Option<WebSocket<TcpStream>> {
    let look = |request: &Request| {
        let path = field::display(Untrusted(request.uri().path()));
        let origin = request.origin().map(|origin| field::display(Untrusted(origin)));
        tracing::debug!(number, %peer, path, origin, "open");
        Ok(HeaderMap::new())
    };
    match acceptor.accept_with(tcp, look).await {
        Ok(ws) => Some(ws),
        Err(error) => {
            tracing::debug!(number, %peer, %error, "no WebSocket");
            None
        }
    }
}

async fn echo(ws: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    loop {
        // `while let` would hold what was received a second time while it is sent.
        let Some(message) = ws.recv().await? else { return Ok(()) };
        ws.send(message).await?;
    }
}

/// One connection, from the first byte to the last.
#[expect(clippy::manual_async_fn, reason = "it would hold its arguments twice: as such, and as variables")]
pub(super) fn connection(
    mut slot: Slot,
    number: u64,
    handshake: impl Future<Output = Option<WebSocket<TcpStream>>> + Unpin + Send,
) -> impl Future<Output = ()> + Send {
    async move {
        // A client that is in its handshake when the server stops is let go: it has no WebSocket to close yet.
        let Some(Some(mut ws)) = slot.unless_stopping(handshake).await else { return };
        // Raced as a whole, so that the loop itself is the natural one. What a stop cuts short is cancel safe: an answer that
        // is queued leaves before Close.
        let end = {
            let echo = pin!(echo(&mut ws));
            slot.unless_stopping(echo).await
        };
        let end = match end {
            Some(end) => end,
            None => ws.close(CloseFrame::from(CloseCode::GOING_AWAY)).await,
        };
        match end {
            Ok(()) => tracing::debug!(number, ended = ws.ended().map(field::debug), "closed"),
            Err(error) => tracing::debug!(number, %error, "failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bowline_server::listener::Slots;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connections_task_is_little_more_than_its_web_socket() {
        let acceptor: &'static Acceptor = Box::leak(Box::new(Acceptor::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let tcp = TcpStream::connect(address).await.expect("it accepts");
        let slot = Arc::new(Slots::new(1)).try_take().expect("free");
        let task = connection(slot, 1, Box::pin(handshake(acceptor, 1, tcp, address)));
        let own = size_of_val(&task) - size_of::<WebSocket<TcpStream>>();
        assert!(own <= 240, "{own} bytes");
    }
}
