//! A WebSocket as an argument of an axum handler.

use std::sync::Arc;

use axum_core::{
    body::Body as AxumBody,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use bowline_core::handshake::Refusal;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;

use super::{
    Grant, Guards,
    guards::Turned,
    open::{Opening, open},
    service::draining,
    upgrade::Ask,
};
use crate::{
    handler::{ErasedHandler, Handler, erase},
    hub::Hub,
};

/// A request for a WebSocket, as an extractor: `async fn chat(upgrade: Upgrade, State(hub): State<Hub>) -> Response`.
/// Over HTTP/1.1 route it with `get`, over HTTP/2 (extended CONNECT, RFC 8441) with `any`.
///
/// Who asks is for the application's own extractors to find out; the origin is checked here.
#[derive(Debug)]
pub struct Upgrade {
    parts: Parts,
    ask: Option<Ask>,
    upgrade: OnUpgrade,
    guards: Guards,
    grant: Grant,
    subprotocols: Arc<[Box<str>]>,
}

impl Upgrade {
    /// Whose pages may open it; of `guards` the origins count. By default those of this server only.
    #[must_use]
    pub fn guards(mut self, guards: Guards) -> Self {
        self.guards = guards;
        self
    }

    /// Who it is, what else the handler needs to know, and headers for the response.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grant = grant;
        self
    }

    /// The subprotocols that are spoken, best first; the first that the client offers is chosen. A client that offers
    /// none of them is taken without.
    #[must_use]
    pub fn subprotocols<S: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Parts {
        &self.parts
    }

    /// Opens the WebSocket, as a session of `hub` that is run by `handler`: return the response, and the session
    /// begins. If the request doesn't pass, the response says why.
    pub fn run(self, hub: &Hub, handler: impl Handler) -> Response {
        match self.open(hub, erase(handler)) {
            Ok(response) => response.map(|()| AxumBody::empty()),
            Err(turned) => {
                hub.metrics().handles.refused.of(turned.reason).increment(1);
                Rejection(turned.refusal).into_response()
            }
        }
    }

    fn open(self, hub: &Hub, handler: Arc<dyn ErasedHandler>) -> Result<http::Response<()>, Turned> {
        self.guards.check(&self.parts)?;
        if !hub.is_ready() {
            return Err(draining());
        }
        let Self { mut parts, ask, upgrade, mut grant, subprotocols, .. } = self;
        parts.extensions.extend(std::mem::take(&mut grant.extensions));
        open(hub, Opening { parts, ask, upgrade, grant }, &subprotocols, handler)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let ask = Ask::of(parts).map_err(|turned| Rejection(turned.refusal))?;
        let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
            let text = "This address is for WebSocket, and this connection can't become one.\n";
            return Err(Rejection(Refusal::bad_request(text)));
        };
        Ok(Self {
            parts: parts.clone(),
            ask,
            upgrade,
            guards: Guards::new(),
            grant: Grant::new(),
            subprotocols: Arc::default(),
        })
    }
}

/// A request that opens no WebSocket, and how it is answered.
#[derive(Debug)]
pub struct Rejection(Refusal);

impl Rejection {
    /// What it is answered with.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.0
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.into_http().map(AxumBody::from)
    }
}
