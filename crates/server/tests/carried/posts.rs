//! Writing by POST (section 4), and its bounds.

use bowline_core::{Limits, connection::Config};
use bowline_server::{Hub, Session};
use tokio::sync::mpsc;

use crate::support::{BOTH, Http, Site};

/// A hub whose sessions hand on what they receive.
fn recording() -> (bowline_server::hub::HubBuilder, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let hub = Hub::builder().handler(move |mut session: Session| {
        let tell = tell.clone();
        async move {
            while let Ok(Some(message)) = session.recv().await {
                let text = message.as_text().map_or_else(|| format!("{:?}", message.as_bytes()), ToOwned::to_owned);
                let _ = tell.send(text);
            }
        }
    });
    (hub, told)
}

fn ack(number: u64) -> String {
    format!("event: ack\ndata: {number}\n\n")
}

#[tokio::test(start_paused = true)]
async fn records_come_once_and_in_order_however_often_they_are_sent() {
    for http in BOTH {
        let (hub, mut told) = recording();
        let client = Site::new(http, hub).open().await;
        for (body, last) in [
            ("id: 1\ndata: one\n\nid: 2\ndata: two\ndata: lines\n\n", 2),
            ("id: 1\ndata: one\n\nid: 2\ndata: two\ndata: lines\n\n", 2),
            ("id: 2\ndata: two\ndata: lines\n\nid: 3\nevent: binary\ndata: AAH/\n\n", 3),
            ("id: 4\nevent: text-base64\ndata: YQ1i\n\n", 4),
            (": only a comment\n\n", 4),
            ("", 4),
            // Lines may end otherwise.
            ("\u{feff}id: 5\r\ndata: five\r\n\r\nid: 6\rdata: six\r\r", 6),
            // No event: it has no data.
            ("id: 7\n", 6),
        ] {
            let answer = client.post(body).await;
            assert_eq!((answer.status, answer.text), (200, ack(last)), "{body:?}");
            assert_eq!(answer.headers["content-type"], "text/event-stream");
        }
        for expected in ["one", "two\nlines", "b\"\\0\\x01\\xff\"", "a\rb", "five", "six"] {
            assert_eq!(told.recv().await.unwrap(), expected);
        }
        assert!(told.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hole_takes_nothing_and_says_where_it_is() {
    for http in BOTH {
        let (hub, mut told) = recording();
        let client = Site::new(http, hub).open().await;
        let answer = client.post("id: 2\ndata: two\n\n").await;
        assert_eq!((answer.status, answer.text), (409, ack(0)));
        assert_eq!(client.post("id: 1\ndata: one\n\n").await.text, ack(1));
        let answer = client.post("id: 3\ndata: three\n\nid: 4\ndata: four\n\n").await;
        assert_eq!((answer.status, answer.text), (409, ack(1)));
        assert_eq!(told.recv().await.unwrap(), "one");
        assert!(told.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_takes_those_before() {
    for (wrong, why) in [
        ("id: 2\nevent: unknown\ndata: {}\n\n", "unknown kind"),
        ("data: without a number\n\n", "no id"),
        ("id: 0\ndata: zero\n\n", "from 1 on"),
        ("id: x\ndata: zero\n\n", "neither a number"),
        ("id: 02\ndata: two\n\n", "neither a number"),
        ("id: 3\ndata: a hole in the body\n\n", "record 3 stands behind record 1"),
        ("id: 1\ndata: the same again\n\n", "record 1 stands behind record 1"),
        ("id: 2\nevent: join\ndata: {\n\n", "join: its data is no JSON from column"),
        ("id: 2\nevent: join\ndata: {}\n\n", "join: its data is no JSON object with room"),
        ("id: 2\nevent: join\ndata: {\"room\":7}\n\n", "join: its data is no JSON object with room"),
        ("id: 2\nevent: close\ndata: {\"code\":\"1000\"}\n\n", "close: its data is no JSON object with code"),
        ("id: 2\nevent: binary\ndata: ???\n\n", "base64"),
        ("event: ack\ndata: 0\n\n", "Bowline-Cursor"),
        ("id: 2\nevent: close\ndata: {\"code\":1005}\n\n", "code"),
    ] {
        let (hub, mut told) = recording();
        let client = Site::new(Http::One, hub).open().await;
        let answer = client.post(&format!("id: 1\ndata: one\n\n{wrong}id: 4\ndata: behind\n\n")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.text.contains(why), "{wrong}: {}", answer.text);
        assert_eq!(told.recv().await.unwrap(), "one");
        assert_eq!(client.post("").await.text, ack(1), "the session lives");
        assert!(told.try_recv().is_err());
    }
}

/// As the HTML Standard has it, such an event is none: whoever sent it is to know.
#[tokio::test(start_paused = true)]
async fn a_last_event_without_its_empty_line_is_refused() {
    for wrong in ["id: 2\ndata: two", "id: 2\ndata: two\n", "id: 2\r\ndata: two\r\n", "data"] {
        let (hub, mut told) = recording();
        let client = Site::new(Http::One, hub).open().await;
        let answer = client.post(&format!("id: 1\ndata: one\n\n{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.text.contains("no empty line behind it"), "{wrong}: {}", answer.text);
        assert_eq!(told.recv().await.unwrap(), "one");
        assert_eq!(client.post("").await.text, ack(1), "the session lives");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_application_takes_fewer() {
    for http in BOTH {
        let hub = Hub::builder().session_ring(3, 1_000).handler(|session: Session| async move {
            // It receives when it is told to.
            let mut session = session;
            let told = session.hub().room("go").unwrap().subscribe(bowline_server::room::Start::Newest);
            told.unwrap().read().await;
            while let Ok(Some(message)) = session.recv().await {
                session.send(message).await.unwrap();
            }
        });
        let site = Site::new(http, hub);
        let client = site.open().await;
        let body: String = (1..=5).map(|number| format!("id: {number}\ndata: {number}\n\n")).collect();
        assert_eq!(client.post(&body).await.text, ack(3));
        assert_eq!(client.post(&body).await.text, ack(3));
        // What needs no place is taken note of all the same.
        let answer = client.post("id: 3\ndata: 3\n\n").await;
        assert_eq!((answer.status, answer.text), (200, ack(3)));
        site.hub.room("go").unwrap().broadcast("go").unwrap();
        assert_eq!(client.wait("0").await.data()[0], "1");
        assert_eq!(client.post(&body).await.text, ack(5));
        assert_eq!(client.wait("3").await.data(), ["4", "5"]);
    }
}

/// One message always has a place, whatever its size.
#[tokio::test(start_paused = true)]
async fn the_places_are_bounded_in_bytes() {
    let hub = Hub::builder().session_ring(1_000, 100).handler(|session: Session| async move {
        let _session = session;
        std::future::pending::<()>().await;
    });
    let site = Site::new(Http::One, hub);
    for (lens, taken) in [(&[200_usize, 1][..], 1), (&[100, 1], 1), (&[50, 50, 1], 2), (&[50, 51], 1)] {
        let client = site.open().await;
        let body: String =
            (1..).zip(lens).map(|(at, len)| format!("id: {at}\ndata: {}\n\n", "x".repeat(*len))).collect();
        assert_eq!(client.post(&body).await.text, ack(taken), "{lens:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn threat_s7_a_body_is_bounded_in_records_and_bytes() {
    for http in BOTH {
        let (hub, mut told) = recording();
        let config = Config::default().limits(Limits::default().max_message_size(3_000));
        let client = Site::new(http, hub.connection(config)).open().await;
        let records = |count: u64| (1..=count).map(|at| format!("id: {at}\ndata: {at}\n\n")).collect::<String>();
        let answer = client.post(&records(257)).await;
        assert_eq!(answer.status, 413);
        assert!(answer.text.contains("over 256 records"), "{}", answer.text);
        assert_eq!(client.post(&records(256)).await.text, ack(256));
        told.recv().await.unwrap();
        let one = |len: usize| format!("id: 257\ndata: {}\n\n", "x".repeat(len));
        assert_eq!(client.post(&one(3_001)).await.status, 413);
        assert_eq!(client.post(&one(3_000)).await.text, ack(257));
        // 4/3 of a message and 64 KiB.
        let pad = |len: usize| ":".repeat(len - 1) + "\n";
        let lines = |len: usize| (0..len / 4_000).map(|_| pad(4_000)).collect::<String>() + &pad(len % 4_000);
        assert_eq!(client.post(&lines(4_000 + (64 << 10))).await.status, 200);
        assert_eq!(client.post(&lines(4_000 + (64 << 10) + 1)).await.status, 413);
    }
}

#[tokio::test(start_paused = true)]
async fn threat_f10_a_body_is_what_it_says() {
    for http in BOTH {
        let (hub, _told) = recording();
        let client = Site::new(http, hub).open().await;
        for (headers, status) in [
            (&[("content-type", "text/event-stream"), ("content-encoding", "gzip")][..], 415),
            (&[("content-type", "text/event-stream; charset=utf-8")], 200),
            (&[("content-type", "TEXT/EVENT-STREAM")], 200),
            // What a form of another origin may send without asking.
            (&[("content-type", "text/plain")], 415),
            (&[("content-type", "application/x-www-form-urlencoded")], 415),
            (&[], 415),
        ] {
            let mut all = vec![("bowline-session", &*client.secret)];
            all.extend(headers);
            let answer = client.site.ask("POST", "/session", &all, "id: 1\ndata: one\n\n").await;
            assert_eq!(answer.status, status, "{headers:?}");
        }
    }
}
