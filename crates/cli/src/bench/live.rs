//! What happens during a run, on standard error: redrawn in place on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use bowline_bench::{Event, Phase, Progress};

/// Lets a terminal show its cursor again.
pub(super) const SHOW_CURSOR: &[u8] = b"\x1b[?25h";
const HIDE_CURSOR: &str = "\x1b[?25l";

/// How long a phase goes on, where nothing is redrawn, until it is told of again.
const EVERY: Duration = Duration::from_secs(5);

/// Columns of a terminal that doesn't tell.
const WIDTH: usize = 80;

/// Cells of the progress bar.
const BAR: usize = 30;

/// The view of a run.
#[derive(Debug)]
pub(super) struct Live<W: Write> {
    out: W,
    kind: Kind,
    /// Which run it is, where it is one of several.
    run: String,
    /// Lines on the terminal that the next drawing replaces.
    drawn: usize,
    /// The last line: its phase, and when.
    told: Option<(Phase, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quiet,
    Lines,
    /// A terminal, and its columns where they are known.
    Terminal(Option<usize>),
}

impl Live<io::Stderr> {
    pub(super) fn new(quiet: bool) -> Self {
        let kind = match (quiet, stderr().is_terminal()) {
            (true, _) => Kind::Quiet,
            (false, true) => Kind::Terminal(None),
            (false, false) => Kind::Lines,
        };
        Self::on(stderr(), kind)
    }
}

impl<W: Write> Live<W> {
    fn on(out: W, kind: Kind) -> Self {
        Self { out, kind, run: String::new(), drawn: 0, told: None }
    }

    /// Shows what happens. Where it can't be shown, the run goes on all the same.
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Begin { .. } => {
                self.run = event.to_string();
                self.told = None;
                self.say(&event.to_string());
            }
            Event::Progress(progress) => self.progress(progress),
            Event::Spent { .. } if self.kind != Kind::Quiet => {
                self.told = None;
                self.erase();
                drop(writeln!(self.out, "{event}"));
            }
            _ => self.say(&event.to_string()),
        }
    }

    /// Makes room for a line of somebody else's on the same terminal, which the next drawing leaves alone.
    pub(super) fn erase(&mut self) {
        let back = self.back();
        if !back.is_empty() {
            drop(self.out.write_all(back.as_bytes()).and_then(|()| self.out.flush()));
        }
    }

    /// Shows a line.
    pub(super) fn say(&mut self, line: &str) {
        match self.kind {
            Kind::Quiet => {}
            Kind::Lines => drop(writeln!(self.out, "{line}")),
            Kind::Terminal(_) => self.draw(&[line]),
        }
    }

    fn progress(&mut self, progress: &Progress) {
        match self.kind {
            Kind::Quiet => {}
            Kind::Lines => {
                let now = Instant::now();
                let is_due = |(phase, at): (Phase, Instant)| phase != progress.phase || now - at >= EVERY;
                if self.told.is_none_or(is_due) {
                    self.told = Some((progress.phase, now));
                    drop(writeln!(self.out, "{progress}"));
                }
            }
            Kind::Terminal(_) => {
                let run = self.run.clone();
                self.draw(&[&run, &bar(progress), &figures(progress)]);
            }
        }
    }

    /// Puts lines in the place of those before.
    fn draw(&mut self, lines: &[&str]) {
        let width = match self.kind {
            Kind::Terminal(Some(width)) => width,
            _ => rustix::termios::tcgetwinsize(stderr()).map_or(0, |size| usize::from(size.ws_col)),
        };
        // Some terminals say that they have no columns at all.
        let width = if width == 0 { WIDTH } else { width };
        let mut text = self.back() + HIDE_CURSOR;
        let lines = lines.iter().filter(|line| !line.is_empty());
        for line in lines {
            // A line that wrapped around would be two.
            text.extend(line.chars().take(width.saturating_sub(1)));
            text.push('\n');
            self.drawn += 1;
        }
        drop(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()));
    }

    /// Back to the first of the lines, and away with them.
    fn back(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}

impl<W: Write> Drop for Live<W> {
    fn drop(&mut self) {
        if matches!(self.kind, Kind::Terminal(_)) {
            let back = self.back();
            drop(self.out.write_all(back.as_bytes()).and_then(|()| self.out.write_all(SHOW_CURSOR)));
        }
    }
}

/// The phase, and how much of it is over.
fn bar(progress: &Progress) -> String {
    let Progress { phase, seconds, of, clients, .. } = progress;
    let phase = match phase {
        Phase::Ramp => "opening",
        Phase::WarmUp => "warming up",
        Phase::Steady => "measuring",
        Phase::Drain => "draining",
        _ => "running",
    };
    if *of <= 0.0 {
        return format!("{phase:<10}  {seconds:.1} s   {clients} clients");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 30")]
    let full = ((seconds / of).clamp(0.0, 1.0) * 30.0).round() as usize;
    let bar = "━".repeat(full) + &"·".repeat(BAR.saturating_sub(full));
    format!("{phase:<10}  {bar}  {seconds:.1} of {of:.1} s   {clients} clients")
}

/// The rate, and what is known of latency and faults.
fn figures(progress: &Progress) -> String {
    let Progress { rate, p50, p99, faults, .. } = progress;
    let latency = if *p99 > 0.0 { format!("   p50 {p50:.2} ms   p99 {p99:.2} ms") } else { String::new() };
    let faults = if *faults > 0 { format!("   {faults} faults") } else { String::new() };
    format!("{rate:.0} /s{latency}{faults}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: Phase, seconds: f64) -> Event {
        let mut progress = Progress::new(phase, seconds, 10.0, 100);
        (progress.rate, progress.p50, progress.p99, progress.faults) = (1_234.5, 0.5, 1.25, 2);
        Event::Progress(progress)
    }

    fn shown(kind: Kind, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut live = Live::on(&mut out, kind);
        events.iter().for_each(|event| live.tell(event));
        drop(live);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn elsewhere_a_phase_is_a_line() {
        let events = [progress(Phase::WarmUp, 0.2), progress(Phase::WarmUp, 0.5), progress(Phase::Steady, 0.1)];
        let text = shown(Kind::Lines, &events);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("warming up 0.2 s: 100 clients"), "{text}");
        assert!(lines[1].starts_with("measuring 0.1 s") && lines[1].ends_with("2 faults"), "{text}");
        assert_eq!(shown(Kind::Quiet, &events), "");
    }

    #[test]
    fn a_terminal_is_redrawn_and_left_as_it_was() {
        let events = [progress(Phase::Steady, 2.5), progress(Phase::Steady, 5.0)];
        let text = shown(Kind::Terminal(Some(60)), &events);
        assert!(text.contains("measuring   ━━━━━━━━━━━━━━━"), "{text}");
        assert!(text.contains("\x1b[2A\x1b[J") && text.contains("p50 0.50 ms   p99 1.25 ms   2 faults"), "{text}");
        assert!(text.ends_with("\x1b[2A\x1b[J\x1b[?25h"), "{text:?}");
        let mut out = Vec::new();
        let mut live = Live::on(&mut out, Kind::Terminal(Some(60)));
        live.tell(&events[0]);
        live.erase();
        live.erase();
        live.tell(&events[1]);
        drop(live);
        // Erased once, and what came between is not gone over.
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(text.matches("\x1b[2A\x1b[J").count(), 2, "{text:?}");
        let narrow = shown(Kind::Terminal(Some(20)), &events[..1]);
        let fits = |line: &str| line.trim_start_matches(HIDE_CURSOR).chars().count() < 20;
        assert!(narrow.lines().take(2).all(fits), "{narrow:?}");
    }
}
