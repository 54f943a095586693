//! What carries a session, or tries to.

mod answer;
mod http;
mod post;
mod web_socket;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{HeaderMap, StatusCode};
use bowline_core::{
    CloseCode,
    session::{Cursor, Open, Secret},
};

pub(crate) use self::{
    answer::{end_of, retry_in},
    post::{Posted, delete, post},
};
use self::{http::HttpCarrier, web_socket::WebSocketCarrier};
use crate::{
    Transport,
    config::Config,
    net::{Dialer, Http},
    policy::{Failure, FailureKind},
    session::{Item, Session},
};

/// A future that a carrier waits for.
type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why a carrier is no more, or never was.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) failure: Failure,
    /// The close code, of a WebSocket.
    pub(crate) code: Option<CloseCode>,
    /// The answer's status, where it was an answer.
    pub(crate) status: Option<StatusCode>,
    /// For people.
    pub(crate) reason: String,
}

impl End {
    pub(crate) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { failure: Failure { kind, floor: None }, code: None, status: None, reason: reason.into() }
    }

    /// At least so long until the next.
    pub(crate) fn floor(mut self, floor: Option<Duration>) -> Self {
        self.failure.floor = self.failure.floor.max(floor);
        self
    }
}

/// What a carrier tells.
#[derive(Debug)]
pub(crate) enum Output {
    /// The server was reached, and has the request.
    Sent,
    /// It carries. A poll that found nothing doesn't say more than that.
    Open(Option<Open>),
    /// Something came.
    Item(Item),
    /// The server has this cursor.
    Confirmed(Cursor),
    /// It is no more.
    Ended(End),
}

/// What it takes to begin a carrier.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) config: Arc<Config>,
    pub(crate) dialer: Dialer,
    pub(crate) http: Http,
}

impl Means {
    pub(crate) fn new(config: Arc<Config>, dialer: Dialer) -> Self {
        let http = Http::new(&dialer, config.max_headers, config.max_head_size);
        Self { config, dialer, http }
    }

    /// Forgets the connections that are kept.
    pub(crate) fn renew(&mut self) {
        self.http = Http::new(&self.dialer, self.config.max_headers, self.config.max_head_size);
    }
}

/// Which session is attached to, and where this end stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Attach {
    /// `None` asks for a new one.
    pub(crate) secret: Option<Secret>,
    pub(crate) cursor: Cursor,
}

/// A carrier, from its first try to its end.
pub(crate) enum Carrier {
    WebSocket(Box<WebSocketCarrier>),
    Http(Box<HttpCarrier>),
}

impl Carrier {
    pub(crate) fn start(means: &Means, transport: Transport, attach: Attach) -> Self {
        match transport {
            Transport::WebSocket => Self::WebSocket(Box::new(WebSocketCarrier::start(means, attach))),
            transport => Self::Http(Box::new(HttpCarrier::start(means, transport, attach))),
        }
    }

    /// What it tells next. `session` is where a poll finds out what to acknowledge.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, session: &Session) -> Poll<Output> {
        match self {
            Self::WebSocket(carrier) => carrier.poll(cx),
            Self::Http(carrier) => carrier.poll(cx, session),
        }
    }

    /// Sends what is to be sent, if it is a WebSocket. Whether something was done.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, session: &mut Session) -> bool {
        match self {
            Self::WebSocket(carrier) => carrier.poll_send(cx, session),
            Self::Http(_) => false,
        }
    }

    /// The headers that it was begun with, which go with every request of the same carrier.
    pub(crate) fn headers(&self) -> HeaderMap {
        match self {
            Self::WebSocket(carrier) => carrier.headers().clone(),
            Self::Http(carrier) => carrier.headers().clone(),
        }
    }

    /// Finds out at once whether it still lives. `false` where that takes a new one.
    pub(crate) fn check(&mut self) -> bool {
        match self {
            Self::WebSocket(carrier) => carrier.check(),
            Self::Http(_) => false,
        }
    }

    /// Asks anew, by connections of its own.
    pub(crate) fn restart(&mut self, means: &Means, session: &Session) {
        if let Self::Http(carrier) = self {
            carrier.restart(means, session);
        }
    }

    /// There may be something: a poll that rests asks now.
    pub(crate) fn hurry(&mut self) {
        if let Self::Http(carrier) = self {
            carrier.hurry();
        }
    }

    /// Begins to close it; `end_session` where its session is nobody's. Then it is [polled](Self::poll_close) to its end.
    pub(crate) fn start_close(&mut self, end_session: bool) {
        if let Self::WebSocket(carrier) = self {
            carrier.start_close(end_session);
        }
    }

    /// Ready once it is closed. What still comes is dropped.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::WebSocket(carrier) => carrier.poll_close(cx),
            // Dropping the request ends it.
            Self::Http(_) => Poll::Ready(()),
        }
    }
}

/// The headers of a carrier: those that are set once, and what the application gives anew each time.
fn headers(config: &Arc<Config>) -> Waiting<Result<HeaderMap, End>> {
    let config = Arc::clone(config);
    Box::pin(async move {
        let mut headers = config.headers.clone();
        if let Some(auth) = &config.auth {
            let fresh = auth.headers().await.map_err(|error| {
                End::new(FailureKind::Unreachable, format!("the application can't authorize: {error}"))
            })?;
            for name in fresh.keys() {
                headers.remove(name);
            }
            headers.extend(fresh);
        }
        Ok(headers)
    })
}
