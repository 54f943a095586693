//! Connections: TCP, through a proxy where there is one, and TLS.

mod connect;
mod dial;
mod http;
mod proxy;
mod stream;
mod target;

pub use self::proxy::Proxy;
pub(crate) use self::{
    dial::Dialer,
    http::{Asked, Http, Request, Response, SECRET_HEADERS},
    proxy::Proxies,
    stream::Stream,
    target::{Target, Url},
};
