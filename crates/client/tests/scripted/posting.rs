//! What is sent by requests: how much at once, and what becomes of what was not taken.

use std::time::{Duration, Instant};

use bowline_client::{Builder, Client, Closed, Event, Transport};

use super::support::{Asked, Peer, SECRET, connected, event, open, soon};

/// A client that is carried by a poll that is held, and has these to send.
async fn with(peer: &mut Peer, texts: &[String], build: impl FnOnce(Builder) -> Builder) -> (Client, Asked) {
    let builder = build(peer.client(&[Transport::LongPolling]));
    let mut client = builder.build().expect("checked");
    for text in texts {
        client.sender().send(text.as_str()).await.expect("there is room");
    }
    peer.next().await.events(&open(Some(SECRET), 0, 0)).await;
    assert_eq!(event(&mut client).await, connected(Transport::LongPolling));
    (client, peer.next().await)
}

fn texts(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

/// The next request with records, where what was asked before it is `first` already.
async fn post(peer: &mut Peer) -> Asked {
    let asked = peer.next().await;
    assert_eq!(asked.method, "POST");
    asked
}

/// The numbers of the records in a body.
fn numbers(asked: &Asked) -> Vec<u64> {
    let ids = asked.body.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.parse().expect("a number")).collect()
}

/// A poll that is held comes before or after the records: this sorts them.
async fn begin(count: usize, build: impl FnOnce(Builder) -> Builder) -> (Peer, Client, Asked, Asked) {
    let mut peer = Peer::bind().await;
    let (client, one) = with(&mut peer, &texts(count), build).await;
    let other = peer.next().await;
    let (held, post) = if one.method == "GET" { (one, other) } else { (other, one) };
    (peer, client, held, post)
}

#[tokio::test]
async fn at_most_256_records_go_at_once() {
    for more in [255, 256, 257] {
        let (mut peer, client, held, first) = begin(1, |builder| builder).await;
        // While the first is under way, they gather.
        for text in texts(more) {
            client.sender().send(text).await.expect("there is room");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.ack(1).await;
        let asked = post(&mut peer).await;
        assert_eq!(numbers(&asked).len(), more.min(256), "{more} records");
        asked.ack(1 + more.min(256) as u64).await;
        if more > 256 {
            assert_eq!(numbers(&post(&mut peer).await), [258]);
        } else {
            peer.quiet(Duration::from_millis(50)).await;
        }
        drop((client, held));
    }
}

#[tokio::test]
async fn a_body_has_its_bound_and_always_one_record() {
    // `id: 1\ndata: m1\n\n` are 16 bytes.
    for (max, first) in [(1, 1), (31, 1), (32, 2), (33, 2), (48, 3)] {
        let (_peer, client, held, asked) = begin(5, |builder| builder.max_post_size(max)).await;
        assert_eq!(numbers(&asked).len(), first, "at most {max} bytes: {}", asked.body);
        drop((client, held));
    }
}

#[tokio::test]
async fn what_is_too_much_goes_in_parts_and_what_is_too_large_ends_it() {
    let (mut peer, mut client, _held, asked) = begin(4, |builder| builder).await;
    assert_eq!(numbers(&asked), [1, 2, 3, 4]);
    asked.answer("413 Content Too Large", &[], "").await;
    let asked = post(&mut peer).await;
    assert_eq!(numbers(&asked), [1, 2]);
    asked.ack(2).await;
    let asked = post(&mut peer).await;
    assert_eq!(numbers(&asked), [3, 4]);
    asked.answer("413 Content Too Large", &[], "").await;
    let asked = post(&mut peer).await;
    assert_eq!(numbers(&asked), [3]);
    asked.answer("413 Content Too Large", &[], "").await;
    assert_eq!(event(&mut client).await, Event::Closed(Closed::TooLarge));
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again_after_a_while() {
    let (mut peer, _client, _held, asked) = begin(3, |builder| builder).await;
    let began = Instant::now();
    asked.ack(1).await;
    let asked = post(&mut peer).await;
    assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
    assert_eq!(numbers(&asked), [2, 3]);
    // And a hole, as the server sees it: it says what it has.
    asked.answer("409 Conflict", &["Content-Type: text/event-stream"], "event: ack\ndata: 2\n\n").await;
    let asked = post(&mut peer).await;
    assert_eq!(numbers(&asked), [3]);
    asked.ack(3).await;
    peer.quiet(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let (mut peer, client, _held, asked) = begin(2, |builder| builder).await;
    assert_eq!(numbers(&asked), [1, 2]);
    drop(asked);
    // Less, for much didn't come through; and what the server has by now is passed over there.
    let asked = post(&mut peer).await;
    assert_eq!(numbers(&asked), [1]);
    asked.ack(2).await;
    let acked = tokio::spawn({
        let sender = client.sender();
        async move { sender.send_acked("m3").await }
    });
    let asked = post(&mut peer).await;
    assert_eq!(asked.body, "id: 3\ndata: m3\n\n");
    asked.ack(3).await;
    soon(acked).await.expect("it ran").expect("acknowledged");
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_asked_by_another_carrier() {
    let (mut peer, mut client, _held, mut asked) = begin(1, |builder| builder).await;
    for _ in 0..2 {
        asked.answer("502 Bad Gateway", &[], "").await;
        asked = post(&mut peer).await;
    }
    asked.answer("502 Bad Gateway", &[], "").await;
    assert!(matches!(event(&mut client).await, Event::Disconnected { .. }));
    let asked = peer.next().await;
    assert_eq!((asked.method.as_str(), asked.session()), ("GET", SECRET));
}
