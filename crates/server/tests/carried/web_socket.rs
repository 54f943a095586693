//! WebSocket (section 5).

use bowline_server::Hub;

use crate::support::{BOTH, Site, event_of, next, send, socket};

#[tokio::test(start_paused = true)]
async fn an_echo_by_web_socket() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut first = socket(&site, None).await;
        let open = event_of(&next(&mut first).await);
        assert_eq!(open.name, "open");
        let secret = open.json()["session"].as_str().unwrap().to_owned();
        for text in ["hello", "\u{1e}\u{1e}begins with a separator"] {
            send(&mut first, text).await;
            assert_eq!(next(&mut first).await, text);
        }
        assert_eq!(next(&mut first).await, "\u{1e}event: ack\ndata: 2");
        let mut second = socket(&site, Some(&secret)).await;
        assert_eq!(next(&mut first).await, "close 4001 superseded");
        let open = event_of(&next(&mut second).await);
        assert_eq!(
            (&open.json()["ack"], &open.json()["from"], open.json().get("session")),
            (&2.into(), &0.into(), None)
        );
        assert_eq!(next(&mut second).await, "hello");
        assert_eq!(next(&mut second).await, "\u{1e}\u{1e}begins with a separator");
        send(&mut second, "\u{1e}event: ack\ndata: 2").await;
        send(&mut second, "third").await;
        assert_eq!(next(&mut second).await, "third");
        send(&mut second, "\u{1e}event: close\ndata: {\"code\":1000}").await;
        assert_eq!(event_of(&next(&mut second).await).name, "close");
        assert_eq!(next(&mut second).await, "close 1000 ");
        crate::support::until("it ends", || site.hub.session_count() == 0).await;
    }
}
