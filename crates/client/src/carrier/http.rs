//! Comet, long polling and polling as carriers.
//!
//! ```text
//!  preparing ──► asking ──► reading ──► resting (polling only)
//!                  ▲           │            │
//!                  └───────────┴────────────┘
//! ```

use std::{
    future::Future as _,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bowline_core::{
    event_stream::{Event, Parser, Piece},
    session::{Cursor, Open, Secret, ServerRecord, ServerSignal, events, max_event},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{Attach, End, Means, Output, Waiting, answer::show_event, end_of, headers};
use crate::{
    Transport,
    config::Config,
    net::{Asked, Http, Request, Response},
    policy::FailureKind,
    session::{Item, Session},
};

/// How long a server may hold a poll: it bounds that itself.
const LONG_POLL: Duration = Duration::from_secs(25);

/// A Comet stream that ends sooner than this, and brought nothing, is none: something on the way doesn't let it be one.
const SHORTEST_STREAM: Duration = Duration::from_secs(5);

/// A poll that was to be held and is answered sooner, with nothing, was not held; asking on would be a loop.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// What of a stream is read before others have their turn, in pieces.
const MAX_PIECES: usize = 128;

pub(crate) struct HttpCarrier {
    config: Arc<Config>,
    http: Http,
    transport: Transport,
    state: State,
    headers: HeaderMap,
    /// Where this end stands when the first request goes out.
    attach: Attach,
    is_open: bool,
    /// The request under way may be held.
    holds: bool,
    /// Its answer has something besides `open`.
    brought: bool,
    /// The request before this one was not answered, or not to its end.
    failed_once: bool,
    /// When the request under way went out.
    asked_at: Instant,
    /// The longest that nothing may come.
    patience: Duration,
    /// When something must have come, once it is open; before, others keep the time.
    deadline: Pin<Box<Sleep>>,
    /// The least time until the next carrier, as the server has it.
    floor: Option<Duration>,
}

enum State {
    Preparing(Waiting<Result<HeaderMap, End>>),
    Asking {
        asked: Asked,
        sent: bool,
        cursor: Cursor,
    },
    Reading {
        body: Incoming,
        parser: Box<Parser>,
    },
    /// The answer is of no use, but for what it says for people.
    Refused(Waiting<End>),
    /// Until the next poll.
    Resting,
    Done,
}

impl HttpCarrier {
    pub(super) fn start(means: &Means, transport: Transport, attach: Attach) -> Self {
        Self {
            state: State::Preparing(headers(&means.config)),
            config: Arc::clone(&means.config),
            http: means.http.clone(),
            transport,
            headers: HeaderMap::new(),
            attach,
            is_open: false,
            holds: false,
            brought: false,
            failed_once: false,
            asked_at: Instant::now(),
            patience: means.config.request_timeout,
            deadline: Box::pin(sleep_until(Instant::now())),
            floor: None,
        }
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, session: &Session) -> Poll<Output> {
        loop {
            let output = match &mut self.state {
                State::Preparing(preparing) => match ready!(preparing.as_mut().poll(cx)) {
                    Ok(headers) => {
                        self.headers = headers;
                        let Attach { secret, cursor } = self.attach.clone();
                        self.ask(secret, cursor);
                        None
                    }
                    Err(end) => Some(self.end(end)),
                },
                State::Asking { .. } => ready!(self.poll_asking(cx)),
                State::Reading { .. } => ready!(self.poll_reading(cx)),
                State::Refused(explained) => {
                    let end = ready!(explained.as_mut().poll(cx));
                    Some(self.end(end))
                }
                State::Resting => {
                    ready!(self.deadline.as_mut().poll(cx));
                    self.ask_again(session);
                    None
                }
                State::Done => return Poll::Pending,
            };
            if let Some(output) = output {
                return Poll::Ready(output);
            }
        }
    }

    fn ask_again(&mut self, session: &Session) {
        let secret = session.secret().copied().or(self.attach.secret);
        self.ask(secret, session.cursor());
    }

    fn ask(&mut self, session: Option<Secret>, cursor: Cursor) {
        let wait = match self.transport {
            Transport::Comet | Transport::WebSocket => None,
            // The first is answered at once, so that it shows soon whether this works.
            Transport::LongPolling if self.is_open => Some(LONG_POLL),
            Transport::LongPolling | Transport::Polling => Some(Duration::ZERO),
        };
        self.patience = self.config.request_timeout + wait.unwrap_or_default();
        self.holds = wait.is_some_and(|wait| !wait.is_zero());
        self.brought = false;
        self.asked_at = Instant::now();
        self.be_patient();
        let request = Request {
            method: Method::GET,
            wait,
            session,
            cursor: session.is_some().then(|| cursor.clone()),
            headers: self.headers.clone(),
            body: Bytes::new(),
        };
        self.config.wire.sent(self.transport, || request.show(&self.config.target));
        self.state = State::Asking { asked: self.http.ask(request), sent: false, cursor };
    }

    fn be_patient(&mut self) {
        self.deadline.as_mut().reset(Instant::now() + self.patience);
    }

    /// `None` where it went on by itself.
    fn poll_asking(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output>> {
        let State::Asking { asked, sent, cursor } = &mut self.state else { return Poll::Ready(None) };
        let Poll::Ready(answer) = asked.answer.as_mut().poll(cx) else {
            if !*sent && asked.sent.as_mut().poll(cx).is_ready() {
                *sent = true;
                if !self.is_open {
                    return Poll::Ready(Some(Output::Sent));
                }
            }
            return self.poll_deadline(cx).map(Some);
        };
        let cursor = std::mem::take(cursor);
        match answer {
            Ok(answer) => Poll::Ready(self.answered(answer, cursor)),
            Err(error) => {
                let kind = if error.unreachable { FailureKind::Unreachable } else { FailureKind::Broken };
                Poll::Ready(self.failed(End::new(kind, error.reason)))
            }
        }
    }

    /// `None` where more of it is to be read.
    fn answered(&mut self, answer: Response, cursor: Cursor) -> Option<Output> {
        self.config.wire.came(self.transport, || show_answer(&answer));
        if let Some(end) = end_of(answer.status(), answer.headers(), self.attach.secret.is_some() || self.is_open) {
            self.state = State::Refused(Box::pin(explained(end, answer.into_body())));
            return None;
        }
        if answer.status() == StatusCode::NO_CONTENT {
            if self.transport == Transport::Comet {
                // PROTOCOL.md §3 has no such answer. Asking on would be a loop.
                let why = "the server answered 204 No Content instead of an event stream";
                return Some(self.end(End::new(FailureKind::Broken, why)));
            }
            self.failed_once = false;
            self.rest();
            if !std::mem::replace(&mut self.is_open, true) {
                return Some(Output::Open(None));
            }
        } else {
            let parser = Box::new(Parser::new(max_event(self.config.max_message_size)));
            self.state = State::Reading { body: answer.into_body(), parser };
        }
        Some(Output::Confirmed(cursor))
    }

    /// `None` where the answer has ended.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output>> {
        for _ in 0..MAX_PIECES {
            let State::Reading { body, parser } = &mut self.state else { return Poll::Ready(None) };
            match parser.next() {
                Ok(Some(piece)) => {
                    if let Some(output) = self.piece(piece) {
                        return Poll::Ready(Some(output));
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    let why = format!("the answer can't be read: {error}");
                    return Poll::Ready(Some(self.end(End::new(FailureKind::Broken, why))));
                }
            }
            let Poll::Ready(frame) = pin!(body.frame()).poll(cx) else { return self.poll_deadline(cx).map(Some) };
            match frame {
                Some(Ok(frame)) => {
                    parser.push(frame.data_ref().map_or(&[][..], |data| data));
                    self.be_patient();
                }
                Some(Err(error)) => {
                    let why = format!("the answer broke off: {error}");
                    return Poll::Ready(self.failed(End::new(FailureKind::Broken, why)));
                }
                None => return Poll::Ready(self.answer_ended()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn piece(&mut self, piece: Piece) -> Option<Output> {
        match piece {
            Piece::Event(event) => Some(self.event(&event)),
            Piece::Retry(wait) => {
                self.floor = Some(wait);
                None
            }
            _ => None,
        }
    }

    fn event(&mut self, event: &Event) -> Output {
        self.config.wire.came(self.transport, || show(event));
        match events::read::<ServerRecord>(event).map(Item::from) {
            Ok(Item::Signal(ServerSignal::Superseded)) => {
                self.end(End::new(FailureKind::Superseded, "another carrier took over"))
            }
            Ok(Item::Signal(ServerSignal::Open(open))) => self.opened(open),
            Ok(item) if self.is_open => {
                self.brought = true;
                Output::Item(item)
            }
            Ok(_) => self.end(End::new(FailureKind::Broken, "the answer doesn't begin with `open`")),
            Err(error) => {
                let why = format!("the server sent what can't be read: {error}");
                self.end(End::new(FailureKind::Gone, why))
            }
        }
    }

    /// Each answer begins so.
    fn opened(&mut self, open: Open) -> Output {
        if let Some(heartbeat) = open.heartbeat {
            // One that is late is no sign of anything; two are.
            self.patience = heartbeat.saturating_mul(2);
            self.be_patient();
        }
        self.attach.secret = self.attach.secret.or(open.session);
        if std::mem::replace(&mut self.is_open, true) {
            Output::Item(Item::Signal(ServerSignal::Open(open)))
        } else {
            self.be_patient();
            Output::Open(Some(open))
        }
    }

    /// `None` where it goes on with the next request.
    fn answer_ended(&mut self) -> Option<Output> {
        let is_short = self.transport == Transport::Comet && self.asked_at.elapsed() < SHORTEST_STREAM;
        if !self.is_open || is_short && !self.brought {
            return Some(self.end(End::new(FailureKind::Broken, "the answer ended as soon as it began")));
        }
        self.failed_once = false;
        self.rest();
        None
    }

    /// Until the next request: for polls on a timer, and where an answer says so; or where one that should have been held
    /// brought nothing.
    fn rest(&mut self) {
        let was_held = self.asked_at.elapsed() >= SHORTEST_HOLD || !self.holds || self.brought;
        let between =
            if self.transport == Transport::Polling || !was_held { self.config.poll_interval } else { Duration::ZERO };
        let at = (self.asked_at + between).max(Instant::now() + self.floor.take().unwrap_or_default());
        self.deadline.as_mut().reset(at);
        self.state = State::Resting;
    }

    /// A request failed. A poll's is repeated once: a connection that was kept too long is no reason to take another carrier.
    fn failed(&mut self, end: End) -> Option<Output> {
        let is_poll = self.transport != Transport::Comet;
        if self.is_open && is_poll && !std::mem::replace(&mut self.failed_once, true) {
            self.state = State::Resting;
            self.deadline.as_mut().reset(Instant::now());
            return None;
        }
        Some(self.end(end))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Output> {
        if !self.is_open {
            return Poll::Pending;
        }
        ready!(self.deadline.as_mut().poll(cx));
        let why = format!("nothing came for {} s", self.patience.as_secs());
        Poll::Ready(self.end(End::new(FailureKind::Broken, why)))
    }

    fn end(&mut self, end: End) -> Output {
        self.state = State::Done;
        Output::Ended(end.floor(self.floor))
    }

    pub(super) fn restart(&mut self, means: &Means, session: &Session) {
        self.http = means.http.clone();
        self.ask_again(session);
    }

    pub(super) fn hurry(&mut self) {
        if self.transport == Transport::Polling && matches!(self.state, State::Resting) {
            self.deadline.as_mut().reset(Instant::now());
        }
    }
}

/// How much of a refusal is read for what it says, and for how long.
const MAX_EXPLANATION: usize = 1 << 10;
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(1);

/// The end with the first line of what the server says about it.
async fn explained(mut end: End, mut body: Incoming) -> End {
    let mut text = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await
            && text.len() < MAX_EXPLANATION
        {
            text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    };
    // Without the rest it is no worse.
    let _ = timeout(EXPLANATION_TIMEOUT, reading).await;
    let text = String::from_utf8_lossy(&text);
    if let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) {
        end.reason = format!("{}: {}", end.reason, show_event(line, MAX_SHOWN));
    }
    end
}

fn show_answer(answer: &Response) -> String {
    let mut shown = answer.status().to_string();
    for (name, value) in answer.headers() {
        if !matches!(name.as_str(), "set-cookie") {
            shown = format!("{shown}\n{name}: {}", String::from_utf8_lossy(value.as_bytes()).escape_debug());
        }
    }
    shown
}

/// The most of an event that is shown, in characters.
const MAX_SHOWN: usize = 200;

fn show(event: &Event) -> String {
    let id = event.id.as_deref().map(|id| format!("id: {id}\n")).unwrap_or_default();
    show_event(&format!("event: {}\n{id}data: {}", event.name(), event.data), MAX_SHOWN)
}
