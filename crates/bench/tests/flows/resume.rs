//! Carriers and servers are killed.

use bowline_bench::{Error, Kill, Plan, Report, ResumePlan, ResumeReport, Transport, Verdict};

use crate::server::{
    Process, Script, Site, broken_off, command, free_address, is_under_way, ms, run, run_until_under_way,
};

fn short(site: &Site, transport: Transport) -> ResumePlan {
    let mut plan = ResumePlan::new(site.target(transport), transport);
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate) = (12, 4, 2, 240.0);
    (plan.every, plan.talk.duration, plan.talk.backoff) = (ms(300), ms(1_500), ms(30));
    (plan.talk.poll_interval, plan.talk.drain_timeout) = (ms(30), ms(10_000));
    plan
}

fn resume(plan: ResumePlan) -> ResumeReport {
    match run(&Plan::Resume(plan)) {
        Ok(Report::Resume(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_lost_when_carriers_are_cut() {
    let site = Site::honest();
    for transport in Transport::SESSIONS {
        let report = resume(short(&site, transport));
        assert_ne!(report.verdict, Verdict::Faulty, "{report}");
        assert!(report.talked.violations.is_empty() && report.talked.lost_sessions == 0, "{report}");
        assert!(
            report.waves.len() >= 2
                && report.talked.deliveries > report.talked.echoes
                && report.talked.publications > 50,
            "{report}"
        );
        assert!(!report.talked.interrupted && report.talked.opening_seconds > 0.0, "{report}");
        let (served, kills, text) = (report.recoveries.count(), report.waves.len() as u64, report.to_string());
        assert!((12..=12 * kills).contains(&served) && text.contains("served again     p50"), "{report}");
        // Whether polls notice at all is up to when they are cut.
        let noticed = report.talked.reconnects.count() > 0;
        assert!(noticed || text.contains("reconnects       not measured"), "{report}");
        if transport == Transport::WebSocket {
            assert!(report.resumed >= 12 && report.talked.reconnects.count() >= 12, "{report}");
            assert!((1..=24 * 12).contains(&report.peak_reconnects), "{report}");
            assert!(report.waves.iter().all(|wave| wave.cut == 12 && wave.back.is_some()), "{:?}", report.waves);
        }
    }
}

#[test]
fn a_server_that_is_killed_is_one_gap_for_each_membership() {
    let address = free_address();
    let mut plan = ResumePlan::new(format!("http://{address}/").parse().unwrap(), Transport::WebSocket);
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate) = (8, 4, 2, 160.0);
    (plan.every, plan.talk.duration, plan.talk.backoff) = (ms(600), ms(1_500), ms(30));
    plan.kill = Kill::Server { command: command(), down: ms(100) };
    let report = resume(plan);
    let kills = report.waves.len() as u64;
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
    assert!(kills >= 1 && report.talked.violations.is_empty(), "{report}");
    assert_eq!((report.talked.lost_sessions, report.talked.gaps), (8 * kills, 16 * kills), "{report}");
}

/// A short run against a server that does so at the fourth message of each session.
fn planted(script: Script) -> ResumeReport {
    let site = Site::start("127.0.0.1:0", script);
    let mut plan = short(&site, Transport::WebSocket);
    (plan.talk.duration, plan.every, plan.talk.drain_timeout) = (ms(800), ms(300), ms(500));
    let report = resume(plan);
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    report
}

#[test]
fn an_echo_that_is_lost_or_doubled_is_caught() {
    let lost = planted(|_, number, _| usize::from(number != 3)).talked.reconciled;
    assert!(lost.missing >= 1 && lost.duplicate == 0 && lost.clients >= 1, "{lost}");
    assert!(lost.first.as_ref().is_some_and(|first| first.contains("never got message")), "{lost}");
    let doubled = planted(|_, number, _| 1 + usize::from(number == 3)).talked.reconciled;
    assert!(doubled.duplicate >= 1 && doubled.missing == 0 && doubled.clients >= 1, "{doubled}");
}

/// What a room heard last it hears again: at another place, but in the same words.
#[test]
fn a_publication_that_is_doubled_is_caught() {
    let report = planted(|session, number, _| {
        for room in session.rooms().iter().filter(|_| number == 3) {
            if let Some((_, message)) = room.history(1).pop() {
                room.broadcast(message).expect("there is room");
            }
        }
        1
    });
    assert!(!report.talked.reconciled.is_faulty(), "{report}");
    assert!(report.talked.violations.iter().any(|violation| violation.contains("one id has the places")), "{report}");
}

#[test]
fn a_run_that_is_broken_off_reports_what_there_is() {
    let site = Site::honest();
    let mut plan = short(&site, Transport::Comet);
    plan.talk.duration = ms(300_000);
    let Report::Resume(report) = broken_off(&Plan::Resume(plan), is_under_way) else { panic!("another report") };
    assert!(report.talked.interrupted && report.talked.seconds < 60.0 && report.talked.deliveries > 0, "{report}");
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
}

#[test]
fn what_ends_a_run_is_told() {
    let address = free_address();
    let target = format!("http://{address}/").parse().unwrap();
    let mut plan = ResumePlan::new(target, Transport::WebSocket);
    (plan.talk.clients, plan.open_timeout) = (1, ms(500));
    let error = run(&Plan::Resume(plan.clone())).expect_err("nobody is there");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    for (program, part) in [("/does/not/exist", "start /does/not/exist"), ("false", "ended at once")] {
        plan.kill = Kill::Server { command: vec![program.to_owned()], down: ms(0) };
        let error = run(&Plan::Resume(plan.clone())).expect_err("no server").to_string();
        assert!(error.contains(part), "{error}");
    }
    let site = Site::honest();
    plan.target = site.target(Transport::WebSocket);
    let error = run(&Plan::Resume(plan)).expect_err("somebody else's").to_string();
    assert!(error.contains("somebody else listens"), "{error}");
}

#[test]
fn a_server_without_sessions_is_told_at_once() {
    let site = Site::honest();
    for transport in Transport::SESSIONS {
        let mut plan = short(&site, transport);
        plan.target = format!("http://{}/nowhere/", site.address).parse().unwrap();
        let error = run(&Plan::Resume(plan)).expect_err("there is nothing");
        assert!(matches!(error, Error::NotSession { .. }) && error.to_string().contains("404"), "{error}");
    }
}

#[test]
fn a_server_that_goes_away_is_waited_for_no_longer_than_it_may_take() {
    let site = Site::honest();
    let mut plan = short(&site, Transport::WebSocket);
    (plan.talk.duration, plan.talk.drain_timeout, plan.open_timeout) = (ms(1_000), ms(500), ms(1_000));
    let Report::Resume(report) = run_until_under_way(&Plan::Resume(plan), || site.vanish()) else {
        panic!("another report")
    };
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    assert!(report.to_string().contains("not all within 1 s"), "{report}");
}

#[test]
fn a_server_whose_process_ends_ends_the_run_and_not_the_report() {
    let mut server = Process::start();
    let target = format!("http://{}/", server.address).parse().unwrap();
    let mut plan = ResumePlan::new(target, Transport::WebSocket);
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate) = (4, 2, 2, 80.0);
    (plan.talk.duration, plan.every) = (ms(3_000_000), ms(60_000));
    (plan.talk.drain_timeout, plan.open_timeout) = (ms(300), ms(2_000));
    plan.server_pid = Some(server.child.id());
    let killed = run_until_under_way(&Plan::Resume(plan), || server.child.kill().expect("it ran"));
    let Report::Resume(report) = killed else { panic!("another report") };
    assert_eq!((report.verdict, report.talked.server), (Verdict::Faulty, None), "{report}");
    assert!(report.talked.seconds < 60.0 && report.to_string().contains("the server's process ended"), "{report}");
}
