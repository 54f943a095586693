//! Answers that are lost, at whatever byte (threat S12).

use bowline_server::Hub;
use serde_json::json;

use crate::{
    events::take,
    peer::{Peer, Way},
    support::{Answer, Http, Site},
};

/// What a client has after so many bytes of an answer: each event, and the cursor after the last.
fn heard(answer: &Answer, bytes: usize, number: u64) -> (Vec<String>, String) {
    let mut text = answer.text[..answer.text.floor_char_boundary(bytes)].to_owned();
    let (mut data, mut direct, mut offset) = (Vec::new(), 0, 0);
    while let Some(event) = take(&mut text) {
        match event.id.as_deref().map(|id| id.rsplit_once('-').map_or(id, |(_, offset)| offset)) {
            None => continue,
            Some(id) if event.id.as_ref().is_some_and(|whole| whole.contains('-')) => offset = id.parse().unwrap(),
            Some(id) => direct = id.parse().unwrap(),
        }
        data.push(event.data);
    }
    (data, format!("{direct} {number}.{offset}"))
}

#[tokio::test(start_paused = true)]
async fn a_poll_answer_that_is_lost_at_any_byte_loses_nothing() {
    let whole = answer_of(usize::MAX).await.0;
    let text = whole.text.len();
    let mut cuts = 0;
    for bytes in 0..=text {
        let (whole, mut peer) = answer_of(bytes).await;
        let number = *peer.rooms.keys().next().unwrap();
        let (mut data, cursor) = heard(&whole, bytes, number);
        // The same connection's end, and then the next: where nothing was heard, the cursor is as it was.
        let cursor = if cursor.starts_with("0 ") { cursor.replacen('0', "1", 1) } else { cursor };
        let cursor = cursor.strip_suffix(".0").map_or(cursor.clone(), |_| cursor.split(' ').next().unwrap().to_owned());
        let rest = peer.client.poll(&cursor).await;
        if rest.status == 200 {
            data.extend(rest.data());
        }
        assert_eq!(data, ["one", "two\nlines", "AAH/", "a", "b", "c"], "cut after {bytes}");
        peer.direct = 4;
        peer.text("four").await;
        assert_eq!(peer.data().await, "four");
        cuts += 1;
    }
    assert!(cuts > 250, "{cuts}");
}

/// An answer of a fresh session that is in a room, with three records and three publications.
async fn answer_of(_cut: usize) -> (Answer, Peer) {
    let site = Site::new(Http::One, Hub::builder());
    let mut peer = Peer::open(&site, Way::Poll).await;
    peer.command("join", &json!({ "room": "a" })).await;
    peer.acknowledge().await;
    let room = site.hub.room("a").unwrap();
    for text in ["a", "b", "c"] {
        room.broadcast(text).unwrap();
    }
    for event in ["data: one", "data: two\ndata: lines", "event: binary\ndata: AAH/"] {
        peer.say(event).await;
    }
    let answer = peer.client.wait("1").await;
    assert_eq!(answer.data().len(), 6);
    // A second reading has the same bytes.
    assert_eq!(peer.client.wait("1").await.text, answer.text);
    (answer, peer)
}

/// A connection that goes in the middle of a request leaves the session as it was (threat S5).
#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_at_any_byte_does_no_harm() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = Site::new(Http::One, Hub::builder());
    let client = site.open().await;
    let body = "id: 1\ndata: one\n\nid: 2\ndata: two\n\n";
    let head = format!(
        "POST /session HTTP/1.1\r\nhost: test\r\nbowline-session: {}\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        client.secret,
        body.len()
    );
    let request = format!("{head}{body}");
    for cut in 0..=request.len() {
        let mut io = site.connect();
        io.write_all(&request.as_bytes()[..cut]).await.unwrap();
        if cut < request.len() {
            io.shutdown().await.unwrap();
        }
        let mut answer = String::new();
        let _ = io.read_to_string(&mut answer).await;
        assert_eq!(answer.contains("data: 2"), cut == request.len(), "{cut}: {answer}");
    }
    assert_eq!(client.wait("0").await.data(), ["one", "two"], "they came once");
    // A poll whose connection goes is no carrier any more, and the next one is.
    for _ in 0..100 {
        let mut io = site.connect();
        let poll = format!(
            "GET /session?wait=25 HTTP/1.1\r\nhost: test\r\nbowline-session: {}\r\nbowline-cursor: 2\r\n\r\n",
            client.secret
        );
        io.write_all(poll.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        drop(io);
    }
    assert_eq!(client.poll("2").await.status, 204);
    let polls = site.hub.metrics().connections_by(bowline_server::metrics::Transport::SessionLongPoll);
    assert_eq!(polls, 0);
}
