//! Each transport by itself, as an application sees it.

use std::time::{Duration, Instant};

use bowline_client::{Closed, Event, Transport};
use bowline_core::{CloseCode, Message};
use bowline_server::Hub;

use super::support::{Site, echo, soon, text};

#[tokio::test]
async fn messages_come_back_in_order_over_each() {
    let site = Site::start(Hub::builder().handler(echo));
    for transport in Transport::ALL {
        let mut client = site.client(&[transport]).build().expect("checked");
        let sender = client.sender();
        let sending = tokio::spawn(async move {
            for number in 0..1_000 {
                sender.send(format!("{number}\nof many")).await.expect("open");
            }
        });
        for number in 0..1_000 {
            assert_eq!(text(&mut client).await, format!("{number}\nof many"), "{transport}");
        }
        soon(sending).await.expect("it ran");
        client.sender().close(CloseCode::NORMAL_CLOSURE);
        assert_eq!(soon(client.next()).await, Some(Event::Closed(Closed::ByClient { clean: true })), "{transport}");
        assert_eq!(soon(client.next()).await, None);
    }
    let began = Instant::now();
    while site.hub.session_count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "{} sessions are left", site.hub.session_count());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn any_message_goes_over_each() {
    let site = Site::start(Hub::builder().handler(echo));
    let odd: [Message; 8] = [
        Message::text(""),
        Message::binary(vec![]),
        Message::binary((0..=255).collect::<Vec<u8>>()),
        Message::text("\u{1e}event: close\ndata: {}"),
        Message::text("\r\n\r"),
        Message::text("data: x\n\nid: 7\n"),
        Message::text("é\u{0}\u{feff}🎉"),
        Message::text("x\n".repeat(400_000)),
    ];
    for transport in Transport::ALL {
        let mut client = site.client(&[transport]).build().expect("checked");
        for message in &odd {
            client.sender().send(message.clone()).await.expect("open");
            let came = loop {
                if let Event::Message(message) = soon(client.next()).await.expect("open") {
                    break message;
                }
            };
            assert!(came == *message, "{transport}: {} bytes became {}", message.len(), came.len());
        }
    }
}

#[tokio::test]
async fn the_application_of_the_server_closes() {
    let site = Site::start(Hub::builder().handler(async |session: bowline_server::session::Session| {
        session.send("bye").await.map_err(|error| error.to_string())?;
        Ok::<_, String>(())
    }));
    for transport in Transport::ALL {
        let mut client = site.client(&[transport]).build().expect("checked");
        assert_eq!(text(&mut client).await, "bye");
        let closed = loop {
            if let Event::Closed(closed) = soon(client.next()).await.expect("closed") {
                break closed;
            }
        };
        assert_eq!(closed, Closed::ByServer(CloseCode::NORMAL_CLOSURE.into()), "{transport}");
    }
}

#[tokio::test]
async fn acknowledged_is_what_the_server_has() {
    let site = Site::start(Hub::builder().handler(echo));
    for transport in Transport::ALL {
        let client = site.client(&[transport]).build().expect("checked");
        for number in 0..5 {
            soon(client.sender().send_acked(format!("{number}"))).await.expect("acknowledged");
        }
    }
}
