//! Rooms over changes of carriers: nothing is lost, or exactly one gap says what (section 7).

use std::time::Duration;

use bowline_server::{
    Hub,
    room::{Epoch, Position, Room, RoomOptions, SlowConsumer},
};
use serde_json::{Value, json};

use crate::{
    events::Event,
    peer::{Carrier, Peer, WAYS, Way},
    support::{BOTH, Http, Site, Stream, next, until},
};

fn site(http: Http, options: RoomOptions) -> (Site, Room) {
    let site = Site::new(http, Hub::builder().room_options("*", options));
    let room = site.hub.room("a").unwrap();
    (site, room)
}

async fn joined(site: &Site, way: Way) -> Peer {
    let mut peer = Peer::open(site, way).await;
    assert_eq!(peer.command("join", &json!({ "room": "a" })).await.name, "joined");
    peer.acknowledge().await;
    peer
}

fn publish(room: &Room, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(room.broadcast(number.to_string()).unwrap().position.offset, number);
    }
}

fn gap(room: &Room, from: u64, to: u64, reason: &str) -> Value {
    let place = |offset| Position { offset, ..room.position() }.to_string();
    json!({ "room": "a", "from": place(from), "to": place(to), "reason": reason })
}

/// Without a carrier: the client is silent until the server knows that it is.
async fn away(peer: &mut Peer) {
    peer.attach(Way::Poll).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_carrier_had_comes_again() {
    for http in BOTH {
        for before in WAYS {
            for after in WAYS {
                let (site, room) = site(http, RoomOptions::default());
                let mut peer = joined(&site, before).await;
                publish(&room, 1..=10);
                for number in 1..=4 {
                    assert_eq!(peer.data().await, number.to_string());
                }
                // It knows of four, and the server was told of none of them.
                peer.attach(after).await;
                publish(&room, 11..=12);
                for number in 5..=12 {
                    assert_eq!(peer.data().await, number.to_string(), "{before:?} {after:?}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_the_log_meanwhile_is_one_gap() {
    for policy in [SlowConsumer::Disconnect, SlowConsumer::SkipToOldest, SlowConsumer::Backpressure] {
        for way in WAYS {
            let (site, room) = site(Http::One, RoomOptions::default().slow_consumer(policy).max_log_count(5));
            let mut peer = joined(&site, Way::Comet).await;
            publish(&room, 1..=3);
            assert_eq!([peer.data().await, peer.data().await], ["1", "2"]);
            peer.acknowledge().await;
            away(&mut peer).await;
            // Whoever pushes back waits for a while, and then no more.
            tokio::time::sleep(Duration::from_secs(11)).await;
            publish(&room, 4..=20);
            peer.attach(way).await;
            let told = peer.next().await;
            assert_eq!((&*told.name, told.json()), ("gap", gap(&room, 2, 15, "expired")), "{policy:?} {way:?}");
            for number in 16..=20 {
                assert_eq!(peer.data().await, number.to_string());
            }
            publish(&room, 21..=21);
            assert_eq!(peer.data().await, "21");
        }
    }
}

/// Until it is acknowledged, and with the same words unless more is gone.
#[tokio::test(start_paused = true)]
async fn a_gap_is_told_again() {
    for http in BOTH {
        let (site, room) = site(http, RoomOptions::default().max_log_count(5));
        let peer = joined(&site, Way::Poll).await;
        publish(&room, 1..=20);
        let first = peer.client.poll("1").await.events()[1].clone();
        assert_eq!((first.json(), first.id), (gap(&room, 0, 15, "expired"), Some(place(&room, 15))));
        assert_eq!(peer.client.poll("1").await.events()[1].json(), gap(&room, 0, 15, "expired"));
        publish(&room, 21..=22);
        assert_eq!(peer.client.poll("1").await.events()[1].json(), gap(&room, 0, 17, "expired"));
        let number = *peer.rooms.keys().next().unwrap();
        let answer = peer.client.poll(&format!("1 {number}.17")).await;
        assert_eq!(answer.data(), ["18", "19", "20", "21", "22"]);
        assert_eq!(peer.client.poll(&format!("1 {number}.22")).await.status, 204);
        let ahead = peer.client.poll(&format!("1 {number}.23")).await;
        assert_eq!(ahead.status, 400);
    }
}

fn place(room: &Room, offset: u64) -> String {
    Position { offset, ..room.position() }.to_string()
}

#[tokio::test(start_paused = true)]
async fn what_a_newcomer_missed_is_told_behind_the_answer_until_it_is_acknowledged() {
    for http in BOTH {
        for way in WAYS {
            for expired in [true, false] {
                let (site, room) = site(http, RoomOptions::default().history(2).max_log_count(4));
                let start = room.position();
                publish(&room, 1..=8);
                let after = if expired { start } else { Position { epoch: Epoch::random(), offset: 3 } };
                let mut peer = Peer::open(&site, way).await;
                let answer = peer.command("join", &json!({ "room": "a", "after": after.to_string() })).await.json();
                assert_eq!(answer["position"], after.to_string());
                let mut expected = gap(&room, 0, 6, if expired { "expired" } else { "epoch" });
                expected["from"] = after.to_string().into();
                if !expired {
                    expected["number"] = answer["number"].clone();
                }
                let told = peer.next().await;
                assert_eq!((&*told.name, told.json()), ("gap", expected.clone()));
                assert_eq!(peer.data().await, "7");
                // A carrier that is told of nothing: the same again.
                let mut stream = Stream::attach(&site, &peer.client.secret, Some("1")).await;
                stream.next().await.unwrap();
                assert_eq!(stream.next().await.unwrap().json(), expected, "{way:?} {expired}");
                assert_eq!([stream.data().await, stream.data().await], ["7", "8"]);
                drop(stream);
                publish(&room, 9..=12);
                let mut stream = Stream::attach(&site, &peer.client.secret, Some("1")).await;
                stream.next().await.unwrap();
                expected["to"] = place(&room, 8).into();
                assert_eq!(stream.next().await.unwrap().json(), expected);
                let number = answer["number"].as_u64().unwrap();
                let answer = peer.client.poll(&format!("1 {number}.8")).await;
                assert_eq!(answer.data(), ["9", "10", "11", "12"]);
            }
        }
    }
}

/// The carrier ends, and the next one tells why.
#[tokio::test(start_paused = true)]
async fn who_reads_too_slowly_is_disconnected() {
    let options = RoomOptions::default().max_log_bytes(20_000);
    for http in BOTH {
        for way in [Way::Socket, Way::Comet] {
            let (site, room) = site(http, options.clone());
            let mut peer = joined(&site, way).await;
            // More than all buffers between here and there take.
            for _ in 0..400 {
                room.broadcast("x".repeat(10_000)).unwrap();
                tokio::task::yield_now().await;
            }
            let mut last = 0;
            let mut seen =
                |event: &Event| last = event.id.as_ref().unwrap().split_once('.').unwrap().1.parse().unwrap();
            loop {
                match &mut peer.carrier {
                    Carrier::Socket(socket) => {
                        let message = next(socket).await;
                        if message.starts_with("close") {
                            assert_eq!(message, "close 1013 slow consumer");
                            break;
                        }
                        let (place, _) = message[1..].split_once(' ').unwrap();
                        seen(&Event { id: Some(place.to_owned()), ..Event::default() });
                    }
                    Carrier::Comet(stream) => match stream.next().await {
                        None => break,
                        Some(event) => {
                            let offset = event.id.unwrap().rsplit_once('-').unwrap().1.to_owned();
                            seen(&Event { id: Some(format!(".{offset}")), ..Event::default() });
                        }
                    },
                    Carrier::Poll(_) => unreachable!(),
                }
            }
            assert!(last < 398, "{last}");
            let number = *peer.rooms.keys().next().unwrap();
            peer.rooms.insert(number, last);
            peer.attach(Way::LongPoll).await;
            assert_eq!(peer.next().await.json(), gap(&room, last, 398, "expired"), "{way:?}");
            assert_eq!(peer.next().await.data.len(), 10_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_too_slowly_is_told_where_the_policy_is_to_skip() {
    for policy in [SlowConsumer::SkipToOldest, SlowConsumer::SkipToNewest] {
        for way in [Way::Socket, Way::Comet] {
            let options = RoomOptions::default().max_log_bytes(20_000).slow_consumer(policy);
            let (site, room) = site(Http::One, options);
            let mut peer = joined(&site, way).await;
            for _ in 0..400 {
                room.broadcast("x".repeat(10_000)).unwrap();
                tokio::task::yield_now().await;
            }
            let mut before = 0;
            let told = loop {
                let event = peer.next().await;
                if event.name == "gap" {
                    break event.json();
                }
                before += 1;
            };
            let to = if policy == SlowConsumer::SkipToOldest { 398 } else { 400 };
            assert_eq!(told, gap(&room, before, to, "slow"), "{policy:?} {way:?}");
            room.broadcast("next").unwrap();
            let rest: Vec<_> = [peer.data().await.len()].into();
            assert_eq!(rest, [if policy == SlowConsumer::SkipToOldest { 10_000 } else { 4 }]);
        }
    }
}

/// A cursor that was written before its client knew that it is in the room again is about the stay before.
#[tokio::test(start_paused = true)]
async fn a_cursor_about_an_earlier_stay_is_passed_over() {
    let (site, room) = site(Http::One, RoomOptions::default().history(100));
    let peer = joined(&site, Way::Poll).await;
    let number = *peer.rooms.keys().next().unwrap();
    publish(&room, 1..=5);
    assert_eq!(peer.client.poll("1").await.data().len(), 5);
    let start = place(&room, 2);
    let body = format!(
        "id: 2\nevent: leave\ndata: {{\"room\":\"a\"}}\n\nid: 3\nevent: join\ndata: {{\"room\":\"a\",\"after\":\"{start}\"}}\n\n"
    );
    assert_eq!(peer.client.post(&body).await.status, 200);
    let old = format!("1 {number}.5");
    let data = peer.client.poll(&old).await.data();
    assert_eq!(data[2..], ["3", "4", "5"], "{data:?}");
    assert_eq!(peer.client.poll(&format!("3 {number}.4")).await.data(), ["5"]);
}

/// Only those that have a carrier, or had one just now, are waited for.
#[tokio::test(start_paused = true)]
async fn publishers_wait_for_a_session_that_was_there_just_now() {
    let options = RoomOptions::default().slow_consumer(SlowConsumer::Backpressure).max_log_count(2);
    let (site, room) = site(Http::One, options);
    let mut peer = joined(&site, Way::Comet).await;
    away(&mut peer).await;
    publish(&room, 1..=2);
    let start = tokio::time::Instant::now();
    room.publish("3").await.unwrap();
    let took = start.elapsed().as_millis();
    assert!((9_900..10_100).contains(&took), "{took} ms");
    peer.attach(Way::Comet).await;
    assert_eq!(peer.next().await.json(), gap(&room, 0, 1, "expired"));
    assert_eq!([peer.data().await, peer.data().await], ["2", "3"]);
    until("it has read all", || room.member_count() == 1).await;
    publish(&room, 4..=4);
}

/// A hundred changes in mid-stream, and every publication and every message comes once, in order.
#[tokio::test(start_paused = true)]
async fn a_hundred_changes_of_carriers() {
    for (seed, http) in [(1_usize, Http::One), (2, Http::Two), (3, Http::One)] {
        let (site, room) = site(http, RoomOptions::default());
        let mut peer = joined(&site, Way::Poll).await;
        let (mut published, mut seen, mut sent, mut echoed) = (0_u64, 0, 0_u64, 0_u64);
        for change in 0..100 {
            let way = WAYS[(change * 7 + seed + change / 4) % 4];
            let old = peer.attach(way).await;
            // Some are told that they are superseded, and some are gone before.
            drop(old);
            for _ in 0..(change + seed) % 5 {
                published += 1;
                room.broadcast(published.to_string()).unwrap();
                sent += 1;
                peer.text(&format!("m{sent}")).await;
            }
            for _ in 0..(change * 3 + seed) % 7 {
                if seen == published && echoed == sent {
                    break;
                }
                let event = peer.next().await;
                if event.name == "publication" {
                    seen += 1;
                    assert_eq!(event.data, seen.to_string(), "{change} {way:?}");
                } else {
                    echoed += 1;
                    assert_eq!(event.data, format!("m{echoed}"), "{change} {way:?}");
                }
            }
        }
        while seen < published || echoed < sent {
            if peer.next().await.name == "publication" { seen += 1 } else { echoed += 1 }
        }
        assert!(published > 150, "{published}");
    }
}
