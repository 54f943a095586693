//! Everything that can be set: one table says the key in the file, the flag, the help, the kind and the default, and so
//! they can't come apart.

mod file;
mod flags;
mod kind;
mod show;

use std::thread::available_parallelism;
use std::time::Duration;

use bowline_core::Limits;

use self::kind::{Bounded, File, Form, Kind, List, OrOff, OrZero, Size, Slow, Switch};
pub(crate) use self::{
    file::ConfigFile,
    flags::ServeArgs,
    kind::{Address, Auto, Count, HostText, NodeText, OriginText},
};

/// One thing that can be set.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its table in the file, and a heading for its flag.
    pub(crate) table: &'static str,
    heading: &'static str,
    /// Its key in the table.
    pub(crate) key: &'static str,
    flag: &'static str,
    help: &'static str,
    name: &'static str,
    form: Form,
    set: fn(&mut Settings, &[&str]) -> Result<(), String>,
    show: fn(&Settings) -> String,
}

macro_rules! settings {
    ($(
        #[doc = $about:literal]
        $table:ident: $type:ident as $heading:literal {
            $(#[doc = $help:literal] $key:ident ($flag:literal): $kind:ty = $default:expr;)*
        }
    )*) => {
        $(
            #[doc = $about]
            #[derive(Clone, Debug, PartialEq)]
            pub(crate) struct $type { $(#[doc = $help] pub(crate) $key: $kind,)* }

            impl Default for $type {
                fn default() -> Self {
                    Self { $($key: $default,)* }
                }
            }
        )*

        /// All that can be set.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct Settings {
            $(#[doc = $about] pub(crate) $table: $type,)*
            /// Rooms whose names fit a pattern, in the order of the file.
            pub(crate) rooms: Vec<(String, Rooms)>,
        }

        /// Each setting, in the order of its tables.
        pub(crate) static ALL: &[Setting] = &[$($(Setting {
            table: stringify!($table),
            heading: $heading,
            key: stringify!($key),
            flag: $flag,
            help: $help,
            name: <$kind as Kind>::NAME,
            form: <$kind as Kind>::FORM,
            set: |settings, texts| {
                settings.$table.$key = <$kind as Kind>::read(texts)?;
                Ok(())
            },
            show: |settings| Kind::show(&settings.$table.$key),
        },)*)*];
    };
}

settings! {
    /// Where it listens, and for how many.
    listener: Listener as "Listening" {
        /// Address and port to listen on, with TLS if there is a certificate; port 0 takes any free one; may be given again
        listen ("listen"): List<Address> = List(Vec::new());
        /// Address and port to listen on without TLS, as for a probe beside TLS; may be given again
        listen_plain ("listen-plain"): List<Address> = List(Vec::new());
        /// Share the ports with other processes of the same user that do so too (`SO_REUSEPORT`)
        reuse_port ("reuse-port"): Switch = Switch(false);
        /// Threads that serve; 1 makes the whole process one thread; auto is one a processor
        threads ("threads"): Auto<Count<1, 1024>> = Auto(None);
        /// Connections at a time; more wait in the kernel's queue; auto is the descriptor limit less 128
        max_connections ("max-connections"): Auto<Count<1, { u32::MAX as usize }>> = Auto(None);
        /// Connections of one address at a time; more get 429. Behind a proxy all have one address
        max_connections_per_ip ("max-connections-per-ip"): Count<1> = Count(usize::MAX);
        /// Longest time between two requests on a connection
        keep_alive_timeout ("keep-alive-timeout"): OrOff = kind::Time(Duration::from_secs(75));
    }

    /// The certificate.
    tls: TlsFiles as "TLS" {
        /// PEM file of the certificate chain, the server's own first; read again on SIGHUP
        cert ("tls-cert"): File = File::default();
        /// PEM file of the private key; read again on SIGHUP
        key ("tls-key"): File = File::default();
    }

    /// Who may use it.
    guards: Guarding as "Who may use it" {
        /// Origin whose pages may use the server, or * for all; without any, those of its own pages may; may be given again
        allow_origin ("allow-origin"): List<OriginText> = List(Vec::new());
        /// Name by which the server may be asked, with a port or without; to others it answers 421; without any, all may; may be given again
        host ("host"): List<HostText> = List(Vec::new());
        /// Believe X-Forwarded-Proto, -Host and -For; only behind a proxy that sets them
        trust_forwarded ("trust-forwarded"): Switch = Switch(false);
        /// Let pages of the allowed origins send cookies to the HTTP addresses
        cross_origin_credentials ("cross-origin-credentials"): Switch = Switch(false);
        /// Publications by POST that one address may send a second; more get 429
        post_rate ("post-rate"): Count<1> = Count(usize::MAX);
        /// Publications by POST that one address may send at once, where there is a `post_rate`
        post_burst ("post-burst"): Count<1, 1_000_000> = Count(100);
        /// Sessions that one address may open a second at /session; more get 429
        session_open_rate ("session-open-rate"): Count<1> = Count(usize::MAX);
        /// Sessions that one address may open at once, where there is a `session_open_rate`
        session_open_burst ("session-open-burst"): Count<1, 1_000_000> = Count(100);
        /// Most bytes of bodies of POSTs that are read or wait at a time, of all together; one more POST is answered 503
        max_post_bytes ("max-post-bytes"): Size = Size(64 << 20);
    }

    /// What it answers besides the hub's addresses.
    status: Status as "What it says of itself" {
        /// Answer /metrics
        metrics ("metrics"): Switch = Switch(true);
        /// Answer / with a page to try a room
        page ("page"): Switch = Switch(true);
    }

    /// What a peer can make it hold or do.
    limits: Bounds as "Limits" {
        /// Largest message, after inflating; a larger one closes with 1009
        max_message_size ("max-message-size"): Size = Size(Limits::default().get_max_message_size());
        /// Largest frame, as on the wire; a larger one closes with 1009
        max_frame_size ("max-frame-size"): Size = Size(Limits::default().get_max_frame_size());
        /// Most frames that one message may be in; more close with 1009
        max_fragments ("max-fragments"): Count<1> = Count(Limits::default().get_max_fragments());
        /// Longest time from a message's first byte to its last; a slower one closes with 1008
        message_timeout ("message-timeout"): OrOff = kind::Time(Limits::default().get_message_timeout());
        /// Most bytes that each received byte may inflate to, past the first 64 KiB; more close with 1009
        max_inflate_ratio ("max-inflate-ratio"): Count<1> = Count(Limits::default().get_max_inflate_ratio());
        /// Most Pings and Pongs a second from a peer; more close with 1008
        max_control_rate ("max-control-rate"): Count<1> = Count(Limits::default().get_max_control_rate() as usize);
        /// Messages that a session may send a second; more close with 1008
        session_rate ("session-rate"): Count<1> = Count(usize::MAX);
        /// Messages that a session may send at once, where there is a `session_rate`
        session_burst ("session-burst"): Count<1, 1_000_000> = Count(100);
        /// Bytes that a session may send a second; more close with 1008
        session_byte_rate ("session-byte-rate"): Size = Size(usize::MAX);
        /// Bytes that a session may send at once, where there is a `session_byte_rate`; at least the largest message
        session_byte_burst ("session-byte-burst"): Size = Size(1 << 20);
        /// Most bytes that wait to be written, besides one message
        max_write_buffer ("max-write-buffer"): Size = Size(Limits::default().get_max_write_buffer());
        /// Longest time that a peer may take nothing of what is to be written
        write_timeout ("write-timeout"): OrOff = kind::Time(Limits::default().get_write_timeout());
        /// Longest time over which a peer that is to be closed may take what waits for it; a slower one is dropped
        flush_timeout ("flush-timeout"): OrOff = kind::Time(Duration::from_secs(30));
        /// Longest wait for the peer's half of a closing handshake
        close_timeout ("close-timeout"): Bounded = kind::Time(Limits::default().get_close_timeout());
        /// Largest head of a request; a larger one gets 431
        max_head_size ("max-head-size"): Size = Size(Limits::default().get_max_head_size());
        /// Most header fields of a request; more get 431
        max_headers ("max-headers"): Count<1, 1024> = Count(Limits::default().get_max_headers());
        /// Longest time from accept to the end of the first request's head, TLS included; a slower one gets 408
        handshake_timeout ("handshake-timeout"): OrOff = kind::Time(Limits::default().get_handshake_timeout());
        /// Most rooms that are open; one more is answered 503
        max_rooms ("max-rooms"): Count<1> = Count(100_000);
        /// Most sessions; one more is answered 503
        max_sessions ("max-sessions"): Count<1> = Count(1_000_000);
    }

    /// Sessions that go from carrier to carrier, at /session.
    sessions: Carried as "Sessions that go on (/session)" {
        /// How long a session lives that nothing carries; at least 1 s
        ttl ("session-ttl"): Bounded = kind::Time(Duration::from_secs(60));
        /// Most records that are kept until they are acknowledged, each way; past it the sender waits
        ring_records ("session-ring-records"): Count<1, { u32::MAX as usize }> = Count(1_024);
        /// Most bytes of them, each way; one message always fits
        ring_bytes ("session-ring-bytes"): Size = Size(256 << 10);
        /// Longest time that a poll is held
        max_poll_wait ("max-poll-wait"): Bounded = kind::Time(Duration::from_secs(25));
        /// Most bytes of an event stream of a session; past it the stream ends, and its client comes back
        max_stream_bytes ("max-stream-bytes"): Size = Size(16 << 20);
        /// What this process is called in its sessions' secrets, for a router in front; auto is eight random characters
        node ("node"): Auto<NodeText> = Auto(None);
    }

    /// Pings and heartbeats.
    keepalive: Pings as "Keepalive" {
        /// Ping this often, give or take a tenth; `off` for never
        ping_interval ("ping-interval"): OrOff = kind::Time(Duration::from_secs(20));
        /// Close a connection from which nothing comes for this long after a ping
        ping_timeout ("ping-timeout"): Bounded = kind::Time(Duration::from_secs(20));
        /// Send an event stream a comment after this long without an event
        heartbeat ("heartbeat"): Bounded = kind::Time(Duration::from_secs(15));
        /// End an event stream after this long; its client comes back and misses nothing
        max_stream_age ("max-stream-age"): Bounded = kind::Time(Duration::from_secs(3600));
    }

    /// Compression.
    deflate: Deflating as "Compression" {
        /// Compress with permessage-deflate where the client offers it
        enabled ("deflate"): Switch = Switch(false);
        /// How hard to compress, 0 to 9
        level ("deflate-level"): Count<0, 9> = Count(1);
        /// Shortest message that is compressed; 0 compresses all
        threshold ("deflate-threshold"): Count<0> = Count(256);
        /// Forget the window after each message sent: a room's messages are then compressed once for all
        server_no_context_takeover ("deflate-server-no-context-takeover"): Switch = Switch(true);
        /// Ask clients to forget theirs
        client_no_context_takeover ("deflate-client-no-context-takeover"): Switch = Switch(true);
        /// Window in bits, 9 to 15
        server_max_window_bits ("deflate-server-max-window-bits"): Count<9, 15> = Count(15);
        /// Window of clients in bits, 9 to 15
        client_max_window_bits ("deflate-client-max-window-bits"): Count<9, 15> = Count(15);
    }

    /// How it stops.
    drain: Draining as "Stopping" {
        /// Time over which the closes are spread
        window ("drain-window"): OrZero = kind::Time(Duration::from_secs(10));
        /// Time from the signal after which the rest is dropped
        deadline ("drain-deadline"): Bounded = kind::Time(Duration::from_secs(30));
        /// Ask each client to come back after a random time up to this
        reconnect_within ("drain-reconnect-within"): OrZero = kind::Time(Duration::from_secs(10));
    }

    /// Rooms, where no pattern of the file says something else.
    room_defaults: Rooms as "Rooms" {
        /// How many of the latest publications those may have who come later or come back
        history ("room-history"): Count<0, 1_000_000> = Count(100);
        /// What becomes of a member that is behind the log: disconnect, skip-to-oldest, skip-to-newest or backpressure
        slow_consumer ("room-slow-consumer"): Slow = Slow::default();
        /// Most publications in a room's log
        max_log_count ("room-max-log-count"): Count<1> = Count(1_024);
        /// Most bytes in a room's log, besides a single publication that is larger
        max_log_bytes ("room-max-log-bytes"): Size = Size(256 << 10);
        /// Longest time that a publication stays in the log
        max_log_age ("room-max-log-age"): OrOff = kind::Time(Duration::from_secs(300));
        /// Most members of a room, event streams and polls included
        max_members ("room-max-members"): Count<1> = Count(100_000);
        /// Tell members who joins and leaves
        presence ("room-presence"): Switch = Switch(false);
        /// Most events of presence that are kept for members that are behind
        max_presence_log ("room-max-presence-log"): Count<1> = Count(1_024);
        /// Most idempotency keys that are remembered; 0 for none
        max_idempotency_keys ("room-max-idempotency-keys"): Count<0> = Count(1_024);
        /// How long an idempotency key is remembered
        idempotency_window ("room-idempotency-window"): Bounded = kind::Time(Duration::from_secs(300));
        /// Most publishers that wait for a room that pushes back
        max_waiting_publishers ("room-max-waiting-publishers"): Count<0> = Count(1_024);
        /// How long a room outlives its last member
        empty_timeout ("room-empty-timeout"): OrZero = kind::Time(Duration::from_secs(60));
    }
}

/// The table whose keys `[[rooms]]` has too.
pub(crate) const ROOM_DEFAULTS: &str = "room_defaults";

impl Setting {
    /// Whether SIGHUP puts a new value in force; others need a restart.
    pub(crate) fn reloads(&self) -> bool {
        const ANY_TIME: [&str; 4] = ["heartbeat", "max_stream_age", "max_poll_wait", "max_stream_bytes"];
        matches!(self.table, "guards" | "status" | "drain") || ANY_TIME.contains(&self.key)
    }

    /// As the file has it.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    /// Whether it is the same in both.
    pub(crate) fn is_same(&self, one: &Settings, other: &Settings) -> bool {
        (self.show)(one) == (self.show)(other)
    }
}

impl Settings {
    /// Defaults, then the file, then the flags.
    pub(crate) fn of(file: Option<&ConfigFile>, flags: &ServeArgs) -> Result<Self, String> {
        let mut settings = Self::default();
        if let Some(file) = file {
            file.apply(&mut settings)?;
        }
        flags.apply(&mut settings)?;
        if let Some(file) = file {
            file.apply_rooms(&mut settings)?;
        }
        Ok(settings)
    }

    /// Threads that serve.
    pub(crate) fn threads(&self) -> usize {
        self.listener.threads.0.map_or_else(|| available_parallelism().map_or(1, usize::from), |threads| threads.0)
    }
}
