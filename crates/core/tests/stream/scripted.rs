//! A byte stream whose every step the test decides, and a runner that drops futures where it is told to.

use std::{
    collections::VecDeque,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a [`Scripted`] stream has, and has been given.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// What the stream gives when it is read.
    pub(crate) incoming: VecDeque<u8>,
    /// After `incoming` comes the end.
    pub(crate) eof: bool,
    /// Each write that was taken.
    pub(crate) writes: Vec<Vec<u8>>,
    /// Whether flush and shutdown have been done since the last write.
    pub(crate) flushed: bool,
    pub(crate) shut_down: bool,
    /// The most bytes a read or a write moves; 0 for any number.
    pub(crate) step: usize,
    /// Every other call of each kind is `Pending`.
    pub(crate) hesitates: bool,
    /// Nothing is taken any more.
    pub(crate) blocked: bool,
    turns: [bool; 4],
    wakers: [Option<Waker>; 2],
}

impl Script {
    pub(crate) fn written(&self) -> Vec<u8> {
        self.writes.concat()
    }

    /// Wakes whoever waits to read or to write.
    pub(crate) fn wake(&mut self) {
        self.wakers.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    fn step(&self, wanted: usize) -> usize {
        if self.step == 0 { wanted } else { wanted.min(self.step) }
    }

    fn waits(&mut self, call: usize, cx: &Context<'_>) -> bool {
        self.turns[call] = self.hesitates && !self.turns[call];
        if self.turns[call] {
            cx.waker().wake_by_ref();
        }
        self.turns[call]
    }
}

/// A stream, and by [`script`](Self::script) a view of its other end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    /// Moves `step` bytes at a time, and is `Pending` before each.
    pub(crate) fn hesitant(step: usize) -> Self {
        Self(Arc::new(Mutex::new(Script { step, hesitates: true, ..Script::default() })))
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut script = self.script();
        if script.waits(0, cx) {
            return Poll::Pending;
        }
        let count = script.step(script.incoming.len().min(buffer.remaining()));
        if count == 0 && !script.eof {
            script.wakers[0] = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes: Vec<u8> = script.incoming.drain(..count).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut script = self.script();
        if script.waits(1, cx) {
            return Poll::Pending;
        }
        if script.blocked {
            script.wakers[1] = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = script.step(bytes.len());
        script.writes.push(bytes[..count].to_vec());
        script.flushed = false;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut script = self.script();
        if script.waits(2, cx) {
            return Poll::Pending;
        }
        script.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut script = self.script();
        if script.waits(3, cx) {
            return Poll::Pending;
        }
        script.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

/// At which `Pending`s a future is dropped, counted over all the calls of a test.
#[derive(Debug)]
pub(crate) struct Drops {
    seen: usize,
    at: Option<usize>,
}

impl Drops {
    /// At every one.
    pub(crate) const fn always() -> Self {
        Self { seen: 0, at: None }
    }

    /// At the one with this number only.
    pub(crate) const fn at(number: usize) -> Self {
        Self { seen: 0, at: Some(number) }
    }

    /// Whether there was a `Pending` with that number.
    pub(crate) fn happened(&self) -> bool {
        self.at.is_none_or(|at| self.seen > at)
    }

    fn here(&mut self) -> bool {
        self.seen += 1;
        assert!(self.seen < 1_000_000, "the call never ends");
        self.at.is_none_or(|at| self.seen == at + 1)
    }

    /// Makes the call, once more after each time that it is dropped, until it is done; and whether it was dropped.
    pub(crate) fn until_done<W, T>(&mut self, socket: &mut W, call: impl AsyncFn(&mut W) -> T) -> T {
        loop {
            if let Some(done) = self.once(socket, &call) {
                return done;
            }
        }
    }

    /// Makes the call once; `None` if it was dropped.
    pub(crate) fn once<W, T>(&mut self, socket: &mut W, call: impl AsyncFn(&mut W) -> T) -> Option<T> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = pin!(call(socket));
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(done) => return Some(done),
                Poll::Pending if self.here() => return None,
                Poll::Pending => {}
            }
        }
    }
}

/// Runs `test` dropping at every `Pending`, and then once for each `Pending` there is, dropping only there.
pub(crate) fn at_every_await(mut test: impl FnMut(&mut Drops)) {
    test(&mut Drops::always());
    for number in 0.. {
        let mut drops = Drops::at(number);
        test(&mut drops);
        if !drops.happened() {
            assert!(number > 0, "nothing was awaited");
            break;
        }
    }
}
