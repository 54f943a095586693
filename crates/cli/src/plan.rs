//! What to do, once every flag is checked.

use std::io::{self, IsTerminal};
use std::thread::available_parallelism;
use std::time::Duration;

use bowline_client::Transport;
use bowline_core::Limits;
use bowline_core::connection::{Config, Keepalive};
use bowline_core::handshake::{ClientRequest, RequestError};
use bowline_core::message::deflate::DeflateConfig;
use bowline_server::listener::descriptors;
use bowline_server::room::RoomOptions;
use http::{HeaderName, HeaderValue};

use crate::args::{BroadcastArgs, ConnectArgs, EngineArgs, TransportChoice};
use crate::failure::Failure;

/// What `bowline echo` is to do, and the better part of `bowline broadcast`.
#[derive(Debug)]
pub(crate) struct EnginePlan {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// Threads that serve; 1 for one thread in all.
    pub(crate) threads: usize,
    /// Below the descriptor limit.
    pub(crate) max_connections: u32,
    /// How long a shutdown may take.
    pub(crate) close_timeout: Duration,
    /// Of every connection.
    pub(crate) config: Config,
}

impl EnginePlan {
    pub(crate) fn new(args: EngineArgs) -> Result<Self, Failure> {
        let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
        let max_connections = max_connections(args.max_connections, descriptors::raise_max())?;
        let limits = Limits::default()
            .max_message_size(args.max_message_size)
            .max_frame_size(args.max_frame_size)
            .max_fragments(args.max_fragments as usize)
            .close_timeout(args.close_timeout)
            .handshake_timeout(args.handshake_timeout);
        let config = with_deflate(Config::default().limits(limits), args.deflate, args.deflate_threshold);
        let config = match args.ping_interval {
            Duration::ZERO => return Err(Failure::Usage("--ping-interval is 0; write `off` for no pings".to_owned())),
            Duration::MAX => config.keepalive(None),
            interval => {
                config.keepalive(Some(Keepalive::default().ping_interval(interval).ping_timeout(args.ping_timeout)))
            }
        };
        Ok(Self { listen: args.listen, threads, max_connections, close_timeout: args.close_timeout, config })
    }
}

/// What `bowline broadcast` is to do.
#[derive(Debug)]
pub(crate) struct BroadcastPlan {
    pub(crate) engine: EnginePlan,
    /// Of every room.
    pub(crate) room: RoomOptions,
    /// How many of a room's latest publications a newcomer gets.
    pub(crate) history: u64,
}

impl BroadcastPlan {
    pub(crate) fn new(args: BroadcastArgs) -> Result<Self, Failure> {
        let room = RoomOptions::default()
            .history(args.history as usize)
            .slow_consumer(args.slow_consumer.into())
            .max_log_count(args.max_log_count as usize)
            .max_log_bytes(args.max_log_bytes);
        Ok(Self { engine: EnginePlan::new(args.engine)?, room, history: args.history.into() })
    }
}

pub(crate) fn max_connections(wanted: Option<u32>, descriptor_limit: u64) -> Result<u32, Failure> {
    let fit = descriptors::max_connections(descriptor_limit);
    match wanted {
        Some(wanted) if wanted > fit => Err(Failure::Usage(format!(
            "--max-connections {wanted} is more than the {fit} that the limit of {descriptor_limit} open files has room \
             for; raise it (ulimit -n, LimitNOFILE=), or ask for fewer"
        ))),
        Some(wanted) => Ok(wanted),
        None => Ok(fit),
    }
}

fn with_deflate(config: Config, deflate: bool, threshold: Option<usize>) -> Config {
    let parameters = DeflateConfig::default();
    let parameters = threshold.map_or(parameters.clone(), |threshold| parameters.threshold(threshold));
    if deflate { config.deflate(parameters) } else { config }
}

/// What `bowline connect` is to do.
#[derive(Debug)]
pub(crate) struct ConnectPlan {
    pub(crate) url: String,
    /// The URL as it may be shown: without user and password.
    pub(crate) shown_url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) subprotocols: Vec<String>,
    /// Of the connection.
    pub(crate) config: Config,
    /// Longest message in bytes; so a line is, or its hex digits twice that.
    pub(crate) max_message_size: usize,
    /// Lines are hex digits of binary messages.
    pub(crate) binary: bool,
    /// How long to go on receiving once standard input has ended; `None` for as long as the peer likes.
    pub(crate) wait: Option<Duration>,
    /// How often to ping.
    pub(crate) ping: Option<Duration>,
    /// What may carry a session; `None` for a plain WebSocket.
    pub(crate) transports: Option<Vec<Transport>>,
    /// What goes over the wire is shown.
    pub(crate) verbose: bool,
    /// Standard output is a terminal: what a peer sends must not command it.
    pub(crate) escape: bool,
}

impl ConnectPlan {
    pub(crate) fn new(args: ConnectArgs) -> Result<Self, Failure> {
        check_request(&args).map_err(|error| Failure::Usage(explain_request(&args.url, &error)))?;
        if args.ping.is_some_and(|period| period < MIN_PING) {
            return Err(Failure::Usage(
                "--ping is under 100ms; servers take more than a few a second for an attack".to_owned(),
            ));
        }
        let limits = Limits::default().max_message_size(args.max_message_size);
        Ok(Self {
            shown_url: without_user_information(&args.url),
            url: args.url,
            headers: args.headers,
            subprotocols: args.subprotocols,
            config: with_deflate(Config::default().limits(limits), args.deflate, None),
            max_message_size: args.max_message_size,
            binary: args.binary,
            wait: (args.wait != Duration::MAX).then_some(args.wait),
            ping: args.ping,
            transports: args.transport.map(TransportChoice::transports),
            verbose: args.verbose,
            escape: io::stdout().is_terminal(),
        })
    }
}

/// Bowline's own servers bear 50 control frames a second; others bear fewer.
const MIN_PING: Duration = Duration::from_millis(100);

/// Whether such a request can be made at all: the connector would tell only once it is too late for a usage error.
fn check_request(args: &ConnectArgs) -> Result<(), RequestError> {
    let mut request = ClientRequest::new(&args.url)?.subprotocols(&args.subprotocols)?;
    for (name, value) in &args.headers {
        request = request.header(name.clone(), value.clone())?;
    }
    Ok(())
}

fn explain_request(url: &str, error: &RequestError) -> String {
    if matches!(error, RequestError::InvalidUri) && !url.contains("://") {
        return format!("{url:?} is no URL; write it as ws://{url}");
    }
    error.to_string()
}

fn without_user_information(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_the_descriptor_limit() {
        assert_eq!(max_connections(None, 1024).ok(), Some(896));
        assert_eq!(max_connections(Some(896), 1024).ok(), Some(896));
        assert!(max_connections(Some(897), 1024).is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("ws://a:1/b@c?d@e", "ws://a:1/b@c?d@e"),
            ("wss://user:pass@word@a/b", "wss://a/b"),
            ("ws://user:password@[::1]?q", "ws://[::1]?q"),
        ] {
            assert_eq!(without_user_information(url), shown);
        }
    }
}
