//! What a request is answered with, now or later.

use std::{future::Future, pin::Pin};

use http::{HeaderMap, Response};

use super::Body;

/// What a request is answered with.
pub(super) enum Answered {
    Now(Response<Body>),
    /// A poll that is held. Boxed by itself, so that nothing of what came before is held with it: neither the request, which
    /// lies in the connection's read buffer, nor the future that has checked it.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Answered {
    pub(super) fn later(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }

    /// With these headers besides.
    pub(super) fn with(self, headers: HeaderMap) -> Self {
        match self {
            Self::Now(mut response) => {
                response.headers_mut().extend(headers);
                Self::Now(response)
            }
            later if headers.is_empty() => later,
            Self::Later(answer) => Self::later(async move {
                let mut response = answer.await;
                response.headers_mut().extend(headers);
                response
            }),
        }
    }

    pub(super) async fn response(self) -> Response<Body> {
        match self {
            Self::Now(response) => response,
            Self::Later(answer) => answer.await,
        }
    }
}

impl From<Response<Body>> for Answered {
    fn from(response: Response<Body>) -> Self {
        Self::Now(response)
    }
}
