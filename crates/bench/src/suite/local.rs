//! A server process of one's own.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cores::Cores;
use crate::Error;

/// How long a server may take until it says where it listens.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to end once it is asked to. Then it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a server that has lost its connections may take until it is known to have ended.
const DEATH: Duration = Duration::from_millis(200);
/// How often to look whether it has.
const END_LOOK: Duration = Duration::from_millis(2);
/// Bytes of its standard error that are kept: the first ones, which say why it failed.
const KEPT: u64 = 4_096;
/// Longest line of its standard output that is looked at.
const LINE: u64 = 4_096;

/// How to start a server. It has to print a line `listening on ADDRESS:PORT`, and to end on SIGTERM. Its standard input is a pipe to which
/// nothing is written, and which ends when the process that started it does, however that comes about.
#[derive(Debug, Clone)]
pub struct ServerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. The port is to be 0, for any free one.
    pub args: Vec<OsString>,
    /// Whether it has the first core for itself, and the load the others; on by default. Where there is but one core nobody is
    /// moved.
    pub pin: bool,
    /// How long it may take until it says where it listens; [`START_TIMEOUT`] by default.
    pub start_timeout: Duration,
}

impl ServerCommand {
    /// One with the defaults.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, pin: true, start_timeout: START_TIMEOUT }
    }
}

/// A server that runs; ended when dropped.
#[derive(Debug)]
pub(crate) struct LocalServer {
    child: Child,
    address: SocketAddr,
    /// How its standard error begins, once that is known.
    said: Receiver<String>,
}

impl LocalServer {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(command: &ServerCommand, cores: &Cores) -> Result<Self, Error> {
        let failed = |problem: String| Error::Start { program: command.program.clone(), problem };
        let mut child = cores.on_servers(|| spawn(command)).map_err(|error| failed(error.to_string()))?;
        let heard = child.stdout.take().zip(child.stderr.take()).map(|(stdout, stderr)| hear(stdout, stderr));
        let (address, said) = heard.unzip();
        // From here on it is ended whatever happens.
        let mut server =
            Self { child, address: SocketAddr::from(([0; 4], 0)), said: said.unwrap_or_else(|| sync_channel(1).1) };
        let Some(address) = address else { return Err(failed("it has no standard output".to_owned())) };
        match address.recv_timeout(command.start_timeout) {
            Ok(address) => {
                server.address = address;
                Ok(server)
            }
            Err(waited) => {
                // Fails only for a process that is gone.
                let _ = server.end();
                Err(failed(explain(waited, command.start_timeout, &server.said())))
            }
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How its standard error began, now that it has ended.
    fn said(&self) -> String {
        self.said.recv_timeout(END_TIMEOUT).unwrap_or_default()
    }

    /// An error of a run with what the server said, if it was its end that made it one.
    pub(crate) fn blame(&mut self, source: Error) -> Error {
        match self.ended_within(DEATH) {
            Ok(Some(status)) => Error::Died { status, said: self.said(), source: Box::new(source) },
            Ok(None) | Err(_) => source,
        }
    }

    /// How it ended, if it does within a while.
    fn ended_within(&mut self, time: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + time;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(END_LOOK);
        }
    }

    /// Lets go of its standard input, as the end of this process does.
    #[cfg(test)]
    pub(super) fn leave(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Asks it to end, and makes it once that takes too long.
    fn end(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // It is not waited for yet, so that the id is still its own.
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        if self.ended_within(END_TIMEOUT)?.is_some() {
            return Ok(());
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // Fails only for a process that is gone.
        let _ = self.end();
    }
}

fn spawn(command: &ServerCommand) -> io::Result<Child> {
    Command::new(&command.program)
        .args(&command.args)
        // Never written to: by its end the server knows that nobody is left to end it.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the load, which then ends the server itself.
        .process_group(0)
        .spawn()
}

/// Reads what it says until its end, so that it never waits for a reader: where it listens, and how its standard error begins.
fn hear(stdout: ChildStdout, stderr: ChildStderr) -> (Receiver<SocketAddr>, Receiver<String>) {
    let (address, addresses) = sync_channel(1);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        if let Some(first) = listening(&mut stdout) {
            // The channel has room for it.
            let _ = address.send(first);
        }
        drop(address);
        drop(io::copy(&mut stdout, &mut io::sink()));
    });
    let (said, sayings) = sync_channel(1);
    thread::spawn(move || {
        let (mut stderr, mut start) = (stderr, Vec::new());
        drop(stderr.by_ref().take(KEPT).read_to_end(&mut start));
        let _ = said.send(String::from_utf8_lossy(&start).trim().to_owned());
        drop(io::copy(&mut stderr, &mut io::sink()));
    });
    (addresses, sayings)
}

/// The address in the first line that says so.
fn listening(stdout: &mut impl BufRead) -> Option<SocketAddr> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if stdout.by_ref().take(LINE).read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&line);
        let address = text.strip_prefix("listening on ").and_then(|rest| rest.split_whitespace().next());
        if let Some(address) = address.and_then(|address| address.parse().ok()) {
            return Some(address);
        }
    }
}

fn explain(waited: RecvTimeoutError, timeout: Duration, said: &str) -> String {
    let problem = match waited {
        RecvTimeoutError::Timeout => {
            format!("it did not say `listening on ADDRESS:PORT` within {:.1} s", timeout.as_secs_f64())
        }
        RecvTimeoutError::Disconnected => "it ended, and never said `listening on ADDRESS:PORT`".to_owned(),
    };
    if said.is_empty() { problem } else { format!("{problem}; it said: {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_may_be_any_and_say_more() {
        let find = |text: &str| listening(&mut text.as_bytes());
        let address = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(find("hello\nlistening on 127.0.0.1:9 with TLS\n"), address);
        assert_eq!(find("listening on 127.0.0.1:9"), address);
        for wrong in ["", "hello\n", "listening on\n", "listening on 9\n", " listening on 127.0.0.1:9\n"] {
            assert_eq!(find(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_passed_in_pieces() {
        let long = "x".repeat(3 * usize::try_from(LINE).unwrap());
        assert_eq!(listening(&mut format!("{long}\nlistening on [::1]:8\n").as_bytes()), "[::1]:8".parse().ok());
    }
}
