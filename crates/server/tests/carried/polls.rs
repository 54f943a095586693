//! Polling and long polling (section 3), and POST (section 4).

use bowline_server::Hub;

use crate::support::{BOTH, Site};

#[tokio::test(start_paused = true)]
async fn an_echo_by_polls() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        let mut client = site.open().await;
        client.text("hello").await;
        let answer = client.wait("0").await;
        assert_eq!(answer.data(), ["hello"]);
        client.text("again").await;
        let answer = client.wait("1").await;
        assert_eq!(answer.data(), ["again"]);
        assert_eq!(client.poll("2").await.status, 204);
        assert_eq!(client.end().await.status, 204);
        assert_eq!(client.poll("2").await.status, 404);
        crate::support::until("it ends", || site.hub.session_count() == 0).await;
    }
}
