//! The stand-alone server on real sockets: deadlines, limits, TLS, faults, and stopping.

mod admission;
mod child;
mod faults;
mod foreign;
mod http;
mod http2;
mod polls;
mod processes;
mod stop;
mod support;
mod timeouts;
#[cfg(feature = "rustls")]
mod tls;
mod upgrade;
