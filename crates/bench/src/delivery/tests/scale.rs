//! A million events take seconds, and memory for the publications alone.

use super::super::{Checker, Event, Invariant, Kind, Op, Options};

const PUBLICATIONS: u64 = 10_000;
const MEMBERS: u64 = 98;

#[test]
fn a_million_events_are_no_burden() {
    let mut checker = Checker::new(Options::default());
    for member in 0..MEMBERS {
        checker.event(&Event::new(0, format!("member {member}"), Kind::Ok, Op::Join, "room").at("epoch", 0));
    }
    for off in 1..=PUBLICATIONS {
        let (t, id) = (off * 1000, format!("id {off}"));
        checker.event(&Event::new(t, "publisher", Kind::Invoke, Op::Pub, "room").id(&id));
        checker.event(&Event::new(t + 1, "publisher", Kind::Ok, Op::Pub, "room").id(&id).at("epoch", off));
        for member in 0..MEMBERS {
            let event = Event::new(t + 2, format!("member {member}"), Kind::Ok, Op::Recv, "room").id(&id);
            // Half of them learn no places.
            checker.event(&if member % 2 == 0 { event } else { event.at("epoch", off) });
        }
    }
    let verdict = checker.finish();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.events, MEMBERS + PUBLICATIONS * (2 + MEMBERS));
    assert_eq!(verdict.judged(Invariant::I4), PUBLICATIONS * MEMBERS);
}
