//! The conversation: sending, receiving, and how it ends.

use std::cell::RefCell;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use bowline_core::connection::{Ended, Event};
use bowline_core::stream::{ClientStream, Receiver, Sender, WebSocket};
use bowline_core::{CloseCode, CloseFrame, Error};
use bowline_server::log::Untrusted;
use tokio::io::{AsyncWriteExt, BufReader, stdin, stdout};
use tokio::time::{Instant, Interval, sleep};

use super::input::{Line, Lines};
use super::ping::{Pings, ticks};
use super::{output, say};
use crate::failure::Failure;
use crate::plan::ConnectPlan;
use crate::signals::{Signals, Stop};

/// How receiving came to its end.
enum Received {
    /// The closing handshake is done.
    Closed(Option<Ended>),
    /// The connection failed.
    Failed(Error),
    /// Standard output can't be written to.
    OutputFailed(io::Error),
}

/// Why this end closes.
enum Done {
    /// Everything was sent; `rejected` if some line couldn't be.
    Sent { rejected: bool },
    /// A signal.
    Stopped(Stop),
    /// Standard output can't be written to.
    OutputFailed(io::Error),
}

/// Sends and receives side by side, so that neither waits for the other, until the connection ends.
pub(super) async fn run(
    plan: &ConnectPlan,
    ws: WebSocket<ClientStream>,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let (mut sender, receiver) = ws.split();
    let pings = RefCell::new(Pings::default());
    let mut receiving = Box::pin(receive(plan, receiver, &pings));
    let done = tokio::select! {
        received = &mut receiving => match received {
            Received::Closed(ended) => return report(ended.as_ref()),
            Received::Failed(error) => return Err(lost(&error)),
            Received::OutputFailed(error) => Done::OutputFailed(error),
        },
        done = send(plan, &mut sender, &pings) => done,
        stop = signals.next() => Done::Stopped(stop),
    };
    let close = CloseFrame::from(CloseCode::NORMAL_CLOSURE);
    let closing = async {
        if let Done::OutputFailed(_) = done {
            // Nobody is left to receive for; and with the receiver gone, the sender does all of the closing.
            drop(receiving);
            return sender.close(close).await.map_or_else(Received::Failed, |()| Received::Closed(None));
        }
        // What still comes before the peer's Close is printed; the connection bounds how long that takes
        // (`close_timeout`). Whether the sender closed well is what receiving tells.
        tokio::join!(receiving, sender.close(close)).0
    };
    tokio::select! {
        received = closing => finish(&done, &received),
        again = signals.next() => Ok(ExitCode::from(again.exit_code())),
    }
}

async fn receive(plan: &ConnectPlan, mut receiver: Receiver<ClientStream>, pings: &RefCell<Pings>) -> Received {
    let mut stdout = stdout();
    loop {
        match receiver.recv_event().await {
            Ok(Some(Event::Message(message))) => {
                let line = output::line(&message, plan.escape);
                if let Err(error) = stdout.write_all(&line).await {
                    return Received::OutputFailed(error);
                }
                // A person waits for it, or the next program of a pipe.
                if let Err(error) = stdout.flush().await {
                    return Received::OutputFailed(error);
                }
            }
            Ok(Some(Event::Pong(payload))) => {
                if let Some(time) = pings.borrow_mut().answered(&payload, Instant::now()) {
                    say(&format!("ping: {:.3} ms", time.as_secs_f64() * 1e3));
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => return Received::Closed(receiver.ended()),
            Err(error) => return Received::Failed(error),
        }
    }
}

/// Sends standard input line by line, and waits as long as was asked for once it has ended. Pings all the while.
async fn send(plan: &ConnectPlan, sender: &mut Sender<ClientStream>, pings: &RefCell<Pings>) -> Done {
    let mut lines = Lines::new(BufReader::new(stdin()), plan.binary, plan.max_message_size);
    let mut ticks = plan.ping.map(ticks);
    let mut rejected = false;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = tick(&mut ticks) => {
                ping(sender, pings).await;
                continue;
            }
        };
        match line {
            Ok(Some(Line::Message(message))) => {
                if sender.send(message).await.is_err() {
                    // The connection is at its end, and receiving tells how.
                    return pending().await;
                }
            }
            Ok(Some(Line::Rejected(why))) => {
                say(&why);
                rejected = true;
            }
            Ok(None) => break,
            Err(error) => {
                say(&format!("cannot read standard input: {error}"));
                rejected = true;
                break;
            }
        }
    }
    let Some(wait) = plan.wait.map(sleep) else {
        loop {
            tick(&mut ticks).await;
            ping(sender, pings).await;
        }
    };
    tokio::pin!(wait);
    loop {
        tokio::select! {
            () = &mut wait => return Done::Sent { rejected },
            () = tick(&mut ticks) => ping(sender, pings).await,
        }
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => pending().await,
    }
}

async fn ping(sender: &mut Sender<ClientStream>, pings: &RefCell<Pings>) {
    let payload = pings.borrow_mut().next(Instant::now());
    // Where it can't be sent the connection is at its end, and receiving tells how.
    drop(sender.ping(payload).await);
}

/// The exit code after this end closed.
fn finish(done: &Done, received: &Received) -> Result<ExitCode, Failure> {
    match (done, received) {
        (Done::Stopped(stop), _) => Ok(ExitCode::from(stop.exit_code())),
        // Whoever read, as `head` does, has what it wanted.
        (Done::OutputFailed(error), _) | (_, Received::OutputFailed(error))
            if error.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(ExitCode::SUCCESS)
        }
        (Done::OutputFailed(error), _) | (_, Received::OutputFailed(error)) => {
            Err(Failure::Runtime(format!("cannot write to standard output: {error}")))
        }
        (Done::Sent { .. }, Received::Failed(error)) => Err(lost(error)),
        (Done::Sent { rejected }, Received::Closed(ended)) => {
            let code = report(ended.as_ref())?;
            Ok(if *rejected { ExitCode::FAILURE } else { code })
        }
    }
}

fn lost(error: &Error) -> Failure {
    Failure::Runtime(format!("the connection failed: {error}"))
}

/// Says how the connection closed. It did so normally with 1000 and 1001, and without a code, as browsers often close.
fn report(ended: Option<&Ended>) -> Result<ExitCode, Failure> {
    let Some(ended) = ended else { return Err(lost(&Error::Abnormal)) };
    let who = if ended.by_peer() { "closed by peer" } else { "closed" };
    match ended.frame() {
        Some(frame) if frame.reason().is_empty() => say(&format!("{who}: {}", frame.code())),
        Some(frame) => say(&format!("{who}: {}: {}", frame.code(), Untrusted(frame.reason().as_str()))),
        None => say(&format!("{who}: no code")),
    }
    let normal = ended.is_clean() && matches!(ended.code(), 1000 | 1001 | 1005);
    Ok(if normal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
