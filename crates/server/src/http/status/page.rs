//! The page at `/`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderName, HeaderValue, Response,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};

use super::of_type;
use crate::http::Body;

/// One file, without anything from elsewhere.
const PAGE: &str = include_str!("page.html");
const NONCE: &str = "{{nonce}}";

const FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");

/// The page, which may run its own script and style (by a nonce of this response) and talk to its own server, nothing
/// else.
pub(super) fn response() -> Response<Body> {
    let nonce = STANDARD.encode(rand::random::<u128>().to_be_bytes());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = of_type("text/html; charset=utf-8", PAGE.replace(NONCE, &nonce));
    let headers = response.headers_mut();
    // Base64 and what stands here are visible ASCII.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nothing_of_other_hosts() {
        for outside in ["http://", "https://", "src=\"//", "url(", "@import", "eval(", " onclick", "innerHTML"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        assert_eq!(PAGE.matches(NONCE).count(), PAGE.matches("<script").count() + PAGE.matches("<style").count());
        assert!(!PAGE.contains("style=\""), "the policy forbids it");
    }

    #[test]
    fn each_response_has_a_nonce_of_its_own() {
        let policy = || response().headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert_ne!(policy(), policy());
    }
}
