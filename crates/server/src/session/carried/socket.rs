//! A WebSocket that carries a session.

use std::{collections::VecDeque, task::Context};

use bowline_core::{
    CloseCode, CloseFrame, Message,
    connection::Ended,
    session::{
        ClientRecord, ClientSignal, Counted, Cursor, Offered, Record as _, RingBounds, ServerSignal,
        websocket::{Decoder, Item, encode_publication, encode_signal},
    },
    stream::WebSocket,
};
use tokio::{runtime::Handle, time::Instant};

use super::{By, Carried, Flow, Sent, given};
use crate::{
    http::Rights,
    io::Io,
    metrics::Held,
    room::{Next, presence_message},
    session::Shared,
    transport::gap_signal,
};

/// A WebSocket that carries a session.
pub(crate) struct Socket {
    pub(super) ws: WebSocket<Io>,
    decoder: Decoder<ClientRecord>,
    rights: Rights,
    held: Held,
    max_message: usize,
    /// What came first of what the session has not taken.
    front: Option<In>,
    /// What came behind it.
    waiting: VecDeque<In>,
    waiting_bytes: usize,
    /// An acknowledgement that has come.
    acked: Option<Cursor>,
    /// What came can't be read, or there is no more to come.
    end: Option<Came>,
    /// What comes is dropped.
    is_deaf: bool,
}

/// What came of a WebSocket.
#[derive(Debug)]
pub(crate) enum Came {
    /// Something was done, and there may be more.
    Some,
    /// A message of so many bytes, which waits to be [pulled](Carried::pull).
    Message(usize),
    /// A record of so many bytes that asks for something, which waits to be [carried out](Carried::carry_out_front).
    Command(usize),
    /// Nothing, before something happens.
    Nothing,
    /// Something that can't be read, or a wrong cursor: the session ends.
    Bad(String),
    /// The WebSocket has come to its end.
    End,
}

/// What came, and is taken in its order.
enum In {
    Record(ClientRecord),
    /// The client's records go on after this number.
    From(u64),
}

impl In {
    fn size(&self) -> usize {
        if let Self::Record(record) = self { record.size() } else { 0 }
    }
}

/// Records that are read though the session has no place for them, so that the acknowledgements behind them are: as many as
/// a client has sent at the most of which it doesn't know that they were taken.
const MAX_WAITING: RingBounds = RingBounds { records: 1_024, bytes: 256 << 10 };

/// Reads of rooms' logs in one turn.
const MAX_READS: usize = 16;

impl Socket {
    pub(crate) fn new(ws: WebSocket<Io>, rights: Rights, held: Held, max_message: usize) -> Self {
        Self {
            ws,
            decoder: Decoder::new(),
            rights,
            held,
            max_message,
            front: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            acked: None,
            end: None,
            is_deaf: false,
        }
    }

    /// Closes it in a task of its own, which ends within `close_timeout`: it carries nothing any more.
    pub(crate) fn close(self: Box<Self>, frame: impl Into<Option<CloseFrame>>) {
        let frame = frame.into();
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let Self { mut ws, held, .. } = *self;
            // A client that is gone need not know.
            drop(ws.close(frame).await);
            held.open.closed(ws.ended());
        });
    }

    /// Reads one message of what has come, if what was read before lets it: `None` if it hasn't, and `Some(None)` if it was
    /// nothing that is taken in its order.
    fn read(&mut self) -> Option<Option<In>> {
        if self.end.is_some() || self.acked.is_some() {
            return None;
        }
        // Why it failed is no news to the session, which goes on by another.
        let Ok(Some(message)) = self.ws.try_recv()? else { return self.end_with(Came::End) };
        if self.is_deaf {
            return Some(None);
        }
        match self.decoder.receive(message) {
            Ok(Some(Item::Record(ClientRecord::Message(message)))) if message.len() > self.max_message => {
                // An event may be longer than a message, and so the connection lets it pass.
                self.ws.start_close(CloseCode::MESSAGE_TOO_BIG);
                self.is_deaf = true;
            }
            Ok(Some(Item::Record(record))) => return Some(Some(In::Record(record))),
            Ok(Some(Item::Signal(ClientSignal::From(number)))) => return Some(Some(In::From(number))),
            Ok(Some(Item::Signal(ClientSignal::Ack(cursor)))) => self.acked = Some(cursor),
            // Clients have no publications, and no other signals.
            Ok(Some(_) | None) => {}
            Err(error) => return self.end_with(Came::Bad(error.to_string())),
        }
        Some(None)
    }

    fn end_with(&mut self, came: Came) -> Option<Option<In>> {
        self.end = Some(came);
        Some(None)
    }

    /// The next message, if that is what comes next of all that is taken in its order; anything else stays in front.
    fn next_message(&mut self) -> Option<Message> {
        while self.front.is_none() {
            match self.read()? {
                Some(In::Record(ClientRecord::Message(message))) => return Some(message),
                Some(came) => self.put(came),
                None => {}
            }
        }
        if !matches!(self.front, Some(In::Record(ClientRecord::Message(_)))) {
            return None;
        }
        if let Some(In::Record(ClientRecord::Message(message))) = self.take_front() { Some(message) } else { None }
    }

    fn put(&mut self, came: In) {
        if self.front.is_none() {
            self.front = Some(came);
        } else {
            self.waiting_bytes += came.size();
            self.waiting.push_back(came);
        }
    }

    fn has_place(&self) -> bool {
        self.front.is_none() || self.waiting.len() < MAX_WAITING.records && self.waiting_bytes < MAX_WAITING.bytes
    }

    fn take_front(&mut self) -> Option<In> {
        let came = self.front.take();
        if !self.waiting.is_empty() {
            self.front = self.waiting.pop_front();
            self.waiting_bytes -= self.front.as_ref().map_or(0, In::size);
            if self.waiting.is_empty() {
                self.waiting = VecDeque::new();
            }
        }
        came
    }
}

impl Carried {
    fn socket(&mut self) -> Option<&mut Socket> {
        if let By::WebSocket(socket) = &mut self.by { Some(socket) } else { None }
    }

    /// Says something that has no number, on a WebSocket.
    pub(super) fn say(&mut self, signal: &ServerSignal) {
        if let Some(socket) = self.socket() {
            drop(socket.ws.queue(encode_signal(signal)));
        }
    }

    /// The next message that came on the WebSocket, which counts as taken. Whatever else comes first is left to the session's task.
    pub(crate) fn pull(&mut self) -> Option<Message> {
        let By::WebSocket(socket) = &mut self.by else { return None };
        loop {
            let message = socket.next_message()?;
            self.ends.intake.received(|| Instant::now().into_std(), message.len());
            if self.ends.intake.next() == Offered::New {
                return Some(message);
            }
        }
    }

    /// Does what stands first asks for, and answers it. Past the rate (`is_permitted` is false) it is passed over.
    pub(crate) fn carry_out_front(&mut self, shared: &Shared, is_permitted: bool) {
        let Some(socket) = self.socket() else { return };
        let Some(In::Record(record)) = socket.take_front() else { return };
        let rights = socket.rights.clone();
        self.ends.intake.received(|| Instant::now().into_std(), record.size());
        if self.ends.intake.next() == Offered::New && is_permitted {
            self.carry_out(shared, self.ends.intake.last(), record, &rights);
        }
    }

    /// What came on the WebSocket. Acknowledgements are taken note of, also those behind records that have to wait.
    pub(crate) fn poll_came(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Came {
        let has_room = self.ends.ring.has_room(0);
        let By::WebSocket(socket) = &mut self.by else { return Came::Nothing };
        if let Some(cursor) = socket.acked.take() {
            return match self.acknowledge(shared, &cursor) {
                Ok(()) => Came::Some,
                Err(error) => Came::Bad(error.to_string()),
            };
        }
        match &socket.front {
            Some(In::Record(ClientRecord::Message(message))) => Came::Message(message.len()),
            Some(In::Record(command)) if has_room => Came::Command(command.size()),
            Some(In::Record(_)) => self.poll_behind(cx),
            Some(In::From(number)) => match self.ends.intake.attach(*number) {
                Ok(()) => {
                    socket.take_front();
                    Came::Some
                }
                Err(hole) => Came::Bad(hole.to_string()),
            },
            None => {
                if let Some(end) = socket.end.take() {
                    return end;
                }
                socket.poll_read(cx)
            }
        }
    }

    /// What came behind something that has to wait.
    pub(crate) fn poll_behind(&mut self, cx: &mut Context<'_>) -> Came {
        let Some(socket) = self.socket() else { return Came::Nothing };
        if let Some(end) = socket.end.take() {
            return end;
        }
        if socket.acked.is_some() {
            return Came::Some;
        }
        if socket.has_place() {
            return socket.poll_read(cx);
        }
        if socket.ws.poll_attend(cx).is_pending() { Came::Nothing } else { Came::End }
    }

    /// Writes what there is for the WebSocket; `now` is asked only where something may have to be acknowledged. Whether that is all that can be done now: else the budget of a turn has run out.
    pub(crate) fn write(&mut self, shared: &Shared, cx: &mut Context<'_>, now: impl Fn() -> Instant) -> bool {
        let last = self.last_before_close();
        let Self { by: By::WebSocket(socket), ends, carrier, unread, closing, .. } = self else { return true };
        let Socket { ws, held, .. } = &mut **socket;
        let mut reads = MAX_READS;
        loop {
            while ws.can_queue()
                && ws.may_send()
                && given(ends, carrier) < last
                && let Some(counted) = ends.poll_counted(carrier)
            {
                queue(ws, &counted);
            }
            // Behind the records, so that who sees it has had those before. Where there is no room, a later one says it all.
            if ws.can_queue()
                && ends.intake.poll_timeout().is_some()
                && let Some(last) = ends.intake.take_ack(now().into_std())
            {
                drop(ws.queue(encode_signal(&ServerSignal::Ack(last))));
            }
            while !unread.is_empty() && ws.is_flushed() && ws.may_send() {
                if reads == 0 {
                    return false;
                }
                reads -= 1;
                unread.serve(shared, |at, next| write_next(shared, ws, held, cx, at, next));
            }
            if ws.poll_write_queued(cx).is_pending() {
                return true;
            }
            if (unread.is_empty() && given(ends, carrier) >= last) || !ws.may_send() {
                break;
            }
        }
        if let Some(closing) = closing.as_mut().filter(|closing| !closing.is_given && ws.may_send()) {
            closing.is_given = true;
            while let Some(counted) = ends.poll_counted(carrier) {
                queue(ws, &counted);
            }
            ws.start_close(closing.frame.clone());
            let _ = ws.poll_write_queued(cx);
        }
        true
    }

    /// The WebSocket has come to its end. Whether the session has with it: its client was told, and said that it knows.
    pub(crate) fn lose_socket(&mut self) -> bool {
        let Some(socket) = self.take_socket() else { return false };
        let ended = socket.ws.ended();
        socket.held.open.closed(ended);
        let is_told = self.closing.as_ref().is_some_and(|closing| closing.is_given);
        let is_over = is_told && ended.is_some_and(Ended::is_clean);
        if is_over {
            self.forget_all();
        }
        is_over
    }
}

impl Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Came {
        if self.ws.poll_ready(cx).is_pending() {
            return Came::Nothing;
        }
        if let Some(Some(came)) = self.read() {
            self.put(came);
        }
        Came::Some
    }
}

fn queue(ws: &mut WebSocket<Io>, counted: &Counted<'_, Sent>) {
    match counted {
        Counted::Record(sent) => sent.queue(ws),
        Counted::From(number) => drop(ws.queue(encode_signal(&ServerSignal::From(*number)))),
    }
}

/// Writes what a room has.
fn write_next(
    shared: &Shared,
    ws: &mut WebSocket<Io>,
    held: &Held,
    cx: &mut Context<'_>,
    at: usize,
    next: Next,
) -> Flow {
    match next {
        Next::UpToDate => {}
        Next::Encoded(bytes, count) => {
            held.open.delivered(count, bytes.len());
            drop(ws.write_encoded(cx, bytes));
        }
        Next::Message(position, message) => {
            if let Some(room) = shared.room_at(at) {
                let (first, second) = encode_publication(room.number(), position.offset, &message);
                drop(ws.queue(first));
                drop(second.map(|second| ws.queue(second)));
            }
        }
        Next::Presence(json) => drop(ws.queue(presence_message(&json))),
        Next::Gap(gap) => {
            if let Some(room) = shared.room_at(at) {
                drop(ws.queue(encode_signal(&gap_signal(&room, gap))));
            }
        }
        Next::Disconnect(_) => {
            // The next carrier is told of the gap.
            ws.start_close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer"));
            return Flow::Stop;
        }
    }
    if ws.is_flushed() { Flow::On } else { Flow::Pause }
}
