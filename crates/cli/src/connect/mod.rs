//! `bowline connect`: lines of standard input out as messages, messages in as lines of standard output.

mod carried;
mod input;
mod output;
mod ping;
mod session;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _, stderr};
use std::process::ExitCode;

use bowline_core::handshake::HandshakeError;
use bowline_core::stream::{ClientStream, Connector, WebSocket};
use bowline_server::log::Untrusted;
use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::plan::ConnectPlan;
use crate::signals::Signals;

/// Connects, and talks until either side is done.
pub(crate) fn run(plan: &ConnectPlan) -> Result<ExitCode, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(connect(plan));
    // Standard input may be read for ever by a thread that can't be interrupted; nobody waits for it.
    runtime.shutdown_background();
    result
}

async fn connect(plan: &ConnectPlan) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    if let Some(transports) = &plan.transports {
        return carried::run(plan, transports, &mut signals).await;
    }
    let mut connector = Connector::new().config(plan.config.clone()).subprotocols(plan.subprotocols.iter().cloned());
    for (name, value) in &plan.headers {
        connector = connector.header(name.clone(), value.clone());
    }
    let ws = tokio::select! {
        ws = connector.connect(&plan.url) => ws.map_err(|error| explain(plan, &error))?,
        stop = signals.next() => return Ok(ExitCode::from(stop.exit_code())),
    };
    greet(plan, &ws);
    session::run(plan, ws, &mut signals).await
}

/// Says so to a person; a script knows by what comes next.
fn greet(plan: &ConnectPlan, ws: &WebSocket<ClientStream>) {
    let subprotocol = ws.subprotocol().map(|name| format!(" with subprotocol {}", Untrusted(name))).unwrap_or_default();
    tracing::debug!(url = %plan.shown_url, subprotocol = ws.subprotocol().map(|name| tracing::field::display(Untrusted(name))), "connected");
    if io::stdin().is_terminal() {
        say(&format!("connected to {}{subprotocol}; a line is a message, Ctrl-D closes", plan.shown_url));
    }
}

/// A line for people; where standard error is gone, there is nobody to tell.
fn say(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}

/// The most of a refusal's body that is shown, in characters.
const MAX_BODY: usize = 1024;

fn explain(plan: &ConnectPlan, error: &HandshakeError) -> Failure {
    let mut said = format!("cannot connect to {}: {error}", plan.shown_url);
    if let Some(response) = error.refused() {
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            // Writing to a String doesn't fail.
            let _ = write!(said, "\n  {name}: {}", Untrusted(&value));
        }
        let body = String::from_utf8_lossy(response.body());
        for line in body.chars().take(MAX_BODY).collect::<String>().lines() {
            let _ = write!(said, "\n  | {}", Untrusted(line));
        }
    }
    Failure::Runtime(said)
}
