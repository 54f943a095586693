//! The labels, each an enum: what isn't in it can't become a time series.

use bowline_core::{CloseCode, Error, error::Timeout};

use crate::room::GapReason;

/// A label's values.
pub(crate) trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Every value, in the order of [`index`](Self::index).
    const ALL: &'static [Self];
    fn index(self) -> usize;
    fn as_str(self) -> &'static str;
}

macro_rules! label {
    (
        $(#[$doc:meta])* $vis:vis enum $type:ident in $name:literal {
            $($(#[$value_doc:meta])* $value:ident = $text:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $vis enum $type { $($(#[$value_doc])* $value,)* }

        impl Label for $type {
            const NAME: &'static str = $name;
            const ALL: &'static [Self] = &[$(Self::$value,)*];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    };
}

label! {
    /// How a session, or a reader of a room, is carried.
    pub enum Transport in "transport" {
        /// A WebSocket over HTTP/1.1 or HTTP/2.
        WebSocket = "websocket",
        /// A room as an event stream.
        EventStream = "event_stream",
        /// A room by long polling.
        LongPoll = "long_poll",
        /// A session (`bowline.v1`) by a WebSocket.
        SessionWebSocket = "session_websocket",
        /// A session by Comet: a response that goes on.
        SessionComet = "session_comet",
        /// A session by long polling.
        SessionLongPoll = "session_long_poll",
        /// A session by polling.
        SessionPoll = "session_poll",
    }
}

label! {
    /// Why a session ended.
    pub(crate) enum Disconnect in "reason" {
        /// The peer closed in good order.
        Peer = "peer",
        /// The application closed, or its handler returned.
        Application = "application",
        /// The hub is draining.
        Drain = "drain",
        /// It read too slowly, and the room's or the outbox' policy is to disconnect.
        Slow = "slow",
        /// No sign of life after a Ping.
        PingTimeout = "ping_timeout",
        /// It took nothing of what waited to be written.
        WriteTimeout = "write_timeout",
        /// It broke the protocol.
        Protocol = "protocol",
        /// It went past a limit, of size or of rate.
        Limit = "limit",
        /// The handler panicked.
        Panic = "panic",
        /// The transport failed or ended without a Close.
        Lost = "lost",
        /// A session was without a carrier for its time to live.
        Expired = "expired",
    }
}

impl Disconnect {
    /// Why a connection failed.
    pub(crate) const fn of(error: &Error) -> Self {
        match error {
            Error::Protocol(_) => Self::Protocol,
            Error::Limit(_) | Error::Timeout(Timeout::Message) => Self::Limit,
            Error::Timeout(Timeout::Pong) => Self::PingTimeout,
            Error::Timeout(Timeout::Write) => Self::WriteTimeout,
            Error::Timeout(Timeout::Carrier) => Self::Expired,
            _ => Self::Lost,
        }
    }
}

label! {
    /// The class of the code in a Close frame, sent or received.
    pub(crate) enum Closed in "code" {
        Normal = "1000",
        GoingAway = "1001",
        ProtocolError = "1002",
        Unsupported = "1003",
        InvalidData = "1007",
        Policy = "1008",
        TooBig = "1009",
        Internal = "1011",
        Restart = "1012",
        TryAgainLater = "1013",
        /// Any other that the registry has.
        Registered = "registered",
        /// 3000 to 4999.
        Application = "application",
        /// A Close without a code, or none at all.
        None = "none",
    }
}

impl Closed {
    /// The class of a Close frame's code; `None` where there was no Close, or no code in it.
    pub(crate) fn of(code: Option<CloseCode>) -> Self {
        match code.map(u16::from) {
            None | Some(1005 | 1006) => Self::None,
            Some(1000) => Self::Normal,
            Some(1001) => Self::GoingAway,
            Some(1002) => Self::ProtocolError,
            Some(1003) => Self::Unsupported,
            Some(1007) => Self::InvalidData,
            Some(1008) => Self::Policy,
            Some(1009) => Self::TooBig,
            Some(1011) => Self::Internal,
            Some(1012) => Self::Restart,
            Some(1013) => Self::TryAgainLater,
            Some(3000..) => Self::Application,
            Some(_) => Self::Registered,
        }
    }
}

label! {
    /// Why a message was not delivered to a session that it was sent to.
    pub(crate) enum Dropped in "reason" {
        /// The outbox was full, and those that waited longer gave way.
        Older = "outbox_older",
        /// The outbox was full, and it was refused.
        Newest = "outbox_newest",
        /// The session had ended with it unsent.
        Ended = "ended",
    }
}

label! {
    /// Why a reader missed publications.
    pub(crate) enum Missed in "reason" {
        Slow = "slow",
        Expired = "expired",
        Epoch = "epoch",
    }
}

impl From<GapReason> for Missed {
    fn from(reason: GapReason) -> Self {
        match reason {
            GapReason::Slow => Self::Slow,
            GapReason::Expired => Self::Expired,
            GapReason::Epoch => Self::Epoch,
        }
    }
}

label! {
    /// Why a request, or a connection before its request, was refused.
    pub(crate) enum Refused in "reason" {
        /// It is no request that HTTP or WebSocket allows.
        Malformed = "malformed",
        /// Its head or its body is over a limit.
        TooLarge = "too_large",
        /// It wasn't whole in time.
        Timeout = "timeout",
        /// The TLS handshake failed.
        Tls = "tls",
        /// Its origin isn't wanted.
        Origin = "origin",
        /// It was made to a host that isn't wanted.
        Host = "host",
        /// The application's hook said no.
        Unauthorized = "unauthorized",
        /// The application's hook took too long, or panicked.
        Authorize = "authorize",
        /// Too many of it, from one address or one session.
        Rate = "rate",
        /// As many sessions as there may be.
        Sessions = "sessions",
        /// There is no such session, or it is somebody else's.
        Session = "session",
        /// As many connections as there may be from one address.
        Address = "address",
        /// As many rooms, or members of a room, as there may be.
        Rooms = "rooms",
        /// The hub is draining.
        Draining = "draining",
        /// Nothing is at this address, or not by this method.
        NotFound = "not_found",
    }
}

label! {
    /// What was over its rate.
    pub(crate) enum Limited in "what" {
        /// An address' publications by POST.
        Post = "post",
        /// A session's messages.
        Session = "session",
    }
}
