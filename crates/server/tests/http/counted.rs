//! What is counted, and what a session holds of its listener.
#![cfg(feature = "prometheus")]

use bowline_core::{CloseCode, CloseFrame, Error};
use bowline_server::{
    Hub, Session,
    http::Guards,
    listener::Server as Listener,
    room::{RoomOptions, SlowConsumer, Start},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite};

use crate::support::{Server, eventually, hub, room};

async fn obey(mut session: Session) -> Result<(), Error> {
    while let Some(message) = session.recv().await? {
        match message.as_text() {
            Some("end") => break,
            Some("close") => session.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "")),
            Some("panic") => panic!("as it was told"),
            _ => drop(session.send(message).await),
        }
    }
    Ok(())
}

async fn open(address: impl std::fmt::Display) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(address.to_string()).await.unwrap();
    client_async(format!("ws://{address}/ws"), tcp).await.unwrap().0
}

/// The value of a series.
fn value(hub: &Hub, series: &str) -> u64 {
    let text = hub.metrics().render().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series).and_then(|rest| rest.strip_prefix(' ')));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn sessions_and_how_they_ended() {
    let hub = Hub::builder().handler(obey).build();
    let server = Server::hub(&hub).await;
    for told in ["end", "close", "panic"] {
        let mut client = open(server.address).await;
        client.send(told.into()).await.unwrap();
        while client.next().await.is_some_and(|message| message.is_ok()) {}
    }
    let mut client = open(server.address).await;
    client.send("hello".into()).await.unwrap();
    client.next().await.unwrap().unwrap();
    assert_eq!(value(&hub, "bowline_sessions"), 1);
    client.close(None).await.unwrap();
    while client.next().await.is_some_and(|message| message.is_ok()) {}
    // Unmasked, so no frame of a client's.
    let mut client = open(server.address).await;
    tokio::io::AsyncWriteExt::write_all(client.get_mut(), b"\x81\x00").await.unwrap();
    while client.next().await.is_some_and(|message| message.is_ok()) {}
    drop(open(server.address).await);
    eventually("all have ended", || hub.session_count() == 0).await;
    for (series, expected) in [
        ("bowline_sessions", 0),
        ("bowline_connections{transport=\"websocket\"}", 0),
        ("bowline_connections_opened_total{transport=\"websocket\"}", 6),
        ("bowline_disconnects_total{reason=\"application\"}", 2),
        ("bowline_disconnects_total{reason=\"panic\"}", 1),
        ("bowline_disconnects_total{reason=\"peer\"}", 1),
        ("bowline_disconnects_total{reason=\"protocol\"}", 1),
        ("bowline_disconnects_total{reason=\"lost\"}", 1),
        ("bowline_handler_panics_total", 1),
        ("bowline_closes_total{code=\"1008\"}", 1),
        ("bowline_received_messages_total", 4),
        ("bowline_received_bytes_total", 18),
    ] {
        assert_eq!(value(&hub, series), expected, "{series}\n{}", hub.metrics().render().unwrap());
    }
}

#[tokio::test]
async fn rooms_members_publications_and_gaps() {
    let options = RoomOptions::default().max_log_count(2).slow_consumer(SlowConsumer::SkipToOldest);
    let hub = hub(options);
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let mut reader = room.subscribe(Start::Newest).unwrap();
    assert_eq!((value(&hub, "bowline_rooms"), value(&hub, "bowline_members")), (1, 1));
    let key = [("idempotency-key", "k")];
    for _ in 0..2 {
        server.ask("POST", "/rooms/a", &key, "four").await;
    }
    for _ in 0..4 {
        room.broadcast("four").unwrap();
    }
    while reader.try_read().is_some() {}
    for (series, expected) in [
        ("bowline_publications_total", 5),
        ("bowline_publication_bytes_total", 20),
        ("bowline_duplicate_publications_total", 1),
        ("bowline_gaps_total{reason=\"slow\"}", 1),
        ("bowline_missed_publications_total{reason=\"slow\"}", 3),
    ] {
        assert_eq!(value(&hub, series), expected, "{series}");
    }
    let position = bowline_server::room::Position { offset: 4, ..room.position() };
    let answer = server.get(&format!("/rooms/a?since={position}"), &[]).await;
    assert_eq!(value(&hub, "bowline_deliveries_total{transport=\"long_poll\"}"), 0, "{}", answer.text());
    drop(reader);
    assert_eq!(value(&hub, "bowline_members"), 0);
}

#[tokio::test]
async fn direct_messages_that_wait_or_are_dropped() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |session: Session| {
        tell.send(session.handle()).unwrap();
        obey(session)
    };
    let hub = Hub::builder().max_outbox(2, 100).handler(handler).build();
    let server = Server::hub(&hub).await;
    let _client = open(server.address).await;
    let session = told.recv().await.unwrap();
    // Its task has no turn between these.
    assert!(session.send("one").is_ok() && session.send("three").is_ok() && session.send("two").is_err());
    assert_eq!(value(&hub, "bowline_outbox_bytes"), 8);
    assert_eq!(value(&hub, "bowline_dropped_messages_total{reason=\"outbox_newest\"}"), 1);
    eventually("it is written", || value(&hub, "bowline_outbox_bytes") == 0).await;
}

#[tokio::test]
async fn a_session_holds_its_listeners_slot_until_it_ends() {
    let hub = Hub::builder().handler(obey).max_sessions(1).build();
    let bound = Listener::new().listen("127.0.0.1:0").bind().unwrap();
    let address = bound.local_addrs().unwrap()[0];
    let running = bound.serve(hub.service(Guards::new()));
    hub.metrics().watch(running.watch());
    let mut client = open(address).await;
    eventually("the session is there", || hub.session_count() == 1).await;
    client.send("hello".into()).await.unwrap();
    client.next().await.unwrap().unwrap();
    assert_eq!((running.counts().open, value(&hub, "bowline_sockets")), (1, 1));
    // As many sessions as there may be.
    let tcp = TcpStream::connect(address).await.unwrap();
    match client_async(format!("ws://{address}/ws"), tcp).await {
        Err(tungstenite::Error::Http(response)) => {
            assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(value(&hub, "bowline_handshakes_refused_total{reason=\"sessions\"}"), 1);
    client.close(None).await.unwrap();
    while client.next().await.is_some_and(|message| message.is_ok()) {}
    eventually("both slots are free", || running.counts().open == 0).await;
    assert_eq!((value(&hub, "bowline_sockets"), value(&hub, "bowline_accepted_sockets_total")), (0, 2));
}
