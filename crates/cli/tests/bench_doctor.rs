//! `bowline bench doctor` and `bowline bench calibrate`, against the server and what may be in front of it.

mod common;

use self::common::{Ran, Server, run};

const NAMES: [&str; 6] = ["raw websocket", "websocket", "comet", "long polling", "polling", "post"];

async fn doctor(address: &str) -> Ran {
    run(&["bench", "doctor", &format!("http://{address}/")], b"").await
}

/// What is wrong with the way to the server: the machine's own troubles are not the test's.
fn wrong(ran: &Ran) -> Vec<&'static str> {
    let is = |name: &str, state: &str| {
        ran.stdout.lines().any(|line| {
            line.strip_prefix(state)
                .and_then(|rest| rest.trim_start().strip_prefix(name))
                .is_some_and(|rest| rest.starts_with("  "))
        })
    };
    for name in NAMES {
        assert!(is(name, "ok ") != is(name, "wrong "), "{name}: {}", ran.stdout);
    }
    NAMES.into_iter().filter(|name| is(name, "wrong ")).collect()
}

#[tokio::test]
async fn the_server_allows_all() {
    let server = Server::start("serve", &[]).await;
    let ran = doctor(&server.address).await;
    assert_eq!(wrong(&ran), [""; 0], "{}", ran.stdout);
    let is_well = !ran.stdout.contains("wrong ");
    assert_eq!(ran.code, Some(if is_well { 0 } else { 2 }), "{}", ran.stdout);
}

#[tokio::test]
async fn what_a_proxy_in_front_breaks_is_told_with_what_mends_it() {
    let server = Server::start("serve", &[]).await;
    for (fault, broken, remedy) in [
        ("--strip-upgrade", &["raw websocket", "websocket"][..], "proxy_set_header Upgrade $http_upgrade"),
        ("--buffer-responses", &["comet"], "proxy_buffering off"),
    ] {
        let proxy = Server::start("proxy", &["--to", &server.address, fault]).await;
        let ran = doctor(&proxy.address).await;
        assert_eq!(wrong(&ran), broken, "{fault}: {}", ran.stdout);
        assert!(ran.code == Some(2) && ran.stdout.contains(remedy), "{fault}: {}", ran.stdout);
    }
}

#[tokio::test]
async fn a_server_without_sessions_has_its_websocket() {
    let server = Server::start("echo", &[]).await;
    let ran = doctor(&server.address).await;
    assert!(ran.stdout.contains("\nok     raw websocket        at http://"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nok     sessions             none here, raw WebSocket only"), "{}", ran.stdout);
    assert!(!NAMES[1..].iter().any(|name| ran.stdout.contains(&format!("wrong  {name}"))), "{}", ran.stdout);
}

#[tokio::test]
async fn nobody_there_is_exit_code_1() {
    let ran = doctor("127.0.0.1:1").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("no server listens there"), "{}", ran.stderr);
}

#[tokio::test]
async fn findings_are_there_for_programs_too() {
    let ran = run(&["bench", "doctor", "--json"], b"").await;
    assert!(ran.stdout.starts_with("{\"findings\":[{\"name\":\"descriptors\""), "{}", ran.stdout);
    assert!(matches!(ran.code, Some(0 | 2)), "{:?}", ran.code);
}

#[tokio::test]
async fn a_calibration_is_a_document() {
    let ran = run(&["bench", "calibrate", "--json"], b"").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("\"scenario\":\"calibrate\"") && ran.stdout.contains("\"clock_nanoseconds\":"));
}
