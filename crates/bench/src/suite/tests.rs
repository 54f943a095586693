use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::{IdlePlan, LoadPlan, Traffic};

/// A plan that fails at once where no server speaks WebSocket.
fn idle(target: &str) -> Plan {
    let mut plan = IdlePlan::new(target.parse().unwrap());
    (plan.connections, plan.settling, plan.messages) = (1, 0, 0);
    (plan.hold, plan.open_timeout) = (Duration::ZERO, Duration::from_millis(200));
    Plan::Idle(plan)
}

fn shell(script: &str) -> ServerCommand {
    ServerCommand::new("/bin/sh", ["-c", script])
}

fn suite(server: ServerSource) -> Suite {
    let cells = ["one", "two"].map(|name| SuiteCell::new(name, idle("tcp://127.0.0.1:0"))).into();
    Suite { cells, rounds: 2, seed: 1, server }
}

/// The cells of a suite without an error.
fn whole(ran: Ran) -> Vec<Cell> {
    assert!(ran.error.is_none(), "{ran:?}");
    ran.cells
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// A listener in this process, which the kernel accepts connections for, and a "server" that says it is there.
fn pretend() -> (TcpListener, ServerCommand) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, shell(&format!("echo starting; echo listening on {address}; exec sleep 600")))
}

#[test]
fn each_run_has_a_server_of_its_own_which_is_gone_afterwards() {
    let (_listener, command) = pretend();
    let mut begun = Vec::new();
    let ran = suite(ServerSource::Own(command)).run(|event| {
        if let Event::Begin { cell, run, of } = event {
            begun.push((cell.clone(), *run, *of));
        }
        ControlFlow::Continue(())
    });
    let cells = whole(ran);
    assert_eq!(begun.iter().map(|(_, run, of)| (*run, *of)).collect::<Vec<_>>(), [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!(
        cells.iter().map(|cell| (cell.name.as_str(), cell.runs.len())).collect::<Vec<_>>(),
        [("one", 2), ("two", 2)]
    );
    let pids = cells.iter().flat_map(|cell| &cell.runs).map(|report| match report {
        Report::Idle(report) => report.plan.server_pid.unwrap(),
        other => panic!("{other}"),
    });
    let pids: std::collections::BTreeSet<u32> = pids.collect();
    assert!(pids.len() == 4 && !pids.iter().any(|&pid| is_alive(pid)), "{pids:?}");
}

#[test]
fn a_break_ends_with_what_there_is() {
    let (_listener, command) = pretend();
    let stop_at = |stop| {
        let flow = move |event: &Event| match event {
            Event::Begin { run, .. } if *run >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        whole(suite(ServerSource::Own(command.clone())).run(flow)).iter().map(|cell| cell.runs.len()).sum::<usize>()
    };
    assert_eq!([1, 2, 4, 5].map(stop_at), [0, 1, 3, 4]);
}

#[test]
fn what_a_break_leaves_out_is_named() {
    let (_listener, command) = pretend();
    let suite = Suite { rounds: 1, ..suite(ServerSource::Own(command)) };
    let broken_at = |stop: usize| {
        suite.run(|event| match event {
            Event::Begin { run, .. } if *run >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    };
    let ran = broken_at(2);
    let interrupted = ran.interrupted.unwrap();
    assert_eq!((interrupted.workloads, interrupted.rounds, interrupted.measured()), (2, 1, 1));
    assert!(interrupted.missing.len() == 1 && interrupted.missing[0] != ran.cells[0].name, "{interrupted:?}");
    assert_eq!(broken_at(1).interrupted.unwrap().measured(), 0);
    assert_eq!(broken_at(3).interrupted, None);
}

#[test]
fn errors_name_the_cell_and_leave_no_server() {
    let pid_file = std::env::temp_dir().join(format!("bowline-suite-{}", std::process::id()));
    // It says that it is where nobody is.
    let command = shell(&format!("echo $$ > {}; echo listening on 127.0.0.1:1; exec sleep 600", pid_file.display()));
    let error = suite(ServerSource::Own(command)).run(|_| ControlFlow::Continue(())).error.unwrap().to_string();
    assert!(error.starts_with("one: ") || error.starts_with("two: "), "{error}");
    assert!(error.contains("127.0.0.1:1: no server listens there"), "{error}");
    let pid = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    fs::remove_file(&pid_file).unwrap();
    assert!(!is_alive(pid));
}

#[test]
fn an_error_leaves_what_was_measured_before_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let well = format!("tcp://{}", listener.local_addr().unwrap());
    let runs = (1..=8).map(|seed| {
        let cells = [("well", &*well), ("ill", "tcp://127.0.0.1:1")];
        let cells = cells.map(|(name, target)| SuiteCell::new(name, idle(target))).into();
        let ran = Suite { cells, rounds: 2, seed, server: ServerSource::Given }.run(|_| ControlFlow::Continue(()));
        assert!(ran.error.unwrap().to_string().starts_with("ill: "));
        assert!(ran.cells.iter().all(|cell| cell.name == "well"));
        ran.cells.iter().map(|cell| cell.runs.len()).sum::<usize>()
    });
    // Whichever came first.
    assert_eq!(runs.collect::<std::collections::BTreeSet<_>>(), [0, 1].into());
}

#[test]
fn a_server_that_ends_during_a_run_says_why() {
    let mut server =
        LocalServer::start(&shell("echo listening on 127.0.0.1:1; echo no room >&2; exit 7"), &Cores::all()).unwrap();
    let lost = || Error::Client { problem: "the server hung up".to_owned() };
    let error = server.blame(lost()).to_string();
    assert_eq!(error, "the server hung up: the server ended (exit status: 7); it said: no room");
    let mut server = LocalServer::start(&pretend().1, &Cores::all()).unwrap();
    assert_eq!(server.blame(lost()).to_string(), "the server hung up");
}

#[test]
fn a_servers_input_ends_with_who_started_it() {
    let mut server = LocalServer::start(&shell("echo listening on 127.0.0.1:1; cat; exit 5"), &Cores::all()).unwrap();
    assert!(is_alive(server.pid()));
    server.leave();
    let status = loop {
        if let Error::Died { status, .. } = server.blame(Error::NoDeflate) {
            break status;
        }
    };
    assert_eq!(status.code(), Some(5));
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let told = |command| match LocalServer::start(&command, &Cores::all()) {
        Ok(server) => panic!("{server:?}"),
        Err(error) => error.to_string(),
    };
    let error = told(shell("echo the disk is full >&2; exit 3"));
    assert!(error.contains("/bin/sh") && error.contains("it ended") && error.contains("the disk is full"), "{error}");
    let mut silent = shell("echo hello; exec sleep 600");
    silent.start_timeout = Duration::from_millis(50);
    let error = told(silent);
    assert!(error.contains("within 0.1 s"), "{error}");
    let error = told(ServerCommand::new("/nonexistent/server", [""; 0]));
    assert!(error.contains("/nonexistent/server"), "{error}");
}

#[test]
fn a_server_of_ones_own_is_tried_before_anything_is_measured() {
    let error = suite(ServerSource::Own(shell("echo no such flag >&2; exit 2"))).knock().unwrap_err().to_string();
    assert!(error.starts_with("one: can't start /bin/sh") && error.contains("no such flag"), "{error}");
    assert!(suite(ServerSource::Own(shell("echo listening on 127.0.0.1:1; exec sleep 600"))).knock().is_ok());
}

#[test]
fn a_server_that_will_not_end_is_killed() {
    let stubborn = "trap '' TERM; echo listening on 127.0.0.1:1; while :; do sleep 0.1; done";
    let server = LocalServer::start(&shell(stubborn), &Cores::all()).unwrap();
    let pid = server.pid();
    assert!(is_alive(pid));
    drop(server);
    assert!(!is_alive(pid));
}

#[test]
fn a_proxy_between_carries_the_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut suite = suite(ServerSource::Given);
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    suite.cells = vec![SuiteCell { proxy: Some(Faults::default()), ..SuiteCell::new("far", idle(&target)) }];
    let cells = whole(suite.run(|_| ControlFlow::Continue(())));
    let Some(Report::Idle(report)) = cells[0].runs.first() else { panic!("no report") };
    assert_ne!(report.plan.target.to_string(), target);
}

#[test]
fn whose_sockets_are_looked_at_is_known_where_a_proxy_is_between() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = format!("http://{address}/").parse().unwrap();
    let mut plan = Plan::Load(LoadPlan::new(target, Transport::Comet, Traffic::Echo));
    let distance = between(&mut plan, &Faults::default(), &Cores::all()).unwrap();
    let Plan::Load(plan) = plan else { panic!("{plan:?}") };
    assert_eq!((plan.server_address, plan.target.resolve().unwrap()), (Some(address), distance.address()));
}

#[test]
fn bounds_hold_at_the_limit_and_not_past_it() {
    let run = |rounds, cells: usize| {
        let mut suite = suite(ServerSource::Given);
        (suite.rounds, suite.cells) = (rounds, vec![SuiteCell::new("one", idle("tcp://127.0.0.1:0")); cells]);
        // Nothing is begun.
        suite.run(|_| ControlFlow::Break(())).error.is_none()
    };
    assert!(run(1, 1) && run(MAX_ROUNDS, 1) && run(1, MAX_CELLS));
    assert!(!run(0, 1) && !run(MAX_ROUNDS + 1, 1) && !run(1, 0) && !run(1, MAX_CELLS + 1));
}
