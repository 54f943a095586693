//! The guards, without a server.

mod authorize;
mod cors;
mod origin;
mod request;

use http::{HeaderName, HeaderValue, Request, request::Parts};

use super::Peer;

/// A request to `target` with these headers, as it comes from the listener.
fn parts(target: &str, headers: &[(&'static str, &str)], peer: Option<Peer>) -> Parts {
    let mut request = Request::builder().uri(target).body(()).expect("a request").into_parts().0;
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        request.headers.append(HeaderName::from_static(name), value);
    }
    request.extensions.extend(
        peer.map(|peer| {
            let mut extensions = http::Extensions::new();
            extensions.insert(peer);
            extensions
        })
        .unwrap_or_default(),
    );
    request
}

const fn peer(is_tls: bool) -> Option<Peer> {
    let address = std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_000);
    Some(Peer { address, is_tls })
}
