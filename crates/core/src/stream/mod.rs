//! WebSocket over tokio.

mod client_stream;
mod tcp;
mod tls;

pub use self::{client_stream::ClientStream, tls::TlsConfig};
