//! The opening handshake of RFC 6455 §4, both roles, without I/O.
//!
//! ```text
//! server   bytes → RequestReader → Request ──accept──→ response bytes, Negotiated
//!                       └────────────┴───────────────→ Refusal → response bytes, then close
//!
//! client   ClientRequest ──begin──→ request bytes, ResponseReader
//!                           bytes → ResponseReader → Response, Negotiated
//!                                        └─────────→ HandshakeError
//! ```
//!
//! Both readers take the peer's bytes in any split and do work linear in their number. What they make the process hold is
//! bounded by [`Limits::max_head_size`](crate::Limits::max_head_size) and
//! [`Limits::max_headers`](crate::Limits::max_headers). Time is the caller's:
//! [`Limits::handshake_timeout`](crate::Limits::handshake_timeout) bounds the whole.

mod accept;
mod client;
mod deflate;
mod error;
pub mod extensions;
mod fields;
mod head;
mod negotiated;
mod refusal;
mod refused;
mod request;
mod response;
mod work;

#[cfg(test)]
mod tests;

pub use self::{
    accept::{AcceptError, Acceptance},
    client::{ClientRequest, RequestError},
    error::HandshakeError,
    fields::ReservedHeader,
    negotiated::Negotiated,
    refusal::{NotARefusal, Refusal},
    refused::{MAX_REFUSED_BODY, RefusedResponse},
    request::{MAX_OFFERS, Request, RequestReader},
    response::{Response, ResponseReader},
};
