//! SIGHUP: what can be changed while it serves.

use bowline_server::listener::Tls;

use super::settings::{ALL, Setting, Settings};
use super::site::Site;
use super::sources::Sources;

/// What a reload needs.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) sources: Sources,
    /// In force now.
    pub(super) settings: Settings,
    pub(super) tls: Option<Tls>,
    pub(super) site: Site,
}

impl Reload {
    /// Reads file and certificate again. If anything is wrong with either, that one stays as it is.
    pub(super) fn run(&mut self) {
        if let Some(tls) = &self.tls {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate stays as it is"),
            }
        }
        let read = self.sources.read().and_then(|settings| self.site.reload(&settings).map(|()| settings));
        match read {
            Ok(settings) => self.adopt(settings),
            Err(error) => tracing::error!(%error, "the settings stay as they are"),
        }
    }

    fn adopt(&mut self, settings: Settings) {
        let changed = || ALL.iter().filter(|setting| !setting.is_same(&settings, &self.settings));
        let mut later: Vec<_> = changed().filter(|setting| !setting.reloads()).map(Setting::path).collect();
        if settings.rooms != self.settings.rooms {
            later.push("rooms".to_owned());
        }
        if !later.is_empty() {
            tracing::warn!(settings = later.join(", "), "changed, but a restart is needed to put it in force");
        }
        let now: Vec<_> = changed().filter(|setting| setting.reloads()).map(Setting::path).collect();
        tracing::info!(changed = now.join(", "), "the settings were read again");
        self.settings.guards = settings.guards;
        self.settings.status = settings.status;
        self.settings.drain = settings.drain;
        self.settings.keepalive.heartbeat = settings.keepalive.heartbeat;
        self.settings.keepalive.max_stream_age = settings.keepalive.max_stream_age;
        self.settings.sessions.max_poll_wait = settings.sessions.max_poll_wait;
        self.settings.sessions.max_stream_bytes = settings.sessions.max_stream_bytes;
    }
}
