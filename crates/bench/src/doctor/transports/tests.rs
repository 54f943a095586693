//! A server that does what the protocol says, but for what a test has it refuse.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::*;

/// What came: WebSocket, session WebSocket, Comet, long poll, poll, post; and the answer to give instead, or `None` for the right
/// one. An empty one is no answer.
type Rule = fn(&str) -> Option<&'static str>;

const OPENED: &str = "event: open\ndata: {\"version\":1,\"session\":\"a.secret\"}\n\n";

fn serve(rule: Rule) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            thread::spawn(move || answer(socket, rule));
        }
    });
    target
}

fn answer(mut socket: TcpStream, rule: Rule) {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        let count = socket.read(&mut buffer).unwrap();
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let request = String::from_utf8(bytes).unwrap();
    let kind = kind(&request);
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    let said = match (rule(kind), kind) {
        (Some(instead), _) => instead.to_owned(),
        (None, "raw") => upgrade(&request, ""),
        (None, "session") => {
            // What stands in front of it in the frame is not looked at.
            upgrade(&request, "Sec-WebSocket-Protocol: bowline.v1\r\n") + OPENED
        }
        (None, "long poll") if request.contains("Session: a.secret") => {
            thread::sleep(WAIT);
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()
        }
        (None, "post") => ok("event: ack\ndata: 1\n\n"),
        (None, _) => ok(OPENED),
    };
    socket.write_all(said.as_bytes()).unwrap();
    // Comet's answer goes on, as does one that never comes, and a WebSocket.
    if matches!(kind, "comet" | "raw" | "session") || said.is_empty() {
        drop(socket.read(&mut [0]));
    }
}

fn kind(request: &str) -> &'static str {
    match request {
        _ if request.contains("Sec-WebSocket-Protocol") => "session",
        _ if request.contains("Upgrade:") => "raw",
        _ if request.contains("text/event-stream\r\n") && request.starts_with("GET") => "comet",
        _ if request.contains("?wait=") => "long poll",
        _ if request.starts_with("POST") => "post",
        _ if request.starts_with("DELETE") => "delete",
        _ => "poll",
    }
}

fn upgrade(request: &str, more: &str) -> String {
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// What is wrong, with how to mend it.
fn wrong(rule: Rule) -> Vec<(&'static str, String)> {
    let findings = examine(&serve(rule)).unwrap();
    assert_eq!(findings.len(), 6);
    findings.iter().filter(|finding| !finding.is_well()).map(|finding| (finding.name, finding.to_string())).collect()
}

#[test]
fn a_server_that_allows_all_is_fine() {
    assert_eq!(wrong(|_| None), []);
}

#[test]
fn each_transport_that_is_refused_is_named_with_what_mends_it() {
    const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nnot here\n";
    let rules: [(Rule, &str, &str); 6] = [
        (
            |kind| (kind == "raw").then_some("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n"),
            "raw websocket",
            "proxy_set_header Upgrade",
        ),
        (|kind| (kind == "session").then_some(FORBIDDEN), "websocket", "status 403, not here"),
        // A head, and then nothing.
        (|kind| (kind == "comet").then_some("HTTP/1.1 200 OK\r\n\r\n"), "comet", "proxy_buffering off"),
        // At once, though it was to be held.
        (
            |kind| {
                (kind == "long poll").then_some(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nevent: open\ndata: {\"session\":\"a.b\"}\n\n",
                )
            },
            "long polling",
            "was to be held for 1 s",
        ),
        (|kind| (kind == "long poll").then_some("HTTP/1.1 404 Not Found\r\n\r\n"), "long polling", "{URL}/session"),
        (
            |kind| (kind == "post").then_some("HTTP/1.1 405 No\r\nConnection: close\r\n\r\n"),
            "post",
            "GET, POST and DELETE",
        ),
    ];
    for (rule, name, part) in rules {
        let wrong = wrong(rule);
        assert!(wrong.len() == 1 && wrong[0].0 == name && wrong[0].1.contains(part), "{name}: {wrong:?}");
    }
    // A POST is made in a session that a poll opened.
    let wrong = wrong(|kind| (kind == "poll").then_some("HTTP/1.1 503 Full\r\nConnection: close\r\n\r\n"));
    assert_eq!(wrong.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["polling", "post"]);
    assert!(wrong[0].1.contains("--max-sessions"), "{wrong:?}");
}

/// The subprotocol is not chosen.
const BARE_UPGRADE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

#[test]
fn a_server_without_sessions_is_right_not_to_have_them() {
    let none: Rule = |kind| (kind != "raw").then_some("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    let findings = examine(&serve(none)).unwrap();
    assert_eq!(findings.iter().map(|finding| finding.name).collect::<Vec<_>>(), ["raw websocket", "sessions"]);
    assert!(findings.iter().all(Finding::is_well), "{findings:?}");
    assert!(findings[1].found.contains("raw WebSocket only: measure it with --raw"), "{findings:?}");
    // Nor one that has WebSockets at each address, and asks others for one.
    let anywhere: Rule = |kind| match kind {
        "raw" => None,
        "session" => Some(BARE_UPGRADE),
        _ => Some("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis address is for WebSocket.\n"),
    };
    let findings = examine(&serve(anywhere)).unwrap();
    assert_eq!(findings.iter().map(|finding| finding.name).collect::<Vec<_>>(), ["raw websocket", "sessions"]);
    // Where one transport has them, the others are to have them as well.
    let some: Rule = |kind| (kind == "session").then_some(BARE_UPGRADE);
    assert_eq!(wrong(some).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["websocket"]);
    // A server that has nothing at all there is another matter.
    let nothing: Rule = |_| Some("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    assert_eq!(wrong(nothing).len(), 6);
}

#[test]
fn each_session_that_was_opened_is_ended() {
    static OPENED: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let count: Rule = |kind| {
        match kind {
            "session" | "comet" | "poll" => OPENED.fetch_add(1, Ordering::Relaxed),
            "delete" => ENDED.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        None
    };
    assert_eq!(wrong(count), []);
    // A long poll opens one as well; its second is none of its own.
    assert_eq!((OPENED.load(Ordering::Relaxed), ENDED.load(Ordering::Relaxed)), (4, 5));
}

#[test]
fn a_session_is_known_once_its_secret_has_come() {
    let answer = |body: &str| Answer { status: 200, body: body.into(), ..Answer::default() };
    let whole = OPENED.find("\"}").unwrap() + 1;
    for end in 0..OPENED.len() {
        assert_eq!(has_secret(&answer(&OPENED[..end])), end >= whole, "{end}");
    }
}

#[test]
fn a_swallowed_upgrade_is_told_from_a_hang_up() {
    let address = "http://127.0.0.1:1/".parse().unwrap();
    let silent = Answer { took: TIMEOUT, ..Answer::default() };
    assert!(why_no_upgrade(&silent, &address).0.contains("swallows"));
    assert_eq!(silent.describe(), "no answer within 5.0 s");
    let gone = Answer { ended: true, ..Answer::default() };
    assert!(why_no_upgrade(&gone, &address).0.contains("ends the connection"));
    assert!(gone.describe().contains("hung up"));
}

#[test]
fn nobody_there_is_an_error() {
    // Bound, and gone again: nobody else's for now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = examine(&format!("http://{address}/").parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("no server listens there"), "{error}");
    assert!(examine(&format!("tcp://{address}").parse().unwrap()).is_err());
}
