//! What requests have to pass, over sockets.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowline_core::handshake::Refusal;
use bowline_server::{
    http::{Grant, Guards, Hosts, OriginPolicy, RequestExt as _},
    room::RoomOptions,
};
use http::{HeaderValue, StatusCode, header};

use crate::support::{Server, hub, room};

/// Each address that a page could use.
const USES: [(&str, &str); 5] =
    [("GET", "/rooms/a"), ("HEAD", "/rooms/a"), ("POST", "/rooms/a"), ("GET", "/ws"), ("OPTIONS", "/rooms/a")];

#[tokio::test]
async fn a_foreign_origin_is_403_everywhere() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    for (method, target) in USES {
        for origin in ["https://evil.test", "null", "http://127.0.0.1"] {
            let answer = server.ask(method, target, &[("origin", origin)], "").await;
            assert_eq!(answer.status, 403, "{method} {target} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
        let own = server.origin();
        let answer = server.ask(method, target, &[("origin", &own)], "").await;
        assert_ne!(answer.status, 403, "{method} {target}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(&*own));
    }
    let two = "GET /rooms/a HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nOrigin: http://a\r\nConnection: close\r\n\r\n";
    assert!(server.raw(two).await.starts_with("HTTP/1.1 403 "));
}

/// A page of a name that was made to point here (DNS rebinding) is of the same origin by all but its name.
#[tokio::test]
async fn by_a_name_that_is_not_its_own_it_is_421_everywhere() {
    let guards = Guards::new().hosts(Hosts::list(["127.0.0.1", "chat.test"]).unwrap());
    let server = Server::guarded(&hub(RoomOptions::default()), guards).await;
    let raw = async |method: &str, target: &str, host: &str| {
        let origin = format!("Origin: http://{host}\r\n");
        let end = "Connection: close\r\n\r\n";
        server.raw(&format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{origin}{end}")).await
    };
    for (method, target) in USES {
        for host in ["evil.test", "evil.test:9001", "chat.test.evil.test"] {
            let answer = raw(method, target, host).await;
            assert!(answer.starts_with("HTTP/1.1 421 "), "{method} {target} {host}: {answer}");
            assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        }
        let answer = raw(method, target, "chat.test:9001").await;
        assert!(!answer.starts_with("HTTP/1.1 421 "), "{method} {target}: {answer}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_asking_the_application() {
    let hub = hub(RoomOptions::default());
    let policy = OriginPolicy::list(["https://app.test"]).unwrap();
    let guards = Guards::new().origins(policy).cross_origin_credentials(true);
    let guards = guards.authorize(|_| async { Err(Refusal::forbidden("no\n")) });
    let server = Server::guarded(&hub, guards).await;
    let method = ("access-control-request-method", "POST");
    let preflight = server.ask("OPTIONS", "/rooms/a", &[("origin", "https://app.test"), method], "").await;
    let headers = [
        ("access-control-allow-origin", "https://app.test"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, POST, OPTIONS"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ];
    assert_eq!(preflight.status, 204);
    for (name, value) in headers {
        assert_eq!(preflight.header(name), Some(value), "{name}");
    }
    let foreign = server.ask("OPTIONS", "/rooms/a", &[("origin", "https://evil.test"), method], "").await;
    assert_eq!((foreign.status, foreign.header("access-control-allow-methods")), (403, None));
    // The page may read why it was refused.
    let refused = server.ask("POST", "/rooms/a", &[("origin", "https://app.test")], "x").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, Some("https://app.test")));
}

#[tokio::test]
async fn s9_each_request_is_asked_about() {
    let hub = hub(RoomOptions::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let guards = Guards::new().authorize(move |request| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            match request.query("ticket").as_deref() {
                Some("good") => {
                    let cookie = HeaderValue::from_static("seen=1");
                    Ok(Grant::new().identity("ann").header(header::SET_COOKIE, cookie))
                }
                _ => {
                    let challenge = HeaderValue::from_static("Bearer");
                    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "Buy a ticket.\n").unwrap();
                    Err(refusal.header(header::WWW_AUTHENTICATE, challenge).unwrap())
                }
            }
        }
    });
    let server = Server::guarded(&hub, guards).await;
    for (method, target) in &USES[..4] {
        let answer = server.ask(method, target, &[], "").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{method} {target}");
    }
    for (method, status) in [("GET", 204), ("POST", 200)] {
        let answer = server.ask(method, "/rooms/a?ticket=good", &[], "x").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (status, Some("seen=1")));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 6);
    assert_eq!(room(&hub, "a").position().offset, 1, "only the one with a ticket has published");
}

#[tokio::test]
async fn rooms_are_granted_one_by_one() {
    let hub = hub(RoomOptions::default());
    let guards = Guards::new().authorize(|_| async {
        Ok(Grant::new().join_only(|room| room.as_str() != "vault").publish_only(|room| room.as_str() == "lobby"))
    });
    let server = Server::guarded(&hub, guards).await;
    let event_stream = [("accept", "text/event-stream")];
    let table = [
        ("GET", "/rooms/lobby", &[][..], 204),
        ("GET", "/rooms/vault", &[], 403),
        ("GET", "/rooms/%76ault", &[], 403),
        ("HEAD", "/rooms/vault", &[], 403),
        ("GET", "/rooms/vault", &event_stream, 403),
        ("POST", "/rooms/lobby", &[], 200),
        ("POST", "/rooms/hall", &[], 403),
        ("GET", "/rooms/hall", &[], 204),
    ];
    for (method, target, headers, status) in table {
        assert_eq!(server.ask(method, target, headers, "x").await.status, status, "{method} {target} {headers:?}");
    }
}

#[tokio::test]
async fn a_hook_that_takes_too_long_is_503() {
    let guards = Guards::new().authorize(|_| pending()).authorize_timeout(Duration::from_millis(20));
    let server = Server::guarded(&hub(RoomOptions::default()), guards).await;
    assert_eq!(server.get("/rooms/a", &[]).await.status, 503);
}
