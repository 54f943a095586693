//! Members that are sessions, each on a WebSocket of somebody else's make: they are told no places.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowline_bench::delivery::{Kind, Op};
use bowline_core::{Role, connection::Config, handshake::Negotiated, stream::WebSocket};
use bowline_server::{
    Hub, Session,
    hub::Admission,
    io::Io,
    room::{Gap, GapReason, Position, Room, Start},
    session::SessionHandle,
};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use tokio::{
    io::{DuplexStream, duplex},
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message, tungstenite::protocol};

use crate::history::{Diary, Run, count};

/// Where each publication stands, as its publisher was told.
pub(crate) type Places = Arc<Mutex<HashMap<String, Position>>>;

type Client = WebSocketStream<DuplexStream>;

/// Watches until the run is over: its connection is cut, and it comes back to its place; it stalls.
pub(crate) async fn watch(run: Arc<Run>, hub: Hub, room: Room, places: Places, number: usize) {
    let mut diary = Diary::new(&run, format!("watcher {number}"));
    diary.note(Kind::Invoke, Op::Join, None);
    let (mut handle, mut client) = connect(&hub).await;
    let mut known = handle.join(&room, Start::Newest).unwrap().position;
    diary.note(Kind::Ok, Op::Join, Some(known));
    while !run.is_over() {
        let fault = if run.is_healed() { 1_000 } else { rand::random_range(0..1_000) };
        match fault {
            0..10 => {
                count(&run.faults.kills);
                drop(client);
                sleep(Duration::from_millis(rand::random_range(0..20))).await;
                (handle, client) = connect(&hub).await;
                // What it misses, it is told as a message.
                handle.join(&room, Start::After(known)).unwrap();
            }
            10..12 => {
                count(&run.faults.stalls);
                sleep(Duration::from_millis(rand::random_range(20..80))).await;
            }
            _ => {}
        }
        let Ok(message) = timeout(Duration::from_millis(50), client.next()).await else { continue };
        let Message::Text(text) = message.expect("it is open").unwrap() else { continue };
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => {
                let gap = gap(&value["gap"]);
                diary.gap(&gap);
                known = gap.to;
            }
            Err(_) => {
                diary.received(&text, None);
                known = place(&places, &text).await;
            }
        }
    }
    diary.finish();
}

/// Its publisher is told soon, if it hasn't been.
async fn place(places: &Places, id: &str) -> Position {
    loop {
        if let Some(place) = places.lock().unwrap().get(id) {
            return *place;
        }
        sleep(Duration::from_micros(100)).await;
    }
}

fn gap(gap: &serde_json::Value) -> Gap {
    let place = |name: &str| gap[name].as_str().unwrap().parse().unwrap();
    let reason = if gap["reason"] == "slow" { GapReason::Slow } else { GapReason::Expired };
    Gap { from: place("from"), to: place("to"), reason }
}

/// A session of little room, so that it falls behind.
async fn connect(hub: &Hub) -> (SessionHandle, Client) {
    let (near, far) = duplex(400);
    let config = Config::default().keepalive(None);
    let ws = WebSocket::from_raw(Io::other(far), &Negotiated::assumed(Role::Server), config, BytesMut::new());
    let idle = |mut session: Session| async move { while let Ok(Some(_)) = session.recv().await {} };
    let handle = hub.serve_with(ws, Admission::default(), idle).unwrap();
    (handle, WebSocketStream::from_raw_socket(near, protocol::Role::Client, None).await)
}
