//! What is written down of a command: its runs, tables and plots, and what they were made on.

use serde::{Deserialize, Serialize};

use crate::{Distribution, Report, Transport, Verdict};

/// All that one command found out: the JSON form (`--json`), and what tables, pages and comparisons are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// The tool and its version.
    pub tool: String,
    /// The scenario: `echo`, `compare`, `table rfc6202`, …
    pub scenario: String,
    /// The command line.
    pub command: Vec<String>,
    /// When it began: seconds since 1970, UTC.
    pub started: u64,
    /// The machine.
    pub environment: Environment,
    /// What the machine can do at the best; `None` where it was not measured.
    pub calibration: Option<Calibration>,
    /// The workloads, in order, each with its runs.
    pub cells: Vec<Cell>,
    /// Tables reproduced or compared.
    pub tables: Vec<Table>,
    /// Plots besides those that are made from `cells`.
    pub plots: Vec<Plot>,
    /// The worst of all runs' verdicts.
    pub verdict: Verdict,
}

/// One workload, and what its runs came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cell {
    /// What it is called: unique in the document.
    pub name: String,
    /// What carried it, where that is what cells differ in.
    pub transport: Option<Transport>,
    /// Its place on the axis that was swept: clients, rate, delay, …
    pub at: Option<At>,
    /// Its runs, in the order in which they were run.
    pub runs: Vec<Report>,
}

/// A place on an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct At {
    /// What is swept, with its unit: `clients`, `delay (ms)`.
    pub axis: String,
    /// Where on it.
    pub value: f64,
}

/// A table of figures: what was published or calculated beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// Its title.
    pub title: String,
    /// Where the published figures are from.
    pub source: Option<String>,
    /// Names of the columns, with units; the first is that of the rows.
    pub columns: Vec<String>,
    /// The rows, as long as `columns`.
    pub rows: Vec<Vec<Entry>>,
    /// Remarks below it.
    pub notes: Vec<String>,
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Entry {
    /// A figure.
    Number(f64),
    /// Words.
    Text(String),
    /// Nothing is known.
    None,
}

/// A plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plot {
    /// A word for file names and anchors.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What is along the horizontal axis, with its unit.
    pub x: String,
    /// What is along the vertical axis, with its unit.
    pub y: String,
    /// Whether the axes are logarithmic: horizontal, vertical.
    pub logarithmic: (bool, bool),
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// A line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// What it is.
    pub name: String,
    /// Calculated rather than measured: drawn dashed, without points.
    pub is_model: bool,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// The machine, and what may matter of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Environment {
    /// Kernel and its release.
    pub system: String,
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// File descriptors that a process may have.
    pub descriptors: u64,
    /// Cores that others used when it began.
    pub busy: f64,
    /// The clock source of the kernel.
    pub clock: String,
    /// TCP's congestion control.
    pub congestion_control: String,
}

/// What the machine does at the best, without any server of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Round trips a second of bare TCP, one message in flight on each of 64 connections, server and client on a core each.
    pub tcp_echo_per_second: f64,
    /// Round trip of one idle connection between two cores: the floor that waking up sets.
    pub across_cores: Distribution,
    /// The same on one core.
    pub on_one_core: Distribution,
    /// How late a timer of 1 ms wakes a thread up.
    pub timer: Distribution,
    /// Reading the clock, in nanoseconds.
    pub clock_nanoseconds: f64,
}
