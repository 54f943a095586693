//! `bowline serve`: rooms as WebSockets, event streams and polls, and an echo, by HTTP.

mod build;
mod reload;
mod settings;
mod site;
mod sources;
mod starter;
mod stop;

use std::io::{Write, stdout};
use std::process::ExitCode;

use bowline_server::listener::{SystemdSocket, systemd_sockets};

use self::reload::Reload;
pub(crate) use self::settings::ServeArgs;
use self::settings::Settings;
use self::site::Site;
use self::sources::Sources;
use crate::announce::announce;
use crate::failure::Failure;
use crate::runtime::runtime;
use crate::signals::{Hangups, Signals, Stop};

/// Serves until a signal, then drains.
pub(crate) fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    let (print, is_bound) = (args.print_config, args.until_stdin_ends);
    // Before there are threads: it changes the environment.
    let sockets = systemd_sockets().map_err(|error| Failure::Runtime(error.to_string()))?;
    let sources = Sources::new(args, sockets.len());
    let settings = sources.read()?;
    if print {
        return show(&settings);
    }
    runtime(settings.threads())?.block_on(serve(sources, settings, sockets, is_bound))
}

fn show(settings: &Settings) -> Result<ExitCode, Failure> {
    let mut stdout = stdout().lock();
    stdout
        .write_all(settings.to_toml().as_bytes())
        .and_then(|()| stdout.flush())
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Failure::Runtime(format!("cannot print the settings: {error}")))
}

async fn serve(
    sources: Sources,
    settings: Settings,
    sockets: Vec<SystemdSocket>,
    is_bound: bool,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let mut starter = starter::watch(is_bound)?;
    let mut hangups = Hangups::new()?;
    let tls = build::tls(&settings)?;
    let hub = build::hub(&settings)?;
    let site = Site::new(&hub, &settings)?;
    let (running, addresses) = build::start(&settings, sockets, tls.as_ref(), site.clone())?;
    hub.metrics().watch(running.watch());
    announce(&addresses, |address, has_tls| format!("try it: {}://{address}/", if has_tls { "https" } else { "http" }));
    let mut reload = Reload { sources, settings, tls, site };
    let stop = loop {
        tokio::select! {
            stop = signals.next() => break stop,
            () = hangups.next() => reload.run(),
            () = starter.gone() => break Stop::Terminate,
        }
    };
    Ok(stop::stop(stop, &mut signals, &hub, running, &reload.settings.drain).await)
}
