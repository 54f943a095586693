//! Closes that a client puts off.

use std::time::Duration;

use bowline_server::{Hub, Session};
use tokio::{
    sync::mpsc::unbounded_channel,
    time::{Instant, sleep},
};

use crate::support::{Http, Site};

/// It acknowledges a record now and then, so that it has stalled by no measure; and what waits for it is long.
#[tokio::test(start_paused = true)]
async fn a_client_that_acknowledges_slowly_puts_its_close_off_for_the_flush_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(90);
    let (tell, mut told) = unbounded_channel();
    let handler = move |mut session: Session| {
        tell.send(session.handle()).unwrap();
        async move { while let Ok(Some(_)) = session.recv().await {} }
    };
    let hub = Hub::builder().handler(handler).session_ring(1, 1_000).flush_timeout(TIMEOUT);
    let site = Site::new(Http::One, hub);
    let client = site.open().await;
    let handle = told.recv().await.unwrap();
    for number in 0..1_000 {
        handle.send(number.to_string()).unwrap();
    }
    handle.close(None);
    let began = Instant::now();
    let mut acknowledged = 0;
    while began.elapsed() < TIMEOUT - Duration::from_secs(2) {
        let answer = client.wait(&acknowledged.to_string()).await;
        assert_eq!(answer.data(), [acknowledged.to_string()], "one at a time");
        acknowledged += 1;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(site.hub.session_count(), 1, "it has until then");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(site.hub.session_count(), 0);
    assert_eq!(client.poll(&acknowledged.to_string()).await.status, 404);
}
