//! The body of a response.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::transport::{Comet, EventStream};

/// The body of the responses that Bowline gives: nothing, some bytes, or a room that goes on.
///
/// An event stream is a member of its room for as long as it lives: dropping it leaves.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    /// The blocks of a room's log that a long poll answers with, shared rather than joined.
    Blocks(std::vec::IntoIter<Bytes>),
    Stream(Box<EventStream>),
    Comet(Box<Comet>),
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn blocks(blocks: Vec<Bytes>) -> Self {
        Self(Kind::Blocks(blocks.into_iter()))
    }

    pub(crate) fn comet(comet: Comet) -> Self {
        Self(Kind::Comet(Box::new(comet)))
    }

    pub(crate) fn stream(stream: EventStream) -> Self {
        Self(Kind::Stream(Box::new(stream)))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Full(bytes) })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.0 {
            Kind::Empty => None,
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Some(bytes)
            }
            Kind::Blocks(blocks) => blocks.next(),
            Kind::Stream(stream) => std::task::ready!(stream.poll_next(cx)),
            Kind::Comet(comet) => std::task::ready!(comet.poll_next(cx)),
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Blocks(blocks) => blocks.as_slice().is_empty(),
            Kind::Full(_) | Kind::Stream(_) | Kind::Comet(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let size = match &self.0 {
            Kind::Empty => 0,
            Kind::Full(bytes) => bytes.len(),
            Kind::Blocks(blocks) => blocks.as_slice().iter().map(Bytes::len).sum(),
            Kind::Stream(_) | Kind::Comet(_) => return SizeHint::default(),
        };
        SizeHint::with_exact(size as u64)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) | Kind::Blocks(_) => "bytes",
            Kind::Stream(_) | Kind::Comet(_) => "event stream",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}
