//! The end of a connection where the kernel has a say: unread input, resets, half-closed sockets.

use std::time::Duration;

use bowline_core::{CloseCode, Error, Message, Role, connection::Event, stream::WebSocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::common::{Peer, socket, tcp, untimed};

/// Fails a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// 512 KiB queued, and 64 KiB from the peer that nobody reads, when the server closes.
async fn close_with_unread_input(trial: u8) {
    let (mut client, server) = tcp().await;
    let mut server = socket(server, Role::Server, untimed());
    let mut peer = Peer::client();
    client.write_all(&peer.messages(&[vec![trial; 64 << 10].into()])).await.unwrap();
    let payload = Message::from(vec![trial; 512 << 10]);
    server.feed(payload.clone()).await.unwrap();
    let close = CloseCode::GOING_AWAY.into();
    // The peer reads only once the server has done all it can.
    let serves = tokio::spawn(async move {
        let _ = timeout(Duration::from_secs(10), server.close(Some(close))).await;
    });
    let mut wire = Vec::new();
    let mut frame = vec![0; 10 + (512 << 10) + 4];
    client.read_exact(&mut frame).await.unwrap();
    wire.extend_from_slice(&frame);
    client.write_all(&Peer::client().close(CloseCode::GOING_AWAY)).await.unwrap();
    client.read_to_end(&mut wire).await.unwrap();
    drop(client);
    serves.await.unwrap();
    let events = peer.understand(&wire);
    assert!(events == [Event::Message(payload), Event::Close(Some(CloseCode::GOING_AWAY.into()))]);
}

#[tokio::test]
async fn closing_with_unread_input_loses_nothing() {
    for trial in 0..8 {
        timeout(PATIENCE, close_with_unread_input(trial)).await.unwrap();
    }
}

/// The server fails the connection in the middle of the peer's flood; the peer still reads why.
#[tokio::test]
async fn a_peer_in_full_flood_still_gets_its_code() {
    for _ in 0..8 {
        let (mut client, server) = tcp().await;
        let mut server = socket(server, Role::Server, untimed());
        let flood = [vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0], vec![0; 100_000]].concat();
        client.write_all(&flood).await.unwrap();
        let serves = tokio::spawn(async move {
            let end = server.recv().await;
            assert!(matches!(end, Err(Error::Limit(_))), "{end:?}");
        });
        let mut wire = Vec::new();
        timeout(PATIENCE, client.read_to_end(&mut wire)).await.unwrap().unwrap();
        drop(client);
        serves.await.unwrap();
        let [Event::Close(Some(frame))] = &Peer::client().understand(&wire)[..] else { panic!("{wire:?}") };
        assert_eq!(frame.code(), CloseCode::MESSAGE_TOO_BIG);
    }
}

#[tokio::test]
async fn a_peer_that_half_closes_after_its_message_gets_the_echo() {
    let (mut client, server) = tcp().await;
    let mut server = socket(server, Role::Server, untimed());
    let payload = Message::from(vec![7; 1 << 20]);
    let mut peer = Peer::client();
    let asks = async {
        client.write_all(&peer.messages(std::slice::from_ref(&payload))).await.unwrap();
        client.shutdown().await.unwrap();
        let mut wire = Vec::new();
        client.read_to_end(&mut wire).await.unwrap();
        peer.understand(&wire)
    };
    let echoes = async {
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        assert!(matches!(server.recv().await, Err(Error::Abnormal)));
        drop(server);
    };
    let (seen, ()) = timeout(PATIENCE, async { tokio::join!(asks, echoes) }).await.unwrap();
    assert!(seen == [Event::Message(payload)]);
}

/// Closes so that the kernel sends RST: with input unread.
async fn reset(mut client: TcpStream, server: &mut WebSocket<TcpStream>) {
    server.send("unread").await.unwrap();
    client.readable().await.unwrap();
    // What was sent before the reset comes first.
    client.write_all(&Peer::client().messages(&["last words".into()])).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("last words".into()));
    drop(client);
}

#[tokio::test]
async fn a_reset_is_an_error_and_then_the_end() {
    let (client, server) = tcp().await;
    let mut server = socket(server, Role::Server, untimed());
    reset(client, &mut server).await;
    let end = timeout(PATIENCE, server.recv()).await.unwrap();
    assert!(matches!(end, Err(Error::Io(_))), "{end:?}");
    assert_eq!(server.recv().await.unwrap(), None);
    let ended = server.ended().unwrap();
    assert!(!ended.is_clean() && ended.by_peer() && ended.code() == 1006, "{ended:?}");
}

#[tokio::test]
async fn a_reset_while_writing_fails_the_write() {
    let (client, server) = tcp().await;
    let mut server = socket(server, Role::Server, untimed());
    reset(client, &mut server).await;
    let failed = timeout(PATIENCE, async {
        loop {
            if let Err(failed) = server.send(vec![7; 1 << 20]).await {
                return failed;
            }
        }
    });
    let failed = failed.await.unwrap();
    assert!(!failed.is_closed(), "{failed:?}");
    let end = timeout(PATIENCE, server.recv()).await.unwrap();
    assert!(matches!(end, Err(Error::Io(_) | Error::Abnormal)), "{end:?}");
}

#[tokio::test]
async fn neither_end_waits_out_the_other() {
    for server_first in [true, false] {
        let (client, server) = tcp().await;
        let mut client = socket(client, Role::Client, untimed());
        let mut server = socket(server, Role::Server, untimed());
        let both = async {
            if server_first {
                tokio::join!(server.close(None), client.recv()).0.unwrap();
            } else {
                tokio::join!(client.close(None), server.recv()).0.unwrap();
            }
        };
        // Neither waits for a timeout of the other: the server's shutdown ends the client, and the client's the server.
        timeout(Duration::from_secs(2), both).await.unwrap();
        assert!(client.ended().unwrap().is_clean() && server.ended().unwrap().is_clean());
        assert_eq!(client.ended().unwrap().by_peer(), server_first);
    }
}
