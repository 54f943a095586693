//! Every metric: its field, its name, its unit, and its description, which is the field's documentation.

use metrics::{Counter, Histogram, Unit};

use super::{Closed, Disconnect, Dropped, Family, Level, Limited, Missed, Refused, Transport, family::Register as _};

macro_rules! handles {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal in $unit:ident;)*) => {
        /// The handles of all metrics.
        #[derive(Debug)]
        pub(crate) struct Handles { $($(#[doc = $doc])+ pub(crate) $field: $type,)* }

        impl Handles {
            /// Registers and describes each, with the recorder in force.
            pub(super) fn register() -> Self {
                Self {
                    $($field: <$type>::register($name, Unit::$unit, concat!($($doc),+).trim_ascii_start()),)*
                }
            }
        }
    };
}

handles! {
    /// Sockets that the listeners have accepted, those refused later included.
    accepted: Counter = "bowline_accepted_sockets_total" in Count;
    /// Sockets of the listeners that are open now: in their handshake, in HTTP, or upgraded.
    sockets: Level = "bowline_sockets" in Count;
    /// Connections open now, by how they are carried.
    connections: Family<Transport, Level> = "bowline_connections" in Count;
    /// Connections opened, by how they are carried.
    connections_opened: Family<Transport, Counter> = "bowline_connections_opened_total" in Count;
    /// Sessions ended, by why.
    disconnects: Family<Disconnect, Counter> = "bowline_disconnects_total" in Count;
    /// WebSockets closed, by the class of the code.
    closes: Family<Closed, Counter> = "bowline_closes_total" in Count;
    /// Requests, and connections before any, that were refused, by why.
    refused: Family<Refused, Counter> = "bowline_handshakes_refused_total" in Count;
    /// Sessions now.
    sessions: Level = "bowline_sessions" in Count;
    /// Times that a session went on by another carrier: by a WebSocket or a stream, or by polls after one.
    resumed: Counter = "bowline_sessions_resumed_total" in Count;
    /// Sessions ended because they were without a carrier for their time to live.
    expired: Counter = "bowline_sessions_expired_total" in Count;
    /// Handlers that panicked, each of which ended its own session.
    handler_panics: Counter = "bowline_handler_panics_total" in Count;
    /// Rooms now.
    rooms: Level = "bowline_rooms" in Count;
    /// Members of all rooms now: one for each room that a session or reader is in.
    members: Level = "bowline_members" in Count;
    /// Messages published in rooms.
    publications: Counter = "bowline_publications_total" in Count;
    /// Payload of the messages published in rooms.
    publication_bytes: Counter = "bowline_publication_bytes_total" in Bytes;
    /// Publications that were answered with an earlier one's place, since they had its idempotency key.
    duplicates: Counter = "bowline_duplicate_publications_total" in Count;
    /// Publications handed to the transport of a member, by how it is carried.
    deliveries: Family<Transport, Counter> = "bowline_deliveries_total" in Count;
    /// Bytes of the publications handed to members' transports, as encoded, by how they are carried.
    delivered_bytes: Family<Transport, Counter> = "bowline_delivered_bytes_total" in Bytes;
    /// Blocks of publications handed to members' transports, each of them one write where the socket takes it.
    delivered_blocks: Family<Transport, Counter> = "bowline_delivered_blocks_total" in Count;
    /// Messages received from sessions.
    received: Counter = "bowline_received_messages_total" in Count;
    /// Payload of the messages received from sessions.
    received_bytes: Counter = "bowline_received_bytes_total" in Bytes;
    /// Holes told to members of rooms, by why.
    gaps: Family<Missed, Counter> = "bowline_gaps_total" in Count;
    /// Publications that lay in those holes, by why; none are counted where the log began anew.
    missed: Family<Missed, Counter> = "bowline_missed_publications_total" in Count;
    /// Direct messages that were not delivered, by why.
    dropped: Family<Dropped, Counter> = "bowline_dropped_messages_total" in Count;
    /// Direct messages that wait for their session, in bytes.
    outbox_bytes: Level = "bowline_outbox_bytes" in Bytes;
    /// Payload of the publications that rooms keep, as of the last sweep, five seconds ago at most.
    log_bytes: Level = "bowline_log_bytes" in Bytes;
    /// What was refused for its rate, by what it was.
    rate_limited: Family<Limited, Counter> = "bowline_rate_limited_total" in Count;
    /// The time from a keepalive Ping to its Pong.
    ping_round_trip: Histogram = "bowline_ping_round_trip_seconds" in Seconds;
    /// Connections that a full accept queue turned away: the kernel's count, for all listeners of this network
    /// namespace.
    listen_overflows: Counter = "bowline_listen_overflows_total" in Count;
    /// Connections that the kernel dropped before accept, for whatever reason, in this network namespace.
    listen_drops: Counter = "bowline_listen_drops_total" in Count;
}
