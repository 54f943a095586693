//! Loads of several processes. Each is this program, started anew: so it has a `main` of its own.

#[path = "support/served.rs"]
mod served;

use bowline_bench::{Error, Event, LoadPlan, LoadReport, Phase, Plan, Report, Traffic, Transport, run, run_telling};
use served::served;
use std::ops::ControlFlow;
use std::time::Duration;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments == ["bench", "worker"] {
        return bowline_bench::worker().expect("a part of a load");
    }
    // What a test runner asks of a test without its harness.
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    for (name, test) in [
        ("an_echo_is_split", an_echo_is_split as fn()),
        ("publications_of_one_process_are_reconciled_in_all", publications_of_one_process_are_reconciled_in_all),
        ("a_break_ends_all", a_break_ends_all),
        ("what_fails_in_one_ends_the_run", what_fails_in_one_ends_the_run),
        ("one_that_dies_ends_the_run", one_that_dies_ends_the_run),
    ] {
        println!("test {name}");
        test();
    }
}

fn plan(path: &str, transport: Transport, traffic: Traffic) -> LoadPlan {
    let mut plan = LoadPlan::new(format!("http://{}{path}", served()).parse().expect("a URL"), transport, traffic);
    (plan.clients, plan.rate, plan.processes) = (5, 200.0, 2);
    (plan.warm_up, plan.duration) = (Duration::from_millis(100), Duration::from_millis(400));
    plan
}

fn report(report: Report) -> LoadReport {
    match report {
        Report::Load(report) => report,
        other => panic!("{other}"),
    }
}

fn an_echo_is_split() {
    let report = report(run(&Plan::Load(plan("/ws", Transport::Raw, Traffic::Echo))).expect("a report"));
    assert_eq!((report.processes, report.reconciled.expected), (2, 100), "{report}");
    let client = &report.client;
    assert!(!report.reconciled.is_faulty() && client.cpu_seconds > 0.0, "{report}");
    assert!(client.user_seconds.is_none_or(|user| user <= client.cpu_seconds), "{client:?}");
    assert_eq!((report.latency.count(), report.lag.count(), report.counts_in_all.connections), (80, 80, 5));
    assert_eq!(report.over_time.len(), 1, "{:?}", report.over_time);
}

fn publications_of_one_process_are_reconciled_in_all() {
    for transport in [Transport::Raw, Transport::Comet] {
        let traffic = Traffic::Rooms { rooms: 2, per_client: 1 };
        let report = report(run(&Plan::Load(plan("/", transport, traffic))).expect("a report"));
        assert_eq!((report.processes, report.reconciled.expected), (2, 250), "{report}");
        assert!(!report.reconciled.is_faulty(), "{report}");
        assert_eq!(report.latency.count(), 200, "{report:?}");
    }
}

fn a_break_ends_all() {
    let mut plan = plan("/ws", Transport::Raw, Traffic::Echo);
    plan.duration = Duration::from_secs(600);
    let tell = |event: &Event| match event {
        Event::Progress(progress) if progress.phase == Phase::Steady => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let report = report(run_telling(&Plan::Load(plan), tell).expect("a report"));
    assert!(report.interrupted && report.seconds < 60.0, "{report:?}");
    assert!(report.reconciled.expected > 0 && !report.reconciled.is_faulty(), "{report}");
}

fn what_fails_in_one_ends_the_run() {
    let mut plan = plan("/nowhere", Transport::Raw, Traffic::Echo);
    plan.duration = Duration::from_secs(600);
    let error = run(&Plan::Load(plan)).expect_err("no report");
    assert!(
        matches!(&error, Error::Worker { problem } if problem.contains("status 404") && problem.contains("; of all ")),
        "{error}"
    );
}

fn one_that_dies_ends_the_run() {
    let mut plan = plan("/ws", Transport::Raw, Traffic::Echo);
    plan.duration = Duration::from_secs(600);
    let tell = |event: &Event| {
        if matches!(event, Event::Progress(progress) if progress.phase == Phase::Steady) {
            kill_a_child();
        }
        ControlFlow::Continue(())
    };
    let error = run_telling(&Plan::Load(plan), tell).expect_err("no report");
    assert!(matches!(&error, Error::Worker { problem } if problem.contains("without a report")), "{error}");
}

/// Ends one of the processes that this one has started.
fn kill_a_child() {
    let children = std::fs::read_dir("/proc/self/task").expect("/proc").flat_map(|task| {
        let children = task.expect("a thread").path().join("children");
        std::fs::read_to_string(children).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    let child = children.last().expect("a load process").parse().expect("a process id");
    let child = rustix::process::Pid::from_raw(child).expect("a process id");
    rustix::process::kill_process(child, rustix::process::Signal::KILL).expect("it is this one's");
}
