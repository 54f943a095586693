//! Codecs that the connections of a thread share.
//!
//! Where a window is forgotten after each message, a codec is needed only from a message's start to its end, and nearly
//! always that is one call. So the thread keeps a few, and ten thousand connections need no more.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress};

/// Codecs of each sort that a thread keeps. One serves whole messages. More are out at a time only while messages come or
/// go in pieces, and what is given back past this many is freed: an idle thread holds at most four compressors (1.5 MiB)
/// and four decompressors (180 KiB).
const MAX_KEPT: usize = 4;

/// A compressor with what it was made for.
#[derive(Debug)]
pub(super) struct Compressor {
    pub(super) codec: Compress,
    sort: Sort,
}

/// What tells one compressor from another: decompressors all have the largest window, which inflates any smaller one's
/// data, since zlib-rs allocates 32 KiB for each of them anyway and resets only these in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// 8–15.
    pub(crate) window_bits: u8,
    /// 0–9.
    pub(crate) level: u32,
}

#[derive(Default)]
#[expect(clippy::vec_box, reason = "a connection and the pool pass a codec to and fro, and it is 200 bytes wide")]
struct Pool {
    compressors: Vec<Box<Compressor>>,
    decompressors: Vec<Box<Decompress>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Runs `f` on this thread's pool; `None` where the thread is ending and has none left.
fn with_pool<T>(f: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| pool.try_borrow_mut().map(|mut pool| f(&mut pool)).ok()).ok().flatten()
}

impl Compressor {
    /// A fresh one of its own.
    pub(super) fn new(sort: Sort) -> Box<Self> {
        // zlib can't compress into a window of 8 bits; at level 0 nothing reaches back, whatever the window.
        let level = Compression::new(if sort.window_bits < 9 { 0 } else { sort.level.min(9) });
        let window_bits = sort.window_bits.clamp(9, 15);
        Box::new(Self { codec: Compress::new_with_window_bits(level, false, window_bits), sort })
    }

    /// One of this thread's, as good as fresh.
    pub(super) fn take(sort: Sort) -> Box<Self> {
        with_pool(|pool| {
            let place = pool.compressors.iter().rposition(|kept| kept.sort == sort)?;
            Some(pool.compressors.swap_remove(place))
        })
        .flatten()
        .unwrap_or_else(|| Self::new(sort))
    }

    /// Forgets all that it was fed, and leaves it to this thread.
    pub(super) fn give_back(mut self: Box<Self>) {
        with_pool(|pool| {
            if pool.compressors.len() >= MAX_KEPT {
                // The oldest goes, so that sorts no longer asked for don't fill the pool.
                pool.compressors.remove(0);
            }
            self.codec.reset();
            pool.compressors.push(self);
        });
    }
}

/// A fresh decompressor of raw DEFLATE with a window of 32 KiB.
pub(super) fn new_decompressor() -> Box<Decompress> {
    Box::new(Decompress::new(false))
}

/// One of this thread's decompressors, as good as fresh.
pub(super) fn take_decompressor() -> Box<Decompress> {
    with_pool(|pool| pool.decompressors.pop()).flatten().unwrap_or_else(new_decompressor)
}

/// Leaves a decompressor to this thread, reset.
pub(super) fn give_decompressor_back(mut codec: Box<Decompress>) {
    with_pool(|pool| {
        if pool.decompressors.len() < MAX_KEPT {
            codec.reset(false);
            pool.decompressors.push(codec);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (usize, usize) {
        with_pool(|pool| (pool.compressors.len(), pool.decompressors.len())).unwrap()
    }

    #[test]
    fn a_thread_keeps_no_more_than_the_bound() {
        assert_eq!(kept(), (0, 0));
        for n in [1, MAX_KEPT, MAX_KEPT + 1] {
            let sort = Sort { window_bits: 15, level: 1 };
            let compressors: Vec<_> = (0..n).map(|_| Compressor::take(sort)).collect();
            let decompressors: Vec<_> = (0..n).map(|_| take_decompressor()).collect();
            assert_eq!(kept(), (0, 0));
            compressors.into_iter().for_each(Compressor::give_back);
            decompressors.into_iter().for_each(give_decompressor_back);
            assert_eq!(kept(), (n.min(MAX_KEPT), n.min(MAX_KEPT)));
        }
    }

    #[test]
    fn a_compressor_goes_only_where_its_window_and_level_fit() {
        let (small, large) = (Sort { window_bits: 9, level: 1 }, Sort { window_bits: 15, level: 1 });
        Compressor::take(small).give_back();
        assert_eq!(Compressor::take(large).sort, large);
        assert_eq!(kept().0, 1);
        assert_eq!(Compressor::take(small).sort, small);
        assert_eq!(kept().0, 0);
    }

    #[test]
    fn sorts_no_longer_asked_for_leave_the_pool() {
        for level in 0..=9 {
            Compressor::take(Sort { window_bits: 15, level }).give_back();
        }
        assert_eq!(kept().0, MAX_KEPT);
        let last = Sort { window_bits: 15, level: 9 };
        assert_eq!(Compressor::take(last).sort, last);
        assert_eq!(kept().0, MAX_KEPT - 1);
    }
}
