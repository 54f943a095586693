//! A hostile proxy: it carries TCP connections to one server, and does to them what networks and gateways do.
//!
//! ```
//! use bowline_bench::proxy::{Direction, Faults, Proxy};
//!
//! # async fn demonstrate(server: std::net::SocketAddr) -> Result<(), bowline_bench::Error> {
//! // Every connection is cut somewhere in the first 10,000 bytes that the server sends.
//! let proxy = Proxy::bind(server, Faults::default().cut_between(Direction::ToClient, 0..=10_000).seed(1))?;
//! let address = proxy.local_addr();
//! // … a client talks to `address` …
//! assert!(proxy.counts().cuts > 0, "nothing was cut");
//! proxy.set_faults(Faults::default()).await?;
//! proxy.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What passes
//! Without faults bytes pass as they are, both ways, and so do a FIN of either side (the other direction goes on) and a reset.
//! What one side doesn't read is not read from the other: see [`Config::max_buffer`]. With faults a receiver still gets a prefix
//! of what was sent: bytes are delayed, or missing at the end, never changed, doubled or out of order. The one exception is
//! [`Faults::strip_upgrade`], which takes headers out.
//!
//! # HTTP
//! [`Faults::strip_upgrade`], [`Faults::swallow_101`] and [`Faults::buffer_responses`] read HTTP/1.0 and HTTP/1.1, any number of
//! requests on a connection. Heads are looked at up to 16 KiB and 100 headers. What is longer, isn't HTTP (TLS, or HTTP/2) or
//! makes no sense passes as it is from there on, and none of these faults touches it.
//!
//! # Time
//! All times are tokio's, and so stand still where a test pauses them.

mod config;
mod connection;
mod counts;
mod faults;
mod flow;
mod http;
mod link;
mod running;
#[cfg(test)]
mod tests;

pub use self::config::{Config, MAX_BUFFER};
pub use self::counts::{Counts, Traffic};
pub use self::faults::{Direction, End, Faults, MAX_DELAY, Refusal};
pub use self::running::Proxy;
