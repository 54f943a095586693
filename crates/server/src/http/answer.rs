//! A request's answer: there at once, or once there is something to say.

use std::{future::Future, pin::Pin};

use http::{HeaderMap, Response};

use super::Body;

/// What a request is answered with. One that is held holds what it waits for and nothing else: neither the request, whose
/// headers keep the connection's read buffer, nor the room that reading it and asking about it took.
pub(super) enum Answer {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Answer {
    /// Once `waiting` is over.
    pub(super) fn later(waiting: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self::Later(Box::pin(waiting))
    }

    /// The same with more headers.
    pub(super) fn with(self, headers: HeaderMap) -> Self {
        if headers.is_empty() {
            return self;
        }
        match self {
            Self::Now(mut response) => {
                response.headers_mut().extend(headers);
                Self::Now(response)
            }
            Self::Later(waiting) => Self::later(async move {
                let mut response = waiting.await;
                response.headers_mut().extend(headers);
                response
            }),
        }
    }

    /// The response, in the end.
    pub(super) async fn response(self) -> Response<Body> {
        match self {
            Self::Now(response) => response,
            Self::Later(waiting) => waiting.await,
        }
    }
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self::Now(response)
    }
}
