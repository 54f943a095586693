//! An application on tokio-tungstenite moves over piece by piece: each step, with the other end as it was.
#![cfg(feature = "tungstenite")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{io, time::Duration};

use bowline_core::{
    CloseCode, CloseFrame, Error, Message, Role,
    connection::Config,
    error::{Limit, LimitExceeded, ProtocolError, Timeout},
    handshake::Negotiated,
    message::{Kind, Piece},
    stream::{Connector, WebSocket, tungstenite::Tungstenite},
};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream::FusedStream};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{self, error::CapacityError, protocol::Role as TheirRole},
};

const URL: &str = "ws://example.org/";

fn messages() -> Vec<Message> {
    vec!["".into(), "grüße".into(), vec![7; 300].into(), vec![7; 100_000].into()]
}

/// The handler of the application as it was.
async fn old_echo(mut stream: WebSocketStream<DuplexStream>) -> Result<(), tungstenite::Error> {
    while let Some(message) = stream.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            stream.send(message).await?;
        }
    }
    Ok(())
}

/// The handler moved over.
async fn new_echo(mut socket: WebSocket<DuplexStream>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// A client as it was.
async fn old_client(io: DuplexStream) {
    let (mut stream, _) = client_async(URL, io).await.unwrap();
    for message in messages() {
        stream.send(message.clone().into()).await.unwrap();
        let answer = stream.next().await.unwrap().unwrap();
        assert_eq!(Message::try_from(answer).unwrap(), message);
    }
    stream.close(None).await.unwrap();
    while stream.next().await.is_some() {}
}

/// A client moved over.
async fn new_client(io: DuplexStream) {
    let mut socket = Connector::new().handshake(URL, io).await.unwrap();
    for message in messages() {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(message));
    }
    socket.close(None).await.unwrap();
    assert!(socket.ended().unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn each_step_of_the_way_over_works_with_both_clients() {
    for moved_client in [false, true] {
        for step in 0..5 {
            let (client, server) = duplex(1_000);
            let serves = async {
                match step {
                    0 => old_echo(accept_async(server).await.unwrap()).await.unwrap(),
                    1 => {
                        let stream = accept_async(server).await.unwrap();
                        new_echo(WebSocket::from_tungstenite(stream, Config::default())).await.unwrap();
                    }
                    2 => {
                        let mut stream = Tungstenite::new(accept_async(server).await.unwrap());
                        while let Some(message) = stream.recv().await.unwrap() {
                            stream.send(message).await.unwrap();
                        }
                        assert!(stream.ended().unwrap().is_clean() && stream.ended().unwrap().by_peer());
                    }
                    3 => {
                        let socket = WebSocket::accept(server).await.unwrap();
                        old_echo(socket.into_tungstenite(None).await.unwrap()).await.unwrap();
                    }
                    _ => new_echo(WebSocket::accept(server).await.unwrap()).await.unwrap(),
                }
            };
            if moved_client {
                tokio::join!(serves, new_client(client));
            } else {
                tokio::join!(serves, old_client(client));
            }
        }
    }
}

fn pair() -> (WebSocket<DuplexStream>, DuplexStream) {
    let (io, peer) = duplex(10_000);
    let config = Config::default().keepalive(None);
    (WebSocket::from_raw(io, &Negotiated::assumed(Role::Client), config, BytesMut::new()), peer)
}

#[tokio::test(start_paused = true)]
async fn what_came_with_the_last_message_goes_along() {
    let (mut socket, mut peer) = pair();
    peer.write_all(b"\x81\x03one\x81\x03two\x81\x05thr").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("one".into()));
    let mut stream = socket.into_tungstenite(None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "two".into());
    peer.write_all(b"ee").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "three".into());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_busy_comes_back_unharmed() {
    // In the middle of a message that comes.
    let (mut socket, mut peer) = pair();
    peer.write_all(b"\x81\x03o").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.recv()).await.is_err());
    let mut socket = socket.into_tungstenite(None).await.unwrap_err().into_socket();
    peer.write_all(b"ne").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some("one".into()));
    // In the middle of a message that goes.
    let piece = |last| Piece { kind: Kind::Text, data: "x".into(), last };
    socket.send_piece(piece(false)).await.unwrap();
    let mut socket = socket.into_tungstenite(None).await.unwrap_err().into_socket();
    socket.send_piece(piece(true)).await.unwrap();
    // Closing.
    socket.start_close(None);
    let socket = socket.into_tungstenite(None).await.unwrap_err().into_socket();
    assert_eq!(socket.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn the_adapter_is_a_stream_and_a_sink() {
    let (client, server) = duplex(1_000);
    let client = WebSocketStream::from_raw_socket(client, TheirRole::Client, None).await;
    let mut server = Tungstenite::new(WebSocketStream::from_raw_socket(server, TheirRole::Server, None).await);
    let mut client = Tungstenite::new(client);
    let receives = async move {
        let received = (&mut server).try_collect::<Vec<_>>().await.unwrap();
        // tungstenite's client waits for the server to end the transport.
        (received, server.ended().cloned().unwrap())
    };
    let ((received, theirs), ()) = tokio::join!(receives, async {
        for message in messages() {
            SinkExt::send(&mut client, message).await.unwrap();
        }
        SinkExt::close(&mut client).await.unwrap();
        assert!(client.is_terminated());
    });
    assert_eq!(received, messages());
    let ours = client.ended().unwrap();
    assert_eq!((ours.code(), ours.by_peer(), ours.is_clean()), (1000, false, true));
    assert_eq!((theirs.code(), theirs.by_peer(), theirs.is_clean()), (1000, true, true));
    assert!(matches!(client.send("late").await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn the_adapter_tells_ends_apart() {
    // Gone without a word.
    let (io, peer) = duplex(1_000);
    let mut server = Tungstenite::new(WebSocketStream::from_raw_socket(io, TheirRole::Server, None).await);
    drop(peer);
    assert!(matches!(server.recv().await, Err(Error::Abnormal)));
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!((server.ended().unwrap().code(), server.ended().unwrap().is_clean()), (1006, false));
    // Never answers Close.
    let (io, _peer) = duplex(1_000);
    let mut server = Tungstenite::new(WebSocketStream::from_raw_socket(io, TheirRole::Server, None).await);
    let closed = server.close(CloseFrame::from(CloseCode::GOING_AWAY)).await;
    assert!(matches!(closed, Err(Error::Timeout(Timeout::Close))), "{closed:?}");
    assert!(!server.ended().unwrap().by_peer());
}

#[test]
fn only_text_and_binary_are_messages() {
    let frame = tungstenite::protocol::frame::Frame::ping("x");
    for (message, named) in [
        (tungstenite::Message::Ping("x".into()), "Ping"),
        (tungstenite::Message::Pong("x".into()), "Pong"),
        (tungstenite::Message::Close(None), "Close"),
        (tungstenite::Message::Frame(frame), "raw frame"),
    ] {
        let refused = Message::try_from(message.clone()).unwrap_err();
        assert!(refused.to_string().contains(named), "{refused}");
        assert_eq!(refused.into_inner(), message);
    }
}

#[test]
fn close_codes_and_frames_convert_both_ways() {
    use tungstenite::protocol::frame::{CloseFrame as TheirFrame, coding::CloseCode as TheirCode};
    for number in 0..=u16::MAX {
        let theirs = TheirCode::from(number);
        match CloseCode::new(number) {
            Some(ours) => {
                assert_eq!(CloseCode::try_from(theirs), Ok(ours));
                assert_eq!(u16::from(TheirCode::from(ours)), number);
            }
            None => assert!(CloseCode::try_from(theirs).is_err(), "{number}"),
        }
    }
    let ours = CloseFrame::new(CloseCode::GOING_AWAY, "auf wiedersehen, grüße");
    assert_eq!(CloseFrame::try_from(TheirFrame::from(ours.clone())).unwrap(), ours);
    assert!(CloseFrame::try_from(TheirFrame { code: TheirCode::Abnormal, reason: "".into() }).is_err());
}

#[test]
fn errors_keep_their_meaning() {
    let back = |error: Error| Error::from(tungstenite::Error::from(error));
    for error in [
        ProtocolError::UnmaskedFrame,
        ProtocolError::MaskedFrame,
        ProtocolError::ReservedBits,
        ProtocolError::ReservedOpcode(3),
        ProtocolError::FragmentedControl,
        ProtocolError::OversizedControl,
        ProtocolError::UnexpectedContinuation,
        ProtocolError::InvalidUtf8,
    ] {
        assert!(matches!(back(error.into()), Error::Protocol(same) if same == error), "{error:?}");
    }
    assert!(matches!(back(Error::Abnormal), Error::Abnormal));
    assert!(matches!(back(Error::Closed), Error::Closed));
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    assert!(matches!(back(reset.into()), Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset));
    assert!(matches!(back(Timeout::Pong.into()), Error::Io(error) if error.kind() == io::ErrorKind::TimedOut));

    let capacity = tungstenite::Error::from(CapacityError::MessageTooLong { size: 9, max_size: 5 });
    let Error::Limit(limit) = Error::from(capacity) else { panic!() };
    assert_eq!((limit.limit, limit.max), (Limit::MessageSize, 5));
    let limit: LimitExceeded = limit;
    let tungstenite::Error::Capacity(CapacityError::MessageTooLong { size: 6, max_size: 5 }) =
        Error::from(limit).into()
    else {
        panic!()
    };
}
