//! axum, as its documentation and its chat example write a WebSocket: a handler that upgrades, in an application that axum
//! serves.

use crate::broadcast::{CHANNEL, send};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::broadcast::Sender;

/// The natural loop: receive, send.
pub(crate) fn echo() -> Router {
    Router::new().route("/", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo_loop)))
}

async fn echo_loop(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if is_data(&message) && socket.send(message).await.is_err() {
            break;
        }
    }
}

/// What a connection sends goes to all of them, itself included, through a channel.
pub(crate) fn broadcast() -> Router {
    Router::new().route("/", any(join)).with_state(Sender::new(CHANNEL))
}

async fn join(upgrade: WebSocketUpgrade, State(room): State<Sender<Message>>) -> Response {
    upgrade.on_upgrade(|socket| member(socket, room))
}

/// The socket in two halves, and a task of its own for what is sent.
async fn member(socket: WebSocket, room: Sender<Message>) {
    let (mut sink, mut stream) = socket.split();
    let mut publications = room.subscribe();
    let mut sending = tokio::spawn(async move {
        while let Ok(publication) = publications.recv().await {
            if send(&mut sink, publication, &mut publications).await.is_err() {
                break;
            }
        }
    });
    let receive = async {
        while let Some(Ok(message)) = stream.next().await {
            if is_data(&message) {
                // Nobody is there to take it only while this connection, which is, ends.
                drop(room.send(message));
            }
        }
    };
    tokio::select! {
        () = receive => sending.abort(),
        _ = &mut sending => {}
    }
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}

/// Serves until that fails, by axum's own loop of accepting.
pub(crate) async fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
    // A connection on which it can't be set is gone already, and axum finds that out.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await
}
