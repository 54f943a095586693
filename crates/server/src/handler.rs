//! What an application does with a session.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::session::Session;

/// What is run for each session: an `async fn(Session)`, a closure that is one, or a type of the application's own.
///
/// It may return nothing or a `Result`: an error closes the session with 1011, and is logged. When it returns, the session
/// is closed with 1000.
///
/// ```
/// use bowline_server::session::Session;
///
/// async fn echo(mut session: Session) -> Result<(), bowline_core::Error> {
///     while let Some(message) = session.recv().await? {
///         if session.send(message).await.is_err() {
///             break;
///         }
///     }
///     Ok(())
/// }
///
/// let hub = bowline_server::Hub::builder().handler(echo).build();
/// ```
pub trait Handler: Send + Sync + 'static {
    /// What it returns: nothing, a `Result`, or an [`Outcome`].
    type Output: Into<Outcome>;

    /// Runs until the application is done with the session.
    fn handle(&self, session: Session) -> impl Future<Output = Self::Output> + Send + 'static;
}

/// How a handler ended.
#[derive(Debug, Default)]
pub struct Outcome(Option<Box<dyn Error + Send + Sync>>);

impl Outcome {
    pub(crate) fn into_error(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.0
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        Self(result.err().map(Into::into))
    }
}

impl<F, Fut> Handler for F
where
    F: Fn(Session) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Outcome>> + Send + 'static,
{
    type Output = Fut::Output;

    fn handle(&self, session: Session) -> impl Future<Output = Fut::Output> + Send + 'static {
        self(session)
    }
}

/// A handler's future of whatever type, as it is: a future around it would hold it twice, once to begin with and once while
/// it runs.
pub(crate) trait Running: Send {
    fn poll_outcome(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome>;
}

impl<F: Future<Output: Into<Outcome>> + Send> Running for F {
    fn poll_outcome(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.poll(cx).map(Into::into)
    }
}

pub(crate) type HandlerFuture = Pin<Box<dyn Running>>;

/// A handler of whatever type.
pub(crate) trait ErasedHandler: Send + Sync {
    fn handle(&self, session: Session) -> HandlerFuture;
}

struct Erased<H>(H);

impl<H: Handler> ErasedHandler for Erased<H> {
    fn handle(&self, session: Session) -> HandlerFuture {
        Box::pin(self.0.handle(session))
    }
}

pub(crate) fn erase(handler: impl Handler) -> Arc<dyn ErasedHandler> {
    Arc::new(Erased(handler))
}

impl fmt::Debug for dyn ErasedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}
