//! The best honest broadcast of each crate: what a connection sends goes to all of them, itself included.
//!
//! One task a connection, between its socket and a [`broadcast`](tokio::sync::broadcast) channel whose messages share their payload. What has come to
//! the channel by then leaves with one flush: these crates leave it to their users to batch.

use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketError, after_handshake_split, upgrade};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_websockets::ServerBuilder;

/// Publications that a connection may be behind: then it is dropped, as it would have missed some.
pub(crate) const CHANNEL: usize = 4096;

/// tokio-tungstenite with a read buffer of 4 KiB.
pub(crate) async fn tungstenite(stream: TcpStream, room: Sender<tungstenite::Message>) {
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let Ok(socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else { return };
    member(socket, room, |message| message.is_text() || message.is_binary()).await;
}

/// tokio-websockets.
pub(crate) async fn tokio_websockets(stream: TcpStream, room: Sender<tokio_websockets::Message>) {
    let Ok((_request, socket)) = ServerBuilder::new().accept(stream).await else { return };
    member(socket, room, |message| message.is_text() || message.is_binary()).await;
}

/// A connection of a crate whose sockets are streams and sinks.
async fn member<S, M, E>(mut socket: S, room: Sender<M>, is_data: fn(&M) -> bool)
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Clone,
{
    let mut publications = room.subscribe();
    loop {
        // The socket first: all that one read brought is published before anything is sent.
        tokio::select! {
            biased;
            received = socket.next() => match received {
                // Nobody is there to take it only while this connection, which is, ends.
                Some(Ok(message)) if is_data(&message) => drop(room.send(message)),
                Some(Ok(_)) => {}
                _ => return,
            },
            publication = publications.recv() => {
                let Ok(publication) = publication else { return };
                if send(&mut socket, publication, &mut publications).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Sends a publication and all others that are there, with one flush.
pub(crate) async fn send<S, M>(socket: &mut S, first: M, more: &mut Receiver<M>) -> Result<(), S::Error>
where
    S: Sink<M> + Unpin,
    M: Clone,
{
    socket.feed(first).await?;
    while let Ok(publication) = more.try_recv() {
        socket.feed(publication).await?;
    }
    socket.flush().await
}

/// fastwebsockets behind hyper.
pub(crate) async fn fastwebsockets(stream: TcpStream, room: Sender<(OpCode, Bytes)>) {
    let service = hyper::service::service_fn(move |request| std::future::ready(accept(request, room.clone())));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A connection that ends with an error has ended: there is nobody to tell.
    let _ended = connection.with_upgrades().await;
}

fn accept(
    mut request: Request<Incoming>,
    room: Sender<(OpCode, Bytes)>,
) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let Ok(socket) = upgraded.await else { return };
        // Without hyper in between, the stream comes apart without a lock. The load generator sends nothing before it has
        // the answer, so that hyper has read no more than the request.
        let Ok(parts) = socket.into_inner().into_inner().downcast::<TokioIo<TcpStream>>() else { return };
        // As in the crate's own echo server, out of tokio's budget.
        tokio::task::unconstrained(fastwebsockets_member(parts.io.into_inner(), room)).await;
    });
    Ok(response)
}

async fn fastwebsockets_member(stream: TcpStream, room: Sender<(OpCode, Bytes)>) {
    let mut publications = room.subscribe();
    let (reader, writer) = stream.into_split();
    // Each frame is written by itself: a buffer in between makes one write of them.
    let (mut reader, mut writer) = after_handshake_split(reader, BufWriter::new(writer), Role::Server);
    let read = async move {
        // Pongs and the answer to Close, which the load generator asks for as little as it pings.
        let mut obliged = |_: Frame<'_>| std::future::ready(Ok::<_, std::io::Error>(()));
        while let Ok(frame) = reader.read_frame(&mut obliged).await {
            match (frame.opcode, frame.payload) {
                (OpCode::Close, _) => return,
                (opcode @ (OpCode::Text | OpCode::Binary), Payload::Bytes(payload)) => {
                    drop(room.send((opcode, payload.freeze())));
                }
                _ => {}
            }
        }
    };
    let write = async move {
        while let Ok(mut publication) = publications.recv().await {
            loop {
                let (opcode, payload) = &publication;
                let frame = Frame::new(true, *opcode, None, Payload::Borrowed(payload));
                if writer.write_frame(frame).await.is_err() {
                    return;
                }
                match publications.try_recv() {
                    Ok(next) => publication = next,
                    Err(_) => break,
                }
            }
            if writer.flush().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = read => {}
        () = write => {}
    }
}
