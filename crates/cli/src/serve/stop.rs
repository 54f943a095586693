//! Stopping: no longer ready, nothing more accepted, sessions closed over a while, and the rest dropped at the deadline.

use std::process::ExitCode;

use bowline_server::Hub;
use bowline_server::hub::Drain;
use bowline_server::listener::Running;
use tokio::time::Instant;

use super::settings::Draining;
use crate::engine::GRACE;
use crate::signals::{Signals, Stop};

/// Drains; a second signal exits at once.
pub(super) async fn stop(
    stop: Stop,
    signals: &mut Signals,
    hub: &Hub,
    mut running: Running,
    settings: &Draining,
) -> ExitCode {
    tracing::info!(signal = ?stop, sessions = hub.session_count(), "draining");
    tokio::select! {
        () = end(hub, &mut running, settings) => ExitCode::SUCCESS,
        again = signals.next() => ExitCode::from(again.exit_code()),
    }
}

async fn end(hub: &Hub, running: &mut Running, settings: &Draining) {
    let deadline = Instant::now() + settings.deadline.0;
    // In this order: whoever asks is told that it isn't ready, and then nobody can ask.
    let (left, ()) = tokio::join!(biased; hub.drain(drain(settings)), running.stop_accepting());
    let rest = deadline.saturating_duration_since(Instant::now()).max(GRACE);
    let all = running.finish(rest).await;
    if left > 0 || !all {
        tracing::warn!(sessions = left, "some did not end in time, and were dropped");
    }
    tracing::info!("drained");
}

/// As the hub takes it.
pub(super) fn drain(settings: &Draining) -> Drain {
    Drain::default()
        .window(settings.window.0)
        .deadline(settings.deadline.0)
        .reconnect_within(settings.reconnect_within.0)
}
