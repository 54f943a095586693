//! A server in a process of its own: for what is counted by process, and for limits that a process has.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write, stdin, stdout};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bowline_server::Hub;
use bowline_server::http::Guards;
use bowline_server::listener::{Endpoint, Running, Server, systemd_sockets};
use bowline_server::room::{RoomOptions, SlowConsumer, Start};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::support::TestService;

/// What the child reads of its environment.
const ROLE: &str = "BOWLINE_TEST_CHILD";
const DESCRIPTORS: &str = "BOWLINE_TEST_DESCRIPTORS";
const TIMEOUT_MS: &str = "BOWLINE_TEST_TIMEOUT_MS";

/// How many POSTs to the room `full` of a child's hub wait, once there is a publication in it.
pub(crate) const MAX_WAITING: usize = 8;

/// The sockets of a child, and so the tasks of one that is idle.
pub(crate) const LISTENERS: u64 = if cfg!(feature = "rustls") { 2 } else { 1 };

/// No test: what the child runs.
#[test]
#[ignore = "a server for other tests, which start it"]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(limit) = number(DESCRIPTORS) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: Some(limit) }).expect("lower");
    }
    let mut server = Server::new();
    if let Some(milliseconds) = number(TIMEOUT_MS) {
        server = server.handshake_timeout(Duration::from_millis(milliseconds));
    }
    for socket in systemd_sockets().expect("TCP sockets") {
        println!("socket {}", socket.name.as_deref().unwrap_or("-"));
        server = server.listen(Endpoint::socket(socket.listener, "from systemd"));
    }
    if role != "inherit" {
        server = server.listen("127.0.0.1:0");
        #[cfg(feature = "rustls")]
        {
            server = server.listen(Endpoint::address("127.0.0.1:0").tls(super::tls::throwaway()));
        }
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (running, sessions) = runtime.block_on(async { serve(server, role == "hub") });
    let addresses: Vec<_> = running.local_addrs().iter().map(ToString::to_string).collect();
    println!("listening {}", addresses.join(" "));
    for _ in stdin().lines() {
        let counts = running.counts();
        println!(
            "open={} sessions={} tasks={} descriptors={} kib={} cpu_ms={} accepted={} timed_out={}",
            counts.open,
            sessions(),
            runtime.metrics().num_alive_tasks(),
            std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            resident_kib(),
            cpu_milliseconds(),
            counts.accepted,
            counts.timed_out,
        );
        let _ = stdout().flush();
    }
    if role == "inherit" {
        // No one speaks to it: it serves until it is ended.
        std::thread::park();
    }
}

/// A server of the test's own service, or of a hub; and how many there are that it should be rid of in the end.
fn serve(server: Server, is_hub: bool) -> (Running, Box<dyn Fn() -> u64>) {
    let bound = server.bind().expect("free ports");
    if !is_hub {
        let service = TestService::default();
        let sessions = Arc::clone(&service.sessions);
        return (bound.serve(service), Box::new(move || sessions.load(Ordering::SeqCst) as u64));
    }
    let full = RoomOptions::default().max_log_count(1).slow_consumer(SlowConsumer::Backpressure);
    let hub = Hub::builder()
        .room_options("log", RoomOptions::default().history(1_000).max_log_bytes(1 << 20).empty_timeout(Duration::MAX))
        .room_options("full", full.max_waiting_publishers(MAX_WAITING))
        .build();
    // It never reads.
    let slow = hub.room("full").expect("a name").subscribe(Start::Newest).expect("there is room");
    let running = bound.serve(hub.service(Guards::new()));
    let readers = move || {
        let _ = &slow;
        hub.metrics().connections() + hub.room_count() as u64
    };
    (running, Box::new(readers))
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// In steps of 10: so the kernel counts.
fn cpu_milliseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything, utime and stime are the 12th and 13th.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    10 * fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
}

/// The command that starts one.
pub(crate) fn command(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["--exact", "child::child", "--ignored", "--nocapture", "--quiet"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The child, ended when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) sockets: Vec<String>,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What it said of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) open: u64,
    pub(crate) sessions: u64,
    pub(crate) tasks: u64,
    pub(crate) descriptors: u64,
    pub(crate) kib: u64,
    pub(crate) cpu_ms: u64,
    pub(crate) accepted: u64,
    pub(crate) timed_out: u64,
}

impl ServerProcess {
    /// Of a hub, in which rooms vanish but for `log` and `full`.
    pub(crate) fn hub() -> Self {
        Self::spawn(&mut command("hub"))
    }

    pub(crate) fn start(handshake_timeout: Duration, descriptors: Option<u64>) -> Self {
        let mut command = command("serve");
        command.env(TIMEOUT_MS, handshake_timeout.as_millis().to_string());
        if let Some(descriptors) = descriptors {
            command.env(DESCRIPTORS, descriptors.to_string());
        }
        Self::spawn(&mut command)
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("this program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut sockets = Vec::new();
        let addresses = loop {
            let line = lines.next().expect("it listens").expect("text");
            if let Some(name) = line.strip_prefix("socket ") {
                sockets.push(name.to_owned());
            } else if let Some(addresses) = line.strip_prefix("listening ") {
                break addresses.split(' ').map(|address| address.parse().expect("an address")).collect();
            }
        };
        Self { stdin: child.stdin.take(), child, lines, sockets, addresses }
    }

    /// How it is now. Blocks for as long as the answer takes.
    pub(crate) fn state(&mut self) -> State {
        self.stdin.as_mut().expect("piped").write_all(b"\n").expect("it lives");
        let line = loop {
            let line = self.lines.next().expect("it lives").expect("text");
            if line.contains("open=") {
                break line;
            }
        };
        let mut state = State::default();
        for (name, value) in line.split(' ').filter_map(|field| field.split_once('=')) {
            let value = value.parse().expect("a number");
            match name {
                "open" => state.open = value,
                "sessions" => state.sessions = value,
                "tasks" => state.tasks = value,
                "descriptors" => state.descriptors = value,
                "kib" => state.kib = value,
                "cpu_ms" => state.cpu_ms = value,
                "accepted" => state.accepted = value,
                _ => state.timed_out = value,
            }
        }
        state
    }

    /// Asks until it is as it should be.
    pub(crate) fn until(&mut self, what: impl Fn(State) -> bool) -> State {
        let begun = std::time::Instant::now();
        loop {
            let state = self.state();
            if what(state) {
                return state;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{state:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
