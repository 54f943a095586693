//! A soak, of a second or two.

use bowline_bench::{
    ChatPlan, ChatReport, Error, Plan, Report, Transport, Verdict,
    proxy::{Faults, Proxy},
};
use tokio::runtime::Runtime;

use crate::server::{
    Process, Site, broken_off, free_address, is_under_way, ms, run, run_until_under_way, silent, speaking,
};

fn short(site: &Site) -> ChatPlan {
    let mut plan = ChatPlan::new(site.target(Transport::WebSocket));
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate) = (16, 5, 2, 320.0);
    (plan.talk.duration, plan.stretch, plan.stay) = (ms(2_000), ms(500), ms(700));
    (plan.talk.backoff, plan.talk.poll_interval, plan.slow, plan.moving) = (ms(30), ms(30), 0.1, 0.3);
    plan
}

fn chat(plan: ChatPlan) -> ChatReport {
    match run(&Plan::Chat(plan)) {
        Ok(Report::Chat(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mix_of_everything_loses_nothing() {
    let site = Site::honest();
    let mut plan = short(&site);
    plan.server_pid = Some(std::process::id());
    let report = chat(plan);
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
    assert!(report.talked.violations.is_empty() && report.judged.0 == 4 && report.judged.1 > 500, "{report}");
    assert!(report.comings > 16 && report.goings == report.comings, "{report}");
    assert!(report.switches > 0 && report.talked.reconnects.count() > 0, "{report}");
    assert!(report.talked.publications > 50 && report.talked.echoes > 50 && report.talked.deliveries > 200, "{report}");
    assert_eq!(report.over_time.len(), 4, "{report}");
    assert!(report.over_time.iter().all(|stretch| stretch.deliveries > 0 && stretch.resident.is_some()), "{report}");
    assert!(report.memory.is_some() && report.latency_drift.is_some() && report.resident.is_some(), "{report}");
}

#[test]
fn those_that_stay_for_ever_do() {
    let site = Site::honest();
    let mut plan = short(&site);
    (plan.stay, plan.moving, plan.slow, plan.talk.duration) = (ms(0), 0.0, 0.0, ms(1_000));
    let report = chat(plan);
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
    assert_eq!((report.comings, report.goings, report.switches), (16, 16, 0), "{report}");
}

#[test]
fn what_is_planted_in_a_chat_is_caught() {
    let site = Site::start("127.0.0.1:0", |session, number, _| {
        for room in session.rooms().iter().filter(|_| number == 2) {
            if let Some((_, message)) = room.history(1).pop() {
                room.broadcast(message).expect("there is room");
            }
        }
        usize::from(number != 4)
    });
    let mut plan = short(&site);
    (plan.talk.duration, plan.talk.drain_timeout, plan.moving) = (ms(1_500), ms(1_000), 0.0);
    let report = chat(plan);
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    assert!(report.talked.reconciled.missing > 0, "{report}");
    assert!(report.talked.violations.iter().any(|violation| violation.contains("one id has the places")), "{report}");
}

#[test]
fn a_chat_that_is_broken_off_reports_what_there_is() {
    let site = Site::honest();
    let mut plan = short(&site);
    (plan.talk.duration, plan.stretch) = (ms(300_000), ms(1_000));
    let Report::Chat(report) = broken_off(&Plan::Chat(plan), is_under_way) else { panic!("another report") };
    assert!(report.talked.interrupted && report.talked.seconds < 60.0 && report.talked.deliveries > 0, "{report}");
    assert!(report.verdict != Verdict::Faulty && !report.over_time.is_empty(), "{report}");
}

#[test]
fn a_server_that_is_not_there_or_has_no_sessions_is_told_at_once() {
    let site = Site::honest();
    let error = |url: String| {
        let mut plan = short(&site);
        (plan.target, plan.open_timeout) = (url.parse().unwrap(), ms(30_000));
        run(&Plan::Chat(plan)).expect_err("there is nothing")
    };
    let nobody = error(format!("http://{}/", free_address()));
    assert!(
        matches!(nobody, Error::Unreachable { .. }) && nobody.to_string().contains("no server listens"),
        "{nobody}"
    );
    let nowhere = error(format!("http://{}/nowhere/", site.address));
    assert!(matches!(nowhere, Error::NotSession { .. }) && nowhere.to_string().contains("404"), "{nowhere}");
    let mail = error(format!("http://{}/", speaking("220 smtp.example.com ESMTP\r\n")));
    assert!(matches!(mail, Error::NotSession { .. }), "{mail}");
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_it_may_take() {
    let site = Site::honest();
    let mut plan = short(&site);
    let silent = silent();
    let address = silent.local_addr().expect("it has an address");
    (plan.target, plan.open_timeout) = (format!("http://{address}/").parse().unwrap(), ms(300));
    let error = run(&Plan::Chat(plan)).expect_err("there is nothing");
    assert!(matches!(error, Error::Timeout { waiting_for: "a client to open", .. }), "{error}");
}

#[test]
fn a_server_that_goes_away_is_waited_for_no_longer_than_it_may_take() {
    let site = Site::honest();
    let mut plan = short(&site);
    (plan.talk.duration, plan.talk.drain_timeout, plan.moving) = (ms(1_000), ms(500), 0.0);
    let Report::Chat(report) = run_until_under_way(&Plan::Chat(plan), || site.vanish()) else {
        panic!("another report")
    };
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    assert!(
        report.talked.reconciled.closed + report.talked.reconciled.missing > 0 && !report.talked.interrupted,
        "{report}"
    );
}

#[test]
fn a_server_whose_process_ends_ends_the_run_and_not_the_report() {
    let mut server = Process::start();
    let mut plan = ChatPlan::new(format!("http://{}/", server.address).parse().unwrap());
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate, plan.moving) = (4, 2, 2, 80.0, 0.0);
    (plan.talk.duration, plan.stretch, plan.talk.drain_timeout) = (ms(3_000_000), ms(60_000), ms(300));
    plan.server_pid = Some(server.child.id());
    // It is not waited for yet: its id is still there, as with a server of the suite's own.
    let killed = run_until_under_way(&Plan::Chat(plan), || server.child.kill().expect("it ran"));
    let Report::Chat(report) = killed else { panic!("another report") };
    assert_eq!((report.verdict, report.talked.server), (Verdict::Faulty, None), "{report}");
    assert!(report.talked.seconds < 60.0 && report.talked.deliveries > 0 && report.over_time.len() == 1, "{report}");
    assert!(report.to_string().contains("the server's process ended"), "{report}");
}

#[test]
fn messages_are_sent_when_due_whatever_becomes_of_those_before() {
    let (site, runtime) = (Site::honest(), Runtime::new().expect("a runtime"));
    let guard = runtime.enter();
    let proxy = Proxy::bind(site.address, Faults::default().delay(None, ms(200))).expect("a free port");
    drop(guard);
    let mut plan = ChatPlan::new(format!("http://{}/", proxy.local_addr()).parse().unwrap());
    (plan.talk.clients, plan.talk.rooms, plan.talk.per_client, plan.talk.rate) = (4, 2, 2, 80.0);
    (plan.talk.duration, plan.stretch, plan.moving, plan.slow) = (ms(2_000), ms(2_000), 0.0, 0.0);
    let report = chat(plan);
    assert_ne!(report.verdict, Verdict::Faulty, "{report}");
    // An answer takes 0.4 s: who waited for each would get no further than to 50.
    assert!(report.talked.echoes + report.talked.publications > 100, "{report}");
}
