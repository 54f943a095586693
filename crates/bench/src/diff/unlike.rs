//! What two documents were not asked for alike: figures side by side then say little about what changed.

use serde_json::Value;

use crate::figures::number;
use crate::{Cell, Document};

/// Fields of plans that differ from run to run of one workload, or are what is compared: whose server it is, and where.
const ASIDE: [&str; 4] = ["target", "server_pid", "server_address", "seed"];

/// A line for each cell that both have and that was another workload in the second, and one where the whole scenario was. What all
/// cells differ in is told once.
pub(super) fn unlike(before: &Document, after: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    if before.scenario != after.scenario {
        lines.push(format!("scenario {} → {}", before.scenario, after.scenario));
    }
    let common = before.cells.iter().filter_map(|cell| {
        let same = after.cells.iter().find(|other| other.name == cell.name)?;
        Some((cell.name.as_str(), differences(cell, same).join(", ")))
    });
    let common: Vec<(&str, String)> = common.collect();
    match common.split_first() {
        Some(((_, first), others)) if others.iter().all(|(_, other)| other == first) => lines.push(first.clone()),
        _ => lines
            .extend(common.iter().filter(|(_, what)| !what.is_empty()).map(|(name, what)| format!("{name}: {what}"))),
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// What the first runs of two cells were not asked for alike.
fn differences(before: &Cell, after: &Cell) -> Vec<String> {
    let (Some(before), Some(after)) = (first(before), first(after)) else { return Vec::new() };
    let mut found = Vec::new();
    if before["scenario"] == after["scenario"] {
        compare("", &before["plan"], &after["plan"], &mut found);
    } else {
        compare("measured as", &before["scenario"], &after["scenario"], &mut found);
    }
    found
}

fn first(cell: &Cell) -> Option<Value> {
    cell.runs.first().and_then(|run| serde_json::to_value(run).ok())
}

/// Two values of one field, or of all fields in it.
fn compare(name: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let new = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(new).filter(|key| !ASIDE.contains(&key.as_str())) {
                let name =
                    if name.is_empty() { key.replace('_', " ") } else { format!("{name} {}", key.replace('_', " ")) };
                compare(&name, &before[key], &after[key], found);
            }
        }
        _ if before == after => {}
        _ => found.push(format!("{name} {} → {}", shown(before), shown(after))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::Number(value) => value.as_f64().map_or_else(|| value.to_string(), number),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{LoadPlan, Report, Traffic, samples};

    fn changed(change: impl Fn(usize, &mut LoadPlan)) -> Vec<String> {
        let (before, mut after) = (samples::compared(), samples::compared());
        for (index, cell) in after.cells.iter_mut().enumerate() {
            for run in &mut cell.runs {
                let Report::Load(report) = run else { panic!("{run}") };
                change(index, &mut report.plan);
            }
        }
        unlike(&before, &after)
    }

    #[test]
    fn what_all_cells_differ_in_is_told_once() {
        let all = changed(|_, plan| {
            (plan.clients, plan.rate, plan.size, plan.duration) = (2_000, 20.5, 256, Duration::from_millis(1_500));
            plan.traffic = Traffic::Rooms { rooms: 3, per_client: 2 };
        });
        assert_eq!(all.len(), 1, "{all:?}");
        for part in ["clients 100 → 2,000", "rate 1,000 → 20.5", "size 128 → 256", "duration 10 → 1.50", "rooms 1 → 3"]
        {
            assert!(all[0].contains(part), "{all:?}");
        }
        let one = changed(|index, plan| {
            if index == 1 {
                plan.clients = 50;
            }
        });
        assert_eq!(one, ["comet: clients 100 → 50"]);
    }

    #[test]
    fn another_server_is_the_same_workload() {
        let same = changed(|index, plan| {
            plan.target = format!("http://127.0.0.1:{}/", 9_100 + index).parse().unwrap();
            (plan.server_pid, plan.seed) = (Some(7), 99);
        });
        assert_eq!(same, [""; 0]);
    }

    #[test]
    fn another_scenario_is_named_and_not_taken_apart() {
        let (before, mut after) = (samples::compared(), samples::echo());
        after.cells[0].name = before.cells[0].name.clone();
        assert_eq!(unlike(&before, &after), ["scenario compare → echo", "measured as load → echo"]);
    }
}
