//! A server in this process, on threads of its own, and one in a process of its own.

use std::{
    env,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    ops::ControlFlow,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use bowline_bench::{Error, Event, Plan, Report, Target, Transport, run_telling};
use bowline_core::Message;
use bowline_server::{Hub, Session, http::Guards, listener::Server, room::RoomOptions};
use tokio::runtime::Runtime;

/// Where the process that [`command`] starts is to listen.
const ADDRESS: &str = "FLOWS_ADDRESS";

/// A server in this process; dropping it ends it.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    runtime: Runtime,
}

/// How often a server sends back the message of a session that has this number, from 0 on; and whatever else it does then.
pub(crate) type Script = fn(&Session, usize, &Message) -> usize;

impl Site {
    /// Sends everything back once.
    pub(crate) fn honest() -> Self {
        Self::start("127.0.0.1:0", |_, _, _| 1)
    }

    /// Sends each message back so many times as the script says.
    pub(crate) fn start(address: &str, script: Script) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let guard = runtime.enter();
        let handler = move |mut session: Session| async move {
            let mut number = 0;
            while let Some(message) = session.recv().await? {
                for _ in 0..script(&session, number, &message) {
                    if session.send(message.clone()).await.is_err() {
                        return Ok(());
                    }
                }
                number += 1;
            }
            Ok::<_, bowline_core::Error>(())
        };
        let options = RoomOptions::default().history(1_000);
        let hub = Hub::builder().handler(handler).room_options("*", options).build();
        let running = Server::new().listen(address).bind().expect("a free port").serve(hub.service(Guards::new()));
        let address = running.local_addrs()[0];
        runtime.spawn(async move {
            let _running = running;
            std::future::pending::<()>().await;
        });
        drop(guard);
        Self { address, runtime }
    }

    /// Goes away, with all of its connections, at once: where dropping it would wait.
    pub(crate) fn vanish(self) {
        self.runtime.shutdown_background();
    }

    /// The mount, or over a bare WebSocket the address that echoes.
    pub(crate) fn target(&self, transport: Transport) -> Target {
        let url = match transport {
            Transport::Raw => format!("ws://{}/ws", self.address),
            _ => format!("http://{}/", self.address),
        };
        url.parse().expect("a URL")
    }
}

/// An address that nobody listens on, for the moment.
pub(crate) fn free_address() -> SocketAddr {
    silent().local_addr().expect("it has an address")
}

/// A server that says so to whoever comes, whatever they say, and hangs up.
pub(crate) fn speaking(said: &'static str) -> SocketAddr {
    let listener = silent();
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(said.as_bytes()));
        }
    });
    address
}

/// A server that never says anything.
pub(crate) fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

/// The command that starts a server at `{address}`: this test, which then is nothing but the server.
pub(crate) fn command() -> Vec<String> {
    let this = env::current_exe().expect("a path").to_str().expect("in UTF-8").to_owned();
    let words = ["env", &format!("{ADDRESS}={{address}}"), &this, "--exact", "server::serves", "--ignored"];
    words.map(str::to_owned).to_vec()
}

/// A server in a process of its own, which ends it when it is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let words: Vec<_> = command().iter().map(|word| word.replace("{address}", &address.to_string())).collect();
        let mut command = Command::new(&words[0]);
        let child = command.args(&words[1..]).stdout(Stdio::null()).spawn().expect("it starts");
        while TcpStream::connect(address).is_err() {
            thread::sleep(ms(5));
        }
        Self { child, address }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a plan, and does something at the first event that is under way.
pub(crate) fn run_until_under_way(plan: &Plan, then: impl FnOnce()) -> Report {
    let mut then = Some(then);
    let tell = |event: &Event| {
        if is_under_way(event)
            && let Some(then) = then.take()
        {
            then();
        }
        ControlFlow::Continue(())
    };
    run_telling(plan, tell).expect("a report")
}

#[test]
#[ignore = "it is the server of other tests, and serves until it is killed"]
fn serves() {
    // Run by hand, with all that is ignored, it has nobody to serve.
    if let Ok(address) = env::var(ADDRESS) {
        let _site = Site::start(&address, |_, _, _| 1);
        loop {
            thread::park();
        }
    }
}

/// Runs a plan to its end.
pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    run_telling(plan, |_| ControlFlow::Continue(()))
}

/// Runs a plan, and breaks it off at the first event that `enough` says it of.
pub(crate) fn broken_off(plan: &Plan, enough: impl Fn(&Event) -> bool) -> Report {
    let tell = |event: &Event| if enough(event) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    run_telling(plan, tell).expect("a report")
}

/// Whether a run is at what is measured, and has something to show.
pub(crate) fn is_under_way(event: &Event) -> bool {
    matches!(event, Event::Progress(progress)
        if progress.phase == bowline_bench::Phase::Steady && progress.deliveries > 0)
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
