//! The bounds on what a peer can make this end hold or do.

use std::time::Duration;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident / $set:ident: $type:ty = $default:expr;)*) => {
        /// What a peer can make this end hold or do. `Limits::default()` suits a public server.
        ///
        /// Setters take and return `self`: `Limits::default().max_message_size(16 << 20)`.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Limits { $(pub(crate) $name: $type,)* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            $(
                $(#[$doc])*
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }

                #[doc = concat!("The value of [`", stringify!($name), "`](Self::", stringify!($name), ").")]
                #[must_use]
                pub const fn $set(&self) -> $type {
                    self.$name
                }
            )*
        }
    };
}

limits! {
    /// Bounds the payload of one message in bytes, after inflating. Default 1 MiB: enough for chat and most push.
    /// Past it the connection fails with 1009, from the frame's header alone where that tells. Worst-case memory:
    /// this much a connection. `usize::MAX` turns it off.
    max_message_size / get_max_message_size: usize = 1 << 20;

    /// Bounds the payload of one frame in bytes, as on the wire. Default `usize::MAX`: the message's own limit holds,
    /// since a frame is never held apart from its message. Past it 1009, from the header alone.
    max_frame_size / get_max_frame_size: usize = usize::MAX;

    /// Bounds the frames of one message, empty ones included. Default 4,096. Past it 1009. Costs no memory: fragments
    /// are joined as they come; it bounds work. `usize::MAX` turns it off.
    max_fragments / get_max_fragments: usize = 4_096;

    /// Bounds the time from a message's first byte to its last. Default 60 s: at the default size, that is a peer of
    /// 140 kbit/s. Past it 1008. `Duration::MAX` turns it off. Messages received piece by piece are exempt.
    message_timeout / get_message_timeout: Duration = Duration::from_secs(60);

    /// Bounds how many bytes each received byte may inflate to, at any point of a message past its first 64 KiB. Default
    /// 100 (DEFLATE reaches 1,030). Past it 1009. `usize::MAX` turns it off.
    max_inflate_ratio / get_max_inflate_ratio: usize = 100;

    /// Bounds the control frames (Ping, Pong) a second from the peer, with a burst of twice as many. Default 50. Past
    /// it 1008. `u32::MAX` turns it off.
    max_control_rate / get_max_control_rate: u32 = 50;

    /// Bounds what waits to be written, in bytes: past it `send` and `feed` wait until the peer has read. Default
    /// 64 KiB, and always room for one message whatever its size. Worst-case memory: this and one message.
    max_write_buffer / get_max_write_buffer: usize = 64 << 10;

    /// Bounds the time from a Close frame sent to the peer's own. Default 5 s. Past it the transport is dropped.
    close_timeout / get_close_timeout: Duration = Duration::from_secs(5);

    /// Bounds how long the peer may take nothing of what waits to be written. Default 10 s: a peer that answers the
    /// kernel's probes with a closed window would else hold its buffers for ever. Past it the transport is dropped.
    write_timeout / get_write_timeout: Duration = Duration::from_secs(10);

    /// Bounds the head of a handshake in bytes. Default 16 KiB. Past it a server answers 431, a client fails.
    max_head_size / get_max_head_size: usize = 16 << 10;

    /// Bounds the header fields of a handshake. Default 64. Past it a server answers 431, a client fails.
    max_headers / get_max_headers: usize = 64;

    /// Bounds the opening handshake as a whole, TLS included. Default 10 s. Past it a server answers 408, a client fails.
    handshake_timeout / get_handshake_timeout: Duration = Duration::from_secs(10);
}
