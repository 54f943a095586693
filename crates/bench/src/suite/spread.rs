//! A load that uses up its core is run once more, with a process more, where there is another core.

use std::ops::ControlFlow;

use crate::report::CLIENT_BOUND;
use crate::{Error, Event, LoadReport, MAX_PROCESSES, Plan, Report, Verdict};

/// Who is told.
type Tell<'a> = &'a mut dyn FnMut(&Event) -> ControlFlow<()>;

/// Cores of this machine that the suite may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) all: usize,
    /// Of them those that the server has for itself.
    pub(super) pinned: usize,
}

/// Runs a plan, and once more where its load used up the cores of its processes, and neither they nor their number were asked for.
/// `known` is how many processes its earlier runs came to: 0 at first, for as many as descriptors ask for.
pub(super) fn run(
    plan: &Plan,
    known: &mut usize,
    cores: Count,
    tell: Tell<'_>,
    mut run: impl FnMut(&Plan, Tell<'_>) -> Result<Report, Error>,
) -> Result<Report, Error> {
    let mut run = |processes: usize, tell: Tell<'_>| {
        let mut planned = plan.clone();
        if let Plan::Load(load) = &mut planned
            && load.processes == 0
        {
            load.processes = processes;
        }
        let mut report = run(&planned, tell)?;
        if let (Report::Load(report), Plan::Load(asked)) = (&mut report, plan) {
            report.plan.processes = asked.processes;
        }
        Ok(report)
    };
    let first = run(*known, tell)?;
    let Report::Load(report) = &first else { return Ok(first) };
    if report.plan.processes > 0 || !is_spent(report) {
        return Ok(first);
    }
    let (processes, next) = (report.processes, next(report, cores));
    let flow = tell(&Event::Spent { processes, next });
    let (Some(next), ControlFlow::Continue(())) = (next, flow) else { return Ok(first) };
    *known = next;
    let mut is_broken = false;
    let again = run(next, &mut |event| {
        let flow = tell(event);
        is_broken |= flow.is_break();
        flow
    });
    match again {
        // What was broken off before it had anything to report.
        Err(_) if is_broken => Ok(first),
        again => again,
    }
}

/// Whether the cores of the load's processes were what it had too little of, and its clients can be shared out further.
fn is_spent(report: &LoadReport) -> bool {
    let is_so = report.verdict == Verdict::ClientBound && report.client.share > CLIENT_BOUND && !report.interrupted;
    is_so && report.processes < report.plan.clients.min(MAX_PROCESSES)
}

/// How many processes its load is to have next; `None` where no core is left for another.
fn next(report: &LoadReport, cores: Count) -> Option<usize> {
    // A server on this machine that may run anywhere needs a core too.
    let servers = cores.pinned.max(usize::from(report.plan.server_pid.is_some()));
    Some(report.processes + 1).filter(|&processes| processes <= cores.all.saturating_sub(servers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transport, samples};

    fn count(all: usize, pinned: usize) -> Count {
        Count { all, pinned }
    }

    /// A report of a load that was client-bound, as it would be by itself.
    fn spent(processes: usize) -> LoadReport {
        let mut report = samples::load(Transport::Raw, 100, 1.0, 0);
        (report.verdict, report.client.share, report.processes) =
            (Verdict::ClientBound, CLIENT_BOUND + 0.01, processes);
        report.plan.server_pid = None;
        report
    }

    #[test]
    fn a_process_more_needs_a_core() {
        for (all, pinned, processes, expected) in [
            (2, 1, 1, None),
            (2, 0, 1, Some(2)),
            (3, 1, 1, Some(2)),
            (3, 1, 2, None),
            (4, 1, 2, Some(3)),
            (1, 0, 1, None),
            (0, 1, 1, None),
        ] {
            assert_eq!(next(&spent(processes), count(all, pinned)), expected, "{all} {pinned} {processes}");
        }
        let mut report = spent(1);
        report.plan.server_pid = Some(1);
        assert_eq!([2, 3].map(|all| next(&report, count(all, 0))), [None, Some(2)]);
    }

    #[test]
    fn a_load_that_lags_with_time_to_spare_is_not_helped_by_a_process_more() {
        assert!(is_spent(&spent(1)) && is_spent(&spent(MAX_PROCESSES - 1)) && !is_spent(&spent(MAX_PROCESSES)));
        let but = |change: fn(&mut LoadReport)| {
            let mut report = spent(1);
            change(&mut report);
            is_spent(&report)
        };
        assert!(!but(|report| report.client.share = CLIENT_BOUND));
        assert!(!but(|report| report.verdict = Verdict::Faulty));
        assert!(!but(|report| report.verdict = Verdict::Fine));
        assert!(!but(|report| report.interrupted = true));
        assert!(but(|report| report.plan.clients = 2) && !but(|report| report.plan.clients = 1));
    }

    /// Runs where each run is client-bound by itself: how many processes each had, what was told, and the report of the last.
    fn runs(
        asked: usize,
        known: &mut usize,
        cores: Count,
        flow: ControlFlow<()>,
    ) -> (Vec<usize>, Vec<Event>, LoadReport) {
        let mut plan = spent(1).plan;
        plan.processes = asked;
        let (mut had, mut told) = (Vec::new(), Vec::new());
        let mut tell = |event: &Event| {
            told.push(event.clone());
            flow
        };
        let report = run(&Plan::Load(plan), known, cores, &mut tell, |plan, _| {
            let Plan::Load(plan) = plan else { panic!("{plan:?}") };
            had.push(plan.processes);
            Ok(Report::Load(LoadReport { plan: plan.clone(), ..spent(plan.processes.max(1)) }))
        });
        let Report::Load(report) = report.unwrap() else { panic!("another report") };
        (had, told, report)
    }

    #[test]
    fn a_run_is_repeated_once_and_later_ones_begin_there() {
        let (go_on, mut known) = (ControlFlow::Continue(()), 0);
        for (had, processes, next) in [(vec![0, 2], 1, Some(2)), (vec![2, 3], 2, Some(3)), (vec![3], 3, None)] {
            let (runs, told, report) = runs(0, &mut known, count(4, 1), go_on);
            assert_eq!((runs, told), (had, vec![Event::Spent { processes, next }]));
            assert_eq!((report.processes, report.plan.processes), (known, 0), "what was asked for stays");
        }
        let (runs, told, report) = runs(1, &mut 0, count(4, 1), go_on);
        assert_eq!((runs, told, report.processes), (vec![1], vec![], 1), "as many as were asked for");
    }

    #[test]
    fn where_it_cannot_be_repeated_the_first_report_stands() {
        let told = |cores, flow| {
            let (runs, told, report) = runs(0, &mut 0, cores, flow);
            assert_eq!((runs, report.processes), (vec![0], 1));
            told.into_iter().map(|event| event.to_string()).collect::<Vec<_>>().join("")
        };
        let none_left = told(count(2, 1), ControlFlow::Continue(()));
        assert!(none_left.contains("no core is left") && none_left.contains("another machine"), "{none_left}");
        assert!(told(count(3, 1), ControlFlow::Break(())).contains("once more, with 2 processes"));
        let mut ends = [None, Some(Error::NoDeflate)].into_iter();
        let broken = run(
            &Plan::Load(spent(1).plan),
            &mut 0,
            count(3, 1),
            &mut |event| {
                if matches!(event, Event::Spent { .. }) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
            |_, tell| match ends.next().flatten() {
                None => Ok(Report::Load(spent(1))),
                Some(error) => {
                    let _ends = tell(&Event::Status { connections: 0, pings: 0, arrived: 0 });
                    Err(error)
                }
            },
        );
        assert!(matches!(broken, Ok(Report::Load(report)) if report.processes == 1));
    }
}
