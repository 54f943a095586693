//! The conversation as a session, whatever carries it.

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use bowline_client::{Client, Closed, Event, Exchange, Transport};
use bowline_core::CloseCode;
use tokio::io::{AsyncWriteExt, BufReader, Stdin, stdin, stdout};
use tokio::time::{Instant, sleep_until};

use super::input::{Line, Lines};
use super::{output, say};
use crate::failure::Failure;
use crate::plan::ConnectPlan;
use crate::signals::{Signals, Stop};

/// Sends and receives side by side, until the session ends.
pub(super) async fn run(
    plan: &ConnectPlan,
    transports: &[Transport],
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let client = client(plan, transports)?;
    let lines = Lines::new(BufReader::new(stdin()), plan.binary, plan.max_message_size);
    let mut talk =
        Talk { plan, client, lines, input: Input::Open, rejected: false, was_connected: false, stopped: None };
    loop {
        if let Some(ended) = talk.step(signals).await? {
            return Ok(ended);
        }
    }
}

fn client(plan: &ConnectPlan, transports: &[Transport]) -> Result<Client, Failure> {
    let builder = Client::builder(&plan.url)
        .transports(transports.iter().copied())
        .subprotocols(plan.subprotocols.iter().cloned())
        .limits(plan.config.get_limits().clone())
        .deflate(plan.config.get_deflate().cloned());
    let builder =
        plan.headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value.clone()));
    let builder = if plan.verbose { builder.observe(show) } else { builder };
    builder.build().map_err(|error| Failure::Usage(error.to_string()))
}

/// What goes over the wire, a line each, marked by its direction as curl does.
fn show(exchange: &Exchange<'_>) {
    let mark = if exchange.outgoing { '>' } else { '<' };
    for line in exchange.text.lines() {
        say(&format!("[{}] {mark} {line}", exchange.transport));
    }
}

/// A conversation.
struct Talk<'a> {
    plan: &'a ConnectPlan,
    client: Client,
    lines: Lines<BufReader<Stdin>>,
    input: Input,
    /// Some line couldn't be sent.
    rejected: bool,
    was_connected: bool,
    /// By a signal, whose exit code it is then.
    stopped: Option<Stop>,
}

/// How far standard input is.
#[derive(Clone, Copy)]
enum Input {
    Open,
    /// It has ended; until when to go on receiving, `None` for as long as the server likes.
    Ended(Option<Instant>),
    /// The end was asked for.
    Closing,
}

/// What came first.
enum First {
    Event(Option<Event>),
    Line(io::Result<Option<Line>>),
    Waited,
    Signal(Stop),
}

impl Talk<'_> {
    /// Does what comes next. The exit code, at the end.
    async fn step(&mut self, signals: &mut Signals) -> Result<Option<ExitCode>, Failure> {
        // That it can't connect is to be told, though there is nothing to send.
        let waits =
            if let Input::Ended(Some(until)) = self.input { Some(until).filter(|_| self.was_connected) } else { None };
        let first = tokio::select! {
            event = self.client.next() => First::Event(event),
            line = self.lines.next(), if matches!(self.input, Input::Open) => First::Line(line),
            () = sleep_until(waits.unwrap_or_else(Instant::now)), if waits.is_some() => First::Waited,
            stop = signals.next() => First::Signal(stop),
        };
        match first {
            First::Event(Some(event)) => return self.event(event).await,
            First::Event(None) => return Ok(Some(ExitCode::FAILURE)),
            First::Line(line) => return self.line(line, signals).await,
            First::Waited => self.close(),
            First::Signal(stop) if self.stopped.is_some() => return Ok(Some(ExitCode::from(stop.exit_code()))),
            First::Signal(stop) => {
                self.stopped = Some(stop);
                self.close();
            }
        }
        Ok(None)
    }

    fn close(&mut self) {
        self.input = Input::Closing;
        self.client.sender().close(CloseCode::NORMAL_CLOSURE);
    }

    async fn line(
        &mut self,
        line: io::Result<Option<Line>>,
        signals: &mut Signals,
    ) -> Result<Option<ExitCode>, Failure> {
        match line {
            Ok(Some(Line::Message(message))) => {
                let sender = self.client.sender();
                let mut sending = Box::pin(sender.send(message));
                // Where the queue is full, what comes must still be taken: else neither side would go on.
                loop {
                    tokio::select! {
                        // Where it can't be sent the client is at its end, and its last event tells how.
                        _ = &mut sending => return Ok(None),
                        event = self.client.next() => {
                            let Some(event) = event else { return Ok(Some(ExitCode::FAILURE)) };
                            if let Some(ended) = self.event(event).await? {
                                return Ok(Some(ended));
                            }
                        }
                        stop = signals.next() => {
                            self.stopped = Some(stop);
                            self.close();
                            return Ok(None);
                        }
                    }
                }
            }
            Ok(Some(Line::Rejected(why))) => {
                say(&why);
                self.rejected = true;
            }
            Ok(None) => self.input = Input::Ended(self.plan.wait.map(|wait| Instant::now() + wait)),
            Err(error) => {
                say(&format!("cannot read standard input: {error}"));
                self.rejected = true;
                self.input = Input::Ended(Some(Instant::now()));
            }
        }
        Ok(None)
    }

    async fn event(&mut self, event: Event) -> Result<Option<ExitCode>, Failure> {
        match event {
            Event::Message(message) => return self.print(&output::line(&message, self.plan.escape)).await,
            Event::Connected { transport } => {
                self.was_connected = true;
                self.tell(&format!("connected to {} by {transport}", self.plan.shown_url));
            }
            Event::TransportChanged { to, .. } => self.tell(&format!("goes on by {to}")),
            Event::Resumed { .. } => self.tell("resumed: nothing was lost"),
            Event::SessionLost => {
                say("the session was lost, and another is opened; what was not acknowledged may be lost");
            }
            Event::Disconnected { reason, .. } if !self.was_connected => {
                return Err(cannot_connect(&self.plan.shown_url, &reason.to_string()));
            }
            Event::Disconnected { reason, retry_in, .. } => {
                say(&format!("disconnected: {reason}; again in {}", seconds(retry_in)));
            }
            Event::Closed(closed) => return self.closed(&closed).map(Some),
            _ => {}
        }
        Ok(None)
    }

    /// Says so to a person, or to whoever wants to know everything; a script knows by what comes next.
    fn tell(&self, line: &str) {
        if self.plan.verbose || io::stdin().is_terminal() {
            say(line);
        }
    }

    async fn print(&mut self, line: &[u8]) -> Result<Option<ExitCode>, Failure> {
        let mut stdout = stdout();
        let written = async {
            stdout.write_all(line).await?;
            // A person waits for it, or the next program of a pipe.
            stdout.flush().await
        };
        match written.await {
            Ok(()) => Ok(None),
            // Whoever read, as `head` does, has what it wanted.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.close();
                while let Some(event) = self.client.next().await {
                    if matches!(event, Event::Closed(_)) {
                        break;
                    }
                }
                Ok(Some(ExitCode::SUCCESS))
            }
            Err(error) => Err(Failure::Runtime(format!("cannot write to standard output: {error}"))),
        }
    }

    /// The exit code: 0 for a session that ended in good order (1000, 1001) with all that was to be sent.
    fn closed(&self, closed: &Closed) -> Result<ExitCode, Failure> {
        if let Closed::Refused { reason, .. } = closed {
            return Err(cannot_connect(&self.plan.shown_url, &reason.to_string()));
        }
        say(&closed.to_string());
        if let Some(stop) = self.stopped {
            return Ok(ExitCode::from(stop.exit_code()));
        }
        let well = match closed {
            Closed::ByClient { clean } => *clean && !self.rejected,
            Closed::ByServer(frame) => {
                [CloseCode::NORMAL_CLOSURE, CloseCode::GOING_AWAY].contains(&frame.code()) && !self.rejected
            }
            _ => false,
        };
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn cannot_connect(url: &str, reason: &str) -> Failure {
    let hint = without_session(url).map(|mount| format!("; the requests go to /session under the URL: give {mount}"));
    Failure::Runtime(format!("cannot connect to {url}: {reason}{}", hint.unwrap_or_default()))
}

/// The address under which the sessions are, where that of the sessions themselves was given.
fn without_session(url: &str) -> Option<String> {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let mount = path.trim_end_matches('/').strip_suffix("/session")?;
    // No host is called so.
    (!mount.ends_with('/')).then(|| format!("{mount}{query}"))
}

fn seconds(wait: Duration) -> String {
    format!("{:.1} s", wait.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_give_instead_is_told() {
        for (url, mount) in [
            ("http://a/session", Some("http://a")),
            ("ws://a:1/b/session/?c=/session", Some("ws://a:1/b?c=/session")),
            ("http://a", None),
            ("http://a/sessions", None),
            ("http://a/?b=/session", None),
            ("http://session", None),
        ] {
            assert_eq!(without_session(url).as_deref(), mount, "{url}");
        }
    }
}
