//! Comet (section 3).

use std::time::Duration;

use bowline_server::{Hub, Session};
use tokio::time::Instant;

use crate::support::{BOTH, Client, Http, Site, Stream};

#[tokio::test(start_paused = true)]
async fn an_echo_by_comet() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut stream = Stream::attach(&site, "new", None).await;
        let open = stream.next().await.unwrap();
        assert_eq!((&*open.name, &open.id), ("open", &None));
        assert_eq!(open.json()["heartbeat"], 15_000);
        let mut client = Client::new(&site, &open);
        for text in ["hello", "again"] {
            client.text(text).await;
            assert_eq!(stream.data().await, text);
        }
        drop(stream);
        let mut stream = Stream::attach(&site, &client.secret, Some("1")).await;
        let open = stream.data().await;
        assert!(open.contains(r#""ack":2,"from":1"#) && !open.contains("session"), "{open}");
        assert_eq!(stream.data().await, "again");
        client.end().await;
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn it_begins_at_once_and_beats_while_nothing_else_comes() {
    for http in BOTH {
        let hub = Hub::builder().handler(|session: Session| async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            session.send("late").await.unwrap();
            std::future::pending::<()>().await;
        });
        let site = Site::new(http, hub);
        let start = Instant::now();
        let mut stream = Stream::attach(&site, "new", None).await;
        let first = stream.piece().await.unwrap();
        assert!(first.starts_with(": bowline\n\nevent: open\n"), "{first}");
        assert!(start.elapsed() < Duration::from_millis(100));
        for (at, piece) in [(15, ":\n\n"), (20, "id: 1\ndata: late\n\n"), (35, ":\n\n"), (50, ":\n\n")] {
            assert_eq!((stream.piece().await.unwrap(), start.elapsed().as_secs()), (piece.to_owned(), at));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn its_heartbeat_is_the_services() {
    let mut site = Site::new(Http::One, Hub::builder());
    site.service = site.service.heartbeat(Duration::from_secs(2));
    let mut stream = Stream::attach(&site, "new", None).await;
    assert_eq!(stream.next().await.unwrap().json()["heartbeat"], 2_000);
    let start = Instant::now();
    assert_eq!(stream.piece().await.unwrap(), ":\n\n");
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_its_time_and_the_session_goes_on() {
    for http in BOTH {
        let mut site = Site::new(http, Hub::builder());
        site.service = site.service.max_stream_age(Duration::from_secs(60));
        let mut stream = Stream::attach(&site, "new", None).await;
        let mut client = Client::new(&site, &stream.next().await.unwrap());
        client.text("one").await;
        assert_eq!(stream.data().await, "one");
        let start = Instant::now();
        assert_eq!(stream.next().await, None);
        assert_eq!(start.elapsed().as_secs(), 60);
        client.text("two").await;
        let mut stream = Stream::attach(&site, &client.secret, Some("1")).await;
        stream.next().await.unwrap();
        assert_eq!(stream.data().await, "two");
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_so_many_bytes_and_nothing_is_lost() {
    for http in BOTH {
        let mut site = Site::new(
            http,
            Hub::builder().handler(|session: Session| async move {
                for number in 0..100 {
                    session.send(format!("{number:1000}")).await.unwrap();
                }
                std::future::pending::<()>().await;
            }),
        );
        site.service = site.service.max_stream_bytes(10_000);
        let mut session = "new".to_owned();
        let mut streams = 0;
        let mut have = 0_u64;
        while have < 100 {
            let cursor = have.to_string();
            let mut stream = Stream::attach(&site, &session, (session != "new").then_some(&*cursor)).await;
            streams += 1;
            let open = stream.next().await.unwrap();
            if session == "new" {
                session = Client::new(&site, &open).secret;
            }
            while let Some(event) = stream.next().await {
                assert_eq!(event.data.trim(), have.to_string());
                have += 1;
            }
        }
        // Direct records are given by 64 KiB.
        assert_eq!(streams, 2);
    }
}
