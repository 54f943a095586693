//! Reading by polls (section 3).

use std::time::Duration;

use bowline_server::{Hub, Session, http::Guards};
use tokio::time::Instant;

use crate::support::{BOTH, Http, Site};

/// Sends so many numbers, and waits.
fn counting(count: u64) -> Hub {
    Hub::builder().handler(counter(count)).build()
}

fn counter(count: u64) -> impl bowline_server::handler::Handler {
    move |mut session: Session| async move {
        for number in 1..=count {
            session.send(number.to_string()).await.unwrap();
        }
        while let Ok(Some(_)) = session.recv().await {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_open_says() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder().node("node-7".parse().unwrap()));
        let answer = site.ask("GET", "/session?wait=25", &[("bowline-session", "new")], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let events = answer.events();
        let open = events[0].json();
        let secret = open["session"].as_str().unwrap();
        assert!(secret.starts_with("node-7.") && secret.len() == 7 + 22, "{secret}");
        let id = open["id"].as_str().unwrap();
        assert!(id.len() == 32 && !secret.contains(id), "{id}");
        let rest = serde_json::json!({ "version": 1, "session": secret, "id": id, "ack": 0, "from": 0, "ttl": 60_000 });
        assert_eq!((&events[0].id, open), (&None, rest));
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_cursor_gets_the_same_records_until_another_acknowledges_them() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder().handler(counter(5)));
        let client = site.open().await;
        for _ in 0..3 {
            assert_eq!(client.wait("0").await.data(), ["1", "2", "3", "4", "5"]);
        }
        let answer = client.poll("3").await;
        assert_eq!(answer.data(), ["4", "5"]);
        let ids: Vec<_> = answer.events()[1..].iter().map(|event| event.id.clone().unwrap()).collect();
        assert_eq!((ids, &answer.events()[0].json()["from"]), (vec!["4".into(), "5".into()], &3.into()));
        // A cursor behind one that was acknowledged is none, and so is none at all.
        assert_eq!(client.poll("1").await.data(), ["4", "5"]);
        assert_eq!(client.get("/session", &[]).await.data(), ["4", "5"]);
        assert_eq!(client.poll("5").await.status, 204);
        let ahead = client.poll("6").await;
        assert_eq!(ahead.status, 400);
        assert!(ahead.text.contains("record 6 is acknowledged, and the last one is 5"), "{}", ahead.text);
        assert_eq!(client.poll("5").await.status, 204, "the session lives");
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_held_as_long_as_it_asks_and_no_longer_than_it_may() {
    for http in BOTH {
        let mut site = Site::new(http, Hub::builder());
        for (max, wait, held) in
            [(25, "0", 0), (25, "0.5", 500), (25, "2", 2_000), (25, "25", 25_000), (25, "26", 25_000), (3, "25", 3_000)]
        {
            site.service = site.service.max_poll_wait(Duration::from_secs(max));
            let client = site.open().await;
            let start = Instant::now();
            let answer = client.get(&format!("/session?wait={wait}"), &[]).await;
            assert_eq!((answer.status, &*answer.text), (204, ""));
            assert_eq!(answer.header("bowline-carrier"), None);
            let took = start.elapsed().as_millis();
            assert!((held..held + 50).contains(&took), "{wait}: {took} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_poll_is_answered_as_soon_as_there_is_something() {
    for http in BOTH {
        let hub = Hub::builder().handler(|session: Session| async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            session.send("late").await.unwrap();
            std::future::pending::<()>().await;
        });
        let site = Site::new(http, hub);
        let client = site.open().await;
        let start = Instant::now();
        assert_eq!(client.wait("0").await.data(), ["late"]);
        assert_eq!(start.elapsed().as_secs(), 7);
    }
}

/// Past 256 KiB the rest is for the next poll.
#[tokio::test(start_paused = true)]
async fn an_answer_is_bounded() {
    let hub = Hub::builder().session_ring(1_000, 1 << 20).handler(|session: Session| async move {
        for _ in 0..10 {
            session.send("x".repeat(60_000)).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let site = Site::new(Http::One, hub);
    let client = site.open().await;
    let answer = client.wait("0").await;
    let count = answer.data().len();
    assert!(answer.text.len() >= 256 << 10 && answer.text.len() < 400 << 10, "{}", answer.text.len());
    assert_eq!(client.poll(&count.to_string()).await.data().len(), (10 - count).min(count));
}

/// Threat S11, at once and over and over: each is answered, and the latest holds.
#[tokio::test(start_paused = true)]
async fn ten_thousand_races_of_two_polls() {
    let hub = counting(0);
    let site = Site { service: hub.service(Guards::new()), hub, http: Http::One };
    let mut client = site.open().await;
    for round in 0..10_000_u64 {
        let cursor = round.to_string();
        let headers = [("bowline-session", &*client.secret), ("bowline-cursor", &*cursor)];
        let wait = if round % 3 == 0 { "/session" } else { "/session?wait=25" };
        let (first, second) = tokio::join!(
            biased;
            site.call("GET", "/session?wait=25", &headers, ""),
            async {
                let second = site.call("GET", wait, &headers, "");
                let third = async {
                    tokio::task::yield_now().await;
                    client.handle().send(round.to_string()).unwrap();
                };
                tokio::join!(second, third).0
            },
        );
        assert_eq!((first.status, first.header("bowline-carrier")), (204, Some("superseded")), "{round}");
        let got = if second.status == 204 { client.poll(&cursor).await } else { second };
        assert_eq!(got.data(), [cursor], "{round}");
    }
    client.text("it lives").await;
}
