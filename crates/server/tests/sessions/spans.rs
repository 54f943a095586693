//! What a session's log lines stand in.

use bowline_core::Role;
use bowline_core::connection::Config;
use bowline_server::{Hub, Session, hub::Admission, io::Io};
use http::Request;
use tokio::io::duplex;

use crate::log_lines::LogLines;
use crate::support::{client, rest, socket};

/// S13: the application's own lines say whose session they are about, and a peer can't write lines of its own.
#[tokio::test]
async fn s13_a_handlers_lines_stand_in_the_sessions_span() {
    let lines = LogLines::keep();
    let hub = Hub::builder().build();
    let (near, far) = duplex(1 << 10);
    let mut admission = Admission::default();
    let request = Request::builder().uri(format!("/rooms/{}", "x".repeat(300))).body(()).unwrap();
    admission.request = Some(Box::new(request.into_parts().0));
    admission.identity = Some("eve\r\n\u{1b}[31mroot".into());
    let ws = socket(Io::other(far), Role::Server, Config::default().keepalive(None));
    let handle = hub.serve_with(ws, admission, |_: Session| async { tracing::info!("here it is") }).unwrap();
    assert_eq!(rest(&mut client(near)).await.1, 1000);

    let text = lines.text();
    let line = text.lines().find(|line| line.ends_with("here it is")).expect("it was said");
    assert!(line.contains(&format!("session{{id={}", handle.id())), "{line}");
    assert!(line.contains("identity=eve\\r\\n\\u{1b}[31mroot"), "{line}");
    let path = line.split("path=").nth(1).unwrap().split(['}', ' ']).next().unwrap();
    assert!(path.starts_with("/rooms/xxx") && path.len() <= 256, "{} bytes", path.len());
}
