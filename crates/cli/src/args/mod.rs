//! The command line: flags and their help. What they mean together is checked in [`crate::plan`].

mod broadcast;
mod proxy;
mod transport;
pub(crate) mod value;

use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueHint};
use http::{HeaderName, HeaderValue};

use crate::bench::BenchArgs;
use crate::serve::ServeArgs;

pub(crate) use self::broadcast::BroadcastArgs;
pub(crate) use self::proxy::ProxyArgs;
pub(crate) use self::transport::TransportChoice;
use self::value::{Size, parse_address, parse_duration, parse_header, parse_size, parse_wait};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// WebSocket from the command line: a server with rooms, an interactive client, a load generator, a hostile proxy
#[derive(Debug, Parser)]
#[command(name = "bowline", version, styles = STYLES, max_term_width = 100, disable_help_subcommand = true)]
#[command(arg_required_else_help = true, subcommand_required = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bowline serve                             serve on 127.0.0.1:9001; open http://127.0.0.1:9001/
  bowline connect ws://127.0.0.1:9001/echo  talk to it, a line a message
  bowline serve --help                      every flag, with its default

Exit codes: 0 done, 1 it failed, 2 the command line is wrong.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve rooms as WebSockets, event streams and polls, by HTTP/1.1 and HTTP/2, with TLS
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Serve WebSockets on any path and send every message back
    #[command(after_help = ECHO_EXAMPLES)]
    Echo(EngineArgs),
    /// Serve WebSockets whose path is a room: what one sends goes to all in it, the sender included
    #[command(after_help = BROADCAST_EXAMPLES)]
    Broadcast(BroadcastArgs),
    /// Talk to a WebSocket server: lines of standard input out, messages in
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(ConnectArgs),
    /// Measure a WebSocket server: echo, fan-out, idle connections, handshakes
    Bench(Box<BenchArgs>),
    /// Carry connections to a server, and delay, cut, buffer or swallow what passes
    #[command(after_help = proxy::EXAMPLES)]
    Proxy(ProxyArgs),
}

const ECHO_EXAMPLES: &str = "\
Examples:
  bowline echo --listen '[::]:9001' --deflate
  bowline echo --listen 127.0.0.1:0 --threads 1 --max-message-size 16MiB
  bowline echo --log bowline=debug          log every connection

Durations: 500ms, 20s, 2m. Sizes in bytes: 65536, 64KiB, 16MiB.
Ctrl-C or SIGTERM closes every connection with 1001 (going away); a second one exits at once.";

const SERVE_EXAMPLES: &str = "\
Addresses:
  /rooms/{room}     a WebSocket in the room; without an upgrade an event stream, a long poll, POST
  /echo, /ws        a WebSocket that sends every message back
  /session          the same as a session that goes on over WebSocket, Comet, long polling and polling
  /metrics, /healthz, /readyz, and / to try a room in the browser

Examples:
  bowline serve --listen 127.0.0.1:9001 --room-history 1000
  bowline serve --listen '[::]:443' --tls-cert chain.pem --tls-key key.pem --listen-plain 127.0.0.1:9001
  bowline serve --config bowline.toml --print-config
  curl -N -H 'Accept: text/event-stream' http://127.0.0.1:9001/rooms/kitchen
  curl -d 'dinner is ready' http://127.0.0.1:9001/rooms/kitchen

Durations: 500ms, 20s, 2m. Sizes in bytes: 65536, 64KiB, 16MiB.
Sockets that systemd hands over are served too, one named `plain` without TLS.
SIGHUP reads certificates and the file again. Ctrl-C or SIGTERM drains: every WebSocket is closed with
1012 and `retry=<milliseconds>`; a second one exits at once.";

const BROADCAST_EXAMPLES: &str = "\
Examples:
  bowline broadcast --listen 127.0.0.1:9001 --history 10
  bowline connect ws://127.0.0.1:9001/kitchen     in as many terminals as you like

There is nothing else to it: no other address, no check of origins. `bowline serve` has those.
Durations: 500ms, 20s, 2m. Sizes in bytes: 65536, 64KiB, 16MiB.
Ctrl-C or SIGTERM closes every connection with 1001 (going away); a second one exits at once.";

const CONNECT_EXAMPLES: &str = "\
Examples:
  bowline connect ws://127.0.0.1:9001
  bowline connect wss://example.com/chat --header 'Authorization: Bearer …' --subprotocol chat.v2
  printf 'a\\nb\\n' | bowline connect ws://127.0.0.1:9001
  echo 'de ad be ef' | bowline connect ws://127.0.0.1:9001 --binary
  bowline connect ws://127.0.0.1:9001/feed --wait forever </dev/null | head -n 1
  bowline connect --transport comet -v http://127.0.0.1:9001

With --transport it is a session (bowline.v1) by that transport, which is resumed where it breaks; the
URL is the address under which the server has /session, without that, and a proxy is taken from the
environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY). Without it, a plain WebSocket to anyone's server.
Text is printed a message a line, binary as 0x and hex digits. At the end of standard input (Ctrl-D)
what was read is sent, then a Close with 1000; what comes before the peer's own Close is printed.
Exit codes: 0 closed normally (1000, 1001 or no code), 1 anything else, 2 the command line is
wrong, 130 or 143 stopped by Ctrl-C or SIGTERM.";

/// Where the servers listen unless they are told.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:9001";

const LISTENING: &str = "Listening";
const LIMITS: &str = "Limits";
const TIMES: &str = "Keepalive and timeouts";
const REQUEST: &str = "Request";
const MESSAGES: &str = "Messages";
const LOGGING: &str = "Logging";

/// Flags of `bowline echo`, which `bowline broadcast` has too.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, short, value_name = "ADDR", default_value = DEFAULT_LISTEN, value_parser = parse_address, help_heading = LISTENING)]
    pub(crate) listen: String,

    /// Threads that serve; 1 makes the whole process one thread [default: one a processor]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = LISTENING)]
    pub(crate) threads: Option<u16>,

    /// Connections at a time; more wait in the kernel's queue [default: the descriptor limit less 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = LISTENING)]
    pub(crate) max_connections: Option<u32>,

    /// Largest message, after inflating; a larger one closes with 1009
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse_size, help_heading = LIMITS)]
    pub(crate) max_message_size: Size,

    /// Largest frame, as on the wire; a larger one closes with 1009
    #[arg(long, value_name = "BYTES", default_value = "unlimited", value_parser = parse_size, help_heading = LIMITS)]
    pub(crate) max_frame_size: Size,

    /// Most frames that one message may be in; more close with 1009
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..), help_heading = LIMITS)]
    pub(crate) max_fragments: u32,

    /// Compress with permessage-deflate where the client offers it
    #[arg(long, help_heading = MESSAGES)]
    pub(crate) deflate: bool,

    /// Shortest message that is compressed; 0 compresses all [default: 256]
    #[arg(long, value_name = "BYTES", requires = "deflate", help_heading = MESSAGES)]
    pub(crate) deflate_threshold: Option<usize>,

    /// Ping this often; `off` for never
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_wait, help_heading = TIMES)]
    pub(crate) ping_interval: Duration,

    /// Close a connection from which nothing comes for this long after a ping
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration, help_heading = TIMES)]
    pub(crate) ping_timeout: Duration,

    /// Longest wait for the peer's half of a closing handshake, and for all of them on shutdown
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration, help_heading = TIMES)]
    pub(crate) close_timeout: Duration,

    /// Longest opening handshake; a slower one gets 408
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = TIMES)]
    pub(crate) handshake_timeout: Duration,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Flags of `bowline connect`.
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    #[arg(help = "Where to: ws://HOST[:PORT]/PATH, or wss:// for TLS", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// A header of the request, as 'Name: value'; may be given again
    #[arg(long = "header", short = 'H', value_name = "HEADER", value_parser = parse_header, help_heading = REQUEST)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,

    /// A subprotocol to offer, the favourite first; may be given again
    #[arg(long = "subprotocol", short = 'p', value_name = "NAME", help_heading = REQUEST)]
    pub(crate) subprotocols: Vec<String>,

    /// Offer permessage-deflate
    #[arg(long, help_heading = REQUEST)]
    pub(crate) deflate: bool,

    /// Carry a session by this transport, rather than talk by a plain WebSocket
    #[arg(long, value_name = "TRANSPORT", help_heading = REQUEST)]
    pub(crate) transport: Option<TransportChoice>,

    /// Read lines as hex digits, and send them as binary messages
    #[arg(long, short, help_heading = MESSAGES)]
    pub(crate) binary: bool,

    /// Largest message in either direction
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse_size, help_heading = MESSAGES)]
    pub(crate) max_message_size: Size,

    /// At the end of standard input, go on receiving this long before closing; `forever` until the peer closes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_wait, help_heading = MESSAGES)]
    pub(crate) wait: Duration,

    /// Ping this often (in seconds, or as 500ms; at least 100ms), and print the round-trip time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "transport", help_heading = TIMES)]
    pub(crate) ping: Option<Duration>,

    /// Show what goes over the wire as it goes, on standard error, secrets left out
    #[arg(long, short, requires = "transport", help_heading = LOGGING)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Flags that every subcommand has.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[arg(help = "What to log on standard error, as in `debug` or `bowline=debug,info` [default: $RUST_LOG, or info]")]
    #[arg(long = "log", value_name = "FILTER", help_heading = LOGGING)]
    pub(crate) filter: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
