//! A write that waits: the connection lives on meanwhile.

use std::time::Duration;

use bowline_core::{CloseCode, Error, Message, Role, connection::Event, error::SendErrorReason, error::Timeout};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{
    common::{Peer, pair, scripted, socket, untimed},
    scripted::Scripted,
};

fn big() -> Message {
    vec![7; 300_000].into()
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_both_send_first_both_finish() {
    let (mut client, mut server) = pair(1_000, untimed());
    let exchange = async |socket: &mut bowline_core::stream::WebSocket<_>| {
        socket.send(big()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(big()));
    };
    tokio::join!(exchange(&mut client), exchange(&mut server));
}

#[tokio::test(start_paused = true)]
async fn a_blocked_send_takes_in_pings_and_answers_the_latest() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let mut client = Peer::client();
    io.script().blocked = true;
    let task = tokio::spawn(async move {
        server.send(big()).await.unwrap();
        server
    });
    for number in 0..20_u8 {
        let ping = client.ping(vec![number]);
        io.script().incoming.extend(ping);
        io.script().wake();
        while !io.script().incoming.is_empty() {
            yield_now().await;
        }
    }
    io.script().blocked = false;
    io.script().wake();
    let _server = task.await.unwrap();
    // RFC 6455 §5.5.3: only the latest Ping need be answered, past the sixteen that may wait; and not inside of a frame.
    let seen = client.understand(&io.script().written());
    let pongs = (0..16).chain([19]).map(|number: u8| Event::Pong(vec![number].into()));
    assert_eq!(seen, [Event::Message(big())].into_iter().chain(pongs).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_blocked_send_keeps_one_message_and_then_stops_reading() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let mut client = Peer::client();
    io.script().blocked = true;
    io.script().step = 600;
    // Each comes by a read of its own.
    let payload = vec![1; 600 - 8];
    let wire = client.messages(&vec![Message::from(payload.clone()); 50]);
    assert_eq!(wire.len() % 600, 0);
    io.script().incoming.extend(wire);
    let task = tokio::spawn(async move {
        server.send(big()).await.unwrap();
        server
    });
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(io.script().incoming.len(), 49 * 600, "it read on though nobody receives");
    io.script().blocked = false;
    io.script().step = 0;
    io.script().wake();
    let mut server = task.await.unwrap();
    for _ in 0..50 {
        assert_eq!(server.recv().await.unwrap(), Some(payload.clone().into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_send_hears_close_and_the_message_still_leaves() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    let mut client = Peer::client();
    io.script().blocked = true;
    io.script().incoming.extend(client.close(CloseCode::GOING_AWAY));
    let task = tokio::spawn(async move {
        server.send(big()).await.unwrap();
        let refused = server.send("too late").await.unwrap_err();
        assert!(refused.is_closed());
        assert_eq!(refused.into_rejected().unwrap().message(), &Message::from("too late"));
        assert_eq!(server.recv().await.unwrap(), None);
        server.ended().cloned().unwrap()
    });
    while !io.script().incoming.is_empty() {
        yield_now().await;
    }
    io.script().eof = true;
    io.script().blocked = false;
    io.script().wake();
    let ended = task.await.unwrap();
    assert!(ended.is_clean() && ended.by_peer() && ended.code() == 1001, "{ended:?}");
    // RFC 6455 §5.5.1: the message under way first, then the answer, then nothing.
    let mut seen = client.understand(&io.script().written());
    assert_eq!(seen.pop(), Some(Event::Close(Some(CloseCode::GOING_AWAY.into()))));
    assert_eq!(seen, [Event::Message(big())]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_said_all_it_wants_still_gets_the_whole_answer() {
    let (server, client) = duplex(1_000);
    let mut server = socket(server, Role::Server, untimed());
    let (mut reader, mut writer) = tokio::io::split(client);
    let mut peer = Peer::client();
    let asks = async {
        writer.write_all(&peer.messages(&[big()])).await.unwrap();
        writer.shutdown().await.unwrap();
        // Long enough for the server to meet the end of input while it writes.
        sleep(Duration::from_secs(1)).await;
        let mut wire = Vec::new();
        reader.read_to_end(&mut wire).await.unwrap();
        peer.understand(&wire)
    };
    let answers = async {
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        assert!(matches!(server.recv().await, Err(Error::Abnormal)));
        assert_eq!(server.recv().await.unwrap(), None);
    };
    let (seen, ()) = tokio::join!(asks, answers);
    assert_eq!(seen, [Event::Message(big())]);
    assert_eq!(server.ended().unwrap().code(), 1006);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_send_fails_with_a_peer_that_breaks_the_protocol() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().blocked = true;
    io.script().incoming.extend([0x81, 0x00]);
    let failed = server.send(big()).await.unwrap_err();
    assert!(matches!(failed.reason(), SendErrorReason::Failed(Error::Closed)), "{failed:?}");
    io.script().blocked = false;
    io.script().eof = true;
    assert!(matches!(server.recv().await, Err(Error::Protocol(_))));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_after_write_timeout() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().blocked = true;
    let start = Instant::now();
    let failed = server.send(big()).await.unwrap_err();
    assert!(matches!(failed.reason(), SendErrorReason::Failed(_)), "{failed:?}");
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Write))));
    assert_eq!(server.recv().await.unwrap(), None);
    let ended = server.ended().unwrap();
    assert!(!ended.is_clean() && !ended.by_peer() && ended.code() == 1006, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_noticed_by_recv_too() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().blocked = true;
    server.feed("x").await.unwrap();
    let start = Instant::now();
    assert!(matches!(server.recv().await, Err(Error::Timeout(Timeout::Write))));
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_is_not_a_stalled_one() {
    let (server, mut client) = duplex(100);
    // With keepalive: while a message waits to be received nothing more is read, and no Pong can be seen.
    let mut server = socket(server, Role::Server, bowline_core::connection::Config::default());
    let mut peer = Peer::client();
    client.write_all(&peer.messages(&["first".into()])).await.unwrap();
    let sends = async {
        server.send(vec![7; 3_000]).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some("first".into()));
    };
    let reads = async {
        for _ in 0..30 {
            sleep(Duration::from_secs(9)).await;
            client.read_exact(&mut [0; 100]).await.unwrap();
        }
        client.read_exact(&mut [0; 4]).await.unwrap();
    };
    tokio::join!(sends, reads);
}
