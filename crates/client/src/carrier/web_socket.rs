//! A WebSocket as a carrier.

use std::{
    future::Future as _,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bowline_core::{
    CloseCode, Error, Message,
    connection::Event,
    handshake::HandshakeError,
    session::{
        CURSOR_HEADER, ClientRecord, ClientSignal, SESSION_SUBPROTOCOL_PREFIX, SUBPROTOCOL, ServerRecord, ServerSignal,
        websocket::{self, Decoder},
    },
    stream::{Connector, WebSocket},
};
use futures_util::Sink as _;
use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    Attach, End, Means, Output, Waiting,
    answer::{end_of, retry_in},
    headers,
};
use crate::{
    Transport,
    config::Config,
    exchange::Wire,
    net::Stream,
    policy::FailureKind,
    session::{Item, Session},
};

/// How long a WebSocket that was checked may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The close code by which a server says that another carrier took over.
const SUPERSEDED: u16 = 4001;
/// The close code by which a server says that the session has ended, by this end's fault.
const BAD_RECORD: u16 = 4002;

pub(crate) struct WebSocketCarrier {
    config: Arc<Config>,
    attach: Attach,
    headers: HeaderMap,
    state: State,
    decoder: Decoder<ServerRecord>,
    is_open: bool,
    is_over: bool,
    /// Something must come until then.
    check: Option<Pin<Box<Sleep>>>,
}

enum State {
    Dialing(Waiting<Result<(HeaderMap, Stream), End>>),
    Handshaking(Waiting<Result<WebSocket<Stream>, HandshakeError>>),
    Open(Box<WebSocket<Stream>>),
    Done,
}

impl WebSocketCarrier {
    pub(super) fn start(means: &Means, attach: Attach) -> Self {
        let (headers, dialer) = (headers(&means.config), means.dialer.clone());
        let dialing = async move {
            let headers = headers.await?;
            let stream = dialer.dial().await;
            stream
                .map(|stream| (headers, stream))
                .map_err(|error| End::new(FailureKind::Unreachable, error.to_string()))
        };
        Self {
            config: Arc::clone(&means.config),
            attach,
            headers: HeaderMap::new(),
            state: State::Dialing(Box::pin(dialing)),
            decoder: Decoder::new(),
            is_open: false,
            is_over: false,
            check: None,
        }
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn wire(&self) -> &Wire {
        &self.config.wire
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Output> {
        loop {
            let output = match &mut self.state {
                State::Dialing(dialing) => match std::task::ready!(dialing.as_mut().poll(cx)) {
                    Ok((headers, stream)) => {
                        self.headers = headers;
                        self.handshake(stream);
                        Output::Sent
                    }
                    Err(end) => self.end(end),
                },
                State::Handshaking(handshaking) => match std::task::ready!(handshaking.as_mut().poll(cx)) {
                    Ok(ws) if ws.subprotocol() == Some(SUBPROTOCOL) => {
                        self.wire().came(Transport::WebSocket, || format!("101 Switching Protocols, {SUBPROTOCOL}"));
                        self.state = State::Open(Box::new(ws));
                        continue;
                    }
                    Ok(_) => {
                        let why = format!("what is there speaks WebSocket, but not {SUBPROTOCOL}");
                        self.end(End::new(FailureKind::Refused, why))
                    }
                    Err(error) => {
                        self.wire().came(Transport::WebSocket, || error.to_string());
                        let end = self.refused(&error);
                        self.end(end)
                    }
                },
                State::Open(_) if self.is_over => return Poll::Pending,
                State::Open(_) => match std::task::ready!(self.poll_open(cx)) {
                    Some(output) => output,
                    None => continue,
                },
                State::Done => return Poll::Pending,
            };
            return Poll::Ready(output);
        }
    }

    fn handshake(&mut self, stream: Stream) {
        let mut offered = vec![SUBPROTOCOL.to_owned()];
        let mut shown = SUBPROTOCOL.to_owned();
        if let Some(secret) = &self.attach.secret {
            offered.push(format!("{SESSION_SUBPROTOCOL_PREFIX}{secret}"));
            shown = format!("{shown}, {SESSION_SUBPROTOCOL_PREFIX}{}.…", secret.node());
        }
        offered.extend(self.config.subprotocols.iter().cloned());
        let mut connector = Connector::new().config(Arc::clone(&self.config.connection)).subprotocols(offered);
        // The application's go in place of the URL's user and password, as over HTTP.
        let mut headers = self.config.target.headers().clone();
        headers.extend(self.headers.clone());
        for (name, value) in &headers {
            connector = connector.header(name.clone(), value.clone());
        }
        let cursor = self.attach.secret.is_some().then(|| self.attach.cursor.to_string());
        if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::try_from(cursor).ok()) {
            connector = connector.header(CURSOR_HEADER, cursor);
        }
        let url = self.config.target.ws_url();
        let target = self.config.target.path_and_query(None);
        self.wire().sent(Transport::WebSocket, || {
            format!("GET {target}, upgrade to WebSocket\nSec-WebSocket-Protocol: {shown}")
        });
        self.state = State::Handshaking(Box::pin(async move { connector.handshake(&url, stream).await }));
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output>> {
        let State::Open(ws) = &mut self.state else { return Poll::Ready(None) };
        match ws.poll_recv_event(cx) {
            Poll::Ready(Ok(Some(event))) => {
                self.check = None;
                Poll::Ready(match event {
                    Event::Message(message) => self.message(message),
                    _ => None,
                })
            }
            Poll::Ready(Ok(None)) => {
                let end = self.closed();
                Poll::Ready(Some(self.end(end)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(self.end(broken(&error)))),
            Poll::Pending => {
                let Some(check) = &mut self.check else { return Poll::Pending };
                std::task::ready!(check.as_mut().poll(cx));
                let why = "the WebSocket didn't answer after the machine slept, or the network changed";
                Poll::Ready(Some(self.end(End::new(FailureKind::Broken, why))))
            }
        }
    }

    fn message(&mut self, message: Message) -> Option<Output> {
        self.wire().came(Transport::WebSocket, || show(&message));
        match self.decoder.receive(message) {
            Ok(None) => None,
            Ok(Some(item)) => Some(match item.into() {
                Item::Signal(ServerSignal::Open(open)) if !self.is_open => {
                    self.is_open = true;
                    Output::Open(Some(open))
                }
                item if self.is_open => Output::Item(item),
                _ => self.end(End::new(FailureKind::Broken, "the WebSocket didn't begin with `open`")),
            }),
            Err(error) => {
                let why = format!("the server sent what can't be read: {error}");
                if let (State::Open(ws), Some(code)) = (&mut self.state, CloseCode::new(BAD_RECORD)) {
                    ws.start_close(bowline_core::CloseFrame::new(code, error.to_string()));
                }
                // Whoever reads the end closes it: the close frame is still to be written.
                self.is_over = true;
                Some(Output::Ended(End::new(FailureKind::Gone, why)))
            }
        }
    }

    fn end(&mut self, end: End) -> Output {
        self.state = State::Done;
        Output::Ended(end)
    }

    /// Why the closing handshake was done.
    fn closed(&self) -> End {
        let State::Open(ws) = &self.state else { return End::new(FailureKind::Broken, "closed") };
        let Some(frame) = ws.ended().and_then(|ended| ended.frame()) else {
            return End::new(FailureKind::Broken, "the server closed the WebSocket without a code");
        };
        self.wire().came(Transport::WebSocket, || format!("Close {frame}"));
        let kind = match frame.code().get() {
            SUPERSEDED => FailureKind::Superseded,
            BAD_RECORD => FailureKind::Gone,
            _ => FailureKind::Broken,
        };
        let end = End::new(kind, format!("the server closed the WebSocket: {frame}"));
        End { code: Some(frame.code()), ..end }.floor(retry_in(frame.reason().as_str()))
    }

    fn refused(&self, error: &HandshakeError) -> End {
        let Some(answer) = error.refused() else { return End::new(FailureKind::Broken, error.to_string()) };
        let has_session = self.attach.secret.is_some();
        let end = end_of(answer.status(), answer.headers(), has_session);
        let end = end.unwrap_or_else(|| End::new(FailureKind::Broken, ""));
        // What can't upgrade may well say 400: of the session that says nothing.
        let is_gone = end.failure.kind == FailureKind::Gone && answer.status() == http::StatusCode::NOT_FOUND;
        let kind =
            if end.failure.kind == FailureKind::Gone && !is_gone { FailureKind::Refused } else { end.failure.kind };
        End { reason: error.to_string(), status: Some(answer.status()), ..End::new(kind, "") }.floor(end.failure.floor)
    }

    /// Sends records and acknowledgements while there is room for them. Whether something was done.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, session: &mut Session) -> bool {
        let State::Open(ws) = &mut self.state else { return false };
        let mut ws = Pin::new(&mut **ws);
        let mut sent = false;
        // A failure is told by receiving.
        while matches!(ws.as_mut().poll_ready(cx), Poll::Ready(Ok(()))) {
            let ack = session.take_ack(Instant::now().into_std());
            let ack = ack.map(|cursor| websocket::encode_signal(&ClientSignal::Ack(cursor)));
            let Some(message) = ack.or_else(|| session.poll_message()) else { break };
            self.config.wire.sent(Transport::WebSocket, || show(&message));
            sent = true;
            if ws.as_mut().start_send(message).is_err() {
                break;
            }
        }
        let _ = ws.poll_flush(cx);
        sent
    }

    pub(super) fn check(&mut self) -> bool {
        let State::Open(ws) = &mut self.state else { return false };
        self.check = Some(Box::pin(sleep(CHECK_TIMEOUT)));
        // Once begun, the Ping is on its way; whether it can be written is told by what comes.
        let ping = pin!(ws.ping(&b"check"[..]));
        let _ = ping.poll(&mut Context::from_waker(std::task::Waker::noop()));
        true
    }

    pub(super) fn start_close(&mut self, end_session: bool) {
        let State::Open(ws) = &mut self.state else {
            self.state = State::Done;
            return;
        };
        if end_session {
            let close = ClientRecord::Close(CloseCode::NORMAL_CLOSURE.into());
            // Where there is no room for it, the session ends by its time to live.
            let _ = Pin::new(&mut **ws).start_send(websocket::encode_record(&close));
        }
        ws.start_close(CloseCode::NORMAL_CLOSURE);
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            // The connection bounds how long that takes.
            State::Open(ws) => ws.poll_close(cx).map(drop),
            _ => Poll::Ready(()),
        }
    }
}

fn broken(error: &Error) -> End {
    End::new(FailureKind::Broken, error.to_string())
}

/// The most of a message that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// A message for people, its control characters escaped; the secret in `open` left out.
fn show(message: &Message) -> String {
    let Message::Text(text) = message else { return format!("{} bytes", message.len()) };
    super::answer::show_event(text.as_str(), MAX_SHOWN)
}
