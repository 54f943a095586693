//! From settings to what they set.

use std::net::SocketAddr;

use bowline_core::Limits;
use bowline_core::connection::{Config, Keepalive};
use bowline_core::message::deflate::{DeflateConfig, DeflateConfigError};
use bowline_server::Hub;
use bowline_server::http::{Guards, Hosts, OriginPolicy, RateLimit};
use bowline_server::listener::{Endpoint, Running, Server, SystemdSocket, Tls};
use bowline_server::room::RoomOptions;
use std::time::Duration;

use super::settings::{Bounds, Deflating, Guarding, Rooms, Settings};
use super::site::Site;
use crate::failure::Failure;

/// The certificate, if there is one.
pub(super) fn tls(settings: &Settings) -> Result<Option<Tls>, Failure> {
    let (Some(cert), Some(key)) = (settings.tls.cert.path(), settings.tls.key.path()) else { return Ok(None) };
    Tls::from_pem_files(cert, key).map(Some).map_err(|error| Failure::Runtime(error.to_string()))
}

/// The hub; to be called in the runtime.
pub(super) fn hub(settings: &Settings) -> Result<Hub, Failure> {
    let hub = Hub::builder()
        .connection(connection(settings)?)
        .max_rooms(settings.limits.max_rooms.0)
        .max_sessions(settings.limits.max_sessions.0)
        .flush_timeout(settings.limits.flush_timeout.0)
        .session_ttl(settings.sessions.ttl.0)
        .session_ring(settings.sessions.ring_records.0, settings.sessions.ring_bytes.0)
        .room_options("*", room(&settings.room_defaults));
    let hub = match settings.sessions.node.0 {
        Some(node) => hub.node(node.0),
        None => hub,
    };
    let hub = match session_rate(&settings.limits) {
        Some(rate) => hub.session_rate(rate),
        None => hub,
    };
    let hub = settings.rooms.iter().fold(hub, |hub, (pattern, rooms)| hub.room_options(pattern, room(rooms)));
    Ok(hub.build())
}

/// What a session may send; `None` where that is anything.
fn session_rate(set: &Bounds) -> Option<RateLimit> {
    let mut rate = RateLimit::new();
    if set.session_rate.0 != usize::MAX {
        rate = rate.messages(set.session_rate.narrow(), set.session_burst.narrow());
    }
    if set.session_byte_rate.0 != usize::MAX {
        rate = rate.bytes(set.session_byte_rate.0 as u64, set.session_byte_burst.0 as u64);
    }
    (rate != RateLimit::new()).then_some(rate)
}

fn connection(settings: &Settings) -> Result<Config, Failure> {
    let set = &settings.limits;
    let limits = Limits::default()
        .max_message_size(set.max_message_size.0)
        .max_frame_size(set.max_frame_size.0)
        .max_fragments(set.max_fragments.0)
        .message_timeout(set.message_timeout.0)
        .max_inflate_ratio(set.max_inflate_ratio.0)
        .max_control_rate(set.max_control_rate.narrow())
        .max_write_buffer(set.max_write_buffer.0)
        .write_timeout(set.write_timeout.0)
        .close_timeout(set.close_timeout.0)
        .max_head_size(set.max_head_size.0)
        .max_headers(set.max_headers.0)
        .handshake_timeout(set.handshake_timeout.0);
    let pings = &settings.keepalive;
    let keepalive = (pings.ping_interval.0 != Duration::MAX)
        .then(|| Keepalive::default().ping_interval(pings.ping_interval.0).ping_timeout(pings.ping_timeout.0));
    let deflate = settings.deflate.enabled.0.then(|| deflate(&settings.deflate)).transpose();
    // Each kind has the same bounds.
    let deflate = deflate.map_err(|error| Failure::Usage(format!("deflate: {error}")))?;
    Ok(Config::default().limits(limits).keepalive(keepalive).deflate(deflate))
}

fn deflate(set: &Deflating) -> Result<DeflateConfig, DeflateConfigError> {
    let narrow = |bits: usize| u8::try_from(bits).unwrap_or(u8::MAX);
    DeflateConfig::default()
        .threshold(set.threshold.0)
        .server_no_context_takeover(set.server_no_context_takeover.0)
        .client_no_context_takeover(set.client_no_context_takeover.0)
        .level(set.level.narrow())?
        .server_max_window_bits(narrow(set.server_max_window_bits.0))?
        .client_max_window_bits(narrow(set.client_max_window_bits.0))
}

fn room(set: &Rooms) -> RoomOptions {
    RoomOptions::default()
        .history(set.history.0)
        .slow_consumer(set.slow_consumer.0)
        .max_log_count(set.max_log_count.0)
        .max_log_bytes(set.max_log_bytes.0)
        .max_log_age(set.max_log_age.0)
        .max_members(set.max_members.0)
        .presence(set.presence.0)
        .max_presence_log(set.max_presence_log.0)
        .max_idempotency_keys(set.max_idempotency_keys.0)
        .idempotency_window(set.idempotency_window.0)
        .max_waiting_publishers(set.max_waiting_publishers.0)
        .empty_timeout(set.empty_timeout.0)
}

/// What requests have to pass.
pub(super) fn guards(set: &Guarding) -> Result<Guards, Failure> {
    let origins: Vec<_> = set.allow_origin.0.iter().map(|origin| &*origin.0).collect();
    let origins = match &*origins {
        [] => OriginPolicy::SameOrigin,
        ["*"] => OriginPolicy::Any,
        list => OriginPolicy::list(list.iter().copied()).map_err(|error| Failure::Usage(error.to_string()))?,
    };
    let hosts = Hosts::list(set.host.0.iter().map(|host| &*host.0));
    let hosts = hosts.map_err(|error| Failure::Usage(error.to_string()))?;
    let guards = Guards::new()
        .origins(origins)
        .trust_forwarded(set.trust_forwarded.0)
        .cross_origin_credentials(set.cross_origin_credentials.0);
    let guards = if set.host.0.is_empty() { guards } else { guards.hosts(hosts) };
    let post_rate = RateLimit::new().messages(set.post_rate.narrow(), set.post_burst.narrow());
    let guards = if set.post_rate.0 == usize::MAX { guards } else { guards.post_rate(post_rate) };
    let open_rate = RateLimit::new().messages(set.session_open_rate.narrow(), set.session_open_burst.narrow());
    Ok(if set.session_open_rate.0 == usize::MAX { guards } else { guards.session_open_rate(open_rate) })
}

/// Listens and serves. The addresses come with whether each has TLS.
pub(super) fn start(
    settings: &Settings,
    sockets: Vec<SystemdSocket>,
    tls: Option<&Tls>,
    site: Site,
) -> Result<(Running, Vec<(SocketAddr, bool)>), Failure> {
    let mut has_tls = Vec::new();
    let server =
        endpoints(settings, sockets, tls).into_iter().fold(limited(settings), |server, (endpoint, secured)| {
            has_tls.push(secured);
            server.listen(endpoint)
        });
    let bound = server.bind().map_err(|error| Failure::Runtime(format!("{error}; --listen says where")))?;
    let running = bound.serve(site);
    let addresses = running.local_addrs().iter().copied().zip(has_tls).collect();
    Ok((running, addresses))
}

fn limited(settings: &Settings) -> Server {
    let (listener, limits) = (&settings.listener, &settings.limits);
    let server = Server::new()
        .max_connections_per_ip(listener.max_connections_per_ip.narrow())
        .keep_alive_timeout(listener.keep_alive_timeout.0)
        .handshake_timeout(limits.handshake_timeout.0)
        .write_timeout(limits.write_timeout.0)
        .max_headers(limits.max_headers.0)
        .max_head_size(limits.max_head_size.0);
    match listener.max_connections.0 {
        Some(max) => server.max_connections(max.narrow()),
        None => server,
    }
}

/// Where to listen, and whether with TLS.
fn endpoints(settings: &Settings, sockets: Vec<SystemdSocket>, tls: Option<&Tls>) -> Vec<(Endpoint, bool)> {
    let listener = &settings.listener;
    let secure = |endpoint: Endpoint| match tls {
        Some(tls) => (endpoint.tls(tls.clone()), true),
        None => (endpoint, false),
    };
    let address = |address: &str| Endpoint::address(address).reuse_port(listener.reuse_port.0);
    let plain = listener.listen_plain.0.iter().map(|to| (address(&to.0), false));
    let handed_over = sockets.into_iter().map(|socket| {
        let name = socket.name.unwrap_or_else(|| "systemd's socket".into());
        let is_plain = &*name == "plain";
        let endpoint = Endpoint::socket(socket.listener, name);
        if is_plain { (endpoint, false) } else { secure(endpoint) }
    });
    listener.listen.0.iter().map(|to| secure(address(&to.0))).chain(plain).chain(handed_over).collect()
}

#[cfg(test)]
mod tests {
    use bowline_server::hub::Drain;

    use super::*;

    /// The numbers stand in the libraries; here they stand for the help and the file. One is this program's own: a poll
    /// at a bare server must find what came between two, so it keeps some history.
    #[test]
    fn defaults_are_the_libraries() {
        let settings = Settings::default();
        assert_eq!(room(&settings.room_defaults), RoomOptions::default().history(100));
        assert_eq!(deflate(&settings.deflate), Ok(DeflateConfig::default()));
        assert_eq!(format!("{:?}", connection(&settings).unwrap()), format!("{:?}", Config::default()));
        assert_eq!(super::super::stop::drain(&settings.drain), Drain::default());
        let listener = limited(&settings).max_connections(1);
        let default = Server::new().max_connections(1).max_connections_per_ip(u32::MAX);
        assert_eq!(format!("{listener:?}"), format!("{default:?}"));
    }
}
