//! Long polls.

use std::time::Duration;

use bowline_server::{
    metrics::Transport,
    room::{Epoch, Position, RoomOptions},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

use crate::{
    events::parse,
    support::{Answer, Server, builder, eventually, hub, room},
};

/// What an answer brings, and where it goes on.
fn read(answer: &Answer) -> (Vec<String>, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let events = parse(answer.text());
    let position = answer.header("bowline-position").expect("a position").to_owned();
    assert_eq!(events.last().and_then(|event| event.id.as_ref()), Some(&position));
    (events.into_iter().map(|event| event.data.unwrap_or_default()).collect(), position)
}

#[tokio::test]
async fn one_position_goes_on_over_any_number_of_polls() {
    let hub = hub(RoomOptions::default().history(100));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let nothing = server.get("/rooms/a", &[]).await;
    assert_eq!((nothing.status, &*nothing.body), (204, &b""[..]));
    let mut position = nothing.header("bowline-position").expect("a position").to_owned();
    assert_eq!(position, room.position().to_string());
    let mut next = 0;
    for batch in 1..5 {
        let expected: Vec<_> = (next..next + batch).map(|number| number.to_string()).collect();
        for number in &expected {
            room.broadcast(number.as_str()).unwrap();
        }
        let target = format!("/rooms/a?since={position}");
        let (first, went_to) = read(&server.get(&target, &[]).await);
        // A lost answer loses nothing: the same question has the same answer.
        assert_eq!(read(&server.get(&target, &[]).await), (first.clone(), went_to.clone()));
        assert_eq!(first, expected);
        position = went_to;
        next += batch;
    }
    let (last, _) = read(&server.get("/rooms/a?history=3", &[]).await);
    assert_eq!(last, ["7", "8", "9"]);
    let head = server.ask("HEAD", "/rooms/a", &[], "").await;
    assert_eq!((head.status, head.header("bowline-position")), (200, Some(&*position)));
    assert_eq!(room.member_count(), 0);
}

#[tokio::test]
async fn a_poll_waits_for_a_publication() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let publishes = async {
        eventually("the poll is a member", || room.member_count() == 1).await;
        assert_eq!(hub.metrics().connections_by(Transport::LongPoll), 1);
        room.broadcast("came").unwrap();
    };
    let (answer, ()) = tokio::join!(server.get("/rooms/a?wait=25", &[]), publishes);
    assert_eq!(read(&answer).0, ["came"]);
    eventually("it has left", || room.member_count() == 0).await;
    assert_eq!(hub.metrics().connections_by(Transport::LongPoll), 0);
}

#[tokio::test]
async fn a_poll_that_nothing_comes_to_is_204_after_its_time() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let started = Instant::now();
    let answer = server.get("/rooms/a?wait=1", &[]).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!((answer.status, answer.header("content-type")), (204, None));
    assert!(answer.header("bowline-position").is_some());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_room() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = builder("GET", "/rooms/a?wait=25", &[("host", "a")]).body(Full::new(Bytes::new())).unwrap();
    let poll = tokio::spawn(async move { sender.send_request(request).await });
    eventually("the poll is a member", || room.member_count() == 1).await;
    poll.abort();
    connection.abort();
    eventually("it has left", || room.member_count() == 0).await;
    assert_eq!(hub.metrics().connections_by(Transport::LongPoll), 0);
}

#[tokio::test]
async fn what_is_gone_is_told_once() {
    let hub = hub(RoomOptions::default().history(2).max_log_count(2));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let start = room.position();
    for number in 1..=4 {
        room.broadcast(number.to_string()).unwrap();
    }
    let answer = server.get(&format!("/rooms/a?since={start}"), &[]).await;
    let events = parse(answer.text());
    let gap: serde_json::Value = serde_json::from_str(events[0].data.as_ref().unwrap()).unwrap();
    let to = Position { offset: 2, ..start }.to_string();
    assert_eq!(gap, serde_json::json!({ "room": "a", "from": start.to_string(), "to": to, "reason": "expired" }));
    assert_eq!((events[0].name.as_deref(), events[0].id.as_deref()), (Some("gap"), Some(&*to)));
    let rest: Vec<_> = events[1..].iter().map(|event| event.data.as_deref().unwrap()).collect();
    assert_eq!(rest, ["3", "4"]);
    // From where the gap ends, there is none.
    let again = server.get(&format!("/rooms/a?since={to}"), &[]).await;
    assert_eq!(parse(again.text()).len(), 2);
}

#[tokio::test]
async fn another_life_of_the_log_is_told() {
    let hub = hub(RoomOptions::default().history(10));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    room.broadcast("new").unwrap();
    let old = Position { epoch: Epoch::random(), offset: 7 };
    let events = parse(server.get(&format!("/rooms/a?since={old}&wait=25"), &[]).await.text());
    let gap: serde_json::Value = serde_json::from_str(events[0].data.as_ref().unwrap()).unwrap();
    assert_eq!((&gap["reason"], &gap["from"]), (&"epoch".into(), &old.to_string().into()));
    assert_eq!(events[1].data.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_big_backlog_comes_in_several_answers() {
    let hub = hub(RoomOptions::default().history(100).max_log_bytes(4 << 20));
    let server = Server::hub(&hub).await;
    let room = room(&hub, "a");
    let mut position = room.position().to_string();
    for _ in 0..32 {
        room.broadcast("x".repeat(32 << 10)).unwrap();
    }
    let (mut came, mut polls) = (0, 0);
    while came < 32 {
        let answer = server.get(&format!("/rooms/a?since={position}"), &[]).await;
        assert!(answer.body.len() <= (256 << 10) + (128 << 10), "{}", answer.body.len());
        let (data, went_to) = read(&answer);
        came += data.len();
        polls += 1;
        position = went_to;
    }
    assert!(came == 32 && polls >= 3, "{came} in {polls}");
}
