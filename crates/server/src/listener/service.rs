//! Between hyper and the service: requests that no service should see, what each request carries, what each answer says
//! of the connection.

use std::convert::Infallible;
use std::future::{self, Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tower_service::Service;

use super::admission::ConnectionSlot;
use super::counts::Counters;
use super::info::ConnectionInfo;
use super::streams;

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) info: ConnectionInfo,
    pub(super) slot: ConnectionSlot,
    pub(super) max_headers: usize,
    pub(super) counters: Arc<Counters>,
    pub(super) requests: AtomicU64,
    pub(super) refused: Refused,
}

/// The upgrade that hyper prepared for the last request that asked for one, unless it was granted.
///
/// At the end of such a connection hyper gives the socket away as upgraded, whatever the answer was; with nobody to take
/// it, it would be dropped there and then, and unread input would reset the answer that is on its way.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<Option<OnUpgrade>>);

impl Refused {
    pub(super) fn take(&self) -> Option<OnUpgrade> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<OnUpgrade>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// How many requests have come.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Wraps the service of one connection.
#[derive(Debug)]
pub(super) struct Guard<S> {
    pub(super) service: S,
    pub(super) shared: Arc<Shared>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Guard<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
{
    type Response = Response<Reply<B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let slot = self.shared.slot.clone();
        if let Err(status) = check(&request, self.shared.max_headers) {
            self.shared.counters.bad_requests.add();
            return Box::pin(future::ready(Ok(refusal(status, request.version(), slot))));
        }
        let is_last = is_last(&request);
        if let Some(upgrade) = request.extensions().get::<OnUpgrade>() {
            *self.shared.refused.lock() = Some(upgrade.clone());
        }
        let info = self.shared.info;
        request.extensions_mut().insert(info);
        request.extensions_mut().insert(slot.clone());
        let (mut service, shared, method) = (self.service.clone(), Arc::clone(&self.shared), request.method().clone());
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            let mut response = service.call(request).await?;
            if switches(&method, response.status()) {
                drop(shared.refused.take());
                return Ok(response.map(|body| Reply::new(Some(body), slot)));
            }
            if is_last {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Reply::new(Some(body), slot)))
        })
    }
}

/// What hyper lets through, and no proxy before this server may have understood differently.
fn check<B>(request: &Request<B>, max_headers: usize) -> Result<(), StatusCode> {
    let headers = request.headers();
    if headers.len() > max_headers {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9110 §5.5: what is beyond ASCII means nothing that two implementations agree on.
    if headers.values().any(|value| value.to_str().is_err()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // RFC 9112 §3.2: a request of HTTP/1.1 has exactly one Host. In HTTP/2 `:authority` may stand for it.
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || hosts == 0 && request.version() == Version::HTTP_11 {
        return Err(StatusCode::BAD_REQUEST);
    }
    // RFC 9112 §6.1: one encoding, one way to say so.
    if headers.get_all(TRANSFER_ENCODING).iter().count() > 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

fn refusal<B>(status: StatusCode, version: Version, slot: ConnectionSlot) -> Response<Reply<B>> {
    let mut response = Response::new(Reply::new(None, slot));
    *response.status_mut() = status;
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether with this answer the connection, or the stream, is no longer HTTP.
fn switches(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || *method == Method::CONNECT && status.is_success()
}

/// Whether the answer, if it doesn't switch protocols, is the last on its connection.
///
/// RFC 9112 §6.3: with a Transfer-Encoding there may have been a Content-Length too, which hyper takes out; what follows
/// may then be a request by one reading and a body by the other. And what follows an offer of WebSocket may be meant for
/// the protocol that was refused, and be no request either.
fn is_last<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2
        && (request.headers().contains_key(TRANSFER_ENCODING)
            || request.method() == Method::CONNECT
            || offers_web_socket(request))
}

/// Any other upgrade (to `h2c`, by curl) is as good as not asked for.
fn offers_web_socket<B>(request: &Request<B>) -> bool {
    request.headers().get_all(UPGRADE).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    })
}

/// The body of an answer, the service's own; its connection isn't idle while it lasts.
#[derive(Debug)]
pub struct Reply<B> {
    body: Option<Pin<Box<B>>>,
    /// What of a piece is still to be given.
    rest: Bytes,
    _slot: ConnectionSlot,
}

/// The most that a stream of HTTP/2 is given at a time, as much as a frame of it holds by default: so that a peer that takes a
/// large piece slowly is seen to take it.
const MAX_PIECE: usize = 16 << 10;

impl<B> Reply<B> {
    fn new(body: Option<B>, slot: ConnectionSlot) -> Self {
        Self { body: body.map(Box::pin), rest: Bytes::new(), _slot: slot }
    }

    fn piece(&mut self, mut data: Bytes, is_stream: bool) -> Frame<Bytes> {
        if is_stream {
            self.rest = data.split_off(data.len().min(MAX_PIECE));
        }
        Frame::data(data)
    }
}

impl<B: Body> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let is_stream = streams::asks();
        let rest = mem::take(&mut self.rest);
        let frame = if rest.is_empty() {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            // Of bytes this copies nothing.
            let copied = |mut data: B::Data| data.copy_to_bytes(data.remaining());
            match ready!(body.as_mut().poll_frame(cx)).transpose()?.map(|frame| frame.map_data(copied)) {
                Some(frame) => frame.into_data().map_or_else(|other| other, |data| self.piece(data, is_stream)),
                None => return Poll::Ready(None),
            }
        } else {
            self.piece(rest, is_stream)
        };
        streams::gives();
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let of_body = self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let rest = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("no control characters");
            request.headers_mut().append(*name, value);
        }
        request
    }

    #[test]
    fn one_host() {
        let check = |version, headers: &[(&'static str, &str)]| check(&request(version, headers), 64).err();
        let bad = Some(StatusCode::BAD_REQUEST);
        assert_eq!(check(Version::HTTP_11, &[("host", "a")]), None);
        assert_eq!(check(Version::HTTP_11, &[]), bad);
        assert_eq!(check(Version::HTTP_11, &[("host", "a"), ("host", "a")]), bad);
        assert_eq!(check(Version::HTTP_10, &[]), None);
        assert_eq!(check(Version::HTTP_2, &[]), None);
        assert_eq!(check(Version::HTTP_2, &[("host", "a"), ("host", "b")]), bad);
        assert_eq!(check(Version::HTTP_2, &[("cookie", "é")]), bad);
    }

    #[test]
    fn headers_have_a_limit() {
        let with = |n| check(&request(Version::HTTP_2, &vec![("a", "b"); n]), 64).err();
        assert_eq!(with(64), None);
        assert_eq!(with(65), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn what_ends_a_connection() {
        let last = |headers: &[(&'static str, &str)]| is_last(&request(Version::HTTP_11, headers));
        assert!(!last(&[]));
        assert!(!last(&[("upgrade", "h2c")]));
        assert!(last(&[("upgrade", "h2c, WebSocket")]));
        assert!(last(&[("transfer-encoding", "chunked")]));
        assert!(!is_last(&request(Version::HTTP_2, &[("upgrade", "websocket")])));
    }

    #[test]
    fn what_switches_protocols() {
        assert!(switches(&Method::GET, StatusCode::SWITCHING_PROTOCOLS));
        assert!(switches(&Method::CONNECT, StatusCode::OK));
        assert!(!switches(&Method::GET, StatusCode::OK));
        assert!(!switches(&Method::CONNECT, StatusCode::FORBIDDEN));
    }
}
