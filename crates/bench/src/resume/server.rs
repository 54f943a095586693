//! A server's process, which is killed and started again at the same address.

use std::{
    net::SocketAddr,
    os::unix::process::CommandExt as _,
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
        // One that has ended by itself is started again.
        let is_running = |child: &mut Child| !matches!(child.try_wait(), Ok(Some(_)));
        if self.child.as_mut().is_some_and(is_running) {
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
        // Ctrl-C is for the load, which then ends the server itself.
        command.process_group(0);
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

#[cfg(test)]
mod tests {
    use std::{env, net::TcpListener};

    use rustix::process::{Pid, getpgid};

    use super::*;

    /// Where the process that a test starts is to listen.
    const ADDRESS: &str = "RESUME_ADDRESS";

    #[test]
    #[ignore = "it is the server of another test, and listens until it is killed"]
    fn listens() {
        // Run by hand, with all that is ignored, it has nobody to listen to.
        if let Ok(address) = env::var(ADDRESS) {
            let listener = TcpListener::bind(address).unwrap();
            while listener.accept().is_ok() {}
        }
    }

    #[tokio::test]
    async fn one_that_ended_by_itself_is_started_again() {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        let this = env::current_exe().unwrap().to_str().unwrap().to_owned();
        let words = ["env", &format!("{ADDRESS}={{address}}"), &this, "--exact", "resume::server::tests::listens"];
        let words = [&words[..], &["--ignored"]].concat();
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        let mut server = Server::new(&words, address, Duration::from_secs(30));
        server.start().await.unwrap();
        let child = server.child.as_mut().unwrap();
        let (first, pid) = (child.id(), Pid::from_child(child));
        assert_eq!(getpgid(Some(pid)).unwrap(), pid, "Ctrl-C is not for it");
        child.kill().unwrap();
        while child.try_wait().unwrap().is_none() {
            sleep(LOOK).await;
        }
        server.start().await.unwrap();
        let second = server.child.as_ref().map(Child::id);
        assert!(second.is_some_and(|second| second != first), "{first} and {second:?}");
        server.start().await.unwrap();
        assert_eq!(server.child.as_ref().map(Child::id), second, "one that runs is left alone");
    }
}
