//! Who may: the application's own check of each request.

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bowline_core::handshake::Refusal;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};
use tokio::time::timeout;

use crate::room::RoomName;

/// What somebody may do, as an `authorize` hook found: by default to join and to publish in every room, as nobody in
/// particular.
#[derive(Clone, Default)]
pub struct Grant {
    pub(crate) identity: Option<Arc<str>>,
    pub(crate) extensions: Extensions,
    pub(crate) headers: HeaderMap,
    pub(crate) rights: Rights,
}

/// What somebody may do in which rooms.
#[derive(Clone, Default)]
pub(crate) struct Rights {
    join: Rooms,
    publish: Rooms,
}

impl Rights {
    pub(crate) fn may_join(&self, room: &RoomName) -> bool {
        self.join.as_ref().is_none_or(|rooms| rooms(room))
    }

    pub(crate) fn may_publish(&self, room: &RoomName) -> bool {
        self.publish.as_ref().is_none_or(|rooms| rooms(room))
    }
}

/// Which rooms; `None` is all.
type Rooms = Option<Arc<dyn Fn(&RoomName) -> bool + Send + Sync>>;

impl Grant {
    /// Everything, to nobody in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who it is: what [`Session::identity`](crate::session::Session::identity) tells, and presence shows to others.
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Arc<str>>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Something for the handler, which finds it by its type in
    /// [`Session::extensions`](crate::session::Session::extensions).
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// A header of the response, `Set-Cookie` for example. One that the handshake writes itself makes it fail with 500.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Which rooms it may join over their own address, where it is else answered 403, and by records of a session
    /// (`bowline.v1`), where that fails as `forbidden`. What a handler joins is the handler's business.
    #[must_use]
    pub fn join_only(mut self, rooms: impl Fn(&RoomName) -> bool + Send + Sync + 'static) -> Self {
        self.rights.join = Some(Arc::new(rooms));
        self
    }

    /// Which rooms it may publish in over their own address, where a POST is answered 403, and a message on a WebSocket ends
    /// it with 1008; and by records of a session (`bowline.v1`), where that fails as `forbidden`.
    #[must_use]
    pub fn publish_only(mut self, rooms: impl Fn(&RoomName) -> bool + Send + Sync + 'static) -> Self {
        self.rights.publish = Some(Arc::new(rooms));
        self
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers nor extensions, where secrets may be.
        f.debug_struct("Grant").field("identity", &self.identity).finish_non_exhaustive()
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Grant, Refusal>> + Send>>;

/// The application's hook, and how long it may take.
#[derive(Clone)]
pub(super) struct Authorizer {
    hook: Option<Arc<dyn Fn(Arc<Parts>) -> Answer + Send + Sync>>,
    pub(super) timeout: Duration,
}

/// Why there is no grant.
#[derive(Debug)]
pub(super) enum Denied {
    /// The hook said no.
    Refused(Refusal),
    /// It took too long, or panicked.
    Failed(Refusal),
}

impl Default for Authorizer {
    fn default() -> Self {
        Self { hook: None, timeout: Duration::from_secs(10) }
    }
}

impl Authorizer {
    pub(super) fn set<F, A>(&mut self, hook: F)
    where
        F: Fn(Arc<Parts>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Grant, Refusal>> + Send + 'static,
    {
        self.hook = Some(Arc::new(move |request| Box::pin(hook(request))));
    }

    /// Asks the hook. Cancel safe as far as the hook is.
    pub(super) async fn ask(&self, request: &Arc<Parts>) -> Result<Grant, Denied> {
        let Some(hook) = &self.hook else { return Ok(Grant::new()) };
        let answered = timeout(self.timeout, guarded(|| hook(Arc::clone(request)))).await;
        match answered {
            Ok(Some(Ok(grant))) => Ok(grant),
            Ok(Some(Err(refusal))) => Err(Denied::Refused(refusal)),
            Ok(None) => {
                tracing::error!("the authorize hook panicked; answered 500");
                Err(Denied::Failed(refusal(StatusCode::INTERNAL_SERVER_ERROR, "The server failed. Try again later.\n")))
            }
            Err(_) => {
                tracing::warn!(timeout = ?self.timeout, "the authorize hook took too long; answered 503");
                let late = refusal(StatusCode::SERVICE_UNAVAILABLE, "The server is too busy. Try again later.\n");
                Err(Denied::Failed(late))
            }
        }
    }
}

/// The answer, or `None` if the hook panicked: that is this request's misfortune, not that of the others on its
/// connection.
async fn guarded(ask: impl FnOnce() -> Answer) -> Option<Result<Grant, Refusal>> {
    // Whatever state the hook left behind is its own: here the future is only dropped.
    let mut answer = catch_unwind(AssertUnwindSafe(ask)).ok()?;
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// A refusal with a status that is one.
pub(super) fn refusal(status: StatusCode, text: &'static str) -> Refusal {
    Refusal::new(status, text).unwrap_or_else(|_| Refusal::bad_request(text))
}
