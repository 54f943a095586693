//! HTTP: what requests have to pass, and what answers them.

mod authorize;
mod cors;
mod guards;
mod origin;
mod rate;
mod request;

#[cfg(test)]
mod tests;

pub use self::{
    authorize::Grant,
    guards::Guards,
    origin::{InvalidOrigin, Origin, OriginPolicy},
    rate::{Bucket, RateLimit},
    request::{Peer, RequestExt},
};
