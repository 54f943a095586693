//! Histories short enough to be read: what is an event, and where each rule begins and ends.

use super::super::{Checker, Event, Invariant, Kind, Op, Options, Rules, Verdict, check};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn judge(events: &[Event]) -> Verdict {
    let lines: Vec<_> = events.iter().map(|event| serde_json::to_string(event).expect("an event is JSON")).collect();
    check(lines)
}

fn joined(t: u64, proc: &str) -> Event {
    Event::new(t, proc, Kind::Ok, Op::Join, "r")
}

/// The publication `id`, at `off` of the epoch `e`; acknowledged at once.
fn published(t: u64, id: &str, off: u64) -> [Event; 2] {
    let invoke = Event::new(t, "publisher", Kind::Invoke, Op::Pub, "r").id(id);
    [invoke, Event::new(t + 1, "publisher", Kind::Ok, Op::Pub, "r").id(id).at("e", off)]
}

fn received(t: u64, proc: &str, id: &str, off: u64) -> Event {
    Event::new(t, proc, Kind::Ok, Op::Recv, "r").id(id).at("e", off)
}

fn rules(rules: Rules) -> Event {
    Event::new(0, "server", Kind::Info, Op::Room, "r").rules(rules)
}

/// Time passes until `t`.
fn until(t: u64) -> Event {
    Event::new(t, "nobody", Kind::Fail, Op::Resume, "").generation(0)
}

fn alone(verdict: &Verdict, invariant: Invariant, times: u64) {
    for other in Invariant::ALL {
        let expected = if other == invariant { times } else { 0 };
        assert_eq!(verdict.violated(other), expected, "{other:?}: {verdict}");
    }
}

#[test]
fn an_event_is_a_line_of_json_and_back() {
    let line = r#"{"t":7,"proc":"ann","kind":"ok","op":"gap","room":"r","epoch":"e","off":9,"from":{"epoch":"d","off":4},"gen":2}"#;
    let event: Event = serde_json::from_str(line).expect("it is an event");
    assert_eq!(event, Event::new(7, "ann", Kind::Ok, Op::Gap, "r").at("e", 9).from("d", 4).generation(2));
    assert_eq!(serde_json::to_string(&event).expect("it is JSON"), line);
}

#[test]
fn what_is_no_event_is_no_clean_history() {
    for line in [
        "x",
        r#"{"t":1,"proc":"a","kind":"ok","op":"recv","room":"r"}"#,
        r#"{"t":1,"proc":"a","kind":"ok","op":"recv","id":"x"}"#,
        r#"{"t":1,"proc":"a","kind":"ok","op":"recv","room":"r","id":"x","off":1}"#,
        r#"{"t":1,"proc":"a","kind":"ok","op":"resume"}"#,
        r#"{"t":1,"proc":"a","kind":"info","op":"room","room":"r"}"#,
        r#"{"t":1,"proc":"a","kind":"info","op":"trim","room":"r"}"#,
        r#"{"t":1,"proc":"a","kind":"ok","op":"join","room":"r","unheard":"of"}"#,
    ] {
        let verdict = check(["", line]);
        assert!(!verdict.is_clean(), "{line}");
        assert_eq!(verdict.malformed.first().map(|(line, _)| *line), Some(2), "{line}: {verdict}");
    }
    assert!(check([" ", ""]).is_clean());
}

#[test]
fn a_violation_shows_its_events_by_line() {
    let [invoke, ok] = published(2, "x", 1);
    let late = Event::new(9, "ann", Kind::Ok, Op::Recv, "r").id("y").at("e", 2);
    let verdict = judge(&[joined(1, "ann"), invoke, ok, received(4, "ann", "x", 1), late.clone()]);
    alone(&verdict, Invariant::I1, 1);
    assert_eq!(verdict.violations[0].events, [(5, late)]);
    assert!(verdict.to_string().contains("I1: y was never published\n  line 5: {"), "{verdict}");
}

/// What a member that stays has to have: what was acknowledged ten seconds before the end, and not a nanosecond less.
#[test]
fn what_is_acknowledged_has_ten_seconds_to_arrive() {
    let [invoke, ok] = published(5, "x", 1);
    let history = |end| judge(&[joined(1, "ann"), invoke.clone(), ok.clone(), until(end)]);
    assert!(history(10 * SECOND + 5).is_clean());
    let verdict = history(10 * SECOND + 6);
    assert_eq!((verdict.violated(Invariant::I6), verdict.violated(Invariant::I9)), (1, 1), "{verdict}");
    // Faults until later put it off.
    let heal = Event::new(7, "test", Kind::Info, Op::Heal, "");
    let events = [joined(1, "ann"), invoke, ok, heal];
    let mut checker = Checker::new(Options { settle: Duration::from_nanos(10), ..Options::default() });
    events.iter().chain([&until(16)]).for_each(|event| checker.event(event));
    assert!(checker.finish().is_clean());
}

#[test]
fn a_gap_covers_what_the_rules_let_a_log_lose() {
    let history = |rules_of_room, first: u64, to: u64| {
        let mut events = vec![rules(rules_of_room), joined(1, "ann").at("e", 0)];
        for off in 1..=10 {
            events.extend(published(10 * off, &format!("id {off}"), off));
        }
        events.extend((1..first).map(|off| received(150 + off, "ann", &format!("id {off}"), off)));
        events.push(Event::new(200, "ann", Kind::Ok, Op::Gap, "r").from("e", first - 1).at("e", to));
        events.extend((to + 1..=10).map(|off| received(200 + off, "ann", &format!("id {off}"), off)));
        judge(&events)
    };
    let oldest = Rules { history: Some(4), ..Rules::default() };
    assert!(history(oldest, 1, 6).is_clean());
    assert!(history(oldest, 6, 6).is_clean());
    alone(&history(oldest, 7, 7), Invariant::I7, 1);
    alone(&history(oldest, 1, 7), Invariant::I7, 1);
    let newest = Rules { newest: true, ..oldest };
    assert!(history(newest, 6, 10).is_clean());
    alone(&history(newest, 7, 10), Invariant::I7, 1);
    let unknown = history(Rules::default(), 7, 10);
    assert!(unknown.is_clean());
    assert_eq!(unknown.judged(Invariant::I7), 0, "nothing is known of the log's past");
}

#[test]
fn what_is_not_for_a_member_or_superseded_is_no_hole() {
    let history = |remark: Event| {
        let mut events = vec![remark, joined(1, "ann").at("e", 0)];
        for (off, key) in [(1, "k"), (2, "l"), (3, "k")] {
            let [invoke, ok] = published(10 * off, &format!("id {off}"), off);
            events.extend([invoke.key(key), ok]);
        }
        events.extend([received(50, "ann", "id 2", 2), received(51, "ann", "id 3", 3)]);
        judge(&events)
    };
    let excepted = |id: &str| Event::new(2, "ann", Kind::Info, Op::Except, "r").id(id);
    assert!(history(excepted("id 1")).is_clean());
    let verdict = history(excepted("id 2"));
    assert_eq!((verdict.violated(Invariant::I1), verdict.violated(Invariant::I4)), (1, 1), "{verdict}");
    assert!(history(rules(Rules { conflates: true, ..Rules::default() })).is_clean());
    alone(&history(rules(Rules::default())), Invariant::I4, 1);
}

/// A client that asks for what it may have had gets it again; one that doesn't mustn't.
#[test]
fn a_replay_has_to_be_asked_for() {
    let history = |again: Event| {
        let [invoke, ok] = published(2, "x", 1);
        let leave = Event::new(6, "ann", Kind::Ok, Op::Leave, "r");
        judge(&[joined(1, "ann"), invoke, ok, received(5, "ann", "x", 1), leave, again, received(9, "ann", "x", 1)])
    };
    let join = Event::new(7, "ann", Kind::Invoke, Op::Join, "r");
    alone(&history(join.clone()), Invariant::I5, 1);
    assert!(history(Event { off: Some(0), ..join.clone() }).is_clean());
    assert!(history(join.at("e", 0)).is_clean());
}

#[test]
fn a_hole_as_wide_as_can_be_takes_no_time() {
    let [invoke, ok] = published(2, "x", u64::MAX);
    let verdict = judge(&[joined(1, "ann").at("e", 0), invoke, ok, received(5, "ann", "x", u64::MAX)]);
    alone(&verdict, Invariant::I4, 1);
}

#[test]
fn violations_are_counted_and_the_first_kept() {
    let mut events = vec![joined(0, "ann")];
    events.extend((1..=30).map(|off| received(off, "ann", &format!("id {off}"), off)));
    let verdict = judge(&events);
    alone(&verdict, Invariant::I1, 30);
    assert_eq!(verdict.violations.len(), 20);
}
