//! Between the byte stream and the machine: reading, writing and keeping the time.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::{
    closing::Closing,
    read::poll_input,
    web_socket::{WebSocket, now},
};
use crate::{
    Error,
    buffer::Input,
    connection::{Event, MAX_SLICES},
    error::Timeout,
};

/// What a step came to.
pub(super) enum Step {
    Event(Event),
    /// Something happened that isn't an event.
    Again,
    End,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The next event, or `None` after the end.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        loop {
            match ready!(self.poll_step(cx))? {
                Step::Event(event) => return Poll::Ready(Ok(Some(event))),
                Step::End => return Poll::Ready(Ok(None)),
                Step::Again => {}
            }
        }
    }

    /// One step towards the next event: from what is here, else by waiting for more.
    #[inline]
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Error>> {
        if let Some(event) = self.parked.take() {
            return Poll::Ready(Ok(Step::Event(*event)));
        }
        if (!self.input.is_empty() || self.connection.has_more())
            && let Some(event) = self.next_event()
        {
            self.input.settle();
            return Poll::Ready(Ok(Step::Event(event)));
        }
        if self.closing.is_some() {
            return self.poll_closing(cx).map_ok(|()| Step::End);
        }
        // Whatever is queued leaves before this end waits. Where the peer takes nothing more, what it sent before may still
        // be read; reading will tell the end.
        let _ = self.poll_write_queued(cx);
        if self.poll_fill(cx).is_pending() {
            ready!(self.poll_due(cx));
        }
        Poll::Ready(Ok(Step::Again))
    }

    /// The next event that needs no more bytes.
    #[inline]
    pub(super) fn next_event(&mut self) -> Option<Event> {
        if self.closing.is_some() {
            return None;
        }
        match self.connection.receive(&mut self.input, now) {
            Ok(event) => {
                if let Some(Event::Close(_)) = event {
                    self.closing = Some(Box::new(Closing::in_order(self.connection.role())));
                }
                event
            }
            Err(error) => {
                self.start_failing(error);
                None
            }
        }
    }

    /// Reads once. Ready if there is something new: bytes, or the end. There must be no input left, and nothing parked.
    #[inline]
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.input.release();
        let read = match self.connection.payload_room() {
            Some(mut room) => match ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut room)) {
                Ok(count @ 1..) => {
                    match self.connection.received_in_place(count) {
                        Ok(event) => self.parked = event.map(Box::new),
                        Err(error) => self.start_failing(error),
                    }
                    return Poll::Ready(());
                }
                end => end.map(|_| Input::default()),
            },
            None => ready!(poll_input(&mut self.io, cx)),
        };
        let error = match read {
            Ok(input) if !input.is_empty() => {
                self.input = input;
                return Poll::Ready(());
            }
            Ok(_) => self.connection.receive_eof().err(),
            Err(error) => self.connection.receive_eof().err().map(|_| Error::Io(error)),
        };
        match error {
            Some(error) => self.start_failing(error),
            None => self.closing = Some(Box::new(Closing::in_order(self.connection.role()))),
        }
        Poll::Ready(())
    }

    /// Writes until nothing waits.
    #[inline]
    pub(super) fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let output = self.connection.output();
            if output.is_empty() {
                break;
            }
            let io = Pin::new(&mut self.io);
            let written = match output.as_single() {
                Some(bytes) => io.poll_write(cx, bytes),
                None => {
                    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                    let count = output.fill_slices(&mut slices);
                    io.poll_write_vectored(cx, &slices[..count])
                }
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    output.advance(count);
                    self.stalled_since = None;
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.stalled_since.get_or_insert_with(now);
                    return Poll::Pending;
                }
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes until at most `most` bytes wait. While that takes time, goes on reading, so that two ends that both write
    /// still hear each other's Pings and Closes; one message that comes is kept for `recv`, and then reading pauses.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<(), Error>> {
        loop {
            if let Poll::Ready(written) = self.poll_write_out(cx) {
                if written.is_err() {
                    self.discard_output();
                } else if self.lost {
                    return Poll::Ready(Err(Error::Closed));
                }
                return Poll::Ready(written.map_err(Error::Io));
            }
            if self.connection.output_len() <= most && most > 0 {
                return Poll::Ready(Ok(()));
            }
            if self.closing.as_ref().is_some_and(|closing| closing.is_cut_off()) {
                return Poll::Ready(Err(Error::Closed));
            }
            if self.poll_read_ahead(cx).is_pending() {
                ready!(self.poll_due(cx));
            }
        }
    }

    /// Gives up what waits to be written; whoever waits for that is told.
    pub(super) fn discard_output(&mut self) {
        self.lost |= self.connection.output_len() > 0;
        self.stalled_since = None;
        self.connection.discard_output();
    }

    /// Reads while a write waits, as far as there is a place for what comes. Ready if the connection ended by it.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.parked.is_none() && self.closing.is_none() {
            match self.next_event() {
                Some(Event::Ping(_)) => {}
                Some(event) => {
                    self.input.settle();
                    self.parked = Some(Box::new(event));
                }
                None if self.closing.is_some() => return Poll::Ready(()),
                None => ready!(self.poll_fill(cx)),
            }
        }
        Poll::Pending
    }

    /// Does what is due. Ready if something was.
    #[inline]
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let write_timeout = self.connection.config().limits.write_timeout;
        let stalled = self.stalled_since.and_then(|since| since.checked_add(write_timeout));
        let deadline = [self.connection.poll_timeout(), stalled].into_iter().flatten().min();
        ready!(self.timer.poll(deadline, cx));
        let now = now();
        if self.parked.is_some() || !self.input.is_empty() {
            // Nothing more is read until it is taken, so that silence says nothing of the peer.
            self.connection.excuse_silence();
        }
        if stalled.is_some_and(|stalled| stalled <= now) {
            self.connection.abandon();
            self.discard_output();
            self.start_failing(Timeout::Write.into());
        } else if let Err(error) = self.connection.handle_timeout(now) {
            self.start_failing(error);
        }
        Poll::Ready(())
    }

    pub(super) fn start_failing(&mut self, error: Error) {
        self.closing = Some(Box::new(Closing::failed(error)));
    }
}
