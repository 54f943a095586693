//! A server's process, which is killed and started again at the same address.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, time::sleep};

use crate::Error;

/// From one look whether it listens to the next.
const LOOK: Duration = Duration::from_millis(10);

/// A server's process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Server {
    words: Vec<String>,
    address: SocketAddr,
    patience: Duration,
    child: Option<Child>,
}

impl Server {
    pub(super) fn new(command: &[String], address: SocketAddr, patience: Duration) -> Self {
        let words = command.iter().map(|word| word.replace("{address}", &address.to_string())).collect();
        Self { words, address, patience, child: None }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it, unless it runs, and waits until it listens.
    pub(super) async fn start(&mut self) -> Result<(), Error> {
        if self.child.is_some() {
            return Ok(());
        }
        let Some((program, args)) = self.words.split_first() else { return Ok(()) };
        let wrong = |problem: String| Error::Start { program: program.into(), problem };
        if TcpStream::connect(self.address).await.is_ok() {
            return Err(wrong(format!("somebody else listens on {}", self.address)));
        }
        let mut command = Command::new(program);
        // By the end of its input a server may know that nobody is left to end it.
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = self.child.insert(command.spawn().map_err(|error| wrong(error.to_string()))?);
        let began = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(wrong(format!("it ended at once ({status}): try the command by hand")));
            }
            if began.elapsed() > self.patience {
                return Err(wrong(format!("nobody listens on {}; is {{address}} in the command?", self.address)));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Kills it, without a word to anybody.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
