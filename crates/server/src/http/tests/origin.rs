//! Threat H11: whose pages may ask.

use super::{parts, peer};
use crate::{
    http::{Origin, OriginPolicy},
    listener::ConnectionInfo,
};

/// The request's host, whether it came over TLS, its origin, and whether that is the same.
const SAME_ORIGIN: &[(&str, bool, &str, bool)] = &[
    ("example.com", true, "https://example.com", true),
    ("example.com", false, "http://example.com", true),
    // Default ports, left out or named.
    ("example.com:443", true, "https://example.com", true),
    ("example.com", true, "https://example.com:443", true),
    ("example.com:80", false, "http://example.com", true),
    ("example.com", false, "http://example.com:80", true),
    ("example.com:8080", false, "http://example.com:8080", true),
    // Another port.
    ("example.com", true, "https://example.com:8443", false),
    ("example.com:8443", true, "https://example.com", false),
    ("example.com:8443", true, "https://example.com:8444", false),
    ("example.com", true, "https://example.com:80", false),
    ("example.com", false, "http://example.com:443", false),
    // Another scheme, also where the port is the same.
    ("example.com", true, "http://example.com", false),
    ("example.com", false, "https://example.com", false),
    ("example.com:443", true, "http://example.com:443", false),
    ("example.com", true, "wss://example.com", false),
    ("example.com", true, "ftp://example.com", false),
    ("example.com", true, "file://example.com", false),
    ("example.com", true, "chrome-extension://example.com", false),
    // Another host, however alike.
    ("example.com", true, "https://example.com.evil", false),
    ("example.com", true, "https://evil-example.com", false),
    ("example.com", true, "https://www.example.com", false),
    ("www.example.com", true, "https://example.com", false),
    ("example.com", true, "https://example.co", false),
    ("example.com", true, "https://example.com.", false),
    ("example.com.", true, "https://example.com.", true),
    ("example.com", true, "https://examp1e.com", false),
    ("xn--bcher-kva.example", true, "https://xn--bcher-kva.example", true),
    ("xn--bcher-kva.example", true, "https://bücher.example", false),
    // Case.
    ("Example.COM", true, "https://example.com", true),
    ("example.com", true, "HTTPS://EXAMPLE.com", true),
    // Addresses.
    ("127.0.0.1:9001", false, "http://127.0.0.1:9001", true),
    ("127.0.0.1:9001", false, "http://localhost:9001", false),
    ("localhost:3000", false, "http://localhost:3001", false),
    ("[::1]:9001", false, "http://[::1]:9001", true),
    ("[::1]:9001", false, "http://[0:0:0:0:0:0:0:1]:9001", true),
    ("[2001:DB8::1]", true, "https://[2001:db8:0::1]", true),
    ("[::1]", false, "http://[::2]", false),
    ("[::1]", false, "http://::1", false),
    ("[::1]", false, "http://[::1", false),
    // What is no origin.
    ("example.com", true, "null", false),
    ("example.com", true, "", false),
    ("example.com", true, "*", false),
    ("example.com", true, "example.com", false),
    ("example.com", true, "//example.com", false),
    ("example.com", true, "https:example.com", false),
    ("example.com", true, "https://", false),
    ("example.com", true, "https://example.com/", false),
    ("example.com", true, "https://example.com/path", false),
    ("example.com", true, "https://example.com?", false),
    ("example.com", true, "https://example.com#", false),
    ("example.com", true, "https://user@example.com", false),
    ("example.com", true, "https://user:443@example.com", false),
    ("example.com", true, "https://example.com@evil.test", false),
    ("example.com", true, "https://evil.test/https://example.com", false),
    ("example.com", true, "https://evil.test\\@example.com", false),
    ("example.com", true, "https://example.com:", false),
    ("example.com", true, "https://example.com:0443", false),
    ("example.com", true, "https://example.com:+443", false),
    ("example.com", true, "https://example.com:0", false),
    ("example.com", true, "https://example.com:65979", false),
    ("example.com", true, "https://example.com:443:443", false),
    ("example.com", true, "https://example.com https://evil.test", false),
    ("example.com", true, "https://evil.test https://example.com", false),
    ("example.com", true, "https://example.com, https://example.com", false),
    ("example.com", true, " https://example.com", false),
    ("example.com", true, "https:// example.com", false),
    ("example.com", true, "https://example%2ecom", false),
    ("example.com", true, "https://*.com", false),
];

#[test]
fn h11_same_origin() {
    for (host, is_tls, origin, same) in SAME_ORIGIN {
        let request = parts("/ws", &[("host", host), ("origin", origin)], peer(*is_tls));
        let permitted = OriginPolicy::SameOrigin.permits(&request, false);
        assert_eq!(permitted, *same, "host {host}, tls {is_tls}, origin {origin:?}");
    }
    assert!(SAME_ORIGIN.len() >= 40);
}

#[test]
fn without_an_origin_it_is_no_browser() {
    let request = parts("/ws", &[("host", "example.com")], peer(true));
    for policy in [OriginPolicy::SameOrigin, OriginPolicy::List(Vec::new()), OriginPolicy::Any] {
        assert!(policy.permits(&request, false));
    }
}

#[test]
fn two_origins_are_none() {
    let origin = ("origin", "https://example.com");
    let request = parts("/ws", &[("host", "example.com"), origin, origin], peer(true));
    assert!(!OriginPolicy::SameOrigin.permits(&request, false));
    assert!(!OriginPolicy::list(["https://example.com"]).unwrap().permits(&request, false));
    assert!(OriginPolicy::Any.permits(&request, false));
    // Two hosts or none: nothing to be the same as.
    for hosts in [&[][..], &[("host", "example.com"), ("host", "example.com")]] {
        let headers = [hosts, &[origin]].concat();
        assert!(!OriginPolicy::SameOrigin.permits(&parts("/ws", &headers, peer(true)), false));
    }
}

#[test]
fn a_list_is_only_what_it_lists() {
    let policy = OriginPolicy::list(["https://app.example.com", "http://localhost:3000", "capacitor://localhost"]);
    let policy = policy.unwrap();
    let permits =
        |origin| policy.permits(&parts("/ws", &[("host", "chat.example.com"), ("origin", origin)], peer(true)), false);
    for origin in ["https://app.example.com", "https://APP.example.com:443", "capacitor://localhost"] {
        assert!(permits(origin), "{origin}");
    }
    for origin in [
        "https://chat.example.com",
        "http://app.example.com",
        "https://app.example.com.evil",
        "http://localhost",
        "capacitor://localhost:1",
        "null",
    ] {
        assert!(!permits(origin), "{origin}");
    }
    let error = OriginPolicy::list(["https://a", "https://b/"]).unwrap_err();
    assert!(error.to_string().contains("\"https://b/\""), "{error}");
}

/// The target, the peer, whether proxies are trusted, further headers, and whether `https://example.com` is the same
/// origin.
type Behind = (&'static str, Option<ConnectionInfo>, bool, &'static [(&'static str, &'static str)], bool);

#[test]
fn the_scheme_is_the_listeners_unless_proxies_are_trusted() {
    const HOST: (&str, &str) = ("host", "example.com");
    const PROTO: (&str, &str) = ("x-forwarded-proto", "https");
    let table: &[Behind] = &[
        ("/ws", peer(true), false, &[HOST], true),
        ("/ws", peer(false), false, &[HOST], false),
        ("/ws", peer(false), false, &[HOST, PROTO], false),
        ("/ws", peer(false), true, &[HOST, PROTO], true),
        ("/ws", peer(false), true, &[HOST], false),
        ("/ws", peer(true), true, &[HOST, ("x-forwarded-proto", "http")], false),
        ("/ws", peer(false), true, &[HOST, ("x-forwarded-proto", "https, http")], true),
        ("/ws", peer(false), true, &[HOST, ("x-forwarded-proto", "http, https")], false),
        ("/ws", peer(false), true, &[("host", "inner:8080"), PROTO, ("x-forwarded-host", "example.com")], true),
        ("/ws", peer(false), false, &[("host", "inner:8080"), PROTO, ("x-forwarded-host", "example.com")], false),
        ("/ws", peer(false), true, &[HOST, PROTO, ("x-forwarded-host", "evil.test")], false),
        ("/ws", peer(false), true, &[HOST, PROTO, ("x-forwarded-host", "exa mple")], false),
        ("/ws", peer(false), true, &[HOST, ("forwarded", "proto=https;host=example.com")], false),
        // HTTP/2 and absolute targets name scheme and authority themselves.
        ("https://example.com/ws", None, false, &[], true),
        ("http://example.com/ws", None, false, &[], false),
        ("https://example.com/ws", peer(false), false, &[], false),
        ("https://example.com/ws", peer(true), false, &[("host", "other.test")], true),
        ("/ws", None, false, &[HOST], false),
    ];
    for row in table {
        let (target, peer, trust, headers, same) = *row;
        let headers = [headers, &[("origin", "https://example.com")]].concat();
        let permitted = OriginPolicy::SameOrigin.permits(&parts(target, &headers, peer), trust);
        assert_eq!(permitted, same, "{row:?}");
    }
}

#[test]
fn an_origin_is_compared_by_what_it_means() {
    let origin = |text: &str| text.parse::<Origin>().unwrap();
    assert_eq!(origin("https://[::ffff:1.2.3.4]"), origin("https://[::ffff:102:304]:443"));
    assert_ne!(origin("moz-extension://a"), origin("moz-extension://a:1"));
}
