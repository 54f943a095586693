//! All metrics, as they are scraped.

use bowline_core::CloseCode;

use super::*;

fn every_label_is_at_its_index<L: Label + PartialEq + std::fmt::Debug>() {
    for (index, label) in L::ALL.iter().enumerate() {
        assert_eq!(label.index(), index, "{label:?}");
    }
}

#[test]
fn labels_are_at_their_index() {
    every_label_is_at_its_index::<Transport>();
    every_label_is_at_its_index::<Disconnect>();
    every_label_is_at_its_index::<Closed>();
    every_label_is_at_its_index::<Dropped>();
    every_label_is_at_its_index::<Missed>();
    every_label_is_at_its_index::<Refused>();
    every_label_is_at_its_index::<Limited>();
}

#[test]
fn close_codes_fall_into_few_classes() {
    let class = |code: u16| Closed::of(CloseCode::new(code)).as_str();
    assert_eq!(Closed::of(None).as_str(), "none");
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013] {
        assert_eq!(class(code), code.to_string());
    }
    for (code, expected) in [(1010, "registered"), (1014, "registered"), (3000, "application"), (4999, "application")] {
        assert_eq!(class(code), expected);
    }
}

#[test]
fn levels_are_read_back() {
    let metrics = Metrics::new();
    metrics.handles.connections.of(Transport::WebSocket).add(3);
    metrics.handles.connections.of(Transport::EventStream).add(2);
    metrics.handles.connections.of(Transport::WebSocket).sub(1);
    assert_eq!(metrics.connections(), 4);
}

#[cfg(feature = "prometheus")]
mod prometheus {
    use std::{collections::HashSet, time::Duration};

    use super::*;
    use crate::room::GapReason;

    fn series(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }

    #[test]
    fn all_are_there_from_the_start_and_no_more_come() {
        let metrics = Metrics::new();
        metrics.record_round_trip(Duration::from_millis(3));
        let text = metrics.render().unwrap();
        let before = series(&text).len();
        assert!((90..120).contains(&before), "{before} series:\n{text}");
        // Every family has a description and a name of ours.
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(name.starts_with("bowline_"), "{name}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            assert_eq!(line.ends_with(" counter"), name.ends_with("_total"), "{line}");
        }
        metrics.handles.gaps.of(GapReason::Slow.into()).increment(2);
        metrics.handles.members.add(7);
        metrics.record_round_trip(Duration::from_millis(3));
        let text = metrics.render().unwrap();
        assert_eq!(series(&text).len(), before);
        let lines = series(&text);
        let lines = lines.into_iter().collect::<HashSet<_>>();
        for line in [
            "bowline_gaps_total{reason=\"slow\"} 2",
            "bowline_gaps_total{reason=\"epoch\"} 0",
            "bowline_members 7",
            "bowline_ping_round_trip_seconds_count 2",
            "bowline_ping_round_trip_seconds_bucket{le=\"0.0025\"} 0",
            "bowline_ping_round_trip_seconds_bucket{le=\"0.005\"} 2",
        ] {
            assert!(lines.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn two_hubs_do_not_mix() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.handles.rooms.add(1);
        assert!(one.render().unwrap().contains("bowline_rooms 1\n"));
        assert!(other.render().unwrap().contains("bowline_rooms 0\n"));
    }

    #[test]
    fn samples_do_not_pile_up_where_nobody_scrapes() {
        let metrics = Metrics::new();
        for _ in 0..MAX_SAMPLES - 1 {
            metrics.record_round_trip(Duration::from_millis(1));
        }
        assert_eq!(metrics.recorder.samples.load(Ordering::Relaxed), MAX_SAMPLES - 1);
        metrics.record_round_trip(Duration::from_millis(1));
        assert_eq!(metrics.recorder.samples.load(Ordering::Relaxed), 0);
        let count = format!("bowline_ping_round_trip_seconds_count {MAX_SAMPLES}\n");
        assert!(metrics.render().unwrap().contains(&count));
    }
}
