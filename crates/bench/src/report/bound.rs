//! Why a run is client-bound: its core, or its times.

use std::fmt;

use super::behind::MAX_END_LAG;
use super::{CLIENT_BOUND, MAX_LAG, Report, Verdict};
use crate::Distribution;

/// What limited the load generator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    /// The share of its core that the busiest process used, where that is too much.
    pub(crate) core: Option<f64>,
    /// How late messages were sent, where that is too late.
    pub(crate) late: Option<String>,
    /// What the busiest process used of its core.
    share: f64,
    /// How many processes there were, where there may be more.
    processes: Option<usize>,
}

impl Report {
    /// What limited the load generator; `None` where the run isn't client-bound, or doesn't tell.
    pub(crate) fn bound(&self) -> Option<Bound> {
        if self.verdict() != Verdict::ClientBound {
            return None;
        }
        let (client, late) = match self {
            Self::Load(report) => {
                // A document that doesn't tell has the times at least.
                let told = report.behind.map(|behind| behind.to_string());
                let is_spent = report.client.share > CLIENT_BOUND;
                (&report.client, told.or_else(|| (!is_spent).then(|| late_by(&report.lag))))
            }
            Self::Fanout(report) => {
                let at_end = report.lag.map(|lag| lag.at_end / 1e3).filter(|late| *late > MAX_END_LAG);
                (&report.client, at_end.map(|late| format!("{late:.0} ms late at the end")))
            }
            Self::Resume(report) => (&report.talked.client, too_late(&report.talked.lag)),
            Self::Chat(report) => (&report.talked.client, too_late(&report.talked.lag)),
            Self::Echo(report) => (&report.client, None),
            Self::Idle(report) => (&report.client, None),
            Self::Connect(report) => (&report.client, None),
            Self::Hold(report) => (&report.client, None),
            Self::Churn(report) => (&report.client, None),
            Self::Shootout(report) => (&report.client, None),
        };
        let core = Some(client.share).filter(|share| *share > CLIENT_BOUND);
        let processes = if let Self::Load(report) = self { Some(report.processes) } else { None };
        (core.is_some() || late.is_some()).then_some(Bound { core, late, share: client.share, processes })
    }
}

impl Bound {
    /// Which of the two, in a few words.
    pub(crate) const fn words(&self) -> &'static str {
        match self.core {
            Some(_) => "a load process used over 90 % of its core",
            None => "messages were sent late, with time to spare on the load's core",
        }
    }
}

fn too_late(lag: &Distribution) -> Option<String> {
    (lag.at(0.99) > MAX_LAG).then(|| late_by(lag))
}

fn late_by(lag: &Distribution) -> String {
    format!("{:.0} ms late or more for one in a hundred", lag.at(0.99))
}

/// With what is to be done about it.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share * 100.0;
        let late = self.late.as_deref().unwrap_or_default();
        if self.core.is_none() {
            return write!(
                f,
                "messages were sent {late}, with {percent:.1} % of a core used: did something else run on this core? Else a lower rate"
            );
        }
        write!(f, "a load process used {percent:.0} % of its core")?;
        if !late.is_empty() {
            write!(f, ", and messages were sent {late}")?;
        }
        self.processes.map_or(Ok(()), |processes| f.write_str(&shared_out(processes)))
    }
}

/// What is left to do for a load that so many processes carried out.
fn shared_out(processes: usize) -> String {
    let processes = if processes == 1 { "one process".into() } else { format!("{processes} processes") };
    format!(
        "; it had {processes}: --processes=N shares it out where there are cores, else fewer clients, a lower rate or another machine"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Behind;
    use crate::{LoadReport, Transport, samples};

    fn fault(change: impl Fn(&mut LoadReport)) -> String {
        let mut report = samples::load(Transport::Comet, 10, 1.0, 0);
        report.verdict = Verdict::ClientBound;
        change(&mut report);
        Report::Load(report).fault().unwrap()
    }

    #[test]
    fn a_core_that_ran_out_is_named_with_its_share_and_can_be_shared_out() {
        let text = fault(|report| report.client.share = 0.957);
        assert!(
            text.starts_with("client-bound: a load process used 96 % of its core; it had one process: --proc"),
            "{text}"
        );
        let text = fault(|report| {
            (report.client.share, report.processes, report.behind) = (0.95, 2, Behind::of(60.0, [0.0; 4]));
        });
        assert!(text.contains("core, and messages were sent 60 ms late at the end; it had 2 processes"), "{text}");
    }

    #[test]
    fn lag_on_a_core_with_time_to_spare_is_told_as_that() {
        let text = fault(|report| (report.client.share, report.behind) = (0.0094, Behind::of(312.0, [0.0; 4])));
        let told = "client-bound: messages were sent 312 ms late at the end, with 0.9 % of a core used: did something else run";
        assert!(text.starts_with(told) && text.ends_with("Else a lower rate"), "{text}");
        assert!(!text.contains("--processes"), "{text}");
        let old = fault(|_| ());
        assert!(old.contains("ms late or more for one in a hundred") && !old.contains("--processes"), "{old}");
    }

    #[test]
    fn who_is_not_client_bound_has_no_bound() {
        assert_eq!(Report::Load(samples::load(Transport::Comet, 10, 1.0, 0)).bound(), None);
        let mut late = samples::resume();
        (late.verdict, late.talked.lag) = (Verdict::ClientBound, Distribution::default());
        late.talked.lag.record(60_000_000_000);
        assert_eq!(Report::Resume(late).bound().unwrap().core, None);
    }
}
