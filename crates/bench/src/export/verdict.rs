//! A document's verdict in words, which claim no more than was measured.

use crate::figures::number;
use crate::process::float;
use crate::{Cell, ChatReport, Document, Interruption, Report, ResumeReport, Traffic, Verdict};

/// Workloads that are named; the rest are counted.
const MAX_NAMED: usize = 10;

impl Document {
    /// The verdict in a line: `fine`, `client-bound: …`, or that it was broken off, what is missing of it, and how it went so far.
    /// Empty where nothing was to be judged.
    #[must_use]
    pub fn judgement(&self) -> String {
        let so_far = match self.verdict {
            _ if self.cells.is_empty() => {
                return self.interruption().map(|what| format!("interrupted: {what}")).unwrap_or_default();
            }
            Verdict::Fine => format!("fine{}", exceptions(self)),
            Verdict::ClientBound => format!("client-bound: {}", bound(self)),
            Verdict::Faulty => self.verdict.to_string(),
        };
        match self.interruption() {
            Some(interruption) => format!("interrupted: {interruption}; as far as it went: {so_far}"),
            None => so_far,
        }
    }

    /// That it was broken off, and what is missing of it; `None` where it is whole.
    fn interruption(&self) -> Option<String> {
        let interruption = self.interrupted.as_ref()?;
        let Interruption { workloads, rounds, missing } = interruption;
        if self.cells.is_empty() {
            return Some("nothing was measured".to_owned());
        }
        if *workloads == 1 {
            return Some("measured in part".to_owned());
        }
        let mut text = format!("{} of {workloads} workloads measured", interruption.measured());
        let partly: Vec<_> =
            self.cells.iter().filter(|cell| cell.lacks(*rounds)).map(|cell| cell.name.as_str()).collect();
        if !partly.is_empty() {
            text += &format!(", in part: {}", named(&partly));
        }
        if !missing.is_empty() {
            text += &format!("; missing: {}", named(missing));
        }
        Some(text)
    }
}

/// The verdict of a cell in a word, and whether it was broken off.
pub(crate) fn of_cell(cell: &Cell) -> String {
    let is_partial = cell.runs.iter().any(Report::is_interrupted);
    format!("{}{}", cell.verdict().name(), if is_partial { ", in part" } else { "" })
}

/// The verdict in a word.
pub(crate) fn name(document: &Document) -> &'static str {
    if document.interrupted.is_some() { "interrupted" } else { document.verdict.name() }
}

/// The verdict in sentences, without the word that [`name`] is.
pub(crate) fn sentences(document: &Document) -> String {
    if document.cells.is_empty() {
        return match &document.interrupted {
            Some(_) => "nothing was measured.".to_owned(),
            None => "no server was measured, only this machine.".to_owned(),
        };
    }
    let so_far = match document.verdict {
        Verdict::Fine => fine(document),
        Verdict::ClientBound => format!("{}: rates and latency may be its own.", bound(document)),
        Verdict::Faulty => "messages were missing or wrong, or connections were lost.".to_owned(),
    };
    match document.interruption() {
        Some(text) => format!("{text}. As far as it went: {so_far}"),
        None => so_far,
    }
}

/// What makes runs client-bound.
fn bound(document: &Document) -> String {
    let mut all: Vec<_> = document.runs().filter_map(|(_, run)| Some(run.bound()?.words())).collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        "the load generator used over 90 % of a core, or fell behind".to_owned()
    } else {
        all.join("; ")
    }
}

/// What was found to be right, of what was looked at.
fn fine(document: &Document) -> String {
    let mut claims: Vec<&str> = Vec::new();
    for claim in document.runs().map(|(_, run)| claim(run)) {
        if !claims.contains(&claim) {
            claims.push(claim);
        }
    }
    // Idle connections are no load, and nor is nothing.
    let spare = document.runs().any(|(_, run)| !matches!(run, Report::Idle(_)) && claim(run) != NOTHING_SENT);
    let spare = if spare { ", and the load generator had time to spare" } else { "" };
    format!("{}{}{spare}.", claims.join("; "), exceptions(document))
}

/// Of a run that was to send messages, and had none.
const NOTHING_SENT: &str = "nothing went wrong; no message was sent";

/// What is so of a run without a fault.
fn claim(run: &Report) -> &'static str {
    const MESSAGES: &str = "every message came, once and in order";
    let has_messages = match run {
        Report::Echo(report) => report.messages > 0,
        Report::Fanout(report) => report.deliveries > 0,
        Report::Load(report) => report.reconciled.expected > 0,
        Report::Resume(report) => report.talked.reconciled.expected > 0,
        Report::Chat(report) => report.talked.reconciled.expected > 0,
        Report::Churn(_) => return "every client that came got its message back",
        Report::Shootout(_) => return "every answer and every broadcast came",
        Report::Connect(_) => return "every handshake was answered",
        Report::Idle(_) | Report::Hold(_) => return "every connection stayed open",
    };
    if has_messages { MESSAGES } else { NOTHING_SENT }
}

/// What is no fault, and yet not as if nothing had been.
fn exceptions(document: &Document) -> String {
    let (mut told, mut lost, mut gaps, mut stalled) = (0, 0, 0, 0);
    for (_, run) in document.runs() {
        match run {
            Report::Load(report) => {
                told += report.reconciled.told;
                // An echo is nobody else's.
                stalled += if report.plan.traffic == Traffic::Echo { 0 } else { report.plan.stalled as u64 };
            }
            Report::Resume(ResumeReport { talked, .. }) | Report::Chat(ChatReport { talked, .. }) => {
                (told, lost, gaps) = (told + talked.reconciled.told, lost + talked.lost_sessions, gaps + talked.gaps);
            }
            _ => {}
        }
    }
    let counted = |count: u64, what: &str| (count > 0).then(|| format!("{} {what}", number(float(count))));
    let but = [counted(told, "of whose loss the client was told"), counted(stalled, "clients that stopped reading")];
    let but: Vec<_> = but.into_iter().flatten().collect();
    let aside: Vec<_> = [counted(lost, "sessions lost"), counted(gaps, "gaps told")].into_iter().flatten().collect();
    let but = if but.is_empty() { String::new() } else { format!(", but for {}", but.join(" and ")) };
    let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join(", ")) };
    but + &aside
}

/// The first few names.
fn named(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<_> = names.iter().take(MAX_NAMED).map(AsRef::as_ref).collect();
    let rest = names.len() - shown.len();
    shown.join(", ") + &if rest > 0 { format!(" and {} more", number(float(rest as u64))) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transport, samples};

    /// A document of one run.
    fn of(run: Report) -> Document {
        samples::document("one", vec![Cell::new("one", vec![run])])
    }

    #[test]
    fn what_came_is_claimed_of_messages_only() {
        let spare = ", and the load generator had time to spare.";
        let said = |run: Report| sentences(&of(run));
        let full = samples::full();
        let run = |name: &str| full.cells.iter().find(|cell| cell.name == name).unwrap().runs[0].clone();
        assert_eq!(said(run("echo")), format!("every message came, once and in order{spare}"));
        assert_eq!(said(run("idle comet")), "every connection stayed open.");
        assert_eq!(said(run("hold")), format!("every connection stayed open{spare}"));
        let Report::Connect(mut connect) = run("connect") else { panic!("handshakes") };
        (connect.client.share, connect.verdict) = (0.5, Verdict::Fine);
        assert_eq!(said(Report::Connect(connect)), format!("every handshake was answered{spare}"));
        let mut load = samples::load(Transport::Comet, 10, 1.0, 0);
        load.reconciled.expected = 0;
        assert_eq!(said(Report::Load(load)), "nothing went wrong; no message was sent.");
        assert_eq!(sentences(&samples::document("calibrate", vec![])), "no server was measured, only this machine.");
        assert_eq!(samples::document("calibrate", vec![]).judgement(), "");
    }

    #[test]
    fn what_was_told_or_lost_is_named() {
        let mut resume = samples::resume();
        (resume.talked.reconciled.told, resume.talked.lost_sessions, resume.talked.gaps) = (1_234, 30, 12);
        let document = of(Report::Resume(resume));
        let but = ", but for 1,234 of whose loss the client was told (30 sessions lost, 12 gaps told)";
        assert_eq!(document.judgement(), format!("fine{but}"));
        let all = format!("every message came, once and in order{but}, and the load generator had time to spare.");
        assert_eq!(sentences(&document), all);
        let mut load = samples::load(Transport::Comet, 10, 1.0, 0);
        load.plan.stalled = 2;
        assert_eq!(of(Report::Load(load)).judgement(), "fine, but for 2 clients that stopped reading");
    }

    #[test]
    fn what_made_it_client_bound_is_named() {
        let mut load = samples::load(Transport::Comet, 10, 1.0, 0);
        load.verdict = Verdict::ClientBound;
        let late = of(Report::Load(load.clone()));
        assert_eq!(late.judgement(), "client-bound: messages were sent late, with time to spare on the load's core");
        load.client.share = 0.95;
        let spent = of(Report::Load(load));
        assert!(sentences(&spent).starts_with("a load process used over 90 % of its core: "), "{}", sentences(&spent));
        assert!(late.with_cells(spent.cells).judgement().contains("of its core; messages were sent late"));
    }
}
