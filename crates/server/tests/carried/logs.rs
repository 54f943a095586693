//! What stands in logs (section 3; threats S8 and S13).

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use bowline_server::{
    Hub, Session,
    http::{Grant, Guards},
};
use serde_json::json;

use crate::{
    peer::{Peer, WAYS, Way},
    support::{Http, Site, upgrade},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Not even where an application shows the request that it is given.
#[tokio::test(start_paused = true)]
async fn the_secret_stands_in_no_log() {
    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
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
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("it is asked") && text.contains("Sensitive"), "{text}");
        let bits = secret.rsplit_once('.').unwrap().1;
        let line = text.lines().find(|line| line.contains(bits));
        assert_eq!(line, None);
        let line = text.lines().rev().find(|line| line.ends_with("here it is")).expect("it was said");
        assert!(line.contains(&format!("session{{id={}", peer.open["id"].as_str().unwrap())), "{line}");
    }
}
