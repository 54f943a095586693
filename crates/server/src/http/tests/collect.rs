//! Threat S7: what a body costs, counted.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, header::CONTENT_LENGTH};
use http_body::{Body, Frame};

use crate::http::{bodies::Bodies, collect::collect};

/// A body that comes in pieces of some size.
struct Pieces<'a> {
    left: usize,
    piece: usize,
    work: &'a Work,
}

/// How often a piece was asked for, and how many bytes of them were looked at.
#[derive(Debug, Default)]
struct Work {
    asked: Cell<usize>,
    read: Cell<usize>,
}

struct Piece<'a>(Bytes, &'a Work);

impl<'a> Body for Pieces<'a> {
    type Data = Piece<'a>;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece<'a>>, Infallible>>> {
        let (len, work) = (self.left.min(self.piece), self.work);
        work.asked.set(work.asked.get() + 1);
        self.left -= len;
        Poll::Ready((len > 0).then(|| Ok(Frame::data(Piece(vec![b'x'; len].into(), work)))))
    }
}

impl Buf for Piece<'_> {
    fn remaining(&self) -> usize {
        self.0.len()
    }

    fn chunk(&self) -> &[u8] {
        self.1.read.set(self.1.read.get() + self.0.len());
        &self.0
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

const MAX: usize = 1 << 20;

/// The status or 200, how many pieces were asked for, and how many bytes were read.
async fn cost(len: usize, piece: usize, is_told: bool) -> (u16, usize, usize) {
    let mut headers = HeaderMap::new();
    if is_told {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    let work = Work::default();
    let mut share = std::sync::Arc::new(Bodies::new(usize::MAX)).share();
    let status = match collect(&headers, Pieces { left: len, piece, work: &work }, MAX, &mut share).await {
        Ok(bytes) => {
            assert_eq!(bytes.len(), len);
            200
        }
        Err(turned) => turned.refusal.status().as_u16(),
    };
    (status, work.asked.get(), work.read.get())
}

#[tokio::test]
async fn s7_each_piece_is_read_once_however_small() {
    for is_told in [true, false] {
        for (len, piece) in [(0, 1), (1, 1), (50_000, 1), (100_000, 1), (MAX, 1), (MAX, 1000), (MAX, MAX)] {
            assert_eq!(cost(len, piece, is_told).await, (200, len.div_ceil(piece) + 1, len), "{len} by {piece}");
        }
    }
}

#[tokio::test]
async fn s7_what_is_too_long_is_read_up_to_the_bound() {
    const LONG: usize = 100 << 20;
    for piece in [1, 1000, 64 << 10] {
        assert_eq!(cost(LONG, piece, true).await, (413, 0, 0), "its header says so");
        let (status, asked, read) = cost(LONG, piece, false).await;
        assert_eq!((status, asked), (413, MAX / piece + 1), "pieces of {piece}");
        assert!(read <= MAX, "{read}");
    }
}
