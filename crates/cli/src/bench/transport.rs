//! The transports by name.

use bowline_bench::Transport;
use clap::ValueEnum;

use crate::failure::Failure;

/// What carries a client, or each of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TransportArg {
    /// A resumable session over WebSocket
    #[value(name = "websocket")]
    WebSocket,
    /// A resumable session over one response that goes on
    Comet,
    /// A resumable session over one request held after the other
    LongPolling,
    /// A resumable session over a request on a timer
    Polling,
    /// A WebSocket as it is: any server's
    Raw,
    /// All that carry a session, one after the other
    All,
}

impl TransportArg {
    fn transports(self) -> &'static [Transport] {
        match self {
            Self::WebSocket => &[Transport::WebSocket],
            Self::Comet => &[Transport::Comet],
            Self::LongPolling => &[Transport::LongPolling],
            Self::Polling => &[Transport::Polling],
            Self::Raw => &[Transport::Raw],
            Self::All => &Transport::SESSIONS,
        }
    }
}

/// Each once, in the order in which they were named.
pub(super) fn transports(named: &[TransportArg]) -> Vec<Transport> {
    let mut all = Vec::new();
    for &transport in named.iter().flat_map(|named| named.transports()) {
        if !all.contains(&transport) {
            all.push(transport);
        }
    }
    all
}

/// The same where each is to carry a session.
pub(super) fn sessions(named: &[TransportArg]) -> Result<Vec<Transport>, Failure> {
    let all = transports(named);
    if all.contains(&Transport::Raw) {
        return Err(Failure::Usage("a bare WebSocket has no session to resume: leave raw out".to_owned()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_run_once() {
        let all = transports(&[TransportArg::Comet, TransportArg::Raw, TransportArg::All]);
        assert_eq!(
            all.iter().map(|transport| transport.name()).collect::<Vec<_>>(),
            ["comet", "raw", "websocket", "long-polling", "polling"]
        );
    }
}
