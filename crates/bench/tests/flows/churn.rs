//! Clients come and go.

use bowline_bench::{Arrivals, ChurnPlan, ChurnReport, Error, Plan, Report, Transport, Verdict};

use crate::server::{Process, Site, broken_off, free_address, is_under_way, ms, run, run_until_under_way};

const ALL: [Transport; 5] =
    [Transport::Raw, Transport::WebSocket, Transport::Comet, Transport::LongPolling, Transport::Polling];

fn short(site: &Site, transport: Transport) -> ChurnPlan {
    let mut plan = ChurnPlan::new(site.target(transport), transport);
    plan.arrivals = Arrivals::Rate { per_second: 50.0, duration: ms(500) };
    (plan.stay, plan.rest, plan.settling, plan.poll_interval) = (ms(50), ms(0), 2, ms(20));
    plan
}

fn churn(plan: ChurnPlan) -> ChurnReport {
    match run(&Plan::Churn(plan)) {
        Ok(Report::Churn(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_that_come_are_served_and_go() {
    let site = Site::honest();
    for transport in ALL {
        let mut plan = short(&site, transport);
        // The server is in this process: its figures are not to be trusted, but to be there.
        plan.server_pid = Some(std::process::id());
        let report = churn(plan);
        assert_ne!(report.verdict, Verdict::Faulty, "{report}");
        assert_eq!((report.arrivals, report.served, report.opening.count()), (25, 25, 25), "{report}");
        assert!(report.opening.max() >= report.uncorrected.min() && report.most_clients >= 1, "{report}");
        assert!(report.first_echo.max() >= report.opening.min(), "{report}");
        assert!(report.server_microseconds.is_some() && report.kept_per_client.is_some(), "{report}");
        assert!(report.time_wait.is_some() && report.resident_during.is_some(), "{report}");
    }
}

#[test]
fn a_storm_opens_all_before_anybody_goes() {
    let site = Site::honest();
    for transport in [Transport::Raw, Transport::LongPolling] {
        let mut plan = short(&site, transport);
        plan.arrivals = Arrivals::Storm { clients: 30, at_a_time: 10 };
        let report = churn(plan);
        assert_ne!(report.verdict, Verdict::Faulty, "{report}");
        assert_eq!((report.served, report.most_clients), (30, 30), "{report}");
    }
}

#[test]
fn arrivals_that_have_to_wait_count_their_wait() {
    let site = Site::honest();
    let mut plan = short(&site, Transport::Raw);
    (plan.max_clients, plan.stay) = (1, ms(100));
    plan.arrivals = Arrivals::Rate { per_second: 100.0, duration: ms(100) };
    let report = churn(plan);
    assert_eq!((report.served, report.most_clients), (10, 1), "{report}");
    assert!(report.opening.max() > 500.0 && report.opening.max() > 2.0 * report.uncorrected.at(0.5), "{report}");
}

#[test]
fn a_message_that_never_comes_back_is_a_fault() {
    // The settling clients' is the first one's: both have their answer.
    let site = Site::start("127.0.0.1:0", |_, _, message| {
        usize::from(message.as_text().is_some_and(|text| text.starts_with("0.")))
    });
    let mut plan = short(&site, Transport::WebSocket);
    (plan.open_timeout, plan.arrivals) = (ms(300), Arrivals::Rate { per_second: 50.0, duration: ms(100) });
    let report = churn(plan);
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    assert_eq!((report.arrivals, report.served, report.faults.closed), (5, 1, 4), "{report}");
    assert!(report.faults.first.as_ref().is_some_and(|first| first.contains("no answer came")), "{report}");
}

#[test]
fn a_churn_that_is_broken_off_reports_what_there_is() {
    let site = Site::honest();
    let mut plan = short(&site, Transport::WebSocket);
    plan.arrivals = Arrivals::Rate { per_second: 50.0, duration: ms(300_000) };
    let Report::Churn(report) = broken_off(&Plan::Churn(plan), is_under_way) else { panic!("another report") };
    assert!(report.interrupted && report.seconds < 60.0 && report.served > 0, "{report}");
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
}

#[test]
fn a_server_that_is_not_there_or_has_no_sessions_is_told() {
    let mut plan = ChurnPlan::new(format!("ws://{}/", free_address()).parse().unwrap(), Transport::Raw);
    assert!(matches!(run(&Plan::Churn(plan.clone())), Err(Error::Unreachable { .. })));
    plan.transport = Transport::Comet;
    assert!(matches!(run(&Plan::Churn(plan.clone())), Err(Error::Unreachable { .. })));
    let site = Site::honest();
    plan.target = format!("http://{}/nowhere/", site.address).parse().unwrap();
    let error = run(&Plan::Churn(plan)).expect_err("there is nothing");
    assert!(matches!(error, Error::NotSession { .. }), "{error}");
}

#[test]
fn a_server_whose_process_ends_ends_the_run_and_not_the_report() {
    let mut server = Process::start();
    let mut plan = ChurnPlan::new(format!("ws://{}/ws", server.address).parse().unwrap(), Transport::Raw);
    plan.arrivals = Arrivals::Rate { per_second: 50.0, duration: ms(3_000_000) };
    (plan.stay, plan.rest, plan.settling) = (ms(50), ms(0), 2);
    plan.server_pid = Some(server.child.id());
    let killed = run_until_under_way(&Plan::Churn(plan), || server.child.kill().expect("it ran"));
    let Report::Churn(report) = killed else { panic!("another report") };
    assert_eq!((report.verdict, report.server), (Verdict::Faulty, None), "{report}");
    assert!(report.seconds < 60.0 && report.served > 0, "{report}");
}

#[test]
fn the_rate_is_of_the_time_until_the_last_is_served() {
    // Each answer takes its time: the last comes when nobody is due any more.
    let site = Site::start("127.0.0.1:0", |_, _, _| {
        std::thread::sleep(ms(300));
        1
    });
    let mut plan = short(&site, Transport::Raw);
    plan.arrivals = Arrivals::Rate { per_second: 100.0, duration: ms(20) };
    let report = churn(plan);
    assert_eq!(report.served, 2, "{report}");
    assert!(report.seconds >= 0.3 && report.per_second < 7.0, "{report}");
}
