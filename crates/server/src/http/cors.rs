//! Cross-origin requests to the HTTP addresses (Fetch Standard, "CORS protocol"). WebSockets know no CORS.

use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    request::Parts,
};

use super::OriginPolicy;

/// What a page may send beyond what each may anyway.
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Bowline-Cursor, Bowline-Session, Bowline-Version, Cache-Control, Content-Type, Idempotency-Key, \
     Last-Event-ID",
);

/// What a page may read of a response beyond what each may anyway.
const EXPOSE_HEADERS: HeaderValue =
    HeaderValue::from_static("Bowline-Carrier, Bowline-Position, Bowline-Version, Retry-After");

/// How long a browser may keep the answer to a preflight, in seconds: short enough for a change to be noticed.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Whether a browser asks here whether it may ask.
pub(super) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What each response of a permitted request gets.
///
/// `*` only where every origin is permitted, and then never with credentials (threat S10): echoing each origin with
/// them would be the same thing by another name, so [`OriginPolicy::Any`] goes without whatever `credentials` says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cors {
    pub(super) credentials: bool,
}

impl Cors {
    /// Adds the headers that let the page of a permitted origin read the response.
    pub(super) fn decorate(self, policy: &OriginPolicy, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if *policy == OriginPolicy::Any {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
            return;
        }
        // A cache must not give one origin's answer to another, not even where there is no origin.
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Adds what a preflight is answered with besides; `methods` is the address' own list.
    pub(super) fn preflight(headers: &mut HeaderMap, methods: HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}
