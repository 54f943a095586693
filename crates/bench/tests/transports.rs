//! Loads against a real server, over each transport: all comes, once and in order.

#[path = "support/served.rs"]
mod served;

use bowline_bench::{Event, LoadPlan, LoadReport, Phase, Plan, Report, Traffic, Transport, Verdict, run, run_telling};
use served::served;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

const ALL: [Transport; 5] =
    [Transport::Raw, Transport::WebSocket, Transport::Comet, Transport::LongPolling, Transport::Polling];

/// Five clients, for half a second.
fn plan(address: SocketAddr, transport: Transport, traffic: Traffic) -> LoadPlan {
    let path = if transport == Transport::Raw && traffic == Traffic::Echo { "/ws" } else { "/" };
    let mut plan = LoadPlan::new(format!("http://{address}{path}").parse().expect("a URL"), transport, traffic);
    (plan.clients, plan.rate) = (5, 200.0);
    (plan.warm_up, plan.duration) = (Duration::from_millis(100), Duration::from_millis(400));
    plan.poll_interval = Duration::from_millis(50);
    plan
}

fn measure(plan: LoadPlan) -> LoadReport {
    report(run(&Plan::Load(plan)).expect("a report"))
}

fn report(report: Report) -> LoadReport {
    match report {
        Report::Load(report) => report,
        other => panic!("{other}"),
    }
}

/// All came, and was counted.
fn assert_whole(report: &LoadReport, expected: u64) {
    let name = report.plan.transport.name();
    assert_eq!(report.reconciled.expected, expected, "{name}: {report}");
    assert!(!report.reconciled.is_faulty() && report.reconciled.told == 0, "{name}: {report}");
    assert_ne!(report.verdict, Verdict::Faulty, "{name}");
    assert!(report.counts_in_all.received.payload >= expected * report.plan.size as u64, "{name}: {report:?}");
    assert!(report.counts.arrivals > 0 && report.counts.arrivals <= report.deliveries, "{name}: {report:?}");
}

#[test]
fn an_echo_comes_back_whole_over_each_transport() {
    let address = served();
    for transport in ALL {
        let report = measure(plan(address, transport, Traffic::Echo));
        assert_whole(&report, 100);
        assert_eq!((report.latency.count(), report.lag.count()), (80, 80), "{report:?}");
    }
}

#[test]
fn publications_come_whole_to_all_in_a_room_over_each_transport() {
    let address = served();
    for transport in ALL {
        let per_client = if transport == Transport::Raw { 1 } else { 2 };
        let report = measure(plan(address, transport, Traffic::Rooms { rooms: 4, per_client }));
        // 100 publications in 4 rooms.
        assert_whole(&report, 25 * 5 * per_client as u64);
        assert!(report.counts_in_all.connections >= 5, "{report:?}");
    }
}

#[test]
fn those_that_stop_reading_are_told_and_no_fault() {
    let address = served();
    for transport in Transport::SESSIONS {
        let mut plan = plan(address, transport, Traffic::Rooms { rooms: 1, per_client: 1 });
        (plan.clients, plan.stalled, plan.size) = (4, 1, 32 << 10);
        // Far more than sockets and the room's log hold.
        (plan.rate, plan.duration) = (200.0, Duration::from_millis(1_500));
        let report = measure(plan);
        assert_eq!(report.reconciled.expected, 3 * 320, "{report}");
        assert!(!report.reconciled.is_faulty(), "{}: {report}", transport.name());
        assert_eq!(report.reconciled.stalled_told, 1, "{}: {report}", transport.name());
    }
}

#[test]
fn a_break_ends_with_the_report_so_far() {
    let address = served();
    for phase in [Phase::Ramp, Phase::WarmUp, Phase::Steady] {
        let mut plan = plan(address, Transport::WebSocket, Traffic::Rooms { rooms: 2, per_client: 1 });
        // A phase that goes on until it is broken off.
        match phase {
            Phase::Ramp => plan.ramp = 1,
            Phase::WarmUp => plan.warm_up = Duration::from_secs(600),
            _ => plan.duration = Duration::from_secs(600),
        }
        let mut phases = Vec::new();
        let tell = |event: &Event| {
            let Event::Progress(progress) = event else { return ControlFlow::Continue(()) };
            phases.push(progress.phase);
            if progress.phase == phase { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let report = report(run_telling(&Plan::Load(plan), tell).expect("a report"));
        assert!(report.interrupted && !report.reconciled.is_faulty(), "{phase:?}: {report}");
        assert_eq!(report.seconds > 0.0, phase == Phase::Steady, "{phase:?}: {report:?}");
        assert_eq!(report.reconciled.expected > 0, phase != Phase::Ramp, "{phase:?}: {report}");
        assert!(phases.is_sorted_by_key(|phase| *phase as u8), "{phases:?}");
    }
}

#[test]
fn the_server_is_looked_at() {
    let mut plan = plan(served(), Transport::WebSocket, Traffic::Echo);
    // The server is in this process: its figures are not to be trusted, but to be there.
    plan.server_pid = Some(std::process::id());
    plan.duration = Duration::from_millis(2_200);
    let report = measure(plan);
    assert!(report.server.is_some_and(|server| server.per_cpu_second > 0.0), "{report:?}");
    assert!(report.resident_before.is_some_and(|resident| resident > 0), "{report:?}");
    assert_eq!(report.sockets.map(|sockets| sockets.sockets), Some(5), "{report:?}");
    let [first, second] = report.over_time.as_slice() else { panic!("{:?}", report.over_time) };
    assert!(first.at >= 1.0 && second.at >= 2.2 && second.seconds > 1.0, "{:?}", report.over_time);
    assert!(report.over_time.iter().all(|stretch| stretch.resident.is_some() && stretch.server_share.is_some()));
    assert_eq!(report.over_time.iter().map(|stretch| stretch.deliveries).sum::<u64>(), report.deliveries);
    assert_eq!(report.over_time.iter().map(|stretch| stretch.sent).sum::<u64>(), report.sent);
}
