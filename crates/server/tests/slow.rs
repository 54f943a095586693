//! Members on sockets that never read while a lot is published: S3 of the threat table, in a process of its own, whose
//! memory is looked at.
//!
//! 200 members and 20 MB; with `BOWLINE_LONG=1` 1,000 members and 100 MB.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail the test")]

use std::{sync::Arc, time::Duration};

use bowline_core::{Limits, Role, connection::Config, handshake::Negotiated, stream::WebSocket};
use bowline_server::{
    Hub, Session,
    hub::Admission,
    io::Io,
    room::{Position, Room, RoomOptions, SlowConsumer, Start},
};
use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message, tungstenite::protocol};

const PATIENCE: Duration = Duration::from_secs(60);
/// The log's bound on bytes.
const LOG: usize = 256 << 10;
const MESSAGE: usize = 4_000;
const HEALTHY: usize = 10;

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

/// A member of the room, and its end of the connection, whose kernel buffers little.
async fn member(hub: &Hub, room: &Room, listener: &TcpListener) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let (client, server) = tokio::join!(socket.connect(listener.local_addr().unwrap()), listener.accept());
    let server = server.unwrap().0;
    socket2::SockRef::from(&server).set_send_buffer_size(4 << 10).unwrap();
    // Those that stall stay for the whole of the run, so that it sees the worst.
    let config = Config::default().limits(Limits::default().write_timeout(Duration::MAX)).keepalive(None);
    let ws = WebSocket::from_raw(Io::Tcp(server), &Negotiated::assumed(Role::Server), config, BytesMut::new());
    let handle = hub.serve_with(ws, Admission::default(), idle).unwrap();
    handle.join(room, Start::Newest).unwrap();
    client.unwrap()
}

async fn client(tcp: TcpStream) -> WebSocketStream<TcpStream> {
    WebSocketStream::from_raw_socket(tcp, protocol::Role::Client, None).await
}

/// Memory of this process that is resident, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn text(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(MESSAGE - 8))
}

fn number(message: &Message) -> Option<usize> {
    message.to_text().unwrap().get(..8)?.parse().ok()
}

/// Reads all, and says how far it is.
async fn keep_up(tcp: TcpStream, total: usize, at: watch::Sender<usize>) {
    let mut client = client(tcp).await;
    for expected in 0..total {
        let message = timeout(PATIENCE, client.next()).await.expect("it comes").unwrap().unwrap();
        assert_eq!(number(&message), Some(expected), "{}", message.to_text().unwrap().get(..100).unwrap_or_default());
        at.send_replace(expected + 1);
    }
    client.close(None).await.unwrap();
}

/// Begins to read at last: what it had been sent, one gap, and the latest.
async fn catch_up(tcp: TcpStream, room: Room, total: usize) {
    let mut client = client(tcp).await;
    let mut next = 0;
    let mut gaps = 0;
    while next < total {
        let message = timeout(PATIENCE, client.next()).await.expect("it comes").unwrap().unwrap();
        match number(&message) {
            Some(number) => {
                assert_eq!(number, next);
                next += 1;
            }
            None => {
                gaps += 1;
                let gap: serde_json::Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
                let place = |name: &str| gap["gap"][name].as_str().unwrap().parse::<Position>().unwrap();
                assert_eq!(gap["gap"]["room"], room.name().as_str());
                assert_eq!(gap["gap"]["reason"], "slow");
                assert_eq!(place("from").offset, next as u64);
                next = usize::try_from(place("to").offset).unwrap();
            }
        }
    }
    assert_eq!(gaps, 1);
    client.send(Message::Close(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_members_that_never_read_cost_little_and_nobody_else_anything() {
    let (members, bytes) =
        if std::env::var_os("BOWLINE_LONG").is_some() { (1_000, 100 << 20) } else { (200, 20 << 20) };
    let total = bytes / MESSAGE;
    let options = RoomOptions::default().max_log_bytes(LOG).slow_consumer(SlowConsumer::SkipToOldest);
    let hub = Hub::builder().room_options("*", options).build();
    let room = hub.room("r").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stalled = Vec::new();
    for _ in 0..members {
        stalled.push(member(&hub, &room, &listener).await);
    }
    let mut healthy = JoinSet::new();
    let mut progress = Vec::new();
    for _ in 0..HEALTHY {
        let tcp = member(&hub, &room, &listener).await;
        let (at, sees) = watch::channel(0);
        healthy.spawn(keep_up(tcp, total, at));
        progress.push(sees);
    }
    let before = resident();
    let mut most = 0;
    for number in 0..total {
        room.broadcast(text(number)).unwrap();
        // Half of a log ahead of those that read, and no more.
        if number.is_multiple_of(LOG / MESSAGE / 2) {
            for sees in &mut progress {
                timeout(PATIENCE, sees.wait_for(|at| *at > number)).await.expect("it keeps up").unwrap();
            }
            most = most.max(resident().saturating_sub(before));
        }
    }
    timeout(PATIENCE, healthy.join_all()).await.expect("they get all");
    println!("{members} members, {total} messages: {} KiB more, {} B each", most >> 10, most / members);
    assert!(most <= members * (64 << 10) + 2 * LOG, "{most} bytes for {members} members that never read");
    let mut late = JoinSet::new();
    for tcp in stalled.drain(..20) {
        late.spawn(catch_up(tcp, room.clone(), total));
    }
    timeout(PATIENCE, late.join_all()).await.expect("they catch up");
    skipped_are_counted(&hub);
}

#[cfg(feature = "prometheus")]
fn skipped_are_counted(hub: &Hub) {
    let metrics = hub.metrics().render().unwrap();
    let of = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name) && line.contains("slow")).expect("it is there");
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert!((19.5..20.5).contains(&of("bowline_gaps_total")), "one gap each");
    assert!(of("bowline_missed_publications_total") > 20.0 * 1_000.0);
}

#[cfg(not(feature = "prometheus"))]
fn skipped_are_counted(_: &Hub) {}

/// By default a slow member is closed with 1013, and none of the others is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_slow_member_is_disconnected_by_default() {
    let hub = Hub::builder().build();
    let room = Arc::new(hub.room("r").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = member(&hub, &room, &listener).await;
    let quick = member(&hub, &room, &listener).await;
    let total = (4 << 20) / MESSAGE;
    let (at, mut sees) = watch::channel(0);
    let healthy = tokio::spawn(keep_up(quick, total, at));
    for number in 0..total {
        room.broadcast(text(number)).unwrap();
        timeout(PATIENCE, sees.wait_for(|at| *at + 30 > number)).await.expect("it keeps up").unwrap();
    }
    healthy.await.unwrap();
    let mut client = client(slow).await;
    let mut next = 0;
    loop {
        match timeout(PATIENCE, client.next()).await.expect("it comes").unwrap().unwrap() {
            Message::Close(frame) => {
                let frame = frame.unwrap();
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1013, "slow consumer"));
                break;
            }
            message => {
                assert_eq!(number(&message), Some(next), "nothing comes after the hole");
                next += 1;
            }
        }
    }
    assert!(next < total);
}
