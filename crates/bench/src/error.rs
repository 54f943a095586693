//! Why a run gave no report.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a run gave no report, and what to do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The target is not a URL that can be measured.
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The plan is outside its bounds.
    Plan {
        /// Which bound, and what it is.
        problem: String,
    },
    /// The host's name has no address.
    UnknownHost {
        /// The name.
        host: String,
        /// The resolver's error.
        source: io::Error,
    },
    /// The server can't be reached at all.
    Unreachable {
        /// The address that was tried.
        address: SocketAddr,
        /// Why the connection failed.
        source: io::Error,
    },
    /// The proxy can't listen.
    Listen {
        /// Where it was to.
        address: SocketAddr,
        /// Why it can't.
        source: io::Error,
    },
    /// A server of the suite's own doesn't start.
    Start {
        /// The program.
        program: PathBuf,
        /// Why, with what it said.
        problem: String,
    },
    /// A server of the suite's own ended during a run.
    Died {
        /// How it ended.
        status: ExitStatus,
        /// How its standard error began.
        said: String,
        /// What the run noticed of it.
        source: Box<Error>,
    },
    /// A run of several.
    Cell {
        /// Its workload.
        name: String,
        /// Why it gave no report.
        source: Box<Error>,
    },
    /// The server answered the opening handshake with another status than 101.
    Refused {
        /// The path that was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The first line of the answer's body, at most 200 bytes; often it says why.
        body: String,
    },
    /// The server's answer is not a WebSocket handshake (RFC 6455 §4.1).
    NotWebSocket {
        /// What is wrong with the answer.
        problem: String,
    },
    /// The server's answer over HTTP opens or carries no resumable session.
    NotSession {
        /// What is wrong with the answer.
        problem: String,
    },
    /// A client of a load was refused, or ended before there was anything to measure.
    Client {
        /// What happened, as a sentence.
        problem: String,
    },
    /// A load process ended without a report.
    Worker {
        /// What it said last, or how it ended.
        problem: String,
    },
    /// permessage-deflate was asked for, and the server did not accept it.
    NoDeflate,
    /// Nothing came for too long.
    Timeout {
        /// What was waited for.
        waiting_for: &'static str,
        /// For how long.
        after: Duration,
    },
    /// Some connections opened, and then no more did for too long.
    StoodStill {
        /// How many were open.
        open: usize,
        /// How many were to be.
        of: usize,
        /// For how long.
        after: Duration,
    },
    /// The server was busy for too long: clients were to come back later, and were told so again.
    PutOff {
        /// What was waited for.
        waiting_for: &'static str,
        /// For how long.
        after: Duration,
        /// What it said last, as a sentence.
        refusal: String,
    },
    /// This machine, not the server, has no port left to connect from.
    NoPorts {
        /// Where to.
        address: SocketAddr,
    },
    /// This process, not the server, may not open enough descriptors.
    Descriptors {
        /// How many the plan needs.
        needed: u64,
        /// How many this process may have.
        limit: u64,
    },
    /// The server's figures can't be read from `/proc`.
    Server {
        /// The process id that was given.
        pid: u32,
        /// Why reading failed.
        source: io::Error,
    },
    /// A system call of this process failed for another reason.
    Io {
        /// What it was for.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, problem } => write!(f, "can't use the URL {url}: {problem}"),
            Self::Plan { problem } => f.write_str(problem),
            Self::UnknownHost { host, .. } => write!(f, "can't find the host {host}"),
            Self::Unreachable { address, source } => {
                write!(f, "can't connect to {address}")?;
                match source.kind() {
                    io::ErrorKind::ConnectionRefused => f.write_str(": no server listens there"),
                    _ => Ok(()),
                }
            }
            Self::Listen { address, source } => {
                write!(f, "can't listen on {address}")?;
                f.write_str(match source.kind() {
                    io::ErrorKind::AddrInUse => ": it is in use; choose another port, or 0 for any free one",
                    io::ErrorKind::AddrNotAvailable => ": that is not an address of this machine",
                    io::ErrorKind::PermissionDenied => ": not permitted; choose a port from 1024 on",
                    _ => "",
                })
            }
            Self::Start { program, problem } => write!(f, "can't start {}: {problem}", program.display()),
            Self::Died { status, said, source } => {
                write!(f, "{source}: the server ended ({status})")?;
                if said.is_empty() { Ok(()) } else { write!(f, "; it said: {said}") }
            }
            Self::Cell { name, source } => write!(f, "{name}: {source}"),
            Self::Refused { path, status, body } => {
                write!(f, "the server refused a request for {path} with status {status}")?;
                if body.is_empty() { Ok(()) } else { write!(f, ": {body}") }
            }
            Self::NotWebSocket { problem } => write!(f, "the server does not speak WebSocket: {problem}"),
            Self::NotSession { problem } => write!(f, "the server has no sessions at this address: {problem}"),
            Self::Client { problem } => f.write_str(problem),
            Self::Worker { problem } => write!(f, "a load process failed: {problem}"),
            Self::NoDeflate => f.write_str("the server did not accept permessage-deflate: is it switched on there?"),
            Self::Timeout { waiting_for, after } => {
                write!(f, "waited {:.1} s for {waiting_for}, and nothing came", after.as_secs_f64())
            }
            Self::StoodStill { open, of, after } => stood_still(f, *open, *of, *after),
            Self::PutOff { waiting_for, after, refusal } => {
                write!(f, "waited {:.1} s for {waiting_for}, but {refusal}", after.as_secs_f64())
            }
            Self::NoPorts { address } => write!(
                f,
                "this machine has no free port left to connect to {address} from (not the server's fault): wait a minute, \
                 or widen net.ipv4.ip_local_port_range"
            ),
            Self::Descriptors { needed, limit } => write!(
                f,
                "this plan needs {needed} file descriptors and this process may have {limit}: raise the limit \
                 (ulimit -n {needed}) or plan fewer connections"
            ),
            Self::Server { pid, source } => {
                write!(f, "can't read the figures of process {pid} from /proc: {}", why_no_figures(source))
            }
            Self::Io { doing, .. } => write!(f, "failed to {doing}"),
        }
    }
}

fn stood_still(f: &mut fmt::Formatter<'_>, open: usize, of: usize, after: Duration) -> fmt::Result {
    write!(f, "{open} of {of} connections opened, and none for {:.1} s: ", after.as_secs_f64())?;
    f.write_str("the server may have no descriptors left for more (its ulimit -n), or another limit")
}

fn why_no_figures(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "it is another user's; measure as that user",
        _ => "does it run?",
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnknownHost { source, .. }
            | Self::Unreachable { source, .. }
            | Self::Listen { source, .. }
            | Self::Server { source, .. }
            | Self::Io { source, .. } => Some(source),
            // Its own words are this one's already.
            Self::Died { source, .. } | Self::Cell { source, .. } => source.source(),
            Self::Url { .. }
            | Self::Start { .. }
            | Self::Plan { .. }
            | Self::Refused { .. }
            | Self::NotWebSocket { .. }
            | Self::NotSession { .. }
            | Self::Client { .. }
            | Self::Worker { .. }
            | Self::NoDeflate
            | Self::Timeout { .. }
            | Self::StoodStill { .. }
            | Self::PutOff { .. }
            | Self::NoPorts { .. }
            | Self::Descriptors { .. } => None,
        }
    }
}

impl Error {
    /// Connections that don't open: whether any did tells a silent server from one at its limit.
    pub(crate) fn opening(open: usize, of: usize, after: Duration) -> Self {
        match open {
            0 => Self::Timeout { waiting_for: "connections to open", after },
            _ => Self::StoodStill { open, of, after },
        }
    }

    /// For `map_err`: a failed system call and what it was for.
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
