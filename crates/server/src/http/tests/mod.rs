//! The guards, without a server.

mod authorize;
mod collect;
mod cors;
mod hosts;
mod origin;
mod request;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderName, HeaderValue, Request, request::Parts};

use crate::listener::ConnectionInfo;

/// A request to `target` with these headers, as it comes from the listener.
fn parts(target: &str, headers: &[(&'static str, &str)], connection: Option<ConnectionInfo>) -> Parts {
    let mut request = Request::builder().uri(target).body(()).expect("a request").into_parts().0;
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        request.headers.append(HeaderName::from_static(name), value);
    }
    if let Some(connection) = connection {
        request.extensions.insert(connection);
    }
    request
}

const fn peer(is_tls: bool) -> Option<ConnectionInfo> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);
    Some(ConnectionInfo::new(address, address, is_tls))
}
