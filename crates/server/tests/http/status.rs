//! What a server says of itself.

use bowline_server::{
    http::{Guards, Hosts},
    hub::Drain,
    room::RoomOptions,
};

use crate::support::{Server, hub, room};

#[tokio::test]
async fn health_readiness_and_figures() {
    let hub = hub(RoomOptions::default());
    let server = Server::new(hub.status("1.2.3"), false).await;
    let _room = room(&hub, "a");
    assert_eq!(server.get("/healthz", &[]).await.text(), "alive\n");
    assert_eq!(server.get("/readyz", &[]).await.text(), "ready\n");
    let figures = server.get("/", &[("accept", "application/json")]).await.json();
    assert_eq!((&figures["version"], &figures["rooms"], &figures["ready"]), (&"1.2.3".into(), &1.into(), &true.into()));
    hub.drain(Drain::default()).await;
    let ready = server.get("/readyz", &[]).await;
    assert_eq!((ready.status, ready.text()), (503, "draining\n"));
    assert_eq!(server.get("/healthz", &[]).await.status, 200, "it is alive all the same");
    assert_eq!(server.get("/other", &[]).await.status, 404);
    let posted = server.ask("POST", "/readyz", &[], "").await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(server.ask("HEAD", "/healthz", &[], "").await.status, 200);
}

/// Only a probe asks by whatever address a server has.
#[tokio::test]
async fn by_a_name_that_is_not_its_own_it_tells_nothing_but_its_health() {
    let guards = Guards::new().hosts(Hosts::list(["chat.test"]).unwrap());
    let server = Server::new(hub(RoomOptions::default()).status("1.2.3").guards(guards), false).await;
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        for (host, refused) in [("chat.test", false), ("evil.test", !path.ends_with('z'))] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = server.raw(&head).await;
            assert_eq!(answer.starts_with("HTTP/1.1 421 "), refused, "{path} {host}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_page_runs_only_its_own_script() {
    let server = Server::new(hub(RoomOptions::default()).status("1.2.3"), false).await;
    let page = server.get("/", &[("accept", "text/html")]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.text().matches(&format!("nonce=\"{nonce}\"")).count(), 2);
}

#[tokio::test]
#[cfg(feature = "prometheus")]
async fn metrics_are_scraped() {
    let hub = hub(RoomOptions::default());
    let server = Server::new(hub.status("1.2.3"), false).await;
    let hub_server = Server::hub(&hub).await;
    assert_eq!(hub_server.get("/rooms/a", &[("origin", "https://evil.test")]).await.status, 403);
    let metrics = server.get("/metrics", &[]).await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let line = "bowline_handshakes_refused_total{reason=\"origin\"} 1\n";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[tokio::test]
#[cfg(not(feature = "prometheus"))]
async fn without_the_feature_there_are_no_metrics() {
    let server = Server::new(hub(RoomOptions::default()).status("1.2.3"), false).await;
    assert_eq!(server.get("/metrics", &[]).await.status, 404);
}
