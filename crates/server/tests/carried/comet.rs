//! Comet (section 3).

use std::time::Duration;

use bowline_server::Hub;
use tokio::time::Instant;

use crate::support::{BOTH, Client, Site, Stream};

#[tokio::test(start_paused = true)]
async fn an_echo_by_comet() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut stream = Stream::attach(&site, "new", None).await;
        let open = stream.next().await.unwrap();
        assert_eq!((&*open.name, &open.id), ("open", &None));
        assert_eq!(open.json()["heartbeat"], 15_000);
        let secret = open.json()["session"].as_str().unwrap().to_owned();
        let mut client = Client { site: site.clone(), secret, sent: 0 };
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
async fn it_begins_at_once_and_beats() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let start = Instant::now();
        let mut stream = Stream::attach(&site, "new", None).await;
        let first = stream.piece().await.unwrap();
        assert!(first.starts_with(": bowline\n\nevent: open\n"), "{first}");
        assert!(start.elapsed() < Duration::from_millis(100));
        for beat in 1..=3 {
            assert_eq!(stream.piece().await.unwrap(), ":\n\n");
            assert_eq!(start.elapsed().as_secs(), beat * 15);
        }
    }
}
