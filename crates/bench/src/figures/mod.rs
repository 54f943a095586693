//! What a run comes to, figure by figure: what summaries, CSV, pages and comparisons are made of.

mod measured;
mod read;
mod spread;

pub(crate) use self::measured::{Measured, counted};
pub use self::spread::Spread;

use std::collections::BTreeMap;

/// A figure that a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Its name in CSV and in thresholds: `p99`.
    pub name: &'static str,
    /// Its unit: `ms`; empty for a count.
    pub unit: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Which way is worse.
    pub worse: Worse,
}

/// Which way a figure gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Worse {
    /// More is worse: latency, cost.
    More,
    /// Less is worse: a rate.
    Less,
    /// It only tells what was run.
    Neither,
}

/// All figures, in the order in which they are shown.
pub const FIGURES: &[Figure] = {
    use Worse::{Less, More, Neither};
    const fn figure(name: &'static str, unit: &'static str, title: &'static str, worse: Worse) -> Figure {
        Figure { name, unit, title, worse }
    }
    &[
        figure("rate", "/s", "rate", Less),
        figure("per_cpu_second", "/s", "per CPU second", Less),
        figure("cpu", "ms", "server CPU per 1,000", More),
        figure("server_share", "%", "server core", More),
        figure("client_share", "%", "load core", More),
        // Of its CPU time. The rest is the kernel's, for the sockets: any client would cost that.
        figure("client_user", "%", "  of it in user code", Neither),
        figure("processes", "", "load processes", Neither),
        figure("p50", "ms", "latency p50", More),
        figure("p90", "ms", "latency p90", More),
        figure("p99", "ms", "latency p99", More),
        figure("p99.9", "ms", "latency p99.9", More),
        figure("max", "ms", "latency max", More),
        figure("uncorrected_p50", "ms", "p50 from sending", More),
        figure("uncorrected_p90", "ms", "p90 from sending", More),
        figure("uncorrected_p99", "ms", "p99 from sending", More),
        figure("uncorrected_p99.9", "ms", "p99.9 from sending", More),
        figure("uncorrected_max", "ms", "max from sending", More),
        figure("lag_max", "ms", "sent late by, max", More),
        figure("down", "B", "down per delivery", More),
        figure("down_payload", "B", "  payload", More),
        figure("down_framing", "B", "  framing", More),
        figure("down_headers", "B", "  headers", More),
        figure("up", "B", "up per delivery", More),
        figure("up_payload", "B", "  payload", More),
        figure("up_framing", "B", "  framing", More),
        figure("up_headers", "B", "  headers", More),
        figure("requests", "/s", "requests", More),
        figure("per_arrival", "", "deliveries per read", Neither),
        figure("retransmissions", "", "TCP retransmissions", More),
        figure("resident", "MiB", "server memory", More),
        figure("resident_per_client", "KiB", "memory per client", More),
        figure("sockets", "KiB", "socket memory", More),
        figure("sockets_per_client", "KiB", "socket memory per client", More),
        figure("kernel_per_client", "KiB", "kernel memory per client", More),
        figure("idle_cpu", "µs/s", "idle CPU per client", More),
        figure("opening", "s", "time of opening", More),
        figure("recovery_p50", "ms", "served again p50", More),
        figure("recovery_p99", "ms", "served again p99", More),
        figure("recovery_max", "ms", "served again max", More),
        figure("reconnect_p50", "ms", "reconnect p50", More),
        figure("reconnect_p99", "ms", "reconnect p99", More),
        figure("reconnect_max", "ms", "reconnect max", More),
        figure("peak_reconnects", "/s", "reconnects at the peak", More),
        figure("resumed", "", "sessions resumed", Neither),
        figure("replayed", "", "records sent again", Neither),
        figure("lost_sessions", "", "sessions lost", More),
        figure("gaps", "", "gaps told", More),
        figure("kept", "B", "memory kept per client", More),
        figure("memory_drift", "KiB", "memory drift", More),
        figure("sustained", "", "clients sustained", Less),
        figure("clients", "", "clients", Neither),
        figure("comings", "", "clients that came", Neither),
        figure("goings", "", "clients that went", Neither),
        figure("switches", "", "changes of transport", Neither),
        figure("stalled", "", "clients that stop reading", Neither),
        figure("stalled_told", "", "  told of it, or ended", Less),
        figure("refused", "", "connections refused", More),
        figure("pings", "", "pings answered", Neither),
        figure("missing", "", "missing", More),
        figure("told", "", "missing, told by a gap", More),
        figure("duplicate", "", "duplicate", More),
        figure("reordered", "", "reordered", More),
        figure("wrong", "", "wrong", More),
        figure("closed", "", "connections lost", More),
    ]
};

impl Figure {
    /// The figure of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|figure| figure.name == name)
    }

    /// What it is and its unit, for people, where it is known of `what`: the server's cost is of a thousand of these.
    #[must_use]
    pub(crate) fn of(&self, what: Option<&str>) -> (String, &'static str) {
        match (self.name, what) {
            ("cpu", Some(what)) => (format!("server CPU per 1,000 {what}"), self.unit),
            ("per_cpu_second", Some(what)) => (format!("{what} per CPU second"), ""),
            _ => (self.title.into(), self.unit),
        }
    }

    /// Its name with its unit, as heads of columns have it.
    #[must_use]
    pub fn head(&self) -> String {
        if self.unit.is_empty() { self.name.into() } else { format!("{} ({})", self.name, self.unit) }
    }

    /// Whether it counts what must not be: shown only where it isn't 0.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(
            self.name,
            "retransmissions" | "refused" | "missing" | "told" | "duplicate" | "reordered" | "wrong" | "closed"
        )
    }
}

/// The figures of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    /// The figure of that name; `None` where the run doesn't have it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Keeps a figure. What isn't finite (a share of no time) is none.
    fn set(&mut self, name: &'static str, value: f64) {
        debug_assert!(Figure::named(name).is_some(), "{name} is in no table");
        if value.is_finite() {
            self.0.insert(name, value);
        }
    }

    fn set_some(&mut self, name: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

/// A number for people: three digits or more, thousands apart, and six decimals at the most.
#[must_use]
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || (size.fract() == 0.0) => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.01 => 4,
        size if size >= 0.001 => 5,
        _ => 6,
    };
    let text = format!("{value:.digits$}");
    let whole = text.trim_start_matches('-').find('.').unwrap_or_else(|| text.trim_start_matches('-').len());
    let mut grouped = String::new();
    for (index, digit) in text.trim_start_matches('-').chars().enumerate() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if text.starts_with('-') { format!("-{grouped}") } else { grouped }
}

/// The same in short, where it only says about how much: three digits, thousands as `k`, millions as `M`.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 999_500.0 => number(value / 1e6) + "M",
        size if size >= 9_995.0 => number(value / 1e3) + "k",
        _ => number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers() {
        let text = [0.5, 9_990.0, 12_345.0, 999_000.0, 1_234_567.0, -20_000.0].map(short);
        assert_eq!(text, ["0.500", "9,990", "12.3k", "999k", "1.23M", "-20k"]);
    }

    #[test]
    fn numbers_have_three_digits_or_more() {
        let shown = [0.0, 0.1234, 1.234, 12.34, 123.4, 1_234.5, 1_234_567.0, -1_234.5, 5.0, 0.9999];
        let text = ["0", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567", "-1,234", "5", "1.000"];
        assert_eq!(shown.map(number), text);
        let small = [0.1, 0.015_26, 0.001_526, 0.000_152_6, 0.000_015_26, -0.015_26];
        assert_eq!(small.map(number), ["0.100", "0.0153", "0.00153", "0.000153", "0.000015", "-0.0153"]);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
