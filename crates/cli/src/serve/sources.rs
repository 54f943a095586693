//! Where the settings come from, and what they mean together.

use bowline_core::connection::Keepalive;
use bowline_server::listener::descriptors;

use super::settings::{Address, Auto, ConfigFile, Count, ServeArgs, Settings};
use crate::args::DEFAULT_LISTEN;
use crate::failure::Failure;
use crate::plan::max_connections;

/// The command line and the file that it names; read at the start, and again at each SIGHUP.
#[derive(Debug)]
pub(super) struct Sources {
    args: ServeArgs,
    /// Sockets that were handed over, beside which none has to be asked for.
    sockets: usize,
}

impl Sources {
    pub(super) const fn new(args: ServeArgs, sockets: usize) -> Self {
        Self { args, sockets }
    }

    /// The settings in force, whatever is to be found out found out.
    pub(super) fn read(&self) -> Result<Settings, Failure> {
        let file = self.args.config.as_deref().map(ConfigFile::read).transpose().map_err(Failure::Usage)?;
        let mut settings = Settings::of(file.as_ref(), &self.args).map_err(Failure::Usage)?;
        check(&settings).map_err(Failure::Usage)?;
        let listener = &mut settings.listener;
        if listener.listen.0.is_empty() && listener.listen_plain.0.is_empty() && self.sockets == 0 {
            listener.listen.0.push(Address(DEFAULT_LISTEN.to_owned()));
        }
        let wanted = listener.max_connections.0.map(Count::narrow);
        listener.max_connections.0 = Some(Count(max_connections(wanted, descriptors::raise_max())? as usize));
        let threads = settings.threads();
        settings.listener.threads = Auto(Some(Count(threads)));
        Ok(settings)
    }
}

/// What no single setting shows to be wrong.
fn check(settings: &Settings) -> Result<(), String> {
    let wrong = |what: &str| Err(what.to_owned());
    let (tls, guards, drain) = (&settings.tls, &settings.guards, &settings.drain);
    if tls.cert.path().is_some() != tls.key.path().is_some() {
        return wrong("tls.cert and tls.key go together; give both (--tls-cert, --tls-key), or neither");
    }
    let is_open = guards.allow_origin.0.iter().any(|origin| origin.0 == "*");
    if is_open && guards.allow_origin.0.len() > 1 {
        return wrong("guards.allow_origin (--allow-origin) has * and others; write * alone, or leave it out");
    }
    if is_open && guards.cross_origin_credentials.0 {
        return wrong(
            "guards.cross_origin_credentials (--cross-origin-credentials) would let any page act for whoever visits it; \
             name the origins in guards.allow_origin instead of *",
        );
    }
    if !(256..=60 << 10).contains(&settings.limits.max_head_size.0) {
        return wrong("limits.max_head_size (--max-head-size) is out of bounds; write 256 to 60KiB");
    }
    let limits = &settings.limits;
    if limits.session_byte_rate.0 != usize::MAX && limits.session_byte_burst.0 < limits.max_message_size.0 {
        return wrong(
            "limits.session_byte_burst (--session-byte-burst) is less than max_message_size, so that such a message would \
             never pass; raise it, or lower max_message_size",
        );
    }
    if settings.keepalive.ping_interval.0 < Keepalive::MIN_PING_INTERVAL {
        return wrong("keepalive.ping_interval (--ping-interval) is under 10ms");
    }
    if drain.window.0 > drain.deadline.0 {
        return wrong("drain.window (--drain-window) is longer than drain.deadline; make it shorter");
    }
    Ok(())
}
