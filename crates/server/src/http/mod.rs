//! HTTP: what requests have to pass, and what answers them.

mod answer;
mod authorize;
#[cfg(feature = "axum")]
mod axum;
mod bodies;
mod body;
mod collect;
mod cors;
mod guards;
mod hosts;
mod open;
mod origin;
mod query;
mod rate;
mod records;
mod request;
mod room;
mod route;
mod service;
mod session;
mod status;
mod upgrade;

#[cfg(test)]
mod tests;

pub(crate) use self::authorize::Rights;
#[cfg(feature = "axum")]
pub use self::axum::{Rejection, Upgrade};
pub use self::{
    authorize::Grant,
    body::Body,
    guards::Guards,
    hosts::{Hosts, InvalidHost},
    origin::{InvalidOrigin, Origin, OriginPolicy},
    rate::{Bucket, RateLimit},
    request::RequestExt,
    service::HubService,
    status::StatusService,
};
