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
    assert_eq!(report.counts_in_all.received.payload >= expected * report.plan.size as u64, true, "{name}: {report:?}");
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
        assert_eq!(report.counts_in_all.connections >= 5, true, "{report:?}");
    }
}
