//! Whose session it is (sections 3 and 8; threats S8 to S10).

use std::sync::Arc;

use bowline_core::handshake::Refusal;
use bowline_server::{
    Hub,
    http::{Grant, Guards, OriginPolicy, RequestExt as _},
};

use crate::support::{BOTH, Http, Site, event_of, next, upgrade};

const UNKNOWN: &str = "There is no such session. Open a new one, with \"Bowline-Session: new\".\n";

/// Who has a token is who it says.
fn authorized() -> Guards {
    Guards::new().authorize(|request: Arc<http::request::Parts>| async move {
        match request.bearer_token() {
            None => Err(Refusal::forbidden("Who are you?\n")),
            Some(name) => Ok(Grant::new().identity(name)),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn s8_a_session_that_there_is_not_and_one_of_another_are_the_same() {
    for http in BOTH {
        let site = Site::guarded(http, Hub::builder().node("n".parse().unwrap()), authorized());
        let ann = ("authorization", "Bearer ann");
        let bob = ("authorization", "Bearer bob");
        let open = site.ask("GET", "/session", &[("bowline-session", "new"), ann], "").await.events()[0].json();
        let secret = open["session"].as_str().unwrap();
        let id = open["id"].as_str().unwrap();
        let gone = site.ask("GET", "/session", &[("bowline-session", "new"), ann], "").await.events()[0].json();
        let gone = gone["session"].as_str().unwrap();
        let ended = site.ask("DELETE", "/session", &[("bowline-session", gone), ann], "").await;
        assert_eq!(ended.status, 204);
        crate::support::until("it ends", || site.hub.session_count() == 1).await;
        let other_node = secret.replace("n.", "m.");
        let table = [
            ("foreign", secret, bob),
            ("ended", gone, ann),
            ("unknown", "n.AAAAAAAAAAAAAAAAAAAAAA", ann),
            ("of another node", &other_node, ann),
            ("its public name", id, ann),
            ("chosen by the client", "my-session", ann),
            ("nearly", &secret[..secret.len() - 1], ann),
            ("empty", "", ann),
        ];
        for (what, name, who) in table {
            for method in ["GET", "POST", "DELETE"] {
                let answer = site.ask(method, "/session", &[("bowline-session", name), who], "").await;
                assert_eq!((answer.status, &*answer.text), (404, UNKNOWN), "{what} {method}");
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{what} {method}");
            }
            let offer = format!("bowline.v1, bowline.session.{name}");
            if !name.is_empty() {
                let answer = upgrade(&site, "/session", &offer, &[who]).await.err().expect(what);
                assert_eq!((answer.status, &*answer.text), (404, UNKNOWN), "{what}");
            }
        }
        let answer = site.ask("GET", "/session", &[("bowline-session", secret), ann], "").await;
        assert_eq!(answer.status, 204, "nothing of that has ended it");
    }
}

#[tokio::test(start_paused = true)]
async fn s9_every_request_has_to_pass() {
    for http in BOTH {
        let site = Site::guarded(http, Hub::builder(), authorized());
        let ann = ("authorization", "Bearer ann");
        let open = site.ask("GET", "/session", &[("bowline-session", "new"), ann], "").await.events()[0].json();
        let session = ("bowline-session", open["session"].as_str().unwrap());
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(site.ask(method, "/session", &[session], "").await.status, 403, "{method}");
            let foreign = [session, ann, ("origin", "https://evil.test")];
            let answer = site.ask(method, "/session", &foreign, "").await;
            assert_eq!(answer.status, 403, "{method}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        let offer = format!("bowline.v1, bowline.session.{}", session.1);
        for headers in [&[][..], &[ann, ("origin", "https://evil.test")]] {
            assert_eq!(upgrade(&site, "/session", &offer, headers).await.err().map(|answer| answer.status), Some(403));
        }
        let mut socket = upgrade(&site, "/session", &offer, &[ann]).await.expect("it is hers");
        assert_eq!(event_of(&next(&mut socket).await).name, "open");
    }
}

#[tokio::test(start_paused = true)]
async fn s10_without_the_header_nothing_is_done() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        for (method, headers) in [
            ("GET", &[][..]),
            ("GET", &[("accept", "text/event-stream")]),
            ("POST", &[("content-type", "application/x-www-form-urlencoded")]),
            ("POST", &[("content-type", "text/event-stream")]),
            ("DELETE", &[]),
            ("PUT", &[]),
            ("HEAD", &[]),
            ("GET", &[("bowline-version", "2")]),
            ("GET", &[("bowline-session", "new"), ("bowline-session", "new")]),
        ] {
            let answer = site.ask(method, "/session", headers, "").await;
            assert_eq!(answer.status, 400, "{method} {headers:?}");
            assert!(method == "HEAD" || answer.text.contains("has the header Bowline-Session"), "{}", answer.text);
        }
        assert_eq!(site.hub.session_count(), 0);
        for method in ["PUT", "HEAD", "PATCH"] {
            let answer = site.ask(method, "/session", &[("bowline-session", "new")], "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST, DELETE, OPTIONS")), "{method}");
        }
        for method in ["POST", "DELETE"] {
            let answer = site.ask(method, "/session", &[("bowline-session", "new")], "").await;
            assert_eq!(answer.status, 400, "{method}");
        }
        let answer = site.ask("GET", "/session", &[("bowline-session", "new"), ("bowline-cursor", "0")], "").await;
        assert_eq!(answer.status, 400);
        assert_eq!(site.hub.session_count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_spoken() {
    for http in BOTH {
        let site = Site::new(http, Hub::builder());
        for (version, status) in [("1", 200), ("2", 400), ("0", 400), ("", 400), ("1.0", 400), ("one", 400)] {
            let headers = [("bowline-session", "new"), ("bowline-version", version)];
            let answer = site.ask("GET", "/session", &headers, "").await;
            assert_eq!(answer.status, status, "{version:?}");
            assert_eq!(answer.header("bowline-version"), (status == 400).then_some("1"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cursors_that_are_none() {
    let site = Site::new(Http::One, Hub::builder());
    let client = site.open().await;
    let many = format!("0{}", " 7.1".repeat(129));
    for cursor in ["", "x", "-1", "0 7", "0 7.", "0  7.1", "0,1", "18446744073709551616", &many] {
        for method in ["GET", "POST"] {
            let headers = [("bowline-session", &*client.secret), ("bowline-cursor", cursor)];
            let answer = site.ask(method, "/session", &headers, "").await;
            assert_eq!(answer.status, 400, "{method} {cursor:?}");
            assert!(answer.text.contains("Bowline-Cursor"), "{}", answer.text);
        }
        let offer = format!("bowline.v1, bowline.session.{}", client.secret);
        let refused = upgrade(&site, "/session", &offer, &[("bowline-cursor", cursor)]).await.err();
        assert_eq!(refused.map(|answer| answer.status), Some(400), "{cursor:?}");
    }
    let twice = [("bowline-session", &*client.secret), ("bowline-cursor", "0"), ("bowline-cursor", "0")];
    assert_eq!(site.ask("GET", "/session", &twice, "").await.status, 400);
    // Rooms that it isn't in are passed over.
    assert_eq!(client.poll("0 7.1 8.2").await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_permitted_origin_may_ask_and_read() {
    for http in BOTH {
        let origins = OriginPolicy::list(["https://a.test"]).unwrap();
        let site = Site::guarded(http, Hub::builder(), Guards::new().origins(origins));
        let origin = ("origin", "https://a.test");
        let asks = [
            origin,
            ("access-control-request-method", "DELETE"),
            ("access-control-request-headers", "bowline-session,bowline-cursor,bowline-version,content-type"),
        ];
        let answer = site.ask("OPTIONS", "/session", &asks, "").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, DELETE, OPTIONS"));
        let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        for name in asks[2].1.split(',') {
            assert!(allowed.contains(name), "{name}");
        }
        let answer = site.ask("GET", "/session", &[("bowline-session", "new"), origin], "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.test"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["Bowline-Carrier", "Bowline-Version", "Retry-After"] {
            assert!(exposed.contains(name), "{name}");
        }
    }
}
