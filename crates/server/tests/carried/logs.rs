//! What stands in logs (section 3; threats S8 and S13).

use bowline_server::{
    Hub, Session,
    http::{Grant, Guards},
};
use serde_json::json;

use crate::{
    log_lines::LogLines,
    peer::{Peer, WAYS, Way},
    support::{Http, Site, upgrade},
};

/// Not even where an application shows the request that it is given.
#[tokio::test(start_paused = true)]
async fn the_secret_stands_in_no_log() {
    let lines = LogLines::keep();
    for http in [Http::One, Http::Two] {
        let guards = Guards::new().authorize(|request| async move {
            tracing::info!(?request, "it is asked");
            Ok(Grant::new())
        });
        let hub = Hub::builder().handler(|mut session: Session| async move {
            tracing::info!(request = ?session.request(), "it begins");
            while let Ok(Some(_)) = session.recv().await {}
            tracing::info!("here it is");
        });
        let site = Site::guarded(http, hub, guards);
        let mut peer = Peer::open(&site, Way::Poll).await;
        for way in WAYS {
            peer.attach(way).await;
            peer.command("join", &json!({ "room": format!("{way:?}") })).await;
        }
        // Refused, too.
        let secret = peer.client.secret.clone();
        let headers = [("bowline-session", &*secret), ("bowline-cursor", "999")];
        assert_eq!(site.ask("GET", "/session", &headers, "").await.status, 400);
        assert_eq!(site.ask("GET", "/session", &[("bowline-session", &format!("{secret}x"))], "").await.status, 404);
        let offer = format!("bowline.v1, bowline.session.{secret}");
        assert!(upgrade(&site, "/session", &offer, &[("origin", "https://evil.test")]).await.is_err());
        assert_eq!(peer.client.end().await.status, 204);
        crate::support::until("it ends", || site.hub.session_count() == 0).await;
        let text = lines.text();
        assert!(text.contains("it is asked") && text.contains("Sensitive"), "{text}");
        let bits = secret.rsplit_once('.').unwrap().1;
        let line = text.lines().find(|line| line.contains(bits));
        assert_eq!(line, None);
        let line = text.lines().rev().find(|line| line.ends_with("here it is")).expect("it was said");
        assert!(line.contains(&format!("session{{id={}", peer.open["id"].as_str().unwrap())), "{line}");
    }
}
