//! What authorization finds in a request.

use super::{parts, peer};
use crate::http::RequestExt as _;

#[test]
fn bearer_tokens() {
    let table = [
        ("Bearer abc", Some("abc")),
        ("bearer abc.d-e_f==", Some("abc.d-e_f==")),
        ("BEARER  abc", Some("abc")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Basic abc", None),
        ("Bearerabc", None),
    ];
    for (value, token) in table {
        assert_eq!(parts("/", &[("authorization", value)], None).bearer_token(), token, "{value:?}");
    }
    let header = ("authorization", "Bearer abc");
    assert_eq!(parts("/", &[header, header], None).bearer_token(), None);
    assert_eq!(parts("/", &[], None).bearer_token(), None);
}

#[test]
fn cookies() {
    let lines = [("cookie", "a=1; b=x=y;c=;  d = 4"), ("cookie", "e=5; a=6")];
    let request = parts("/", &lines, None);
    let table =
        [("a", Some("1")), ("b", Some("x=y")), ("c", Some("")), ("d", Some("4")), ("e", Some("5")), ("f", None)];
    for (name, value) in table {
        assert_eq!(request.cookie(name), value, "{name}");
    }
    assert_eq!(request.cookie("A"), None);
}

#[test]
fn queries() {
    let request = parts("/ws?ticket=a%2Bb%3D&x=1+2&x=3&%C3%A9=ok&empty=&flag&bad=%FF&half=%4&=none&%FF=1", &[], None);
    let table = [
        ("ticket", Some("a+b=")),
        ("x", Some("1 2")),
        ("é", Some("ok")),
        ("empty", Some("")),
        ("flag", Some("")),
        ("bad", None),
        ("half", Some("%4")),
        ("", Some("none")),
        ("absent", None),
    ];
    for (name, value) in table {
        assert_eq!(request.query(name).as_deref(), value, "{name}");
    }
    assert_eq!(parts("/ws", &[], None).query("x"), None);
}

#[test]
fn subprotocol_tokens() {
    let offers = ("sec-websocket-protocol", "chat, bearer.abc.def,bearer.second");
    assert_eq!(parts("/", &[offers], None).subprotocol_token("bearer."), Some("abc.def"));
    let two_lines = [("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "bearer.x")];
    assert_eq!(parts("/", &two_lines, None).subprotocol_token("bearer."), Some("x"));
    for offers in ["chat", "bearer.", "xbearer.a", ""] {
        assert_eq!(parts("/", &[("sec-websocket-protocol", offers)], None).subprotocol_token("bearer."), None);
    }
}

#[test]
fn the_peer_is_what_the_server_says() {
    assert_eq!(parts("/", &[], None).connection(), None);
    assert!(parts("/", &[], peer(true)).connection().is_some_and(|connection| connection.is_tls()));
}
