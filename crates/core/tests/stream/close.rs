//! Every order in which a connection can end, on a paused clock: what is said, how long it takes, and what `ended` tells.

use std::time::Duration;

use bowline_core::{
    CloseCode, CloseFrame, Error, Message, Role,
    connection::{Ended, Event},
    error::Timeout,
    stream::WebSocket,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{
    common::{Peer, pair, scripted, socket, untimed},
    scripted::Scripted,
};

fn told(ended: Option<&Ended>) -> (u16, bool, bool) {
    let ended = ended.unwrap();
    (ended.code(), ended.by_peer(), ended.is_clean())
}

fn going() -> CloseFrame {
    CloseFrame::new(CloseCode::GOING_AWAY, "bye")
}

/// Receives to the end, which must be a good one.
async fn to_the_end(socket: &mut WebSocket<DuplexStream>) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = socket.recv().await.unwrap() {
        messages.push(message);
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn either_end_may_close_first() {
    for server_first in [true, false] {
        let (client, server) = pair(1_000, untimed());
        let (mut first, mut second) = if server_first { (server, client) } else { (client, server) };
        let start = Instant::now();
        let (closed, _) = tokio::join!(first.close(going()), async {
            to_the_end(&mut second).await;
            assert_eq!(told(second.ended()), (1001, true, true));
            assert_eq!(second.ended().unwrap().frame(), Some(&going()));
            drop(second);
        });
        closed.unwrap();
        assert_eq!(told(first.ended()), (1001, false, true));
        assert_eq!(start.elapsed(), Duration::ZERO, "somebody waited for the other in vain");
    }
}

#[tokio::test(start_paused = true)]
async fn both_ends_may_close_at_once() {
    let (mut client, mut server) = pair(1_000, untimed());
    client.start_close(Some(CloseCode::NORMAL_CLOSURE.into()));
    server.start_close(Some(going()));
    let (by_client, by_server) = tokio::join!(client.close(None), server.close(None));
    by_client.unwrap();
    by_server.unwrap();
    assert_eq!(told(client.ended()), (1001, false, true));
    assert_eq!(told(server.ended()), (1000, false, true));
}

// RFC 6455 §7.1.1: the server closes the connection first, the client waits for it.
#[tokio::test(start_paused = true)]
async fn the_server_ends_the_transport_first() {
    let (io, mut peer) = duplex(1_000);
    let mut client = socket(io, Role::Client, untimed());
    let server = async {
        let mut close = [0; 6];
        peer.read_exact(&mut close).await.unwrap();
        assert_eq!(close[..2], [0x88, 0x80]);
        peer.write_all(&[0x88, 0]).await.unwrap();
        let early = tokio::time::timeout(Duration::from_secs(1), peer.read(&mut close)).await;
        assert!(early.is_err(), "the client ended it first");
        drop(peer);
    };
    let (closed, ()) = tokio::join!(client.close(None), server);
    closed.unwrap();

    let (io, mut peer) = duplex(1_000);
    let mut server = socket(io, Role::Server, untimed());
    let client = async {
        peer.write_all(&Peer::client().close(CloseCode::NORMAL_CLOSURE)).await.unwrap();
        let mut wire = Vec::new();
        peer.read_to_end(&mut wire).await.unwrap();
        assert_eq!(wire, [0x88, 2, 0x03, 0xe8]);
        drop(peer);
    };
    let (end, ()) = tokio::join!(server.recv(), client);
    assert_eq!(end.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn neither_role_waits_for_ever_for_the_other_to_end_the_transport() {
    for role in [Role::Client, Role::Server] {
        let (io, mut peer) = duplex(1_000);
        let mut socket = socket(io, role, untimed());
        let answer = if role == Role::Client { vec![0x88, 0] } else { Peer::client().close(CloseCode::NORMAL_CLOSURE) };
        peer.write_all(&answer).await.unwrap();
        let start = Instant::now();
        socket.close(None).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 2, "{role:?}");
        assert!(socket.ended().unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_came_before_the_close_are_still_received() {
    let (mut client, mut server) = pair(1_000, untimed());
    server.start_close(Some(going()));
    let (messages, ()) = tokio::join!(to_the_end(&mut server), async {
        client.send("one").await.unwrap();
        client.send("two").await.unwrap();
        to_the_end(&mut client).await;
    });
    assert_eq!(messages, ["one".into(), "two".into()]);
    assert_eq!(told(server.ended()), (1001, false, true));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_without_close_is_abnormal() {
    let (client, mut server) = pair(1_000, untimed());
    drop(client);
    assert!(matches!(server.recv().await, Err(Error::Abnormal)));
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(told(server.ended()), (1006, true, false));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_without_answering_close_is_abnormal_but_not_the_first() {
    let (client, mut server) = pair(1_000, untimed());
    server.start_close(None);
    server.flush().await.unwrap();
    drop(client);
    assert!(matches!(server.close(None).await, Err(Error::Abnormal)));
    assert_eq!(told(server.ended()), (1006, false, false));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_close_gets_close_timeout() {
    for trickles in [false, true] {
        let (mut server, io) = scripted(Scripted::default(), untimed());
        let trickle = tokio::spawn(async move {
            let mut client = Peer::client();
            if trickles {
                loop {
                    sleep(Duration::from_millis(700)).await;
                    io.script().incoming.extend(client.messages(&["more".into()]));
                    io.script().wake();
                }
            }
            std::future::pending::<()>().await;
        });
        let start = Instant::now();
        assert!(matches!(server.close(going()).await, Err(Error::Timeout(Timeout::Close))));
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!(told(server.ended()), (1006, false, false));
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_close_is_ignored_and_bounded_in_time_and_bytes() {
    // RFC 6455 §1.4: data after Close is discarded; it isn't even looked at.
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().incoming.extend(Peer::client().close(CloseCode::NORMAL_CLOSURE));
    io.script().incoming.extend([0xff; 100_000]);
    io.script().eof = true;
    assert_eq!(server.recv().await.unwrap(), None);
    assert!(io.script().incoming.is_empty());
    assert_eq!(told(server.ended()), (1000, true, true));

    // Trickled for ever: two seconds.
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().incoming.extend(Peer::client().close(CloseCode::NORMAL_CLOSURE));
    let trickle = tokio::spawn({
        let io = io.clone();
        async move {
            loop {
                sleep(Duration::from_millis(100)).await;
                io.script().incoming.push_back(0);
                io.script().wake();
            }
        }
    });
    let start = Instant::now();
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(start.elapsed().as_secs(), 2);
    trickle.abort();

    // A flood: at most 16 MiB and two reads, once the transport has been ended.
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().incoming.extend(Peer::client().close(CloseCode::NORMAL_CLOSURE));
    io.script().incoming.extend(vec![0; 17 << 20]);
    assert_eq!(server.recv().await.unwrap(), None);
    let left = io.script().incoming.len();
    assert!(((1 << 20) - (256 << 10)..1 << 20).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_protocol_is_told_and_the_transport_ended_in_order() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    server.feed("queued before").await.unwrap();
    io.script().incoming.extend([0x83, 0x80, 0, 0, 0, 0]);
    io.script().eof = true;
    assert!(matches!(server.recv().await, Err(Error::Protocol(_))));
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(told(server.ended()), (1006, false, false));
    let seen = Peer::client().understand(&io.script().written());
    let [Event::Message(_), Event::Close(Some(frame))] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(frame.code(), CloseCode::PROTOCOL_ERROR);
    assert!(io.script().shut_down);
}

#[tokio::test(start_paused = true)]
async fn a_close_to_a_slow_peer_loses_nothing() {
    let (io, mut peer) = duplex(100);
    let mut server = socket(io, Role::Server, untimed());
    server.feed(vec![7; 1_000]).await.unwrap();
    let mut client = Peer::client();
    let slow = async {
        peer.write_all(&client.close(CloseCode::NORMAL_CLOSURE)).await.unwrap();
        let mut wire = vec![0; 1_008];
        for part in wire.chunks_mut(100) {
            sleep(Duration::from_secs(9)).await;
            peer.read_exact(part).await.unwrap();
        }
        drop(peer);
        wire
    };
    let (end, wire) = tokio::join!(server.recv(), slow);
    assert_eq!(end.unwrap(), None);
    assert_eq!(told(server.ended()), (1000, true, true));
    let close = Event::Close(Some(CloseCode::NORMAL_CLOSURE.into()));
    assert_eq!(client.understand(&wire), [Event::Message(vec![7; 1_000].into()), close]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_cannot_be_written_is_no_clean_end() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().blocked = true;
    server.feed("lost").await.unwrap();
    io.script().incoming.extend(Peer::client().close(CloseCode::NORMAL_CLOSURE));
    let start = Instant::now();
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Write))));
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(told(server.ended()), (1000, true, false));
    assert_eq!(server.recv().await.unwrap(), None);
    assert!(matches!(server.flush().await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_close_begun_by_the_sender_half_ends_in_the_receiver() {
    let (client, mut server) = pair(1_000, untimed());
    let (mut sender, mut receiver) = client.split();
    let receives = tokio::spawn(async move {
        let end = receiver.recv().await;
        (end, receiver.ended())
    });
    yield_now().await;
    sender.close(going()).await.unwrap();
    to_the_end(&mut server).await;
    drop(server);
    let (end, ended) = receives.await.unwrap();
    assert_eq!(end.unwrap(), None);
    assert_eq!(told(ended.as_ref()), (1001, false, true));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_heeds_the_close_timeout_that_the_sender_began() {
    // Without keepalive there was no timer before.
    let (server, _io) = scripted(Scripted::default(), untimed());
    let (mut sender, mut receiver) = server.split();
    let receives = tokio::spawn(async move { (receiver.recv().await, Instant::now()) });
    yield_now().await;
    let start = Instant::now();
    sender.close(None).await.unwrap();
    let (end, at) = tokio::time::timeout(Duration::from_secs(60), receives).await.unwrap().unwrap();
    assert!(matches!(end, Err(Error::Timeout(Timeout::Close))), "{end:?}");
    assert_eq!((at - start).as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_sender_half_alone_does_the_whole_closing_handshake() {
    let (client, mut server) = pair(1_000, untimed());
    let (mut sender, receiver) = client.split();
    drop(receiver);
    let (closed, messages) = tokio::join!(
        async {
            sender.send("last").await.unwrap();
            sender.close(going()).await
        },
        async {
            let messages = to_the_end(&mut server).await;
            drop(server);
            messages
        }
    );
    closed.unwrap();
    assert_eq!(messages, ["last".into()]);
}
