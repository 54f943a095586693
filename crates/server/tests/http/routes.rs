//! Each address with each method.

use bowline_server::{
    http::Guards,
    hub::Drain,
    room::{RoomOptions, Start},
};

use crate::support::{Server, hub, hub_with, room};

#[tokio::test]
async fn methods_and_addresses() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let room_methods = Some("GET, HEAD, POST, OPTIONS");
    let table = [
        ("GET", "/", 404, None),
        ("POST", "/rooms", 404, None),
        ("GET", "/rooms/a/b", 404, None),
        ("GET", "/rooms/", 400, None),
        ("GET", "/rooms/%FF", 400, None),
        ("GET", "/rooms/a", 204, None),
        ("HEAD", "/rooms/a", 200, None),
        ("POST", "/rooms/a", 200, None),
        ("OPTIONS", "/rooms/a", 204, room_methods),
        ("PUT", "/rooms/a", 405, room_methods),
        ("DELETE", "/rooms/a", 405, room_methods),
        ("PATCH", "/rooms/a", 405, room_methods),
        ("BREW", "/rooms/a", 405, room_methods),
        ("GET", "/ws", 400, None),
        ("OPTIONS", "/ws", 204, Some("GET, OPTIONS")),
        ("HEAD", "/ws", 405, Some("GET, OPTIONS")),
        ("POST", "/ws", 405, Some("GET, OPTIONS")),
    ];
    for (method, target, status, allow) in table {
        let answer = server.ask(method, target, &[], "").await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {target}");
        assert_eq!(answer.header("connection"), None, "{method} {target}: the connection can go on");
    }
}

#[tokio::test]
async fn addresses_are_below_the_mount_point() {
    let hub = hub(RoomOptions::default());
    let server = Server::service(hub.service(Guards::new()).mount("/live/")).await;
    for (target, status) in [
        ("/live/rooms/a", 204),
        ("/rooms/a", 404),
        ("/livex/rooms/a", 404),
        ("/live", 404),
        ("/live/", 404),
        ("/live/ws", 400),
    ] {
        assert_eq!(server.get(target, &[]).await.status, status, "{target}");
    }
}

#[tokio::test]
async fn questions_that_are_none() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let doubled_zero = format!("/rooms/a?wait={}", "0".repeat(19));
    for target in [
        "/rooms/a?since=1",
        "/rooms/a?since=abc-1",
        "/rooms/a?history=-1",
        "/rooms/a?history=x",
        "/rooms/a?history=",
        "/rooms/a?wait=1.",
        "/rooms/a?wait=.5",
        "/rooms/a?wait=1e3",
        "/rooms/a?wait=1.5.1",
        "/rooms/a?wait=+1",
        &doubled_zero,
    ] {
        for accept in ["*/*", "text/event-stream"] {
            let answer = server.get(target, &[("accept", accept)]).await;
            assert_eq!(answer.status, 400, "{target} {accept}");
        }
    }
    assert_eq!(server.get("/rooms/a", &[("last-event-id", "7")]).await.status, 400);
    // Nothing in it is nothing.
    assert_eq!(server.get("/rooms/a?since=", &[("last-event-id", "")]).await.status, 204);
}

#[tokio::test]
async fn a_target_over_8_kib_is_414() {
    let server = Server::hub(&hub(RoomOptions::default())).await;
    let target = |len: usize| format!("/rooms/a?{}", "x".repeat(len - 9));
    assert_eq!(server.get(&target(8 << 10), &[]).await.status, 204);
    assert_eq!(server.get(&target((8 << 10) + 1), &[]).await.status, 414);
}

#[tokio::test]
async fn as_many_rooms_and_members_as_there_may_be() {
    let hub = hub_with(RoomOptions::default().max_members(1), 2, bowline_core::connection::Config::default());
    let server = Server::hub(&hub).await;
    let one = room(&hub, "one");
    let _reader = one.subscribe(Start::Newest).unwrap();
    let full = server.get("/rooms/one", &[]).await;
    assert_eq!((full.status, full.header("retry-after")), (503, Some("1")), "{}", full.text());
    assert_eq!(server.ask("POST", "/rooms/one", &[], "x").await.status, 200, "publishing takes no member");
    let _two = room(&hub, "two");
    let over = server.get("/rooms/three", &[]).await;
    assert_eq!((over.status, over.header("retry-after")), (503, Some("1")), "{}", over.text());
    assert!(hub.room("three").is_err());
}

#[tokio::test]
async fn while_draining_nobody_new_is_taken() {
    let hub = hub(RoomOptions::default());
    let server = Server::hub(&hub).await;
    hub.drain(Drain::default()).await;
    for (method, target) in [("GET", "/rooms/a"), ("POST", "/rooms/a"), ("GET", "/ws")] {
        let answer = server.ask(method, target, &[], "").await;
        let wait = answer.header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
        assert!(answer.status == 503 && (1..=5).contains(&wait.unwrap()), "{method} {target}: {answer:?}");
    }
}
