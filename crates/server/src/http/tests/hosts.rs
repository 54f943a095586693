//! DNS rebinding: by which names the server may be asked.

use super::parts;
use crate::http::Hosts;

#[test]
fn a_host_is_compared_by_name_and_port() {
    let table = [
        ("chat.example.com", "chat.example.com", true),
        ("chat.example.com", "Chat.Example.COM", true),
        ("chat.example.com", "chat.example.com:8443", true),
        ("chat.example.com", "chat.example.com.", false),
        ("chat.example.com", "example.com", false),
        ("chat.example.com", "chat.example.com.evil.test", false),
        ("chat.example.com", "evil.test", false),
        ("localhost:9001", "localhost:9001", true),
        ("localhost:9001", "localhost:9002", false),
        ("localhost:9001", "localhost", false),
        ("127.0.0.1", "127.0.0.1:9001", true),
        ("127.0.0.1", "localhost:9001", false),
        ("[::1]", "[::1]:9001", true),
        ("[::1]", "[0:0:0:0:0:0:0:1]", true),
        ("[::1]:9001", "[::1]", false),
        ("a", "a@b", false),
        ("a", "a:", false),
        ("a", "", false),
    ];
    for (name, host, permitted) in table {
        let hosts = Hosts::list(["other.test", name]).unwrap();
        let request = parts("/ws", &[("host", host)], None);
        assert_eq!(hosts.permit(&request.uri, &request.headers, false), permitted, "{name} {host}");
    }
}

#[test]
fn the_host_is_the_one_that_the_origin_is_compared_with() {
    let hosts = Hosts::list(["a"]).unwrap();
    let evil = ("host", "evil.test");
    let table: [(&str, &[_], bool, bool); 8] = [
        ("/ws", &[], false, false),
        ("/ws", &[("host", "a"), ("host", "a")], false, false),
        ("http://a/ws", &[evil], false, true),
        ("http://evil.test/ws", &[("host", "a")], false, false),
        ("/ws", &[evil, ("x-forwarded-host", "a")], false, false),
        ("/ws", &[evil, ("x-forwarded-host", "a")], true, true),
        ("/ws", &[("host", "a"), ("x-forwarded-host", "evil.test, a")], true, false),
        ("/ws", &[("host", "a")], true, true),
    ];
    for (target, headers, trust, permitted) in table {
        let request = parts(target, headers, None);
        assert_eq!(hosts.permit(&request.uri, &request.headers, trust), permitted, "{target} {headers:?} {trust}");
    }
}

#[test]
fn what_is_no_host_is_told() {
    for text in ["", "http://a", "a/", "a:b", "a:", "::1", "[::1", "a b", "*", "*.a"] {
        let Err(error) = Hosts::list(["b", text]) else { panic!("{text:?} is a host") };
        assert!(error.to_string().starts_with(&format!("{text:?} is no host")), "{error}");
    }
}
