//! Which response may be read by whose page.

use http::{HeaderMap, HeaderValue, Method, header};

use super::{parts, peer};
use crate::http::{Guards, OriginPolicy, cors};

/// The headers that a response to `origin` gets.
fn decorated(guards: &Guards, origin: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    guards.decorate(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
    headers
}

#[test]
fn s10_never_a_star_with_credentials() {
    let list = OriginPolicy::list(["https://a.test"]).unwrap();
    for policy in [OriginPolicy::SameOrigin, list, OriginPolicy::Any] {
        for credentials in [false, true] {
            let guards = Guards::new().origins(policy.clone()).cross_origin_credentials(credentials);
            let headers = decorated(&guards, Some("https://a.test"));
            let allowed = headers[header::ACCESS_CONTROL_ALLOW_ORIGIN].to_str().unwrap();
            let with_credentials = headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
            if policy == OriginPolicy::Any {
                assert_eq!((allowed, with_credentials), ("*", false));
            } else {
                assert_eq!((allowed, with_credentials), ("https://a.test", credentials));
                assert_eq!(headers[header::VARY], "Origin");
            }
            let exposed = "Bowline-Carrier, Bowline-Position, Bowline-Version, Retry-After";
            assert_eq!(headers[header::ACCESS_CONTROL_EXPOSE_HEADERS], exposed);
        }
    }
}

#[test]
fn without_an_origin_only_caches_are_told() {
    let headers = decorated(&Guards::new().cross_origin_credentials(true), None);
    assert_eq!((headers.len(), &headers[header::VARY]), (1, &HeaderValue::from_static("Origin")));
}

#[test]
fn a_preflight_has_an_origin_and_a_method() {
    let origin = ("origin", "https://a.test");
    let method = ("access-control-request-method", "POST");
    for (headers, expected) in [(&[origin, method][..], true), (&[origin], false), (&[method], false), (&[], false)] {
        let mut request = parts("/rooms/a", headers, peer(false));
        assert!(!cors::is_preflight(&request));
        request.method = Method::OPTIONS;
        assert_eq!(cors::is_preflight(&request), expected, "{headers:?}");
    }
    let mut headers = HeaderMap::new();
    cors::Cors::preflight(&mut headers, HeaderValue::from_static("GET, HEAD, POST"));
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, POST");
    let allowed = headers[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    for name in ["Idempotency-Key", "Bowline-Session", "Bowline-Cursor", "Bowline-Version"] {
        assert!(allowed.contains(name), "{name}");
    }
}
