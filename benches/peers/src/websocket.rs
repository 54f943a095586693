//! The natural loop (receive, send) in each of the other crates.

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_websockets::ServerBuilder;

/// tokio-tungstenite, with its default configuration or another size of its read buffer.
pub(crate) async fn tungstenite(stream: TcpStream, read_buffer: Option<usize>) {
    let config = read_buffer.map(|size| WebSocketConfig::default().read_buffer_size(size));
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, config).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}

/// tokio-websockets.
pub(crate) async fn tokio_websockets(stream: TcpStream) {
    let Ok((_request, mut socket)) = ServerBuilder::new().accept(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}

/// fastwebsockets behind hyper.
pub(crate) async fn fastwebsockets(stream: TcpStream) {
    let service = hyper::service::service_fn(accept);
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A connection that ends with an error has ended: there is nobody to tell.
    let _ended = connection.with_upgrades().await;
}

async fn accept(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let Ok(socket) = upgraded.await else { return };
        // As in the crate's own echo server, out of tokio's budget: it is the faster way.
        tokio::task::unconstrained(fastwebsockets_loop(FragmentCollector::new(socket))).await;
    });
    Ok(response)
}

async fn fastwebsockets_loop(mut socket: FragmentCollector<TokioIo<hyper::upgrade::Upgraded>>) {
    while let Ok(frame) = socket.read_frame().await {
        let data = matches!(frame.opcode, OpCode::Text | OpCode::Binary);
        let close = frame.opcode == OpCode::Close;
        if close || (data && socket.write_frame(frame).await.is_err()) {
            break;
        }
    }
}
