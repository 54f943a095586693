//! A soak, of a second or two.

use bowline_bench::{ChatPlan, ChatReport, Plan, Report, Transport, Verdict};

use crate::server::{Site, broken_off, is_under_way, ms, run};

fn short(site: &Site) -> ChatPlan {
    let mut plan = ChatPlan::new(site.target(Transport::WebSocket));
    (plan.clients, plan.rooms, plan.per_client, plan.rate) = (16, 5, 2, 320.0);
    (plan.duration, plan.stretch, plan.stay) = (ms(2_000), ms(500), ms(700));
    (plan.backoff, plan.poll_interval, plan.slow, plan.moving) = (ms(30), ms(30), 0.1, 0.3);
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
    assert!(report.violations.is_empty() && report.judged.0 == 4 && report.judged.1 > 500, "{report}");
    assert!(report.comings > 16 && report.goings == report.comings, "{report}");
    assert!(report.switches > 0 && report.reconnects.count() > 0, "{report}");
    assert!(report.publications > 50 && report.echoes > 50 && report.deliveries > 200, "{report}");
    assert_eq!(report.over_time.len(), 4, "{report}");
    assert!(report.over_time.iter().all(|stretch| stretch.deliveries > 0 && stretch.resident.is_some()), "{report}");
    assert!(report.memory.is_some() && report.latency_drift.is_some() && report.resident.is_some(), "{report}");
}

#[test]
fn those_that_stay_for_ever_do() {
    let site = Site::honest();
    let mut plan = short(&site);
    (plan.stay, plan.moving, plan.slow, plan.duration) = (ms(0), 0.0, 0.0, ms(1_000));
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
    (plan.duration, plan.drain_timeout, plan.moving) = (ms(1_500), ms(1_000), 0.0);
    let report = chat(plan);
    assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    assert!(report.reconciled.missing > 0, "{report}");
    assert!(report.violations.iter().any(|violation| violation.contains("one id has the places")), "{report}");
}

#[test]
fn a_chat_that_is_broken_off_reports_what_there_is() {
    let site = Site::honest();
    let mut plan = short(&site);
    (plan.duration, plan.stretch) = (ms(300_000), ms(1_000));
    let Report::Chat(report) = broken_off(&Plan::Chat(plan), is_under_way) else { panic!("another report") };
    assert!(report.interrupted && report.seconds < 60.0 && report.deliveries > 0, "{report}");
    assert!(report.verdict != Verdict::Faulty && !report.over_time.is_empty(), "{report}");
}
