//! Whose server is measured.

use std::ffi::OsString;
use std::path::PathBuf;

use bowline_bench::{Protocol, ServerCommand, ServerSource, Target};
use clap::Args;

use crate::failure::Failure;

pub(super) const SERVER: &str = "Server";
/// Has a server that is started end with this process, however that ends.
const UNTIL_STDIN_ENDS: &str = "--until-stdin-ends";

/// The server, and where it runs.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server: `http://HOST[:PORT][/MOUNT]` or `ws://…`; without one, `bowline serve` is started for each run
    #[arg(value_name = "URL")]
    pub(super) target: Option<Target>,

    /// The server's process on this machine, for its CPU time and what its memory grew by since the run began; known where it is started
    #[arg(long, value_name = "PID", requires = "target", help_heading = SERVER)]
    pub(super) pid: Option<u32>,

    /// A flag for the server that is started, as in --server-flag=--threads=1; may be given again
    #[arg(long, value_name = "FLAG", conflicts_with = "target", allow_hyphen_values = true, help_heading = SERVER)]
    server_flag: Vec<OsString>,

    /// Let the system choose the cores; else the server that is started has the first, the load the others
    #[arg(long, conflicts_with = "target", help_heading = SERVER)]
    no_pin: bool,
}

impl ServerArgs {
    /// Its address; that of one that is started is known only then.
    pub(super) fn mount(&self) -> Result<Target, Failure> {
        match &self.target {
            Some(target) => Ok(target.clone()),
            None => "http://127.0.0.1:0/".parse().map_err(|error| Failure::Runtime(format!("{error}"))),
        }
    }

    /// The same for a scenario that takes its address as it is; at a mount, which one that is started has, `path`. What speaks
    /// WebSocket knows a mount by its `http://`.
    pub(super) fn at(&self, protocol: Protocol, path: &str) -> Result<Target, Failure> {
        let mount = self.mount()?;
        let is_mount = mount.protocol() == Protocol::Http && protocol == Protocol::WebSocket;
        Ok(if is_mount || self.target.is_none() { mount.below(protocol, path) } else { mount })
    }

    /// The words of a command that starts one at `{address}`.
    pub(super) fn own_command(&self) -> Result<Vec<String>, Failure> {
        let utf8 = |word: OsString| {
            word.into_string().map_err(|word| Failure::Usage(format!("{} is not UTF-8", word.display())))
        };
        let words = [this_program()?.into_os_string()].into_iter();
        let words = words.chain(["serve", "--listen", "{address}", UNTIL_STDIN_ENDS].map(OsString::from));
        words.chain(self.server_flag.iter().cloned()).map(utf8).collect()
    }

    pub(super) fn source(&self) -> Result<ServerSource, Failure> {
        if self.target.is_some() {
            return Ok(ServerSource::Given);
        }
        let program = this_program()?;
        // Once the load is over nobody is there to be asked to come back.
        let args = ["serve", "--listen=127.0.0.1:0", "--drain-window=0s", "--drain-deadline=1ms", UNTIL_STDIN_ENDS];
        let args = args.map(OsString::from).into_iter();
        let mut command = ServerCommand::new(program, args.chain(self.server_flag.iter().cloned()));
        command.pin = !self.no_pin;
        Ok(ServerSource::Own(command))
    }
}

fn this_program() -> Result<PathBuf, Failure> {
    let own = |error| Failure::Runtime(format!("cannot find this program again to start a server: {error}"));
    std::env::current_exe().map_err(own)
}
