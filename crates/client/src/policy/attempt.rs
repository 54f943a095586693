//! Tries that are under way, and what comes of them.

use std::time::{Duration, Instant};

use crate::Transport;

/// Names a try, and the carrier that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttemptId(pub(super) u64);

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Try this transport.
    Start(AttemptId, Transport),
    /// From now on this one carries.
    Carry(AttemptId),
    /// Close this one: a try that is too late, a carrier that another replaced.
    Stop(AttemptId),
    /// Close this one, and end its session, if it got so far: it isn't the client's.
    Abandon(AttemptId),
    /// Find out at once whether the carrier still lives.
    Check(AttemptId),
    /// Nothing carries; the next try is after this time.
    Wait(Duration),
    /// The server doesn't know the session any more.
    Forget,
    /// The server refuses, whatever the transport.
    GiveUp,
}

/// Why a try failed, or a carrier ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// The least time to wait, as the server has it.
    pub(crate) floor: Option<Duration>,
}

/// What that says of the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Nobody was reached: another transport won't be either.
    Unreachable,
    /// It broke, or was answered by something that doesn't understand: another transport may do better.
    Broken,
    /// Another carrier of the same session took over.
    Superseded,
    /// The server doesn't know the session.
    Gone,
    /// The server, or something on the way, won't have it.
    Refused,
}

/// A try under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) transport: Transport,
    pub(super) role: Role,
    /// It asks for a new session, not for the one that there is.
    pub(super) fresh: bool,
    /// The server was reached, and has the request.
    pub(super) sent: bool,
    /// When it is given up.
    pub(super) deadline: Instant,
}

/// What a try is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// To get a carrier at all.
    Racing,
    /// To get a better one than there is.
    Probe,
    /// For nothing any more: it asked for a session, and another was faster. It may still get one, which must be ended.
    Abandoned,
}
