//! Opening a WebSocket: over HTTP/1.1 by `Upgrade` (RFC 6455 §4.2), over HTTP/2 by extended CONNECT (RFC 8441).

use std::{sync::Arc, time::Duration};

use bowline_core::{
    connection::Config,
    handshake::{Acceptance, Negotiated, Refusal, Request},
    stream::WebSocket,
};
use bytes::BytesMut;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, Version,
    header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE},
    request::Parts,
};
use hyper::{ext::Protocol, upgrade::OnUpgrade};
use tokio::time::timeout;

use super::{authorize::refusal, guards::Turned};
use crate::{io::Io, metrics::Refused};

/// How long the switch may take once the response is on its way (threat S4).
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a request asks for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// RFC 6455 §4.1: `Upgrade: websocket`.
    Upgrade,
    /// RFC 8441 §4: `:protocol websocket`.
    ExtendedConnect,
}

impl Ask {
    /// Whether the request asks for a WebSocket, and how.
    ///
    /// # Errors
    /// 405 for a CONNECT as proxies know it; 501 for one to another protocol (RFC 9220 §3).
    pub(super) fn of(request: &Parts) -> Result<Option<Self>, Turned> {
        if request.method != Method::CONNECT {
            let named = request.headers.get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
            let mut named = named.flat_map(|line| line.split(','));
            let asks = named.any(|name| name.trim_matches([' ', '\t']).eq_ignore_ascii_case("websocket"));
            return Ok(asks.then_some(Self::Upgrade));
        }
        match request.extensions.get::<Protocol>() {
            Some(protocol) if protocol.as_str() == "websocket" => Ok(Some(Self::ExtendedConnect)),
            Some(_) => {
                let text = "This server has no other protocol than websocket.\n";
                Err(Turned::new(Refused::Malformed, refusal(StatusCode::NOT_IMPLEMENTED, text)))
            }
            None => Err(Turned::new(Refused::Malformed, Refusal::method_not_allowed())),
        }
    }
}

/// What the handshake settles: the response, and on what terms the connection goes on.
pub(super) struct Opened {
    pub(super) response: Response<()>,
    pub(super) negotiated: Negotiated,
}

/// Answers the opening handshake. `subprotocols` are the server's, best first; whatever else the client offers, a token
/// for example, is never answered with. A client that offers none of them is taken without.
///
/// # Errors
/// What RFC 6455 §4.2.1 doesn't allow; 500 where `headers` has one of the handshake's own.
pub(super) fn answer(
    ask: Option<Ask>,
    parts: &Parts,
    config: &Config,
    subprotocols: &[Box<str>],
    headers: HeaderMap,
) -> Result<Opened, Turned> {
    let malformed = |refusal| Turned::new(Refused::Malformed, refusal);
    let request = match ask {
        Some(Ask::ExtendedConnect) => as_http1(parts).map_err(malformed)?,
        Some(Ask::Upgrade) | None => {
            Request::from_parts(&parts.method, parts.version, parts.uri.clone(), parts.headers.clone())
                .map_err(malformed)?
        }
    };
    let chosen = subprotocols.iter().find(|name| request.subprotocols().any(|offer| offer == &***name));
    let acceptance =
        Acceptance::new().subprotocol(chosen.map(|name| &**name)).deflate(config.get_deflate()).headers(headers);
    let (mut response, negotiated) = request.accept_http(&acceptance).map_err(|error| {
        tracing::error!(%error, "a WebSocket could not be answered");
        malformed(Refusal::from(error))
    })?;
    if ask == Some(Ask::ExtendedConnect) {
        // RFC 8441 §5: any 2xx instead of 101, and HTTP/2 has no use for these.
        *response.status_mut() = StatusCode::OK;
        for name in [UPGRADE, CONNECTION, SEC_WEBSOCKET_ACCEPT] {
            response.headers_mut().remove(name);
        }
    }
    Ok(Opened { response, negotiated })
}

/// RFC 8441 §5: the handshake of RFC 6455 but for the method, and the headers that tell one connection from another.
/// What is left is checked as for HTTP/1.1.
fn as_http1(parts: &Parts) -> Result<Request, Refusal> {
    const LEFT_OUT: [HeaderName; 4] = [HOST, UPGRADE, CONNECTION, SEC_WEBSOCKET_KEY];
    let bad_target = || Refusal::bad_request("The request has no :authority or no :path.\n");
    let authority = parts.uri.authority().ok_or_else(bad_target)?;
    let path = parts.uri.path_and_query().ok_or_else(bad_target)?;
    let mut headers = parts.headers.clone();
    for name in LEFT_OUT {
        headers.remove(name);
    }
    headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|_| bad_target())?);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="));
    Request::from_parts(&Method::GET, Version::HTTP_11, Uri::from(path.clone()), headers)
}

/// The stream under the response, once that is on its way; `None` if the client went away before, or it took too long.
pub(super) async fn stream(upgrade: OnUpgrade, negotiated: &Negotiated, config: Arc<Config>) -> Option<WebSocket<Io>> {
    match timeout(UPGRADE_TIMEOUT, upgrade).await {
        Ok(Ok(upgraded)) => {
            let (io, ahead) = Io::from_upgraded(upgraded);
            Some(WebSocket::from_raw(io, negotiated, config, BytesMut::from(ahead)))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "the client went away before its WebSocket was open");
            None
        }
        Err(_) => {
            tracing::debug!("the switch to WebSocket took too long");
            None
        }
    }
}
